/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines to a weftd whose kernel side is only memory (tests/unit/fake_kernel.c, which asserts that it is called as it
 * may be). After all of them its own configuration must be no change to it.
 */
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/methods.h"
#include "daemon/monitor.h"
#include "daemon/state.h"
#include "tests/unit/fake_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char rundir[] = "/tmp/weft-fuzz-XXXXXX";

static void line_answer(struct weftd *weftd, const char *line, size_t length)
{
	json_t *reply;

	/* there is no client that could be told of events */
	if (memmem(line, length, "monitor", 7))
		return;
	reply = request_answer(weftd, NULL, line, length);
	if (reply && !json_object_get(reply, "result") &&
	    !json_string_length(json_object_get(json_object_get(reply, "error"), "message")))
		abort();
	json_decref(reply);
}

static void config_is_itself(struct weftd *weftd)
{
	static const char save[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"config.save\"}";
	json_t *saved = request_answer(weftd, NULL, save, strlen(save)), *diff;
	json_t *request =
		json_pack("{s:s, s:i, s:s, s:{s:O}}", "jsonrpc", "2.0", "id", 1, "method",
			  "config.diff", "params", "config", json_object_get(saved, "result"));
	char *line = json_dumps(request, 0);

	diff = request_answer(weftd, NULL, line, strlen(line));
	if (json_array_size(json_object_get(json_object_get(diff, "result"), "changes")) ||
	    !json_object_get(diff, "result"))
		abort();
	free(line);
	json_decref(request);
	json_decref(saved);
	json_decref(diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weftd weftd = {.rundir = rundir};
	const char *line = (const char *)data, *end = line + size;

	if (strstr(rundir, "XXXXXX") && !mkdtemp(rundir))
		abort();
	weftd.base = event_base_new();
	weftd.model = model_new();
	weftd.monitor = monitor_new();
	weftd.kernel = fake_kernel_new();
	weftd.state = state_new(&weftd);
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((newline ? newline : end) - line);

		line_answer(&weftd, line, length);
		line += length + 1;
	}
	config_is_itself(&weftd);
	state_free(weftd.state);
	fake_kernel_free(weftd.kernel);
	monitor_free(weftd.monitor);
	model_free(weftd.model);
	event_base_free(weftd.base);
	return 0;
}
