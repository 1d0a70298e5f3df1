/* SPDX-License-Identifier: GPL-2.0-only */
/* Long lines on a terminal, broken between words, what goes on indented below its beginning. */
#ifndef WEFT_CLI_WRAP_H
#define WEFT_CLI_WRAP_H

#include "cli/cli.h"

/*
 * From here on `stdout` is a stream that does so, to the width that the terminal has when a line is written; where standard output
 * is no terminal, or with -j, all stays as it is. A line appears with its newline. A word that is too long for the terminal stays
 * whole. Once; errors are those of the terminal.
 */
void wrap_begin(const struct cli *cli);

#endif
