/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace: a packet that is none goes through the tracing instance (daemon/dp_trace.h), and what the programs say of it
 * becomes JSON with names in place of ids.
 *
 * What the datapath hands to itself by way of the kernel is followed with another run each: copies that are encapsulated by
 * themselves, what the splitter has cut (its first segment), what the host's own device has decapsulated.
 */
#include "daemon/trace.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hook.h"
#include "daemon/live.h"
#include "daemon/port_private.h"
#include "daemon/trace_packet.h"
#include "lib/hex.h"

#define TRACE_KEEP_SECONDS 10
#define TRACE_RUNS_MAX	   256 /* programs run for one packet */
#define TRACE_STEPS_MAX	   4096

static const char *const step_names[WEFT_TRACE_MAX] = {
#define WEFT_TRACE(name, string, values) [WEFT_TRACE_##name] = string,
	WEFT_TRACES(WEFT_TRACE)
#undef WEFT_TRACE
};
static const char *const hook_names[DP_HOOK_COUNT] = {"port", "underlay", "split", "collect"};
static const char *const learn_names[] = {"known", "new", "move", "off", "full"};
static const char *const lookup_names[] = {"group", "unknown", "found", "stale"};
static const char *const type_names[] = {NULL, "vxlan", "geneve", "gretap", "gre", "nvgre"};

struct tracer {
	struct dp_tracer *dp;
	struct event *timer; /* frees it when nobody asks any more */
};

/* A run that is still to be done. */
struct pending {
	enum dp_hook hook;
	struct trace_packet packet;
	struct pending *next;
};

struct trace {
	struct kernel *kernel;
	json_t *steps;
	struct pending *first, **last;
	uint32_t runs;
	enum dp_hook hook;
	uint32_t ifindex; /* of the run at hand */
	bool ended;	  /* something was said of where the packet goes */
	bool cut;	  /* there was more than is told */
};

/* --- Loading ----------------------------------------------------------------------------------- */

void trace_stop(struct kernel *kernel)
{
	if (!kernel->tracer)
		return;
	if (kernel->tracer->timer)
		event_free(kernel->tracer->timer);
	dp_tracer_free(kernel->tracer->dp);
	free(kernel->tracer);
	kernel->tracer = NULL;
}

static void trace_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	trace_stop(arg);
}

static int tracer_get(struct kernel *kernel, struct error *err)
{
	const struct timeval keep = {.tv_sec = TRACE_KEEP_SECONDS};
	int r;

	if (!kernel->tracer) {
		kernel->tracer = calloc(1, sizeof(*kernel->tracer));
		if (!kernel->tracer)
			return error_set(err, -ENOMEM, "out of memory");
		r = dp_tracer_new(kernel->dp, &kernel->tracer->dp, err);
		if (r < 0) {
			trace_stop(kernel);
			return r;
		}
		kernel->tracer->timer = evtimer_new(kernel->base, trace_due, kernel);
	}
	if (kernel->tracer->timer)
		event_add(kernel->tracer->timer, &keep);
	return 0;
}

/* --- Steps ------------------------------------------------------------------------------------- */

static void text_put(json_t *json, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(json, key, json_string(text));
}

static void number_put(json_t *json, const char *key, uint32_t number)
{
	json_object_set_new(json, key, json_integer(number));
}

static const struct live_remote *remote_of(const struct trace *trace, uint32_t id)
{
	return id && id < WEFT_REMOTES_MAX ? trace->kernel->remote_by_id[id] : NULL;
}

static void port_put(const struct trace *trace, json_t *json, uint32_t id)
{
	const struct weft_drop_key key = {.port = id};
	const struct live_port *port = counter_port(trace->kernel, &key);

	if (port)
		text_put(json, port->tunnel ? "device" : "port", port->name);
}

static void tunnel_put(const struct trace *trace, json_t *json, uint32_t id)
{
	const struct weft_drop_key key = {.tunnel = id};
	const struct live_tunnel *tunnel = counter_tunnel(trace->kernel, &key);

	if (tunnel)
		text_put(json, "tunnel", tunnel->name);
}

/* Its tunnel and address; with `way`, how it is reached. */
static void remote_put(const struct trace *trace, json_t *json, uint32_t id, bool way)
{
	const struct live_remote *remote = remote_of(trace, id);
	char text[ADDR_STRLEN];
	const struct link *link;
	struct weft_remote slot;

	if (dp_get_remote(trace->kernel->dp, &id, &slot) < 0 || !id)
		return;
	tunnel_put(trace, json, slot.tunnel);
	/* a prototype has none: it stands for a remote that would be made */
	if (!addr_is_any(&slot.addr))
		text_put(json, "remote", addr_format(&slot.addr, text));
	if (!way)
		return;
	link = link_by_index(trace->kernel->netlink, slot.ifindex);
	if (link)
		text_put(json, "dev", link->name);
	if (remote && !addr_is_any(&remote->hop.gateway))
		text_put(json, "gateway", addr_format(&remote->hop.gateway, text));
	if (slot.flags & WEFT_REMOTE_RESOLVED)
		text_put(json, "lladdr", mac_format(slot.ethernet, text));
}

static void packet_put(json_t *json, const struct trace_packet *packet, uint32_t segment)
{
	char text[2 * sizeof(packet->bytes) + 1];
	uint32_t len = packet->input.len;

	number_put(json, "length", len);
	if (segment)
		number_put(json, "segment", segment);
	json_object_set_new(json, "packet", json_string(hex_write(packet->bytes, len, text)));
}

static void underlay_put(json_t *json, const struct weft_trace *step)
{
	uint32_t type = step->value[0];

	text_put(json, "type", type <= WEFT_TYPE_NVGRE ? type_names[type] : NULL);
	if (type == WEFT_TYPE_VXLAN || type == WEFT_TYPE_GENEVE) {
		number_put(json, "port", step->value[1]);
		number_put(json, "vni", step->value[2]);
	} else if (type && step->value[1] == WEFT_GRE_KEY) {
		number_put(json, "key", step->value[2]);
	}
}

/* What the values of a step say. */
static void values_put(const struct trace *trace, json_t *json, const struct weft_trace *step)
{
	const uint32_t *value = step->value;

	switch (step->what) {
	case WEFT_TRACE_VLAN:
		json_object_set_new(json, "tagged", json_boolean(value[1]));
		break;
	case WEFT_TRACE_LEARN:
	case WEFT_TRACE_LOOKUP: {
		json_t *there = json_object();

		text_put(json, "result",
			 step->what == WEFT_TRACE_LEARN ? learn_names[value[0]]
							: lookup_names[value[0]]);
		port_put(trace, there, value[1]);
		remote_put(trace, there, value[2], false);
		if (json_object_size(there))
			json_object_set(json, "there", there);
		json_decref(there);
		break;
	}
	case WEFT_TRACE_FLOOD:
		number_put(json, "ports", value[0]);
		number_put(json, "remotes", value[1]);
		break;
	case WEFT_TRACE_UNDERLAY:
		underlay_put(json, step);
		break;
	case WEFT_TRACE_PEER_NEW:
		tunnel_put(trace, json, value[0]);
		break;
	case WEFT_TRACE_ENCAP:
		remote_put(trace, json, value[0], false);
		number_put(json, "size", value[1]);
		number_put(json, "room", value[2]);
		break;
	case WEFT_TRACE_MSS:
		number_put(json, "was", value[0]);
		number_put(json, "mss", value[1]);
		break;
	case WEFT_TRACE_EXPIRED:
	case WEFT_TRACE_TOOBIG:
		number_put(json, "mtu", value[0]);
		break;
	case WEFT_TRACE_PATH_MTU:
		remote_put(trace, json, value[0], false);
		number_put(json, "mtu", value[1]);
		break;
	case WEFT_TRACE_NOTE:
		text_put(json, "note", note_name(value[0]));
		break;
	case WEFT_TRACE_DROP:
		drop_put(json, value[0]);
		break;
	default:
		break;
	}
}

/* What is known of the frame. */
static void frame_put(const struct trace *trace, json_t *json, const struct weft_trace *step)
{
	char text[MAC_STRLEN];

	if (step->bridge && step->bridge < WEFT_BRIDGES_MAX &&
	    trace->kernel->bridge_by_id[step->bridge])
		text_put(json, "bridge", trace->kernel->bridge_by_id[step->bridge]->name);
	port_put(trace, json, step->port);
	tunnel_put(trace, json, step->tunnel);
	remote_put(trace, json, step->remote,
		   step->what == WEFT_TRACE_SEND || step->what == WEFT_TRACE_RESOLVE);
	if (step->vlan)
		number_put(json, "vlan", step->vlan);
	if (!mac_is_zero(step->dst)) {
		text_put(json, "src", mac_format(step->src, text));
		text_put(json, "dst", mac_format(step->dst, text));
	}
}

/* --- Runs -------------------------------------------------------------------------------------- */

static struct pending *pending_add(struct trace *trace, enum dp_hook hook)
{
	struct pending *pending = trace->runs < TRACE_RUNS_MAX ? calloc(1, sizeof(*pending)) : NULL;

	if (!pending) {
		trace->cut = true;
		return NULL;
	}
	trace->runs++;
	pending->hook = hook;
	pending->packet.input.bytes = pending->packet.bytes;
	*trace->last = pending;
	trace->last = &pending->next;
	return pending;
}

/* The run that goes on with a packet which the datapath has handed over. */
static void packet_follow(struct trace *trace, const struct weft_trace_packet *record)
{
	struct pending *pending;
	enum dp_hook hook = trace->hook;

	if (record->step.what == WEFT_TRACE_SPLIT)
		hook = DP_HOOK_SPLIT;
	else if (record->step.what == WEFT_TRACE_COLLECT)
		hook = DP_HOOK_COLLECT;
	else if (record->step.what != WEFT_TRACE_DEFER)
		return;
	pending = pending_add(trace, hook);
	if (!pending)
		return;
	trace_packet_take(&pending->packet, record);
	pending->packet.input.bytes = pending->packet.bytes;
	pending->packet.input.ifindex = trace->ifindex;
	if (hook == DP_HOOK_SPLIT)
		trace_packet_segment(&pending->packet);
	if (hook == DP_HOOK_COLLECT)
		trace_packet_open(&pending->packet, record->step.value[0]);
}

static void step_told(void *arg, const struct weft_trace *step,
		      const struct weft_trace_packet *record)
{
	struct trace *trace = arg;
	struct trace_packet packet;
	json_t *json;

	if (step->what >= WEFT_TRACE_MAX || !step_names[step->what])
		return;
	if (record) {
		trace->ended = true;
		packet_follow(trace, record);
	}
	if (json_array_size(trace->steps) >= TRACE_STEPS_MAX) {
		trace->cut = true;
		return;
	}
	json = json_pack("{s:s}", "step", step_names[step->what]);
	frame_put(trace, json, step);
	values_put(trace, json, step);
	if (record) {
		trace_packet_take(&packet, record);
		packet_put(json, &packet, record->segment);
	}
	json_array_append_new(trace->steps, json);
}

static int pending_run(struct trace *trace, struct pending *pending, struct error *err)
{
	const struct link *link =
		link_by_index(trace->kernel->netlink, pending->packet.input.ifindex);
	json_t *json = json_pack("{s:s, s:s}", "step", "run", "hook", hook_names[pending->hook]);
	uint32_t verdict = 0;
	int r;

	text_put(json, "dev", link ? link->name : NULL);
	packet_put(json, &pending->packet, pending->packet.input.segment);
	json_array_append_new(trace->steps, json);
	trace->hook = pending->hook;
	trace->ifindex = pending->packet.input.ifindex;
	trace->ended = false;
	r = dp_tracer_run(trace->kernel->tracer->dp, pending->hook, &pending->packet.input,
			  step_told, trace, &verdict, err);
	if (r < 0)
		return r;
	if (verdict == (uint32_t)TC_ACT_UNSPEC)
		json_array_append_new(trace->steps, json_pack("{s:s}", "step", "host"));
	else if (!trace->ended)
		json_array_append_new(trace->steps, json_pack("{s:s}", "step", "gone"));
	return 0;
}

/* --- The request ------------------------------------------------------------------------------- */

static int packet_read(struct trace_packet *packet, const char *hex, struct error *err)
{
	int len = hex ? hex_read(hex, packet->bytes, DP_TRACE_MAX) : 0;

	if (!hex)
		return error_set(err, -EINVAL, "packet: is missing");
	if (len == -EINVAL)
		return error_set(err, -EINVAL, "packet: is no hexadecimal");
	if (len < DP_TRACE_MIN)
		return error_set(err, -EINVAL,
				 "packet: has %zu bytes; a trace takes %d to %d, Ethernet header "
				 "and all",
				 strlen(hex) / 2, DP_TRACE_MIN, DP_TRACE_MAX);
	packet->input.len = (uint32_t)len;
	return 0;
}

static int port_read(struct kernel *kernel, const char *name, struct pending *pending,
		     struct error *err)
{
	const struct live_port *port = port_find(kernel, name);

	if (!port)
		return error_set(err, -ENOENT, "port %.64s: there is no such port", name);
	if (!port->ifindex)
		return error_set(err, -ENODEV, "port %s: its device is not there", port->name);
	pending->hook = DP_HOOK_PORT;
	pending->packet.input.ifindex = port->ifindex;
	return 0;
}

/* The device that the route to the packet's source takes, if a tunnel has a remote there. */
static uint32_t device_guess(struct kernel *kernel, const struct trace_packet *packet)
{
	struct live_remote *remote, *next;
	struct weft_addr source;

	if (trace_packet_source(packet->bytes, packet->input.len, &source) < 0)
		return 0;
	HASH_ITER (hh, kernel->remotes, remote, next)
		if (addr_equal(&remote->key.addr, &source) && remote->hop.ifindex)
			return remote->hop.ifindex;
	return 0;
}

static int underlay_read(struct kernel *kernel, const char *dev, struct pending *pending,
			 struct error *err)
{
	uint32_t guess = dev ? 0 : device_guess(kernel, &pending->packet);
	const struct link *link =
		dev ? link_by_name(kernel->netlink, dev) : link_by_index(kernel->netlink, guess);

	if (!link)
		return dev ? error_set(err, -ENODEV, "dev %.64s: there is no such device", dev)
			   : error_set(err, -EINVAL,
				       "dev: no tunnel has a remote at the packet's source; name "
				       "the device that it comes by: underlay DEVICE");
	pending->hook = DP_HOOK_UNDERLAY;
	pending->packet.input.ifindex = link->ifindex;
	/* to whom it is on this link need not be said */
	if (mac_is_zero(pending->packet.bytes))
		memcpy(pending->packet.bytes, link->lladdr, sizeof(link->lladdr));
	return 0;
}

/* What is traced must be what a packet meets there: a device without the program would be told of as if it had it. */
static int hook_check(struct kernel *kernel, const char *port, const struct pending *pending,
		      struct error *err)
{
	uint32_t ifindex = pending->packet.input.ifindex;
	const struct link *link = link_by_index(kernel->netlink, ifindex);
	bool internal = port && port_is_internal(port_find(kernel, port));
	int64_t id = hook_query(kernel->netlink, ifindex, internal ? HOOK_EGRESS : HOOK_INGRESS);

	/* a port's device has its program at the same place */
	if (id <= 0 || (!port && !underlay_has(kernel->underlay, ifindex)))
		return error_set(err, -ENODEV, "dev %s: %s", link ? link->name : "",
				 port ? "weft's program is not attached to it"
				      : "is no underlay device, weft looks at no packet there");
	return dp_tracer_check(kernel->tracer->dp, pending->hook, (uint32_t)id, err);
}

int kernel_trace(struct kernel *kernel, const struct trace_request *request, json_t **ret,
		 struct error *err)
{
	struct trace trace = {.kernel = kernel, .last = &trace.first};
	struct pending *pending;
	uint64_t lost;
	int r;

	if (!kernel->dp)
		return error_set(err, -ENODEV,
				 "trace: no datapath runs; it is loaded with the first object");
	pending = pending_add(&trace, DP_HOOK_PORT);
	if (!pending)
		return error_set(err, -ENOMEM, "out of memory");
	r = packet_read(&pending->packet, request->packet, err);
	if (r == 0)
		r = request->port ? port_read(kernel, request->port, pending, err)
				  : underlay_read(kernel, request->dev, pending, err);
	if (r == 0 && request->segment >= pending->packet.input.len)
		r = error_set(err, -EINVAL, "segment: is not below the length of the packet");
	pending->packet.input.segment = request->segment;
	if (r == 0)
		r = tracer_get(kernel, err);
	if (r == 0)
		r = hook_check(kernel, request->port, pending, err);
	trace.steps = json_array();
	lost = r == 0 ? dp_tracer_lost(kernel->tracer->dp, kernel->dp) : 0;
	while (trace.first) {
		pending = trace.first;
		if (r == 0)
			r = pending_run(&trace, pending, err);
		trace.first = pending->next;
		if (!trace.first)
			trace.last = &trace.first;
		free(pending);
	}
	if (r < 0) {
		json_decref(trace.steps);
		return r;
	}
	if (dp_tracer_lost(kernel->tracer->dp, kernel->dp) != lost)
		trace.cut = true;
	*ret = json_pack("{s:o, s:b}", "steps", trace.steps, "cut", trace.cut);
	return 0;
}
