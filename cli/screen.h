/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A terminal that is drawn over and over: `weft top`, `weft drops -w`. Plain ECMA-48 sequences, as every terminal of
 * today knows them, on the alternate screen. The terminal is as it was after screen_close(), after exit(), and
 * after a signal that ends or stops the process. One at a time.
 */
#ifndef WEFT_CLI_SCREEN_H
#define WEFT_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#define SCREEN_NUMBER 12

/* Can standard output be drawn on? Not where it is no terminal, or TERM is dumb. */
bool screen_possible(void);
void screen_open(void);
void screen_close(void);
/* What there is room for; asked anew by each call, as the user may change it. At least 1. */
void screen_size(int *ret_columns, int *ret_rows);
/*
 * Shows `text`, lines with a newline at their end: what does not fit the columns is cut off, what does not fit the
 * rows is left out. Bytes that would move the cursor are shown as "?".
 */
void screen_draw(const char *text);

enum screen_key { SCREEN_TIMEOUT = 0, SCREEN_RESIZED = -1, SCREEN_END = -2 };
/* Waits for a key: its byte; RESIZED; or END, when standard input ends or `seconds` is over: TIMEOUT. */
int screen_wait(double seconds);

/* A number in at most `width` (4 or more) characters, with k, M, G, T, P from where it must: 999, 12.3k, 4.5M. */
const char *screen_number(double number, int width, char text[SCREEN_NUMBER]);

#endif
