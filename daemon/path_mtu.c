/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Path MTUs (RFC 1191, RFC 8201): what ICMP errors have said of the way to a remote. They stand in the remote's slot in
 * map `remotes` and nowhere else, so that they outlive weftd. The datapath lowers and forgets them; here they are
 * kept when a slot is written again, and lowered where only weftd can tell whom an error is about.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/live.h"
#include "daemon/log.h"
#include "lib/tunnel.h"

#define MTU_DEFAULT  1500
#define IPV4_MTU_MIN 68
#define IPV6_MTU_MIN 1280

#define PENDING_MAX   64 /* errors without a remote that wait for one walk */
#define WALK_PAUSE_MS 50

/* Errors whose quote is too short to say which tunnel it is of. */
struct path_mtus {
	struct event *walk;
	uint32_t count;
	struct weft_path_mtu_event pending[PENDING_MAX];
	uint32_t lowered[PENDING_MAX]; /* remotes, by each of them */
};

/* The address that packets are sent from, as the slot's template has it. */
static struct weft_addr slot_source(const struct weft_remote *slot)
{
	struct weft_addr v6;
	struct in_addr v4;

	if (slot->header[0] >> 4 == 4) {
		memcpy(&v4, slot->header + 12, sizeof(v4));
		return addr_from_v4(v4);
	}
	memcpy(&v6, slot->header + 8, sizeof(v6));
	return v6;
}

/* Ticks for which the slot's path MTU is still believed; 0: there is none, or no more. */
static uint32_t slot_ticks_left(const struct live_remote *remote, const struct weft_remote *slot)
{
	uint32_t life = WEFT_TICKS(remote->tunnel->config->mtu_expires);
	uint32_t age = dp_tick() - slot->path_tick;

	return slot->path_mtu && age < life ? life - age : 0;
}

/* RFC 8926 4.4.1: whatever a packet's options are, there is to be room for the longest that the tunnel may send. */
static uint8_t slot_kept(const struct live_remote *remote, const struct weft_remote *slot)
{
	size_t room = tunnel_options_room(remote->tunnel->config);

	return room > slot->options_len ? (uint8_t)(room - slot->options_len) : 0;
}

static void slot_mtu(struct weft_remote *slot)
{
	uint16_t mtu = slot->hop_mtu;

	if (slot->path_mtu && slot->path_mtu < mtu)
		mtu = slot->path_mtu;
	slot->mtu = mtu > slot->mtu_kept ? mtu - slot->mtu_kept : 0;
}

/* Does what was learned of the way in `before` hold for the one in `slot`? */
static bool same_way(const struct live_remote *remote, const struct weft_remote *before,
		     const struct weft_remote *slot)
{
	const struct weft_addr was = slot_source(before), is = slot_source(slot);

	return before->tunnel == slot->tunnel && addr_equal(&before->addr, &slot->addr) &&
	       before->ifindex == slot->ifindex && before->hop_mtu == slot->hop_mtu &&
	       addr_equal(&was, &is) &&
	       (!remote->written || addr_equal(&remote->gateway, &remote->hop.gateway));
}

void path_mtu_fill(struct kernel *kernel, struct live_remote *remote, struct weft_remote *slot)
{
	uint32_t mtu = remote->hop.mtu;
	struct weft_remote before;

	if (!mtu && (remote->owners & OWNER_PROTOTYPE))
		mtu = MTU_DEFAULT;
	slot->hop_mtu = mtu < UINT16_MAX ? (uint16_t)mtu : UINT16_MAX;
	slot->mtu_kept = slot_kept(remote, slot);
	if (!dp_get_remote(kernel->dp, &remote->id, &before) && same_way(remote, &before, slot) &&
	    slot_ticks_left(remote, &before)) {
		slot->path_mtu = before.path_mtu;
		slot->path_tick = before.path_tick;
	}
	remote->written = true;
	remote->lowered = slot->path_mtu != 0;
	remote->gateway = remote->hop.gateway;
	slot_mtu(slot);
}

uint16_t path_mtu_get(struct kernel *kernel, const struct live_remote *remote,
		      uint32_t *ret_expires)
{
	struct weft_remote slot;
	uint32_t left;

	if (dp_get_remote(kernel->dp, &remote->id, &slot) < 0)
		return 0;
	left = slot_ticks_left(remote, &slot);
	*ret_expires = (uint32_t)(((uint64_t)left << WEFT_TICK_SHIFT) / 1000000000);
	return left ? slot.path_mtu : 0;
}

void path_mtu_sweep(struct kernel *kernel)
{
	struct live_remote *remote, *next;
	uint32_t expires;

	HASH_ITER (hh, kernel->remotes, remote, next)
		if (remote->lowered && !path_mtu_get(kernel, remote, &expires))
			remote_write(kernel, remote, NULL);
}

/* --- errors ---------------------------------------------------------------------------------- */

static void remote_event(struct kernel *kernel, const struct live_remote *remote, uint16_t mtu)
{
	char addr[ADDR_STRLEN];
	json_t *json;

	if (!kernel->callbacks.state)
		return;
	json = json_pack("{s:s, s:s, s:s, s:s, s:i}", "event", "path_mtu", "noun", "tunnel", "name",
			 remote->tunnel->name, "remote", addr_format(&remote->key.addr, addr),
			 "path_mtu", mtu);
	kernel->callbacks.state(kernel->callbacks.arg, json);
	json_decref(json);
}

static bool event_is_sane(const struct weft_path_mtu_event *event)
{
	return event->mtu >= (addr_is_v4(&event->destination) ? IPV4_MTU_MIN : IPV6_MTU_MIN);
}

/* Was the packet that the error is about sent to this remote? The tunnel is for the caller to know. */
static bool remote_fits(const struct live_remote *remote, const struct weft_path_mtu_event *event)
{
	return !(remote->owners & OWNER_PROTOTYPE) &&
	       addr_equal(&remote->key.addr, &event->destination);
}

/* Never raises it. False: nothing has changed. */
static bool remote_lower(struct kernel *kernel, struct live_remote *remote,
			 const struct weft_path_mtu_event *event)
{
	struct weft_addr source;
	struct weft_remote slot;

	if (dp_get_remote(kernel->dp, &remote->id, &slot) < 0)
		return false;
	source = slot_source(&slot);
	if (slot.tunnel != remote->tunnel->id || !addr_equal(&source, &event->source) ||
	    event->mtu >= slot.hop_mtu ||
	    (slot_ticks_left(remote, &slot) && slot.path_mtu <= event->mtu))
		return false;
	slot.path_mtu = event->mtu;
	slot.path_tick = event->tick;
	slot_mtu(&slot);
	if (dp_put_remote(kernel->dp, &remote->id, &slot) < 0)
		return false;
	/* what else follows from the MTU */
	remote_write(kernel, remote, NULL);
	return true;
}

/* The datapath has lowered one; its siblings, with a VNI or options of their own, share the way. */
static void event_of_remote(struct kernel *kernel, const struct weft_path_mtu_event *event)
{
	struct live_remote *first =
		event->remote < WEFT_REMOTES_MAX ? kernel->remote_by_id[event->remote] : NULL;
	char addr[ADDR_STRLEN];
	uint32_t expires;

	if (!first || !remote_fits(first, event))
		return;
	for (struct live_remote *remote = first->tunnel->remote_list; remote;
	     remote = remote->tunnel_next) {
		if (!remote_fits(remote, event))
			continue;
		/* the first one's slot too, in case it was being written here at that moment */
		if (!remote_lower(kernel, remote, event) && remote == first)
			remote_write(kernel, remote, NULL);
	}
	if (path_mtu_get(kernel, first, &expires) != event->mtu)
		return;
	log_info("tunnel %s: path MTU to %s is %u", first->tunnel->name,
		 addr_format(&event->destination, addr), event->mtu);
	remote_event(kernel, first, event->mtu);
}

static bool tunnel_sends_by(const struct tunnel *config, uint16_t port)
{
	return port ? tunnel_dstport(config) == port : tunnel_is_gre(config);
}

static void remote_walk(struct kernel *kernel, struct live_remote *remote)
{
	struct path_mtus *paths = kernel->path_mtus;

	for (uint32_t i = 0; i < paths->count; i++) {
		const struct weft_path_mtu_event *event = &paths->pending[i];

		if (!remote_fits(remote, event) ||
		    !tunnel_sends_by(remote->tunnel->config, event->port) ||
		    !remote_lower(kernel, remote, event))
			continue;
		paths->lowered[i]++;
		remote_event(kernel, remote, event->mtu);
	}
}

static void walk(evutil_socket_t fd, short what, void *arg)
{
	struct kernel *kernel = arg;
	struct path_mtus *paths = kernel->path_mtus;
	char addr[ADDR_STRLEN];

	(void)fd;
	(void)what;
	for (uint32_t id = 1; id < WEFT_REMOTES_MAX; id++)
		if (kernel->remote_by_id[id])
			remote_walk(kernel, kernel->remote_by_id[id]);
	for (uint32_t i = 0; i < paths->count; i++)
		if (paths->lowered[i])
			log_info("path MTU to %s is %u, for %u remotes of tunnels",
				 addr_format(&paths->pending[i].destination, addr),
				 paths->pending[i].mtu, paths->lowered[i]);
	paths->count = 0;
}

static struct path_mtus *paths_get(struct kernel *kernel)
{
	struct path_mtus *paths = kernel->path_mtus;

	if (paths)
		return paths;
	paths = calloc(1, sizeof(*paths));
	if (paths)
		paths->walk = event_new(kernel->base, -1, 0, walk, kernel);
	if (paths && !paths->walk) {
		free(paths);
		paths = NULL;
	}
	return kernel->path_mtus = paths;
}

/* What finds no place is left out: the next packet that is too big meets the same error. */
static void event_of_nobody(struct kernel *kernel, const struct weft_path_mtu_event *event)
{
	const struct timeval pause = {.tv_usec = WALK_PAUSE_MS * 1000};
	struct path_mtus *paths = paths_get(kernel);

	if (!paths)
		return;
	for (uint32_t i = 0; i < paths->count; i++) {
		struct weft_path_mtu_event *other = &paths->pending[i];

		if (other->port != event->port || !addr_equal(&other->source, &event->source) ||
		    !addr_equal(&other->destination, &event->destination))
			continue;
		if (event->mtu < other->mtu)
			*other = *event;
		return;
	}
	if (paths->count == PENDING_MAX)
		return;
	paths->lowered[paths->count] = 0;
	paths->pending[paths->count++] = *event;
	if (!event_pending(paths->walk, EV_TIMEOUT, NULL))
		event_add(paths->walk, &pause);
}

void path_mtu_event(struct kernel *kernel, const struct weft_path_mtu_event *event)
{
	if (!event_is_sane(event))
		return;
	if (event->remote)
		event_of_remote(kernel, event);
	else
		event_of_nobody(kernel, event);
}

void path_mtu_stop(struct kernel *kernel)
{
	if (!kernel->path_mtus)
		return;
	event_free(kernel->path_mtus->walk);
	free(kernel->path_mtus);
	kernel->path_mtus = NULL;
}
