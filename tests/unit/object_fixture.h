/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects out of JSON that is written with ' for ". */
#ifndef WEFT_TESTS_OBJECT_FIXTURE_H
#define WEFT_TESTS_OBJECT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/schema.h"

/* The object x0, parsed and checked, to be freed. NULL if refused, in `err`. */
void *object_of(enum noun noun, const char *text, struct error *err);
/* It is refused with this line. */
void assert_refused(enum noun noun, const char *text, const char *line);
/* What is written of an object, in full and in short, makes the same object again; so does a copy. */
void assert_round_trip(enum noun noun, const char *text);

/* It takes the changes, as JSON, one after the other up to NULL, and is written as `wanted` then. It is freed. */
void assert_changes(enum noun noun, void *object, const char *const *changes, const char *wanted);

#endif
