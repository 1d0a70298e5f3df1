/* SPDX-License-Identifier: GPL-2.0-only */
/* A weftd without main loop and socket, over the fake kernel side, in a rundir of its own. */
#ifndef WEFT_TESTS_FIXTURE_H
#define WEFT_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "daemon/weftd.h"

struct fixture {
	struct weftd weftd;
	char rundir[64];
};

/* For cmocka_unit_test_setup_teardown(); the state is the struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* JSON written with ' for ". */
json_t *json_of(const char *text);
/* Calls a method; the result (a new reference) if it succeeds, else the test fails. */
json_t *call_ok(struct fixture *fixture, const char *method, const char *params);
/* Succeeds, and the result is this. */
void call_is(struct fixture *fixture, const char *method, const char *params, const char *result);
/* Fails with this line. */
void call_fails(struct fixture *fixture, const char *method, const char *params, const char *line);

#endif
