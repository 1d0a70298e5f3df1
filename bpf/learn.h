/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Learn: the FDB entry of the frame's source.
 *
 * A known source costs one look-up, and a store once a second. New and moved ones are
 * written here and then reported; weftd decides nothing, so that learning goes on
 * without it. Static entries are never touched.
 */
#ifndef WEFT_BPF_LEARN_H
#define WEFT_BPF_LEARN_H

#include "bpf/trace.h"

static __always_inline bool dest_equal(const struct weft_dest *a, const struct weft_dest *b)
{
	return a->port == b->port && a->remote == b->remote;
}

/*
 * weftd is woken once in a tick and CPU, and looks again by itself when that tick is over (daemon/events.c): a wake-up
 * costs more than everything else that a new MAC does.
 */
static __always_inline __u64 event_wakes(__u32 now)
{
	__u32 zero = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);

	if (!scratch || scratch->event_tick == now)
		return BPF_RB_NO_WAKEUP;
	scratch->event_tick = now;
	return BPF_RB_FORCE_WAKEUP;
}

static __noinline void event_send(__u32 type, const struct weft_fdb_key *key,
				  const struct weft_dest *dest, const struct weft_dest *old)
{
	struct weft_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	__u32 zero = 0;
	__u64 *lost;

	if (!event && !tracing) {
		lost = bpf_map_lookup_elem(&events_lost, &zero);
		if (lost)
			*lost += 1;
	}
	if (!event)
		return;
	event->type = type;
	event->tick = tick_now();
	if (key)
		event->key = *key;
	else
		__builtin_memset(&event->key, 0, sizeof(event->key));
	event->pad = 0;
	event->dest = *dest;
	event->old = old ? *old : (struct weft_dest){};
	bpf_ringbuf_submit(event, event_wakes(event->tick));
}

/* Takes one of `max` (0: no limit) places in fdb_counts[index]. */
static __always_inline bool count_take(__u32 index, __u32 max)
{
	__u32 *count = bpf_map_lookup_elem(&fdb_counts, &index);

	if (!count)
		return false;
	if (tracing)
		return *count < (max ? max : ~0u);
	if (__sync_fetch_and_add(count, 1) >= (max ? max : ~0u)) {
		__sync_fetch_and_add(count, -1);
		return false;
	}
	return true;
}

static __always_inline void count_give(__u32 index)
{
	__u32 *count = bpf_map_lookup_elem(&fdb_counts, &index);

	if (count && !tracing)
		__sync_fetch_and_add(count, -1);
}

/* The place that a destination takes in its tunnel's count, if it is behind one. */
static __always_inline bool count_take_tunnel(const struct weft_dest *dest)
{
	struct weft_remote *remote;
	struct weft_tunnel *tunnel;

	if (!dest->remote)
		return true;
	remote = remote_get(dest->remote);
	tunnel = remote ? tunnel_get(remote->tunnel) : NULL;
	return tunnel && count_take(WEFT_BRIDGES_MAX + remote->tunnel, tunnel->maxaddress);
}

static __always_inline void count_give_tunnel(const struct weft_dest *dest)
{
	struct weft_remote *remote;

	if (!dest->remote)
		return;
	remote = remote_get(dest->remote);
	if (remote)
		count_give(WEFT_BRIDGES_MAX + remote->tunnel);
}

static __noinline int learn_new(const struct frame *f, const struct weft_fdb_key *key,
				const struct weft_dest *dest)
{
	struct weft_fdb_entry entry = {.dest = *dest, .seen = f->now};
	struct weft_bridge *bridge = bridge_get(key->bridge);

	if (!bridge || !count_take(key->bridge, bridge->maxaddress))
		goto full;
	if (!count_take_tunnel(dest)) {
		count_give(key->bridge);
		goto full;
	}
	if (tracing)
		return trace_record(f, WEFT_TRACE_LEARN, WEFT_LEARN_NEW, 0, 0);
	if (bpf_map_update_elem(&fdb, key, &entry, BPF_NOEXIST)) {
		/* another CPU was first, or the map is full */
		count_give(key->bridge);
		count_give_tunnel(dest);
		return 0;
	}
	event_send(WEFT_EVENT_LEARN, key, dest, NULL);
	return 0;
full:
	trace_frame(f, LEARN, WEFT_LEARN_FULL, 0, 0);
	event_send(WEFT_EVENT_FULL, key, dest, NULL);
	return 0;
}

static __noinline int learn_move(const struct frame *f, struct weft_fdb_entry *entry,
				 const struct weft_fdb_key *key, const struct weft_dest *dest)
{
	struct weft_dest old;

	if (!f || !entry || !key || !dest)
		return 0;
	old = entry->dest;
	if (!count_take_tunnel(dest)) {
		event_send(WEFT_EVENT_FULL, key, dest, &old);
		trace_frame(f, LEARN, WEFT_LEARN_FULL, old.port, old.remote);
		return 0;
	}
	if (tracing)
		return trace_record(f, WEFT_TRACE_LEARN, WEFT_LEARN_MOVE, old.port, old.remote);
	count_give_tunnel(&old);
	/* one store, so that a reader never sees half of each */
	*(volatile __u64 *)&entry->dest = *(const __u64 *)dest;
	entry->seen = f->now;
	event_send(WEFT_EVENT_MOVE, key, dest, &old);
	return 0;
}

/*
 * Are both remotes the same host behind the same tunnel? An FDB entry with GENEVE options or a VNI of its own has a
 * remote of its own, which what comes back from there does not name.
 */
__noinline int learn_same_host(__u32 one, __u32 two)
{
	struct weft_remote *r = one ? remote_get(one) : NULL, *s = two ? remote_get(two) : NULL;

	if (!r || !s || r->tunnel != s->tunnel)
		return false;
	for (int i = 0; i < 4; i++)
		if (r->addr.word[i] != s->addr.word[i])
			return false;
	return true;
}

/* `dest` is where the frame came from; 0 or the reason to drop it. */
static __always_inline int learn(const struct frame *f, const struct weft_dest *dest, bool learning)
{
	struct weft_fdb_key key = {.bridge = f->bridge, .vlan = f->vlan};
	struct weft_fdb_entry *entry;

	__builtin_memcpy(key.mac, f->src, ETH_ALEN);
	entry = bpf_map_lookup_elem(&fdb, &key);
	if (entry) {
		if (dest_equal(&entry->dest, dest) ||
		    learn_same_host(entry->dest.remote, dest->remote)) {
			trace_frame(f, LEARN, WEFT_LEARN_KNOWN, entry->dest.port,
				    entry->dest.remote);
			if (!tracing && f->now - entry->seen > WEFT_SEEN_SLACK)
				entry->seen = f->now;
			return 0;
		}
		if (entry->flags & (WEFT_FDB_STATIC | WEFT_FDB_LOCAL))
			return WEFT_DROP_FDB_STATIC;
	}
	if (!learning || (!dest->port && !dest->remote)) {
		trace_frame(f, LEARN, WEFT_LEARN_OFF, 0, 0);
		return 0;
	}
	if (entry)
		learn_move(f, entry, &key, dest);
	else
		learn_new(f, &key, dest);
	return 0;
}

#endif
