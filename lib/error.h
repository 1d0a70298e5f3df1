/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One clear line about what was refused. Functions that may refuse take a
 * `struct error *` as their last argument, fill it once and return a negative
 * errno; the line names the field and the reason and has no full stop or newline:
 *
 *     tunnel vxlan0: id: 16777216 is above 16777215
 */
#ifndef WEFT_LIB_ERROR_H
#define WEFT_LIB_ERROR_H

#define ERROR_LINE 512

struct error {
	int code; /* negative errno, 0 while nothing went wrong */
	char line[ERROR_LINE];
};

/* Sets `err` (which may be NULL) unless it is set already, and returns `code`. */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts "PREFIX: " before the line of an error that is set. Returns its code. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
