/* SPDX-License-Identifier: GPL-2.0-only */
/* One field of an object: from JSON, to JSON, compared. The callers are lib/object.c's. */
#ifndef WEFT_LIB_FIELD_H
#define WEFT_LIB_FIELD_H

#include "lib/schema.h"

/* Frees what the field owns and gives it its default. */
void field_reset(const struct field *field, void *object);
int field_copy(const struct field *field, void *object, const void *from);
/* Refuses with a line that begins with the field's name. */
int field_parse(const struct field *field, void *object, const json_t *json, struct error *err);
/* New reference; a field that is not set is null. */
json_t *field_json(const struct field *field, const void *object);
bool field_equal(const struct field *field, const void *a, const void *b);
/* Whether it says what field_reset() gives it. */
bool field_is_default(const struct field *field, const void *object);

/* 0, or -EINVAL with "FIELD: ..." for what cannot be a device's name. */
int field_name_check(const char *field, const char *name, struct error *err);

/* lib/field_list.c: the fields that are lists or sets */
int field_parse_addrs(const struct field *field, struct addr_list *list, const json_t *json,
		      struct error *err);
int field_parse_prefixes(const struct field *field, struct prefix_list *list, const json_t *json,
			 struct error *err);
int field_parse_vlans(const struct field *field, struct vlan_set *set, const json_t *json,
		      struct error *err);
json_t *field_json_addrs(const struct addr_list *list);
json_t *field_json_prefixes(const struct prefix_list *list);
json_t *field_json_vlans(const struct vlan_set *set);
bool field_equal_prefixes(const struct prefix_list *a, const struct prefix_list *b);
/* One value or a list of them, as a count and an index. */
size_t field_values_count(const json_t *json);
const json_t *field_values_get(const json_t *json, size_t i);
/* Takes {"add": A, "remove": R} apart. A plain value or list is all `add`, with *ret_clear set. */
int field_values_split(const struct field *field, const json_t *json, const json_t **ret_add,
		       const json_t **ret_remove, bool *ret_clear, struct error *err);
/* "FIELD: out of memory"; -ENOMEM. */
int field_no_memory(const struct field *field, struct error *err);

/* lib/field_option.c: FIELD_OPTIONS and FIELD_LENGTHS */
int field_parse_options(const struct field *field, struct option_list *list, const json_t *json,
			struct error *err);
json_t *field_json_options(const struct field *field, const struct option_list *list);
bool field_equal_options(const struct option_list *a, const struct option_list *b);

/* "FIELD: VALUE is WHAT", the value quoted if it is a string. Returns -EINVAL. */
int field_refuse(const struct field *field, const json_t *json, const char *what,
		 struct error *err);

#endif
