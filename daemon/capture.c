/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures: slots, and who is meant by their words. */
#include "daemon/capture.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dp_capture.h"
#include "daemon/live.h"

#define READERS_TEXT                                                                               \
	(WEFT_CAPTURES_MAX * 13) /* characters: of each a number, and what is between */

struct captures {
	struct dp_capture *dp;
	int number[WEFT_CAPTURES_MAX]; /* of each slot, 0: it is free */
	pid_t reader[WEFT_CAPTURES_MAX];
};

/* --- Captures ----------------------------------------------------------------------------------- */

static int captures_start(struct kernel *kernel, struct error *err)
{
	int r;

	if (kernel->captures)
		return 0;
	if (!kernel->dp)
		return error_set(err, -ENOENT,
				 "capture: there is no datapath as long as nothing is configured");
	kernel->captures = calloc(1, sizeof(*kernel->captures));
	if (!kernel->captures)
		return error_set(err, -ENOMEM, "out of memory");
	r = dp_capture_load(kernel->dp, &kernel->captures->dp, err);
	if (r < 0)
		captures_stop(kernel);
	return r;
}

void captures_stop(struct kernel *kernel)
{
	if (!kernel->captures)
		return;
	dp_capture_free(kernel->captures->dp);
	free(kernel->captures);
	kernel->captures = NULL;
}

static void captures_stop_idle(struct kernel *kernel)
{
	for (int i = 0; i < WEFT_CAPTURES_MAX; i++)
		if (kernel->captures->number[i])
			return;
	captures_stop(kernel);
}

static int spec_ids(struct kernel *kernel, const struct capture_spec *spec,
		    struct weft_capture *what, struct error *err)
{
	if (spec->port) {
		const struct live_port *port = port_find(kernel, spec->port);

		if (!port)
			return error_set(err, -ENOENT, "port: there is no port %.64s", spec->port);
		what->port = port->id;
	}
	if (spec->tunnel) {
		const struct live_tunnel *tunnel = tunnel_find(kernel, spec->tunnel);

		if (!tunnel)
			return error_set(err, -ENOENT, "tunnel: there is no tunnel %.64s",
					 spec->tunnel);
		what->tunnel = tunnel->id;
	}
	return 0;
}

/* "PID, PID, ..." of all slots. */
static const char *readers_text(const struct captures *captures, char text[READERS_TEXT])
{
	size_t at = 0;

	for (int i = 0; i < WEFT_CAPTURES_MAX; i++)
		at += (size_t)snprintf(text + at, READERS_TEXT - at, "%s%d", i ? ", " : "",
				       (int)captures->reader[i]);
	return text;
}

json_t *kernel_capture_readers(const struct kernel *kernel)
{
	json_t *list = json_array();

	for (int i = 0; kernel->captures && i < WEFT_CAPTURES_MAX; i++)
		if (kernel->captures->number[i])
			json_array_append_new(list, json_integer(kernel->captures->reader[i]));
	return list;
}

int kernel_capture_open(struct kernel *kernel, const struct capture_spec *spec, int *ret_fd,
			struct error *err)
{
	struct weft_capture what = {
		.points = spec->points,
		.snap = spec->snap,
		.outer = spec->outer,
		.filter = spec->filter_length,
		.reach = capture_filter_reach(&spec->filter, spec->filter_length)};
	uint32_t slot = 0;
	int r = capture_filter_check(&spec->filter, spec->filter_length, err);

	if (r == 0)
		r = spec_ids(kernel, spec, &what, err);
	if (r == 0)
		r = captures_start(kernel, err);
	if (r < 0)
		return r;
	while (slot < WEFT_CAPTURES_MAX && kernel->captures->number[slot])
		slot++;
	if (slot == WEFT_CAPTURES_MAX) {
		char readers[READERS_TEXT];

		return error_set(err, -EBUSY,
				 "capture: there are %d already, of processes %s, and no more at "
				 "once",
				 WEFT_CAPTURES_MAX, readers_text(kernel->captures, readers));
	}
	*ret_fd =
		dp_capture_begin(kernel->captures->dp, slot, &what, &spec->filter, spec->ring, err);
	if (*ret_fd < 0) {
		captures_stop_idle(kernel);
		return *ret_fd;
	}
	/* never one that was another's: captures end with the datapath, and those who had them come here later */
	kernel->capture_last = kernel->capture_last % INT_MAX + 1;
	kernel->captures->number[slot] = kernel->capture_last;
	kernel->captures->reader[slot] = spec->reader;
	return kernel->capture_last;
}

/* Its slot, or WEFT_CAPTURES_MAX. */
static uint32_t slot_find(const struct captures *captures, int number)
{
	uint32_t slot = 0;

	while (slot < WEFT_CAPTURES_MAX && (!captures || captures->number[slot] != number))
		slot++;
	return slot;
}

void kernel_capture_close(struct kernel *kernel, int number)
{
	uint32_t slot = slot_find(kernel->captures, number);

	if (slot == WEFT_CAPTURES_MAX)
		return;
	dp_capture_end(kernel->captures->dp, slot);
	kernel->captures->number[slot] = 0;
	captures_stop_idle(kernel);
}

static json_t *counts_json(const struct weft_capture_count *count)
{
	static const char *const names[] = {
#define WEFT_POINT(name, string, what) string,
		WEFT_POINTS(WEFT_POINT)
#undef WEFT_POINT
	};
	json_t *points = json_object();

	for (int i = 0; i < WEFT_POINT_COUNT; i++)
		json_object_set_new(points, names[i],
				    json_pack("{s:I, s:I}", "matched",
					      (json_int_t)count->matched[i], "lost",
					      (json_int_t)count->lost[i]));
	return points;
}

json_t *kernel_capture_state(struct kernel *kernel, int number)
{
	uint32_t slot = slot_find(kernel->captures, number);
	struct live_tunnel *tunnel, *next_tunnel;
	struct live_port *port, *next_port;
	struct weft_capture_count count;
	json_t *ports, *tunnels;
	char id[16];

	if (slot == WEFT_CAPTURES_MAX)
		return NULL;
	ports = json_object();
	tunnels = json_object();
	dp_capture_count(kernel->captures->dp, slot, &count);
	HASH_ITER (hh, kernel->ports, port, next_port) {
		snprintf(id, sizeof(id), "%u", port->id);
		json_object_set_new(ports, id, json_string(port->name));
	}
	HASH_ITER (hh, kernel->tunnels, tunnel, next_tunnel) {
		snprintf(id, sizeof(id), "%u", tunnel->id);
		json_object_set_new(tunnels, id, json_string(tunnel->name));
	}
	return json_pack("{s:o, s:o, s:o}", "points", counts_json(&count), "ports", ports,
			 "tunnels", tunnels);
}
