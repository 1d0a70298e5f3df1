/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a capture: a call of the API, and the kernel's ring buffer. */
#include "lib/capture_client.h"

#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/rpc_client.h"

#define BUFFER_DEFAULT (4u << 20)
#define ID_TEXT	       12
#define FOLLOW_MS      (WEFT_CAPTURE_WAKE_NS / 1000000 + 1)

struct capture_client {
	struct rpc_client *rpc;
	int ring; /* fd */
	size_t page, size;
	unsigned long *reader;	     /* position of what is read; this page is ours to write */
	const unsigned long *writer; /* position of what is written, and a page on the data */
	const uint8_t *data;
	unsigned long at, next; /* positions: of the record last returned, and behind it */
	uint64_t offset;	/* from CLOCK_MONOTONIC to the time of day, ns */
	json_t *state;		/* as weftd last told it */
	bool quiet;		/* nothing has come for FOLLOW_MS: what comes wakes */
};

static const struct {
	const char *name, *what;
} points[] = {
#define WEFT_POINT(name, string, what) {string, what},
	WEFT_POINTS(WEFT_POINT)
#undef WEFT_POINT
};

const char *capture_point_name(uint32_t point)
{
	return points[point].name;
}

const char *capture_point_what(uint32_t point)
{
	return points[point].what;
}

/* --- Opening ------------------------------------------------------------------------------------ */

static json_t *want_json(const struct capture_want *want)
{
	json_t *params = json_object(), *list;

	if (want->points) {
		list = json_array();
		for (uint32_t i = 0; i < WEFT_POINT_COUNT; i++)
			if (want->points & 1u << i)
				json_array_append_new(list, json_string(points[i].name));
		json_object_set_new(params, "points", list);
	}
	if (want->port)
		json_object_set_new(params, "port", json_string(want->port));
	if (want->tunnel)
		json_object_set_new(params, "tunnel", json_string(want->tunnel));
	if (want->snap)
		json_object_set_new(params, "snap", json_integer(want->snap));
	json_object_set_new(params, "buffer",
			    json_integer(want->buffer ? want->buffer : BUFFER_DEFAULT));
	if (want->outer)
		json_object_set_new(params, "outer", json_true());
	list = json_array();
	for (size_t i = 0; i < want->filter_length; i++)
		json_array_append_new(list, json_pack("[i, i, i, I]", want->filter[i].code,
						      want->filter[i].jt, want->filter[i].jf,
						      (json_int_t)want->filter[i].k));
	json_object_set_new(params, "filter", list);
	return params;
}

static int ring_map(struct capture_client *capture, uint32_t size, struct error *err)
{
	const uint8_t *all;

	capture->page = (size_t)sysconf(_SC_PAGESIZE);
	capture->size = size;
	capture->reader =
		mmap(NULL, capture->page, PROT_READ | PROT_WRITE, MAP_SHARED, capture->ring, 0);
	if (capture->reader == MAP_FAILED) {
		capture->reader = NULL;
		return error_set(err, -errno, "capture: the ring: %s", strerror(errno));
	}
	all = mmap(NULL, capture->page + 2 * (size_t)size, PROT_READ, MAP_SHARED, capture->ring,
		   (off_t)capture->page);
	if (all == MAP_FAILED)
		return error_set(err, -errno, "capture: the ring: %s", strerror(errno));
	capture->writer = (const void *)all;
	capture->data = all + capture->page;
	return 0;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int capture_open(const char *rundir, const struct capture_want *want, struct capture_client **ret,
		 struct error *err)
{
	struct capture_client *capture = calloc(1, sizeof(*capture));
	int r;

	if (!capture)
		return error_set(err, -ENOMEM, "out of memory");
	capture->ring = -1;
	capture->offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	r = rpc_connect(rundir, &capture->rpc, err);
	if (r == 0)
		r = rpc_call(capture->rpc, "capture.open", want_json(want), &capture->state, err);
	if (r == 0) {
		capture->ring = rpc_take_fd(capture->rpc);
		if (capture->ring < 0)
			r = error_set(err, -EPROTO, "capture: weftd gave no ring");
	}
	if (r == 0)
		r = ring_map(capture, want->buffer ? want->buffer : BUFFER_DEFAULT, err);
	if (r < 0) {
		capture_close(capture);
		return r;
	}
	*ret = capture;
	return 0;
}

void capture_close(struct capture_client *capture)
{
	if (!capture)
		return;
	if (capture->writer)
		munmap((void *)capture->writer, capture->page + 2 * capture->size);
	if (capture->reader)
		munmap(capture->reader, capture->page);
	if (capture->ring >= 0)
		close(capture->ring);
	rpc_close(capture->rpc);
	json_decref(capture->state);
	free(capture);
}

/* --- Reading ------------------------------------------------------------------------------------ */

/* The record at `at`, if it is complete. */
static bool ring_read(struct capture_client *capture, const struct weft_captured **ret,
		      const uint8_t **ret_bytes)
{
	unsigned long end = __atomic_load_n(capture->writer, __ATOMIC_ACQUIRE);

	__atomic_store_n(capture->reader, capture->next, __ATOMIC_RELEASE);
	while (capture->next < end) {
		const uint8_t *entry = capture->data + (capture->next & (capture->size - 1));
		uint32_t length =
			__atomic_load_n((const uint32_t *)(const void *)entry, __ATOMIC_ACQUIRE);

		if (length & BPF_RINGBUF_BUSY_BIT)
			return false;
		capture->next +=
			((length & ~BPF_RINGBUF_DISCARD_BIT) + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
		if (length & BPF_RINGBUF_DISCARD_BIT)
			continue;
		*ret = (const void *)(entry + BPF_RINGBUF_HDR_SZ);
		*ret_bytes = entry + BPF_RINGBUF_HDR_SZ + sizeof(**ret);
		return true;
	}
	return false;
}

int capture_next(struct capture_client *capture, int timeout, const struct weft_captured **ret,
		 const uint8_t **ret_bytes, struct error *err)
{
	struct pollfd wait[2] = {{.fd = capture->ring, .events = POLLIN},
				 {.fd = rpc_fd(capture->rpc), .events = POLLRDHUP}};
	bool again;

	do {
		if (ring_read(capture, ret, ret_bytes)) {
			capture->quiet = false;
			return 1;
		}
		/* what follows a packet closely wakes nobody */
		again = !capture->quiet && timeout > FOLLOW_MS;
		if (poll(wait, 2, again ? FOLLOW_MS : timeout) < 0)
			return errno == EINTR
				       ? 0
				       : error_set(err, -errno, "capture: %s", strerror(errno));
		capture->quiet |= again;
	} while (again && !wait[1].revents);
	if (ring_read(capture, ret, ret_bytes)) {
		capture->quiet = false;
		return 1;
	}
	if (wait[1].revents)
		return error_set(err, -ECONNRESET, "capture: weftd has gone");
	return 0;
}

int capture_counts(struct capture_client *capture, struct capture_count *ret, struct error *err)
{
	json_t *state = NULL;
	const json_t *count;
	int r = rpc_call(capture->rpc, "capture.state", NULL, &state, err);

	if (r < 0)
		return r;
	json_decref(capture->state);
	capture->state = state;
	for (uint32_t i = 0; i < WEFT_POINT_COUNT; i++) {
		count = json_object_get(json_object_get(state, "points"), points[i].name);
		ret[i].matched = (uint64_t)json_integer_value(json_object_get(count, "matched"));
		ret[i].lost = (uint64_t)json_integer_value(json_object_get(count, "lost"));
	}
	return 0;
}

static const char *name_of(const struct capture_client *capture, const char *kind, uint32_t id,
			   char text[ID_TEXT])
{
	const char *name;

	if (!id)
		return NULL;
	snprintf(text, ID_TEXT, "%u", id);
	name = json_string_value(json_object_get(json_object_get(capture->state, kind), text));
	return name ? name : text;
}

const char *capture_port(const struct capture_client *capture, uint32_t id)
{
	static char text[ID_TEXT];

	return name_of(capture, "ports", id, text);
}

const char *capture_tunnel(const struct capture_client *capture, uint32_t id)
{
	static char text[ID_TEXT];

	return name_of(capture, "tunnels", id, text);
}

uint64_t capture_time(const struct capture_client *capture, uint64_t time)
{
	return time + capture->offset;
}
