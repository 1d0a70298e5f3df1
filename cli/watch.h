/* SPDX-License-Identifier: GPL-2.0-only */
/* What commands share that look again and again: `weft drops -w`, `weft top`. */
#ifndef WEFT_CLI_WATCH_H
#define WEFT_CLI_WATCH_H

#include "cli/words.h"

#define WATCH_SECONDS 1 /* by default */

/* CLOCK_MONOTONIC, seconds. */
double watch_clock(void);
void watch_pause(double seconds);
/* For qsort(): doubles, the least first. */
int watch_compare(const void *a, const void *b);
/* Takes a number of seconds, 0.1 to 3600, if the next word begins like one; else it is WATCH_SECONDS. `of` is the word before. */
int watch_seconds(struct words *words, const char *of, double *ret, struct error *err);
/* Takes what must follow `of`: a whole number from 1 to `most`; a number of seconds within the bounds. */
int words_number(struct words *words, const char *of, unsigned long most, unsigned long *ret,
		 struct error *err);
int words_seconds(struct words *words, const char *of, double least, double most, double *ret,
		  struct error *err);
/* The time of day, as 12:31:05. */
const char *watch_time(char text[16]);

#endif
