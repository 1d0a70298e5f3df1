/* SPDX-License-Identifier: GPL-2.0-only */
/* What the datapath says through its ring, and what the kernel side passes on of it. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/live.h"
#include "daemon/log.h"

#define EVENTS_A_TURN 4096
#define EVENTS_AGAIN  20000 /* us; longer than a tick, in which only the first event wakes */

struct events {
	struct ring_buffer *ring;
	struct event *readable;
	struct event *again; /* what came without a wake-up (bpf/learn.h) */
	uint32_t left;	     /* of EVENTS_A_TURN */
};

void state_event(struct kernel *kernel, const char *noun, const char *name, const char *state)
{
	json_t *json;

	if (!kernel->callbacks.state || !*name)
		return;
	json = json_pack("{s:s, s:s, s:s}", "noun", noun, "name", name, "state", state);
	kernel->callbacks.state(kernel->callbacks.arg, json);
	json_decref(json);
}

void port_mtu_event(struct kernel *kernel, const struct live_port *port, uint32_t mtu)
{
	json_t *json;

	if (!kernel->callbacks.state)
		return;
	json = json_pack("{s:s, s:s, s:s, s:i}", "event", "mtu", "noun", "port", "name", port->name,
			 "mtu", mtu);
	kernel->callbacks.state(kernel->callbacks.arg, json);
	json_decref(json);
}

void remote_state_event(struct kernel *kernel, const struct live_remote *remote)
{
	char addr[ADDR_STRLEN];
	json_t *json;

	if (!kernel->callbacks.state)
		return;
	json = json_pack("{s:s, s:s, s:s, s:s}", "noun", "tunnel", "name", remote->tunnel->name,
			 "remote", addr_format(&remote->key.addr, addr), "state",
			 nexthop_state_name(remote->hop.state));
	kernel->callbacks.state(kernel->callbacks.arg, json);
	json_decref(json);
}

/* The slot goes back; whatever points to it goes at the end of the turn. */
static void remote_refuse(struct kernel *kernel, uint32_t id, const struct weft_remote *slot)
{
	struct weft_remote none = {};

	peers_of_slot_remove(kernel, id, slot);
	bit_set(kernel->purge.remote, id);
	kernel->purge.any = true;
	dp_put_remote(kernel->dp, &id, &none);
	ids_give(&kernel->remote_ids, id);
}

static void remote_learned(struct kernel *kernel, uint32_t id)
{
	struct live_tunnel *tunnel;
	struct weft_remote slot;

	if (!id || id >= WEFT_REMOTES_MAX || kernel->remote_by_id[id] ||
	    dp_get_remote(kernel->dp, &id, &slot) < 0 || !slot.tunnel)
		return;
	tunnel = slot.tunnel < WEFT_TUNNELS_MAX ? kernel->tunnel_by_id[slot.tunnel] : NULL;
	if (!tunnel || tunnel->doomed || !tunnel_is_open(tunnel->config) ||
	    remote_adopt(kernel, tunnel, id, &slot, OWNER_LEARNED, NULL) < 0)
		remote_refuse(kernel, id, &slot);
	spares_fill(kernel);
}

void events_catch_up(struct kernel *kernel)
{
	for (uint32_t id = 1; id < WEFT_REMOTES_MAX; id++)
		if (!kernel->remote_by_id[id] && ids_taken(&kernel->remote_ids, id))
			remote_learned(kernel, id);
}

static int event_handle(void *arg, void *data, size_t size)
{
	struct kernel *kernel = arg;
	const struct weft_event *event = data;
	struct weft_fdb_entry entry = {};

	if (size < sizeof(*event))
		return 0;
	if (event->type == WEFT_EVENT_CONTROL && size >= sizeof(struct weft_control_event)) {
		geneve_control_event(kernel, data);
		return --kernel->events->left ? 0 : -EAGAIN;
	}
	if (event->type == WEFT_EVENT_PATH_MTU && size >= sizeof(struct weft_path_mtu_event)) {
		path_mtu_event(kernel, data);
		return --kernel->events->left ? 0 : -EAGAIN;
	}
	kernel->fdb_generation++;
	entry.dest = event->dest;
	entry.seen = event->tick;
	switch (event->type) {
	case WEFT_EVENT_LEARN:
		fdb_event(kernel, "learn", &event->key, &entry);
		break;
	case WEFT_EVENT_MOVE:
		moves_note(kernel, event);
		fdb_event(kernel, "move", &event->key, &entry);
		break;
	case WEFT_EVENT_REMOTE:
		remote_learned(kernel, event->dest.remote);
		break;
	case WEFT_EVENT_FULL:
		fdb_event(kernel, "full", &event->key, &entry);
		break;
	case WEFT_EVENT_OPTIONS:
		geneve_options_event(kernel, event->dest.remote);
		break;
	}
	/* a storm of events must not keep the loop from everything else */
	return --kernel->events->left ? 0 : -EAGAIN;
}

/* Woken, or a while after there was something: until there is nothing more. */
static void events_readable(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval again = {.tv_usec = EVENTS_AGAIN};
	struct kernel *kernel = arg;

	(void)fd;
	kernel->events->left = EVENTS_A_TURN;
	ring_buffer__consume(kernel->events->ring);
	if (kernel->events->left < EVENTS_A_TURN || (what & EV_READ))
		event_add(kernel->events->again, &again);
	purge_run(kernel);
}

int events_start(struct kernel *kernel, struct error *err)
{
	struct events *events = calloc(1, sizeof(*events));

	if (!events)
		return error_set(err, -ENOMEM, "out of memory");
	kernel->events = events;
	events->ring = ring_buffer__new(dp_fd(kernel->dp, DP_EVENTS), event_handle, kernel, NULL);
	if (!events->ring) {
		int r = -errno;

		events_stop(kernel);
		return error_set(err, r, "datapath: map events: %s", strerror(-r));
	}
	events->readable = event_new(kernel->base, ring_buffer__epoll_fd(events->ring),
				     EV_READ | EV_PERSIST, events_readable, kernel);
	events->again = evtimer_new(kernel->base, events_readable, kernel);
	if (!events->readable || !events->again || event_add(events->readable, NULL) < 0) {
		events_stop(kernel);
		return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

void events_stop(struct kernel *kernel)
{
	if (!kernel->events)
		return;
	if (kernel->events->readable)
		event_free(kernel->events->readable);
	if (kernel->events->again)
		event_free(kernel->events->again);
	ring_buffer__free(kernel->events->ring);
	free(kernel->events);
	kernel->events = NULL;
}

uint64_t events_lost(const struct kernel *kernel)
{
	return dp_count(kernel->dp, dp_fd(kernel->dp, DP_EVENTS_LOST));
}
