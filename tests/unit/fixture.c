/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to a weftd that is no process, and what they are expected to answer. */
#include "tests/unit/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/methods.h"
#include "daemon/monitor.h"
#include "daemon/state.h"
#include "tests/unit/fake_kernel.h"

int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	memset(&fake_stats, 0, sizeof(fake_stats));
	memset(fake_refused_mac, 0, sizeof(fake_refused_mac));
	strcpy(fixture->rundir, "/tmp/weft-unit-XXXXXX");
	assert_non_null(mkdtemp(fixture->rundir));
	fixture->weftd.rundir = fixture->rundir;
	fixture->weftd.serving = true;
	fixture->weftd.base = event_base_new();
	fixture->weftd.model = model_new();
	fixture->weftd.monitor = monitor_new();
	fixture->weftd.kernel = fake_kernel_new();
	fixture->weftd.state = state_new(&fixture->weftd);
	*state = fixture;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	char path[128];

	state_free(fixture->weftd.state);
	fake_kernel_free(fixture->weftd.kernel);
	monitor_free(fixture->weftd.monitor);
	model_free(fixture->weftd.model);
	event_base_free(fixture->weftd.base);
	snprintf(path, sizeof(path), "%s/" STATE_FILE, fixture->rundir);
	unlink(path);
	/* nothing else may be left there */
	assert_int_equal(rmdir(fixture->rundir), 0);
	free(fixture);
	return 0;
}

static char *quoted(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	return copy;
}

json_t *json_of(const char *text)
{
	char *copy = quoted(text);
	json_error_t error;
	json_t *json = json_loads(copy, JSON_DECODE_ANY, &error);

	if (!json)
		fail_msg("%s: %s", text, error.text);
	free(copy);
	return json;
}

static json_t *call(struct fixture *fixture, const char *method, const char *params)
{
	char *copy = quoted(params), *line = NULL;
	json_t *reply;
	int length;

	length = asprintf(&line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}",
			  method, copy);
	assert_true(length > 0);
	reply = request_answer(&fixture->weftd, NULL, line, (size_t)length);
	assert_non_null(reply);
	free(line);
	free(copy);
	return reply;
}

json_t *call_ok(struct fixture *fixture, const char *method, const char *params)
{
	json_t *reply = call(fixture, method, params);
	json_t *result = json_incref(json_object_get(reply, "result"));

	if (!result)
		fail_msg("%s %s: %s", method, params,
			 json_string_value(
				 json_object_get(json_object_get(reply, "error"), "message")));
	json_decref(reply);
	return result;
}

void call_is(struct fixture *fixture, const char *method, const char *params, const char *result)
{
	json_t *is = call_ok(fixture, method, params);
	json_t *wanted = json_of(result);

	if (!json_equal(is, wanted))
		fail_msg("%s %s: %s, not %s", method, params,
			 json_dumps(is, JSON_ENCODE_ANY | JSON_COMPACT), result);
	json_decref(is);
	json_decref(wanted);
}

void call_fails(struct fixture *fixture, const char *method, const char *params, const char *line)
{
	json_t *reply = call(fixture, method, params);
	const char *message =
		json_string_value(json_object_get(json_object_get(reply, "error"), "message"));

	if (!message)
		fail_msg("%s %s: succeeds", method, params);
	assert_string_equal(message, line);
	json_decref(reply);
}
