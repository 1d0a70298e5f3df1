/* SPDX-License-Identifier: GPL-2.0-only */
/* What the command prints: tables for people, JSON for programs. */
#ifndef WEFT_CLI_OUTPUT_H
#define WEFT_CLI_OUTPUT_H

#include <jansson.h>
#include <stddef.h>

#include "cli/cli.h"

/* One document, on one line or (-p) on many. */
void output_json(const struct cli *cli, const json_t *json);

/*
 * A value as people read it, to be freed: a list as a,b,c, null and "" as "-", an object as
 * its members "key value" with commas between.
 */
char *output_text(const json_t *json);

/*
 * A column: its head, and which member of a row it shows. "state/mtu" is a member of a member,
 * "state/ports#" how many items that list has.
 */
struct column {
	const char *head;
	const char *path;
};
/* Rows (a list of objects) as aligned columns, numbers to the right. A NULL head ends `columns`. */
void output_table(const struct column *columns, const json_t *rows);

/* What a change did to fields: "ageing 300 -> 10, tos 0 -> 16". */
void output_changes(const json_t *fields);

/* An object's members a line each; objects inside indented below, and lists of them as tables. */
void output_tree(const json_t *object, int indent);

#endif
