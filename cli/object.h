/* SPDX-License-Identifier: GPL-2.0-only */
/* What bridges, ports and tunnels have in common on the command line. */
#ifndef WEFT_CLI_OBJECT_H
#define WEFT_CLI_OBJECT_H

#include "cli/cli.h"
#include "cli/output.h"
#include "lib/schema.h"

/* `weft NOUN add|set|del NAME ...` */
int object_add(enum noun noun, struct cli *cli, struct words *words, struct error *err);
int object_set(enum noun noun, struct cli *cli, struct words *words, struct error *err);
int object_del(enum noun noun, struct cli *cli, struct words *words, struct error *err);
/* `weft NOUN show [NAME]`: all as a table of `columns`, one with everything about it. */
int object_show(enum noun noun, const struct column *columns, struct cli *cli, struct words *words,
		struct error *err);
/* The noun's commands, then the fields of the schema. */
void object_usage(enum noun noun, const struct command *table);

#endif
