/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * YAML as JSON. The YAML is a plain one: no anchors, aliases, tags or second documents, no key
 * twice. An unquoted true, false, decimal or 0x integer is what it looks like; an unquoted null,
 * ~ or nothing at all is null; everything else is a string (a MAC, an address, yes, 0123, 1.5).
 */
#ifndef WEFT_LIB_YAML_H
#define WEFT_LIB_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "lib/error.h"

#define YAML_SIZE_MAX	(256u << 20) /* bytes */
#define YAML_VALUES_MAX (4u << 20)   /* they cost far more memory than text */
#define YAML_DEPTH_MAX	16

/* The document in `text`, a new reference; an empty one is null. Refuses with "line 3: ...". */
int yaml_to_json(const char *text, size_t len, json_t **ret, struct error *err);
/* JSON as YAML that yaml_to_json() reads back as the same: *ret_len bytes, to be freed. */
int yaml_from_json(const json_t *json, char **ret, size_t *ret_len, struct error *err);
/* The quotes that yaml_from_json() puts around a string of letters, digits and :._- in a list or object on one line; 0: none. */
char yaml_quote(const char *text);
/* One value as YAML writes it unquoted: also what the words of the command line are read by. */
json_t *yaml_scalar(const char *text);

#endif
