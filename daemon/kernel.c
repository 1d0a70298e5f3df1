/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel side from start to end. The datapath is loaded with the first object and let go with the
 * last; a filter on `lo` is what leads one weftd to the datapath that another one left.
 */
#include "daemon/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/device.h"
#include "daemon/kernel_private.h"
#include "daemon/capture.h"
#include "daemon/live.h"
#include "daemon/log.h"
#include "daemon/splitter.h"
#include "daemon/hook.h"
#include "daemon/trace.h"
#include "lib/table.h"

#define LEASE_SECONDS	 10 /* how long the datapath trusts next hops without a weftd */
#define LEASE_PERIOD	 1  /* seconds */
#define LOOPBACK_IFINDEX 1

/* --- the lease ------------------------------------------------------------------------------------- */

static void control_write(struct kernel *kernel)
{
	struct weft_control control = {.magic = WEFT_ABI_MAGIC,
				       .version = WEFT_ABI_VERSION,
				       .lease = dp_tick() + WEFT_TICKS(LEASE_SECONDS),
				       .splitter = kernel->splitter};
	uint32_t zero = 0;

	dp_put_control(kernel->dp, &zero, &control);
}

static void lease_renew(evutil_socket_t fd, short what, void *arg)
{
	struct kernel *kernel = arg;
	uint64_t lost;

	(void)fd;
	(void)what;
	control_write(kernel);
	listen_watch(kernel);
	hook_watch(kernel->netlink);
	lost = events_lost(kernel);
	if (lost != kernel->events_lost) {
		log_warning("%llu events of the datapath were lost",
			    (unsigned long long)(lost - kernel->events_lost));
		kernel->events_lost = lost;
		events_catch_up(kernel);
		purge_run(kernel);
	}
}

static int lease_start(struct kernel *kernel, struct error *err)
{
	struct timeval period = {.tv_sec = LEASE_PERIOD};

	kernel->events_lost = events_lost(kernel);
	kernel->lease = event_new(kernel->base, -1, EV_PERSIST, lease_renew, kernel);
	if (!kernel->lease || event_add(kernel->lease, &period) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	lease_renew(-1, 0, kernel);
	return 0;
}

/* --- the splitter ----------------------------------------------------------------------------------- */

/* Makes it, takes up the one that is there, or puts it right. Without one, what would have to be cut is dropped. */
static void splitter_run(struct kernel *kernel)
{
	struct error err = {};

	kernel->splitter_tried = true;
	kernel->splitter = 0;
	if (splitter_start(kernel->netlink, dp_program_split(kernel->dp), &kernel->splitter, &err) <
	    0)
		log_warning("%s; super-packets that must be cut for a tunnel are dropped",
			    err.line);
	control_write(kernel);
}

void kernel_split(struct kernel *kernel)
{
	if (!kernel->splitter_tried)
		splitter_run(kernel);
}

static void splitter_halt(struct kernel *kernel)
{
	kernel->splitter_tried = false;
	kernel->splitter = 0;
	control_write(kernel);
	splitter_stop(kernel->netlink);
}

/* --- loading and letting go ------------------------------------------------------------------------- */

static int ids_start(struct kernel *kernel, struct error *err)
{
	int r = 0;

	ids_free(&kernel->bridge_ids);
	ids_free(&kernel->port_ids);
	ids_free(&kernel->tunnel_ids);
	ids_free(&kernel->remote_ids);
	r |= ids_init(&kernel->bridge_ids, WEFT_BRIDGES_MAX);
	r |= ids_init(&kernel->port_ids, WEFT_PORTS_MAX);
	r |= ids_init(&kernel->tunnel_ids, WEFT_TUNNELS_MAX);
	r |= ids_init(&kernel->remote_ids, WEFT_REMOTES_MAX);
	return r ? error_set(err, -ENOMEM, "out of memory") : 0;
}

/* Everything that belongs to one loaded datapath, but for the datapath. */
static int kernel_run(struct kernel *kernel, struct error *err)
{
	int r = underlay_start(kernel->underlay, dp_program_underlay(kernel->dp), err);

	addresses_fill(kernel);
	/* of an earlier weftd, whose tunnels go on */
	if (r >= 0 && splitter_found(kernel->netlink))
		splitter_run(kernel);
	if (r >= 0)
		r = lease_start(kernel, err);
	if (r >= 0)
		r = events_start(kernel, err);
	if (r >= 0)
		r = sweep_start(kernel, err);
	if (r >= 0)
		r = notes_start(kernel, err);
	if (r >= 0)
		r = drops_start(kernel, err);
	return r;
}

static void kernel_halt(struct kernel *kernel)
{
	drops_stop(kernel);
	trace_stop(kernel);
	notes_stop(kernel);
	captures_stop(kernel);
	path_mtu_stop(kernel);
	sweep_stop(kernel);
	events_stop(kernel);
	if (kernel->lease)
		event_free(kernel->lease);
	kernel->lease = NULL;
	if (kernel->purge_timer)
		event_free(kernel->purge_timer);
	kernel->purge_timer = NULL;
}

static void kernel_unload(struct kernel *kernel)
{
	if (!kernel->dp)
		return;
	kernel_halt(kernel);
	splitter_halt(kernel);
	underlay_stop(kernel->underlay);
	hook_stop();
	trace_stop(kernel); /* it has the maps of this one */
	dp_free(kernel->dp);
	kernel->dp = NULL;
	memset(&kernel->collect, 0, sizeof(kernel->collect));
}

int kernel_load(struct kernel *kernel, struct error *err)
{
	int r;

	if (kernel->dp)
		return 0;
	r = ids_start(kernel, err);
	if (r >= 0)
		r = dp_load(&kernel->dp, err);
	if (r >= 0)
		r = kernel_run(kernel, err);
	if (r < 0)
		kernel_unload(kernel);
	return r;
}

void kernel_unload_idle(struct kernel *kernel)
{
	if (!kernel->bridges && !kernel->ports && !kernel->tunnels)
		kernel_unload(kernel);
	else if (!kernel->tunnels && kernel->splitter_tried)
		splitter_halt(kernel);
}

/* --- what netlink says ------------------------------------------------------------------------------- */

static void link_event(void *arg, enum link_event event, const struct link *link,
		       const struct link *old)
{
	struct kernel *kernel = arg;

	if (!kernel->dp)
		return;
	if (kernel->splitter && splitter_hurt(event, link, old))
		splitter_run(kernel);
	listen_link_event(kernel, event, link, old);
	port_link_event(kernel, event, link, old);
	tunnel_link_event(kernel, event, link);
}

static void addr_event(void *arg, bool added, uint32_t ifindex, const struct weft_addr *addr)
{
	struct kernel *kernel = arg;
	const struct link *link = link_by_index(kernel->netlink, ifindex);

	(void)added;
	address_event(kernel, addr);
	if (kernel->dp && link)
		tunnel_link_event(kernel, LINK_CHANGED, link);
}

static void filter_event(void *arg, uint32_t ifindex)
{
	struct kernel *kernel = arg;

	if (kernel->dp) {
		port_filter_event(kernel, ifindex);
		listen_filter_event(kernel, ifindex);
	}
	if (kernel->splitter && splitter_unhooked(kernel->netlink, ifindex))
		splitter_run(kernel);
}

static void holder_lost(void *arg, const struct error *err)
{
	(void)arg;
	log_warning("after weft-holder had died: %s", err->line);
}

/* --- start and stop ----------------------------------------------------------------------------------- */

/* Has a weftd been there a moment ago? What cannot be read is nobody's. */
static bool lease_runs(uint32_t prog_id)
{
	struct weft_control control;
	uint32_t zero = 0;
	struct dp *dp = NULL;
	bool runs;

	if (dp_adopt(prog_id, &dp, NULL) < 0)
		return false;
	runs = !dp_get_control(dp, &zero, &control) && (int32_t)(control.lease - dp_tick()) > 0;
	dp_free(dp);
	return runs;
}

static void unhook(void *arg, uint32_t ifindex, enum hook hook, uint32_t prog_id)
{
	struct kernel *kernel = arg;

	(void)prog_id;
	hook_detach(kernel->netlink, ifindex, hook, NULL);
}

/*
 * Takes over the datapath that is hooked to `lo`. Without the ids that its weftd had written down it means
 * nothing any more: it is taken off, and loaded again with the first object.
 */
static int kernel_adopt(struct kernel *kernel, const json_t *state, struct error *err)
{
	int64_t id = hook_query(kernel->netlink, LOOPBACK_IFINDEX, HOOK_INGRESS);
	int r;

	if (id <= 0)
		return 0;
	if (!state && lease_runs((uint32_t)id))
		return error_set(err, -EBUSY,
				 "datapath: another weftd serves this network namespace, or did "
				 "within the last %d "
				 "seconds, from another rundir",
				 LEASE_SECONDS);
	if (!state) {
		log_warning("a datapath without a state file is replaced");
		r = hook_walk(kernel->netlink, unhook, kernel, err);
		hook_stop();
		return r;
	}
	r = dp_adopt((uint32_t)id, &kernel->dp, err);
	if (r >= 0)
		r = recover_load(kernel, state, err);
	if (r >= 0)
		r = kernel_run(kernel, err);
	return r;
}

static int tables_new(struct kernel *kernel, struct error *err)
{
	kernel->bridge_by_id = calloc(WEFT_BRIDGES_MAX, sizeof(*kernel->bridge_by_id));
	kernel->port_by_id = calloc(WEFT_PORTS_MAX, sizeof(*kernel->port_by_id));
	kernel->tunnel_by_id = calloc(WEFT_TUNNELS_MAX, sizeof(*kernel->tunnel_by_id));
	kernel->remote_by_id = calloc(WEFT_REMOTES_MAX, sizeof(*kernel->remote_by_id));
	kernel->port_names = calloc(WEFT_PORTS_MAX, sizeof(*kernel->port_names));
	if (!kernel->bridge_by_id || !kernel->port_by_id || !kernel->tunnel_by_id ||
	    !kernel->remote_by_id || !kernel->port_names)
		return error_set(err, -ENOMEM, "out of memory");
	return ids_start(kernel, err);
}

int kernel_start(struct event_base *base, const char *rundir, const json_t *state,
		 const struct kernel_callbacks *callbacks, struct kernel **ret, struct error *err)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int r;

	if (!kernel)
		return error_set(err, -ENOMEM, "out of memory");
	kernel->base = base;
	if (callbacks)
		kernel->callbacks = *callbacks;
	r = tables_new(kernel, err);
	if (r >= 0)
		r = netlink_new(base, &kernel->netlink, err);
	if (r >= 0)
		r = nexthops_new(kernel->netlink, base, &kernel->nexthops, err);
	if (r >= 0)
		r = underlay_new(kernel->netlink, kernel->nexthops, base, &kernel->underlay, err);
	if (r >= 0)
		r = holder_new(base, kernel->netlink, rundir, &kernel->holder, err);
	if (r >= 0) {
		kernel->listener = (struct netlink_listener){.link = link_event,
							     .addr = addr_event,
							     .filter = filter_event,
							     .arg = kernel};
		netlink_listen(kernel->netlink, &kernel->listener);
		holder_watch(kernel->holder, holder_lost, kernel);
		r = hook_start(kernel->netlink, err);
	}
	if (r >= 0)
		r = kernel_adopt(kernel, state, err);
	if (r < 0) {
		kernel_stop(kernel);
		return r;
	}
	*ret = kernel;
	return 0;
}

int kernel_settle(struct kernel *kernel, struct error *err)
{
	(void)err;
	if (kernel->recovered) {
		recover_settle(kernel);
		recover_free(kernel);
		purge_run(kernel);
		kernel_unload_idle(kernel);
	}
	recover_links(kernel);
	holder_settle(kernel->holder);
	nexthops_settle(kernel->nexthops);
	return 0;
}

static void live_free(struct kernel *kernel)
{
	struct live_bridge *bridge;
	struct live_tunnel *tunnel, *next_tunnel;
	struct live_port *port, *next_port;

	/* their next hops are not given up: packets go on */
	table_free(kernel->remotes);
	HASH_ITER (hh, kernel->ports, port, next_port) {
		HASH_DEL(kernel->ports, port);
		object_free(NOUN_PORT, port->config);
		free(port);
	}
	HASH_ITER (hh, kernel->tunnels, tunnel, next_tunnel) {
		HASH_DEL(kernel->tunnels, tunnel);
		object_free(NOUN_TUNNEL, tunnel->config);
		free(tunnel->known);
		free(tunnel);
	}
	HASH_CLEAR(hh, kernel->bridges);
	for (uint32_t id = 0; kernel->bridge_by_id && id < WEFT_BRIDGES_MAX; id++) {
		bridge = kernel->bridge_by_id[id];
		if (!bridge)
			continue;
		flood_free(&bridge->ports);
		flood_free(&bridge->remotes);
		object_free(NOUN_BRIDGE, bridge->config);
		free(bridge);
	}
	peers_free(kernel);
	listen_free(kernel);
}

void kernel_stop(struct kernel *kernel)
{
	if (!kernel)
		return;
	kernel_halt(kernel);
	recover_free(kernel);
	live_free(kernel);
	holder_free(kernel->holder);
	underlay_free(kernel->underlay);
	nexthops_free(kernel->nexthops);
	free(kernel->moves);
	hook_stop();
	netlink_free(kernel->netlink);
	dp_free(kernel->dp);
	ids_free(&kernel->bridge_ids);
	ids_free(&kernel->port_ids);
	ids_free(&kernel->tunnel_ids);
	ids_free(&kernel->remote_ids);
	free(kernel->bridge_by_id);
	free(kernel->port_by_id);
	free(kernel->tunnel_by_id);
	free(kernel->remote_by_id);
	free(kernel->port_names);
	free(kernel);
}

json_t *kernel_state(const struct kernel *kernel)
{
	json_t *bridges = json_object(), *ports = json_object(), *tunnels = json_object();
	json_t *hidden_bridges = json_object(), *hidden_ports = json_object();
	json_t *lent = json_object(), *mtus;
	struct live_bridge *bridge, *next_bridge;
	struct live_tunnel *tunnel, *next_tunnel;
	struct live_port *port, *next_port;

	HASH_ITER (hh, kernel->bridges, bridge, next_bridge)
		json_object_set_new(bridges, bridge->name, json_integer(bridge->id));
	HASH_ITER (hh, kernel->ports, port, next_port) {
		json_object_set_new(port->tunnel ? hidden_ports : ports, port->name,
				    json_integer(port->id));
		mtus = port_mtu_state(port);
		if (mtus)
			json_object_set_new(lent, port->name, mtus);
	}
	HASH_ITER (hh, kernel->tunnels, tunnel, next_tunnel) {
		json_object_set_new(tunnels, tunnel->name, json_integer(tunnel->id));
		if (!*tunnel->config->bridge)
			json_object_set_new(hidden_bridges, tunnel->name,
					    json_integer(tunnel->bridge->id));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "bridges", bridges, "ports", ports,
			 "tunnels", tunnels, "hidden_bridges", hidden_bridges, "hidden_ports",
			 hidden_ports, "lent", lent);
}
