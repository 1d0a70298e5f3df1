/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The schema: one table of fields per noun. From it come the parsing and the
 * writing of JSON (the API, the state file, `save`), the comparison of two objects
 * (`diff`), the words of the command line, and the option tables of the man pages.
 */
#ifndef WEFT_LIB_SCHEMA_H
#define WEFT_LIB_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/objects.h"

enum noun { NOUN_BRIDGE, NOUN_PORT, NOUN_TUNNEL, NOUN_COUNT };

enum field_type {
	FIELD_NAME,   /* char[NAME_LEN]: a device's name; JSON string */
	FIELD_BOOL,   /* bool; JSON true/false; words `name` and `noname` */
	FIELD_CHOICE, /* enum choice; JSON true, false, or null for auto; words `name` and `noname` */
	FIELD_UINT,   /* uint32_t within min..max; JSON integer; `words` may name special values */
	FIELD_ENUM,   /* enum (int); JSON string out of `words` */
	FIELD_ADDR,   /* struct weft_addr; JSON string */
	FIELD_ADDRS, /* struct addr_list; JSON list of strings, or one string; the word repeats */
	FIELD_PREFIXES, /* struct prefix_list; JSON list of strings, or one string; the word repeats */
	FIELD_MAC,	/* uint8_t[6]; JSON string */
	FIELD_VLANS, /* struct vlan_set; JSON string as "1,10-20", or a list of integers and such strings */
	FIELD_RANGE, /* uint16_t[2]; JSON list of two integers; the word takes two */
	FIELD_MASK,  /* uint64_t; JSON string as 0x00ff, or an integer */
	FIELD_KEY, /* struct gre_key; JSON integer, dotted quad, "any" if `words` has it; null: none */
	FIELD_OPTIONS, /* struct option_list; JSON list of CLASS:TYPE:DATA, or one; the word repeats */
	FIELD_LENGTHS, /* struct option_list; JSON list of CLASS:TYPE:LENGTH, or one; the word repeats */
};

/* A special value of a FIELD_UINT or a value of a FIELD_ENUM, by name. */
struct field_word {
	const char *word;
	uint32_t value;
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	uint32_t min, max;
	uint32_t
		initial; /* default of FIELD_UINT, FIELD_BOOL and FIELD_ENUM; others: see schema.c */
	const struct field_word *words; /* ends with a NULL word */
	unsigned int flags;
	const char
		*help; /* one line for man pages and usage: what it is, unit, default's meaning */
};
#define FIELD_REQUIRED	(1u << 0)
#define FIELD_IMMUTABLE (1u << 1) /* `set` refuses; a change by `apply` deletes and adds */
#define FIELD_HEX	(1u << 2) /* shown to people in hexadecimal */
#define FIELD_UNSET	(1u << 3) /* the default is no value: JSON null */
#define FIELD_ORDERED	(1u << 4) /* a list whose order counts, and where the same may stand twice */

struct schema {
	const char *noun;   /* "bridge" */
	const char *plural; /* "bridges": the section of the file */
	size_t size;	    /* of the struct */
	const struct field *field;
	size_t count;
};

extern const struct schema schemas[NOUN_COUNT];

const struct field *schema_field(enum noun noun, const char *name);

/* An object with every field at its default, to be freed by object_free(). NULL: out of memory. */
void *object_new(enum noun noun, const char *name, struct error *err);
void *object_copy(enum noun noun, const void *object);
void object_free(enum noun noun, void *object);

/*
 * Sets the fields that stand in `json` (an object; a member "name" is passed over).
 * Refuses unknown keys, wrong types and values out of bounds with a line that begins
 * with the field's name; then `object` may be half set and is only good to be freed.
 * A list field given as {"add": [...], "remove": [...]} changes the list it has.
 * A JSON null resets a field to its default.
 */
int object_parse(enum noun noun, void *object, const json_t *json, struct error *err);

/* What one object says by itself, without looking at others: required fields,
 * `group` together with `remote`, `group` without `dev`, MAX < MIN, fields of internal ports on
 * others, ... */
int object_check(enum noun noun, const void *object, struct error *err);

/* A new JSON object with the fields that are not at their default (all: every field). */
json_t *object_json(enum noun noun, const void *object, bool all);

/* The fields in which two objects differ, as a bit per index in the schema; 0: none. */
uint64_t object_diff(enum noun noun, const void *a, const void *b);

/* 1..15 letters that the kernel takes as a device's name (no '/', ':', '%' or space, not "." or ".."). */
int name_check(const char *name, struct error *err);

bool vlan_set_has(const struct vlan_set *set, unsigned int vid);

#endif
