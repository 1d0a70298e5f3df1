/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A transaction: bridges, ports and tunnels that come or change, then those that go, so that traffic
 * meets no gap. What comes may fail, and is then undone by its reverse; what goes cannot.
 * Only a device's name makes something go first: one of the name must be gone before another comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kernel_private.h"
#include "daemon/device.h"
#include "daemon/live.h"
#include "daemon/log.h"

enum step_kind { STEP_NONE, STEP_DONE, STEP_GONE };

struct apply {
	struct kernel *kernel;
	struct change *change; /* pairs of delete and add under one name are one change */
	size_t count;
	size_t *done; /* indexes of what was done, in order */
	size_t done_count;
	bool replay;
};

static const char *change_name(const struct change *change)
{
	return change->new ? change->new : change->old; /* every object begins with its name */
}

static int bridge_change(struct kernel *kernel, const struct change *change, struct error *err)
{
	const struct bridge *old = change->old, *new = change->new;
	struct live_bridge *bridge = old ? bridge_find(kernel, old->name) : NULL;

	if (!old)
		return bridge_add(kernel, new, NULL, err);
	if (!bridge)
		return error_set(err, -ENOENT, "bridge %s: no such bridge", old->name);
	if (new)
		return bridge_set(kernel, bridge, new, err);
	bridge_delete(kernel, bridge);
	return 0;
}

static int port_change(struct kernel *kernel, const struct change *change, bool replay,
		       struct error *err)
{
	const struct port *old = change->old, *new = change->new;
	struct live_port *port = old ? port_find(kernel, old->name) : NULL;
	int r;

	if (!old)
		return port_add(kernel, new, replay, err);
	if (!port || !port->config)
		return error_set(err, -ENOENT, "port %s: no such port", old->name);
	if (new && old->type == new->type)
		return port_set(kernel, port, new, err);
	port_delete(kernel, port);
	if (!new)
		return 0;
	r = port_add(kernel, new, replay, err);
	if (r < 0)
		port_add(kernel, old, true, NULL);
	return r;
}

static int tunnel_change(struct kernel *kernel, const struct change *change, bool replay,
			 struct error *err)
{
	const struct tunnel *old = change->old, *new = change->new;
	struct live_tunnel *tunnel = old ? tunnel_find(kernel, old->name) : NULL;

	if (!old)
		return tunnel_add(kernel, new, replay, err);
	if (!tunnel)
		return error_set(err, -ENOENT, "tunnel %s: no such tunnel", old->name);
	if (new)
		return tunnel_set(kernel, tunnel, new, replay, err);
	tunnel_delete(kernel, tunnel);
	return 0;
}

static int change_do(struct kernel *kernel, const struct change *change, bool replay,
		     struct error *err)
{
	switch (change->noun) {
	case NOUN_BRIDGE:
		return bridge_change(kernel, change, err);
	case NOUN_PORT:
		return port_change(kernel, change, replay, err);
	case NOUN_TUNNEL:
		return tunnel_change(kernel, change, replay, err);
	case NOUN_COUNT:
		break;
	}
	return error_set(err, -EINVAL, "no such noun");
}

/* --- order ---------------------------------------------------------------------------------------- */

static int change_compare(const void *a, const void *b)
{
	const struct change *x = *(const struct change *const *)a,
			    *y = *(const struct change *const *)b;
	int noun = (x->noun > y->noun) - (x->noun < y->noun);

	if (noun)
		return noun;
	noun = strcmp(change_name(x), change_name(y));
	/* of one name the delete stands before the add */
	return noun ? noun : (x->new != NULL) - (y->new != NULL);
}

/* A copy in which a delete and an add of the same noun and name are one change. */
static int changes_join(struct apply *apply, const struct change *change, size_t count)
{
	const struct change **sorted = calloc(count + 1, sizeof(const struct change *));

	apply->change = calloc(count + 1, sizeof(*apply->change));
	apply->done = calloc(count + 1, sizeof(*apply->done));
	if (!sorted || !apply->change || !apply->done) {
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = &change[i];
	qsort(sorted, count, sizeof(*sorted), change_compare);
	for (size_t i = 0; i < count; i++) {
		struct change joined = *sorted[i];

		if (!joined.new &&i + 1 < count && sorted[i + 1]->noun == joined.noun &&
		    !sorted[i + 1]->old &&
		    !strcmp(change_name(sorted[i + 1]), change_name(&joined)))
			joined.new = sorted[++i]->new;
		apply->change[apply->count++] = joined;
	}
	free(sorted);
	return 0;
}

/* Deletes one by the name of another noun's device that comes. The changes are in order of noun and name. */
static bool name_comes(const struct apply *apply, const struct change *gone)
{
	enum noun other = gone->noun == NOUN_PORT ? NOUN_TUNNEL : NOUN_PORT;
	struct change key = {.noun = other, .new = gone->old};
	const struct change *wanted = &key;
	size_t low = 0, high = apply->count;

	if (gone->noun == NOUN_BRIDGE)
		return false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct change *here = &apply->change[middle];
		int order = (here->noun > wanted->noun) - (here->noun < wanted->noun);

		if (!order)
			order = strcmp(change_name(here), change_name(wanted));
		if (!order)
			return here->new;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static int apply_one(struct apply *apply, size_t index, struct error *err)
{
	int r = change_do(apply->kernel, &apply->change[index], apply->replay, err);

	if (r >= 0)
		apply->done[apply->done_count++] = index;
	return r;
}

static int apply_all(struct apply *apply, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < apply->count && r >= 0; i++)
		if (!apply->change[i].new &&name_comes(apply, &apply->change[i]))
			r = apply_one(apply, i, err);
	/* in order of noun: bridges before what is on them */
	for (size_t i = 0; i < apply->count && r >= 0; i++)
		if (apply->change[i].new)
			r = apply_one(apply, i, err);
	if (r < 0)
		return r;
	for (size_t i = apply->count; i-- > 0;)
		if (!apply->change[i].new && !name_comes(apply, &apply->change[i]))
			change_do(apply->kernel, &apply->change[i], apply->replay, NULL);
	return 0;
}

/*
 * Tunnels that came into each other's place in `peers` are all known by their keys again: those that were
 * there, after a failed change had taken keys over; those that are new, after the old ones'
 * keys have gone.
 */
static void apply_restore_peers(struct apply *apply)
{
	bool replaced = false;

	for (size_t i = 0; i < apply->count; i++)
		replaced =
			replaced || (apply->change[i].noun == NOUN_TUNNEL && apply->change[i].old);
	for (size_t i = 0; replaced && i < apply->count; i++) {
		const struct change *change = &apply->change[i];
		struct live_tunnel *tunnel;

		if (change->noun != NOUN_TUNNEL)
			continue;
		tunnel = tunnel_find(apply->kernel, change_name(change));
		if (tunnel)
			peers_restore(apply->kernel, tunnel);
	}
}

static void apply_undo(struct apply *apply)
{
	while (apply->done_count) {
		const struct change *done = &apply->change[apply->done[--apply->done_count]];
		struct change reverse = {.noun = done->noun, .old = done->new, .new = done->old};
		struct error err = {};

		if (change_do(apply->kernel, &reverse, true, &err) < 0)
			log_error("undoing a change: %s", err.line);
	}
}

int kernel_apply(struct kernel *kernel, const struct change *change, size_t count, bool replay,
		 struct error *err)
{
	struct apply apply = {.kernel = kernel, .replay = replay};
	struct fdb_kept *kept = NULL;
	struct error own = {};
	int r = 0;

	if (!count)
		return 0;
	if (!err)
		err = &own;
	r = changes_join(&apply, change, count);
	if (r < 0)
		error_set(err, r, "out of memory");
	if (r >= 0)
		r = kernel_load(kernel, err);
	for (size_t i = 0; i < apply.count && r >= 0; i++)
		if (apply.change[i].noun == NOUN_TUNNEL && apply.change[i].new)
			kernel_split(kernel);
	if (r >= 0) {
		kernel->replaying = replay;
		r = apply_all(&apply, err);
		kernel->replaying = false;
		if (r < 0) {
			apply_undo(&apply);
			kept = fdb_keep(kernel);
		}
		if (kernel->devices_doomed)
			devices_reap(kernel->netlink, NULL);
		kernel->devices_doomed = false;
		purge_run(kernel);
		apply_restore_peers(&apply);
		fdb_keep_restore(kernel, kept);
		/* what was not asked for yet may still be, until the restart is settled */
		if (!kernel->recovered)
			kernel_unload_idle(kernel);
	}
	free(apply.change);
	free(apply.done);
	return r < 0 ? r : 0;
}
