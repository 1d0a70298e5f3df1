/* SPDX-License-Identifier: GPL-2.0-only */
/* The state file: one JSON object {"version", "weft", "bridges", "ports", "tunnels", "kernel"}. */
#include "daemon/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/transaction.h"

#define STATE_VERSION  1
#define TOUCH_DELAY_MS 200

struct state {
	struct weftd *weftd;
	struct event *timer; /* pending: state_touch() was called */
	bool begun;	     /* what the file had is in the model */
};

static void state_path(char path[PATH_MAX], const char *rundir, const char *file)
{
	snprintf(path, PATH_MAX, "%s/%s", rundir, file);
}

/* --- Writing -------------------------------------------------------------------------- */

struct output {
	int fd;
	size_t used;
	char buffer[65536];
};

static int output_flush(struct output *output)
{
	size_t done = 0;

	while (done < output->used) {
		ssize_t n = write(output->fd, output->buffer + done, output->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	output->used = 0;
	return 0;
}

static int output_add(const char *text, size_t length, void *arg)
{
	struct output *output = arg;

	while (length) {
		size_t room = sizeof(output->buffer) - output->used;
		size_t part = length < room ? length : room;

		memcpy(output->buffer + output->used, text, part);
		output->used += part;
		text += part;
		length -= part;
		if (output->used == sizeof(output->buffer) && output_flush(output) < 0)
			return -1;
	}
	return 0;
}

static int output_text(struct output *output, const char *text)
{
	return output_add(text, strlen(text), output);
}

static int output_state(struct output *output, const void *what)
{
	const struct weftd *weftd = what;
	json_t *kernel;
	int result = output_text(output, "{\"version\":1,\"weft\":\"" WEFT_VERSION "\"");

	for (enum noun noun = 0; noun < NOUN_COUNT && result == 0; noun++) {
		if (output_text(output, ",\n\"") < 0 ||
		    output_text(output, schemas[noun].plural) < 0 ||
		    output_text(output, "\":{") < 0 ||
		    model_write(weftd->model, noun, output_add, output) < 0 ||
		    output_text(output, "}") < 0)
			result = -1;
	}
	if (result < 0 || output_text(output, ",\n\"kernel\":") < 0)
		return -1;
	kernel = kernel_state(weftd->kernel);
	result = json_dump_callback(kernel, output_add, output, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(kernel);
	if (result < 0 || output_text(output, "}\n") < 0)
		return -1;
	return output_flush(output);
}

/* What a file is made of: 0, or -1 with errno. */
typedef int (*output_write)(struct output *output, const void *what);

static int output_string(struct output *output, const char *text)
{
	json_t *json;
	int result;

	if (!strpbrk(text, "\"\\"))
		return output_text(output, "\"") < 0 || output_text(output, text) < 0
			       ? -1
			       : output_text(output, "\"");
	json = json_string(text);
	result = json_dump_callback(json, output_add, output, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(json);
	return result;
}

/* `config` with all its entries in section `fdb`: those of the stage as words. */
static int output_config(struct output *output, const void *what)
{
	const struct config_request *request = what;
	size_t staged = stage_count(request->stage), i;
	const json_t *entries = json_object_get(request->config, "fdb"), *entry;
	char text[ENTRY_WORDS_MAX];
	const char *key;
	json_t *section;
	int result = output_text(output, "{\"fdb\":[");

	json_array_foreach (entries, i, entry)
		if (result < 0 || (i && output_text(output, ",") < 0) ||
		    json_dump_callback(entry, output_add, output, JSON_COMPACT | JSON_ENCODE_ANY) <
			    0)
			return -1;
	for (i = 0; i < staged && result == 0; i++) {
		stage_text(request->stage, i, text);
		if (i || json_array_size(entries))
			result = output_text(output, ",");
		if (result == 0)
			result = output_string(output, text);
	}
	if (result < 0 || output_text(output, "]") < 0)
		return -1;
	json_object_foreach ((json_t *)request->config, key, section)
		/* a section's name is one of ours, or the plan would not have been made */
		if (strcmp(key, "fdb") &&
		    (output_text(output, ",\"") < 0 || output_text(output, key) < 0 ||
		     output_text(output, "\":") < 0 ||
		     json_dump_callback(section, output_add, output,
					JSON_COMPACT | JSON_ENCODE_ANY) < 0))
			return -1;
	if (output_text(output, "}") < 0)
		return -1;
	return output_flush(output);
}

static int file_write(const char *path, output_write write_all, const void *what)
{
	struct output output = {.used = 0};
	int result = 0;

	output.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (output.fd < 0)
		return -errno;
	errno = 0;
	if (write_all(&output, what) < 0)
		result = errno ? -errno : -ENOMEM;
	if (close(output.fd) < 0 && result == 0)
		result = -errno;
	return result;
}

/* Writes a file so that under its name there is the old one or the new one, whole. */
static int file_replace(const char *path, output_write write_all, const void *what,
			struct error *err)
{
	char fresh[PATH_MAX + 8];
	int result;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	result = file_write(fresh, write_all, what);
	if (result == 0 && rename(fresh, path) < 0)
		result = -errno;
	if (result == 0)
		return 0;
	unlink(fresh);
	return error_set(err, result, "%s: %s", path, strerror(-result));
}

int state_save(struct state *state, struct error *err)
{
	const struct weftd *weftd = state->weftd;
	char path[PATH_MAX];
	size_t objects = 0;

	event_del(state->timer);
	state->begun = true;
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		objects += model_count(weftd->model, noun);
	if (!objects) {
		/* of a weftd that was killed while it wrote */
		state_path(path, weftd->rundir, STATE_FILE ".new");
		unlink(path);
	}
	state_path(path, weftd->rundir, STATE_FILE);
	if (objects)
		return file_replace(path, output_state, weftd, err);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* --- A configuration that is being carried out ---------------------------------------- */

int state_pending_save(const struct state *state, const struct config_request *request,
		       struct error *err)
{
	char path[PATH_MAX];

	state_path(path, state->weftd->rundir, PENDING_FILE);
	return file_replace(path, output_config, request, err);
}

void state_pending_clear(const struct state *state)
{
	char path[PATH_MAX];

	state_path(path, state->weftd->rundir, PENDING_FILE);
	unlink(path);
	state_path(path, state->weftd->rundir, PENDING_FILE ".new");
	unlink(path);
}

json_t *state_pending_load(const char *rundir)
{
	char path[PATH_MAX];

	state_path(path, rundir, PENDING_FILE);
	return json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
}

static void state_timer(evutil_socket_t fd, short events, void *arg)
{
	struct error err = {0};

	(void)fd, (void)events;
	if (state_save(arg, &err) < 0)
		log_error("%s", err.line);
}

void state_touch(struct state *state)
{
	const struct timeval delay = {.tv_usec = TOUCH_DELAY_MS * 1000};

	/* A start that fails must not write the little it has got to over the file. */
	if (state->begun && !event_pending(state->timer, EV_TIMEOUT, NULL))
		event_add(state->timer, &delay);
}

struct state *state_new(struct weftd *weftd)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		abort();
	state->weftd = weftd;
	state->timer = event_new(weftd->base, -1, 0, state_timer, state);
	if (!state->timer)
		abort();
	return state;
}

void state_free(struct state *state)
{
	if (!state)
		return;
	if (event_pending(state->timer, EV_TIMEOUT, NULL))
		state_timer(-1, 0, state);
	event_free(state->timer);
	free(state);
}

/* --- Reading -------------------------------------------------------------------------- */

static int section_load(enum noun noun, const json_t *section, const struct model *none,
			struct plan *plan, struct error *err)
{
	const char *name;
	json_t *json;

	if (!json_is_object(section))
		return error_set(err, -EINVAL, "%s: is missing or no object", schemas[noun].plural);
	json_object_foreach ((json_t *)section, name, json) {
		int result = plan_add(plan, none, noun, name, json, err);

		if (result < 0)
			return result;
	}
	return 0;
}

static int root_load(const json_t *root, struct plan *plan, json_t **ret_kernel, struct error *err)
{
	struct model *none;
	int result = 0;

	if (!json_is_object(root))
		return error_set(err, -EINVAL, "is no JSON object");
	if (json_integer_value(json_object_get(root, "version")) != STATE_VERSION)
		return error_set(err, -EINVAL, "version: is not %d", STATE_VERSION);
	none = model_new();
	for (enum noun noun = 0; noun < NOUN_COUNT && result == 0; noun++)
		result = section_load(noun, json_object_get(root, schemas[noun].plural), none, plan,
				      err);
	model_free(none);
	if (result == 0)
		*ret_kernel = json_incref(json_object_get(root, "kernel"));
	return result;
}

int state_load(const char *rundir, struct plan *plan, json_t **ret_kernel, struct error *err)
{
	char path[PATH_MAX];
	json_error_t json_err;
	json_t *root;
	FILE *file;
	int result;

	*ret_kernel = NULL;
	state_path(path, rundir, STATE_FILE);
	file = fopen(path, "re");
	if (!file && errno == ENOENT)
		return 0;
	if (!file)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	root = json_loadf(file, JSON_REJECT_DUPLICATES, &json_err);
	fclose(file);
	if (root)
		result = root_load(root, plan, ret_kernel, err);
	else
		result = error_set(err, -EINVAL, "line %d: %s", json_err.line, json_err.text);
	json_decref(root);
	if (result < 0)
		error_prefix(
			err,
			"%s: not a state file of this weftd (move it away to start without it)",
			path);
	return result;
}
