/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The metrics page. All samples of a metric stand together, as the format demands: so the outer loop is over the table of
 * metrics, the inner one over the ids of what it is about, and where both are is all that is kept between two pieces.
 */
#include "daemon/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/metrics_read.h"
#include "lib/tunnel.h"

/* A metric's samples: one for each item of its noun, in the order of ids. */
enum noun_of {
	OF_WEFT,
	OF_BRIDGE,
	OF_PORT,
	OF_TUNNEL,
	OF_REMOTE,
	OF_DROP,
	OF_NOTE,
	OF_MAP,
	OF_COUNT
};

struct metric {
	const char *name;
	const char *type; /* "counter", "gauge" */
	const char *help;
	enum noun_of of;
	/* Its value for item `id`; false: it has none. `offset`: of the counter in struct weft_stats. */
	bool (*value)(const struct metrics *metrics, uint32_t id, size_t offset, double *ret);
	size_t offset;
};

struct metrics {
	struct kernel *kernel;
	struct metrics_read read;
	size_t metric; /* where we are in the table, */
	uint32_t id;   /* and in what that one is about */
	bool begun;    /* its HELP and TYPE are written */
};

/* --- Items --------------------------------------------------------------------------------------- */

static const struct live_port *port_at(const struct metrics *metrics, uint32_t id)
{
	const struct live_port *port = metrics->kernel->port_by_id[id];

	return port && !port->tunnel ? port : NULL;
}

static const struct live_remote *remote_at(const struct metrics *metrics, uint32_t id)
{
	const struct live_remote *remote = metrics->kernel->remote_by_id[id];

	return remote && !(remote->owners & OWNER_PROTOTYPE) ? remote : NULL;
}

/* One past the last id there can be. */
static uint32_t items_end(const struct metrics *metrics, enum noun_of of)
{
	const uint32_t ends[OF_COUNT] = {
		[OF_WEFT] = 1,
		[OF_BRIDGE] = WEFT_BRIDGES_MAX,
		[OF_PORT] = WEFT_PORTS_MAX,
		[OF_TUNNEL] = WEFT_TUNNELS_MAX,
		[OF_REMOTE] = WEFT_REMOTES_MAX,
		[OF_DROP] = metrics->read.drops.count,
		[OF_NOTE] = metrics->read.notes.count,
		[OF_MAP] = DP_MAP_COUNT,
	};

	return ends[of];
}

/* Is it nobody's, or of somebody who is still there? Two that are gone would look alike. */
static bool counter_there(const struct kernel *kernel, const struct weft_drop_key *key)
{
	return (!key->port || counter_port(kernel, key)) &&
	       (!key->tunnel || counter_tunnel(kernel, key));
}

/* Is there such an item? Objects may have gone since the page was begun, and with the last of them the datapath. */
static bool item_there(const struct metrics *metrics, enum noun_of of, uint32_t id)
{
	struct kernel *kernel = metrics->kernel;

	switch (of) {
	case OF_BRIDGE:
		return kernel->bridge_by_id[id] && *kernel->bridge_by_id[id]->name;
	case OF_PORT:
		return port_at(metrics, id) != NULL;
	case OF_TUNNEL:
		return kernel->tunnel_by_id[id] != NULL;
	case OF_REMOTE:
		return remote_at(metrics, id) != NULL;
	case OF_DROP:
		return drop_name(metrics->read.drops.counter[id].key.reason) &&
		       counter_there(kernel, &metrics->read.drops.counter[id].key);
	case OF_NOTE:
		return note_name(metrics->read.notes.counter[id].key.reason) &&
		       counter_there(kernel, &metrics->read.notes.counter[id].key);
	case OF_MAP:
		return kernel->dp != NULL;
	default:
		return true;
	}
}

/* --- Labels -------------------------------------------------------------------------------------- */

static void label_add(struct evbuffer *out, char before, const char *name, const char *value)
{
	evbuffer_add_printf(out, "%c%s=\"", before, name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			evbuffer_add(out, "\\", 1);
		evbuffer_add(out, *value == '\n' ? "\\n" : value, *value == '\n' ? 2 : 1);
	}
	evbuffer_add(out, "\"", 1);
}

static void drop_labels(const struct metrics *metrics, const struct weft_drop_key *key,
			struct evbuffer *out)
{
	const struct live_tunnel *tunnel = counter_tunnel(metrics->kernel, key);
	const struct live_port *port = counter_port(metrics->kernel, key);

	label_add(out, '{', "reason", drop_name(key->reason));
	label_add(out, ',', "port", port ? port->name : "");
	label_add(out, ',', "tunnel", tunnel ? tunnel->name : "");
}

static const char *type_word(enum tunnel_type type)
{
	const struct field_word *word = schema_field(NOUN_TUNNEL, "type")->words;

	while (word->word && word->value != type)
		word++;
	return word->word ? word->word : "";
}

static void tunnel_info_labels(const struct live_tunnel *tunnel, struct evbuffer *out)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", tunnel_vni(tunnel->config));
	label_add(out, ',', "bridge", tunnel->bridge->name);
	label_add(out, ',', "type", type_word(tunnel->config->type));
	label_add(out, ',', "id", number);
}

/* What of an item stands in braces, without the brace at the end. False: nothing. */
static bool item_labels(const struct metrics *metrics, enum noun_of of, uint32_t id,
			struct evbuffer *out)
{
	const struct kernel *kernel = metrics->kernel;
	const struct weft_drop_key *note;
	const struct live_tunnel *tunnel;
	const struct live_remote *remote;
	char name[REMOTE_STRLEN];

	switch (of) {
	case OF_BRIDGE:
		label_add(out, '{', "bridge", kernel->bridge_by_id[id]->name);
		return true;
	case OF_PORT:
		label_add(out, '{', "port", kernel->port_by_id[id]->name);
		return true;
	case OF_TUNNEL:
		label_add(out, '{', "tunnel", kernel->tunnel_by_id[id]->name);
		return true;
	case OF_REMOTE:
		remote = kernel->remote_by_id[id];
		label_add(out, '{', "tunnel", remote->tunnel->name);
		label_add(out, ',', "remote", remote_name(remote, name));
		return true;
	case OF_DROP:
		drop_labels(metrics, &metrics->read.drops.counter[id].key, out);
		return true;
	case OF_NOTE:
		note = &metrics->read.notes.counter[id].key;
		tunnel = counter_tunnel(kernel, note);
		label_add(out, '{', "note", note_name(note->reason));
		label_add(out, ',', "tunnel", tunnel ? tunnel->name : "");
		return true;
	case OF_MAP:
		label_add(out, '{', "map", dp_map_name((enum dp_map)id));
		return true;
	default:
		return false;
	}
}

/* --- Values -------------------------------------------------------------------------------------- */

static bool value_one(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)metrics, (void)id, (void)offset;
	*ret = 1;
	return true;
}

static bool value_up(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)metrics, (void)id, (void)offset;
	*ret = metrics->kernel->dp != NULL;
	return true;
}

static double counter_of(const struct weft_stats *stats, size_t offset)
{
	return (double)*(const uint64_t *)((const char *)stats + offset);
}

static bool port_counter(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	if (id >= metrics->read.port_count)
		return false;
	*ret = counter_of(&metrics->read.port[id], offset);
	return true;
}

static bool port_up(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)offset;
	*ret = port_at(metrics, id)->up;
	return true;
}

static const struct link *port_link(const struct metrics *metrics, uint32_t id)
{
	uint32_t ifindex = port_at(metrics, id)->ifindex;

	return ifindex ? link_by_index(metrics->kernel->netlink, ifindex) : NULL;
}

static bool port_mtu(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	const struct link *link = port_link(metrics, id);

	(void)offset;
	*ret = link ? link->mtu : 0;
	return link != NULL;
}

static bool remote_counter(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	if (id >= metrics->read.remote_count)
		return false;
	*ret = counter_of(&metrics->read.remote[id], offset);
	return true;
}

/* Its remotes', and what came from none of them, which is counted at its prototypes. */
static bool tunnel_counter(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	double own;

	*ret = 0;
	for (const struct live_remote *remote = metrics->kernel->tunnel_by_id[id]->remote_list;
	     remote; remote = remote->tunnel_next)
		if (remote_counter(metrics, remote->id, offset, &own))
			*ret += own;
	return true;
}

static bool tunnel_mtu_bytes(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)offset;
	*ret = tunnel_mtu(metrics->kernel->tunnel_by_id[id]);
	return true;
}

static bool tunnel_remotes(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)offset;
	*ret = 0;
	for (const struct live_remote *remote = metrics->kernel->tunnel_by_id[id]->remote_list;
	     remote; remote = remote->tunnel_next)
		*ret += !(remote->owners & OWNER_PROTOTYPE);
	return true;
}

static bool remote_resolved(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)offset;
	*ret = metrics->kernel->remote_by_id[id]->hop.state == NEXTHOP_RESOLVED;
	return true;
}

static bool remote_hop_mtu(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	const struct nexthop *hop = &metrics->kernel->remote_by_id[id]->hop;

	(void)offset;
	*ret = hop->mtu;
	return hop->ifindex != 0;
}

/* As the datapath learned it of ICMP errors. */
static bool remote_path_mtu(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)offset;
	if (id >= metrics->read.remote_count || !metrics->read.path_mtu[id])
		return false;
	*ret = metrics->read.path_mtu[id];
	return true;
}

static bool bridge_entries(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	uint32_t count = 0;

	(void)offset;
	if (!metrics->kernel->dp || dp_get_fdb_count(metrics->kernel->dp, &id, &count) < 0)
		return false;
	*ret = count;
	return true;
}

static bool drop_packets(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)offset;
	*ret = (double)metrics->read.drops.counter[id].packets;
	return true;
}

static bool note_packets(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)offset;
	*ret = (double)metrics->read.notes.counter[id].packets;
	return true;
}

static bool lost_events(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)id, (void)offset;
	*ret = metrics->kernel->dp ? (double)events_lost(metrics->kernel) : 0;
	return true;
}

static bool map_bytes(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)offset;
	*ret = (double)dp_map_memory(metrics->kernel->dp, (enum dp_map)id);
	return true;
}

static bool process_value(const struct metrics *metrics, uint32_t id, size_t offset, double *ret)
{
	(void)id;
	*ret = metrics->read.process[offset];
	return true;
}

/* --- The table ------------------------------------------------------------------------------------- */

#define STATS(noun, what, of, value)                                                               \
	{"weft_" noun "_receive_packets_total",                                                    \
	 "counter",                                                                                \
	 "Packets that came from " what " into the overlay, super-packets counted as one.",        \
	 of,                                                                                       \
	 value,                                                                                    \
	 offsetof(struct weft_stats, rx_packets)},                                                 \
		{"weft_" noun "_receive_bytes_total",                                              \
		 "counter",                                                                        \
		 "Bytes of the inner frames that came from " what ".",                             \
		 of,                                                                               \
		 value,                                                                            \
		 offsetof(struct weft_stats, rx_bytes)},                                           \
		{"weft_" noun "_transmit_packets_total",                                           \
		 "counter",                                                                        \
		 "Packets that went to " what ", super-packets counted as one.",                   \
		 of,                                                                               \
		 value,                                                                            \
		 offsetof(struct weft_stats, tx_packets)},                                         \
	{                                                                                          \
		"weft_" noun "_transmit_bytes_total", "counter",                                   \
			"Bytes of the inner frames that went to " what ".", of, value,             \
			offsetof(struct weft_stats, tx_bytes)                                      \
	}

static const struct metric table[] = {
	{"weft_build_info", "gauge", "The version of weftd; always 1.", OF_WEFT, value_one, 0},
	{"weft_datapath_loaded", "gauge",
	 "Whether the datapath is in the kernel: it is as long as there is any object.", OF_WEFT,
	 value_up, 0},
	{"weft_events_lost_total", "counter",
	 "Events that the datapath could not hand to weftd; the maps were read again for them.",
	 OF_WEFT, lost_events, 0},
	{"weft_fdb_entries", "gauge", "Entries of a bridge's FDB, static ones included.", OF_BRIDGE,
	 bridge_entries, 0},
	{"weft_port_up", "gauge", "Whether the port's device is there and up.", OF_PORT, port_up,
	 0},
	{"weft_port_mtu_bytes", "gauge", "MTU of the port's device.", OF_PORT, port_mtu, 0},
	STATS("port", "the port", OF_PORT, port_counter),
	{"weft_tunnel_info", "gauge", "Bridge, type and VNI or key of a tunnel; always 1.",
	 OF_TUNNEL, value_one, 0},
	{"weft_tunnel_mtu_bytes", "gauge", "MTU that the underlay leaves to the overlay.",
	 OF_TUNNEL, tunnel_mtu_bytes, 0},
	{"weft_tunnel_remotes", "gauge", "Remotes of the tunnel, learned ones included.", OF_TUNNEL,
	 tunnel_remotes, 0},
	STATS("tunnel", "the tunnel", OF_TUNNEL, tunnel_counter),
	{"weft_remote_resolved", "gauge", "Whether the MAC of the next hop to the remote is known.",
	 OF_REMOTE, remote_resolved, 0},
	{"weft_remote_hop_mtu_bytes", "gauge", "MTU of the next hop to the remote.", OF_REMOTE,
	 remote_hop_mtu, 0},
	{"weft_remote_path_mtu_bytes", "gauge",
	 "MTU of the path to the remote, while one is known that an ICMP error told.", OF_REMOTE,
	 remote_path_mtu, 0},
	STATS("remote", "the remote", OF_REMOTE, remote_counter),
	{"weft_drops_total", "counter", "Packets dropped, by reason and by the port or tunnel.",
	 OF_DROP, drop_packets, 0},
	{"weft_notes_total", "counter", "Packets that were odd and delivered.", OF_NOTE,
	 note_packets, 0},
	{"weft_map_memory_bytes", "gauge", "Memory of a map of the datapath.", OF_MAP, map_bytes,
	 0},
	{"process_cpu_seconds_total", "counter", "User and system CPU time of weftd.", OF_WEFT,
	 process_value, PROCESS_CPU},
	{"process_start_time_seconds", "gauge", "When weftd started, since the epoch.", OF_WEFT,
	 process_value, PROCESS_START},
	{"process_resident_memory_bytes", "gauge", "Resident memory of weftd.", OF_WEFT,
	 process_value, PROCESS_RESIDENT},
	{"process_virtual_memory_bytes", "gauge", "Virtual memory of weftd.", OF_WEFT,
	 process_value, PROCESS_VIRTUAL},
	{"process_open_fds", "gauge", "Open file descriptors of weftd.", OF_WEFT, process_value,
	 PROCESS_FDS},
	{"process_max_fds", "gauge", "The limit of open file descriptors.", OF_WEFT, process_value,
	 PROCESS_FDS_MAX},
};
#define TABLE_SIZE (sizeof(table) / sizeof(*table))

/* --- The page -------------------------------------------------------------------------------------- */

struct metrics *metrics_new(struct kernel *kernel)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return NULL;
	metrics->kernel = kernel;
	if (metrics_read_all(kernel, &metrics->read) < 0) {
		metrics_free(metrics);
		return NULL;
	}
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	metrics_read_free(&metrics->read);
	free(metrics);
}

static void sample_write(struct metrics *metrics, const struct metric *metric, uint32_t id,
			 struct evbuffer *out)
{
	double value = 0;
	bool labels;

	if (!item_there(metrics, metric->of, id) ||
	    !metric->value(metrics, id, metric->offset, &value))
		return;
	if (!metrics->begun)
		evbuffer_add_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
				    metric->name, metric->type);
	metrics->begun = true;
	evbuffer_add_printf(out, "%s", metric->name);
	labels = item_labels(metrics, metric->of, id, out);
	if (metric->of == OF_TUNNEL && metric->value == value_one)
		tunnel_info_labels(metrics->kernel->tunnel_by_id[id], out);
	else if (metric->value == value_one)
		label_add(out, '{', "version", WEFT_VERSION);
	labels = labels || metric->value == value_one;
	evbuffer_add_printf(out, "%s %.17g\n", labels ? "}" : "", value);
}

bool metrics_write(struct metrics *metrics, struct evbuffer *out, size_t bytes)
{
	size_t end = evbuffer_get_length(out) + bytes;

	while (metrics->metric < TABLE_SIZE) {
		const struct metric *metric = &table[metrics->metric];

		while (metrics->id < items_end(metrics, metric->of)) {
			sample_write(metrics, metric, metrics->id++, out);
			if (evbuffer_get_length(out) >= end)
				return true;
		}
		metrics->metric++;
		metrics->id = 0;
		metrics->begun = false;
	}
	return false;
}
