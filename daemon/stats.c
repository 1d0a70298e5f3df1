/* SPDX-License-Identifier: GPL-2.0-only */
/* What the datapath counted, and what the kernel side knows about itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "daemon/live.h"
#include "lib/tunnel.h"

#define DROPS_BATCH 256

static const struct {
	const char *name, *cause;
} drop_reasons[WEFT_DROP_MAX] = {
#define WEFT_DROP(name, string, cause) [WEFT_DROP_##name] = {string, cause},
	WEFT_DROPS(WEFT_DROP)
#undef WEFT_DROP
};

/* Drops by place, summed over the CPUs. */
struct drop_list {
	struct weft_drop_key *key;
	uint64_t *packets;
	size_t count;
	uint64_t by_port[WEFT_PORTS_MAX];
	uint64_t by_tunnel[WEFT_TUNNELS_MAX];
};

static void drop_list_free(struct drop_list *drops)
{
	if (!drops)
		return;
	free(drops->key);
	free(drops->packets);
	free(drops);
}

static int drop_list_more(struct drop_list *drops, const struct weft_drop_key *keys,
			  const uint64_t *values, uint32_t count, int cpus)
{
	struct weft_drop_key *key =
		reallocarray(drops->key, drops->count + count + 1, sizeof(*key));
	uint64_t *packets;

	if (!key)
		return -ENOMEM;
	drops->key = key;
	packets = reallocarray(drops->packets, drops->count + count + 1, sizeof(*packets));
	if (!packets)
		return -ENOMEM;
	drops->packets = packets;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t sum = 0;

		for (int cpu = 0; cpu < cpus; cpu++)
			sum += values[(size_t)i * (size_t)cpus + (size_t)cpu];
		key[drops->count] = keys[i];
		packets[drops->count++] = sum;
		if (keys[i].port < WEFT_PORTS_MAX)
			drops->by_port[keys[i].port] += sum;
		if (keys[i].tunnel < WEFT_TUNNELS_MAX)
			drops->by_tunnel[keys[i].tunnel] += sum;
	}
	return 0;
}

static struct drop_list *drop_list_read(struct kernel *kernel)
{
	int cpus = dp_cpus(kernel->dp), r = 1;
	struct drop_list *drops = calloc(1, sizeof(*drops));
	uint64_t *values = calloc((size_t)cpus * DROPS_BATCH, sizeof(*values));
	struct weft_drop_key keys[DROPS_BATCH];
	struct dp_cursor cursor = {};
	uint32_t count;

	while (drops && values && r > 0) {
		r = dp_walk(kernel->dp, DP_DROPS, &cursor, keys, values, DROPS_BATCH, &count);
		if (r >= 0 && drop_list_more(drops, keys, values, count, cpus) < 0)
			r = -ENOMEM;
	}
	free(values);
	return drops;
}

void drops_forget(struct kernel *kernel, uint32_t port, uint32_t tunnel)
{
	struct weft_drop_key key = {.port = port, .tunnel = tunnel};

	for (key.reason = WEFT_DROP_NONE + 1; key.reason < WEFT_DROP_MAX; key.reason++)
		dp_delete(kernel->dp, DP_DROPS, &key);
}

static void stats_add(struct weft_stats *sum, const struct weft_stats *more)
{
	sum->rx_packets += more->rx_packets;
	sum->rx_bytes += more->rx_bytes;
	sum->tx_packets += more->tx_packets;
	sum->tx_bytes += more->tx_bytes;
}

static json_t *stats_json(const struct weft_stats *stats)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "rx_packets", (json_int_t)stats->rx_packets,
			 "rx_bytes", (json_int_t)stats->rx_bytes, "tx_packets",
			 (json_int_t)stats->tx_packets, "tx_bytes", (json_int_t)stats->tx_bytes);
}

static json_t *tunnel_stats(struct kernel *kernel, const struct live_tunnel *tunnel, uint64_t drops)
{
	struct weft_stats sum = {}, own;
	json_t *remotes = json_object(), *json;

	for (const struct live_remote *remote = tunnel->remote_list; remote;
	     remote = remote->tunnel_next) {
		char addr[ADDR_STRLEN], name[ADDR_STRLEN + 48];

		if (dp_stats_get(kernel->dp, DP_REMOTE_STATS, remote->id, &own) < 0)
			continue;
		stats_add(&sum, &own);
		if (remote->owners & OWNER_PROTOTYPE)
			continue;
		addr_format(&remote->key.addr, addr);
		snprintf(name, sizeof(name), "%s", addr);
		if (remote->key.vni != tunnel_vni(tunnel->config))
			snprintf(name + strlen(name), sizeof(name) - strlen(name), " vni %u",
				 remote->key.vni);
		if (remote->key.options)
			snprintf(name + strlen(name), sizeof(name) - strlen(name), " options %u",
				 remote->key.options);
		json_object_set_new(remotes, name, stats_json(&own));
	}
	json = stats_json(&sum);
	json_object_set_new(json, "drops", json_integer((json_int_t)drops));
	json_object_set_new(json, "remotes", remotes);
	return json;
}

json_t *kernel_stats(struct kernel *kernel)
{
	json_t *ports = json_object(), *tunnels = json_object();
	struct live_tunnel *tunnel, *next_tunnel;
	struct live_port *port, *next_port;
	struct drop_list *drops = kernel->dp ? drop_list_read(kernel) : NULL;

	HASH_ITER (hh, kernel->ports, port, next_port) {
		struct weft_stats stats;
		json_t *json;

		if (port->tunnel || dp_stats_get(kernel->dp, DP_PORT_STATS, port->id, &stats) < 0)
			continue;
		json = stats_json(&stats);
		json_object_set_new(json, "drops",
				    json_integer(drops ? (json_int_t)drops->by_port[port->id] : 0));
		json_object_set_new(ports, port->name, json);
	}
	HASH_ITER (hh, kernel->tunnels, tunnel, next_tunnel) {
		uint64_t dropped = drops ? drops->by_tunnel[tunnel->id] : 0;

		if (drops && tunnel->port)
			dropped += drops->by_port[tunnel->port->id];
		json_object_set_new(tunnels, tunnel->name, tunnel_stats(kernel, tunnel, dropped));
	}
	drop_list_free(drops);
	return json_pack("{s:o, s:o}", "ports", ports, "tunnels", tunnels);
}

json_t *kernel_drops(struct kernel *kernel)
{
	struct drop_list *drops = kernel->dp ? drop_list_read(kernel) : NULL;
	json_t *list = json_array();

	for (size_t i = 0; drops && i < drops->count; i++) {
		const struct weft_drop_key *key = &drops->key[i];
		const struct live_tunnel *tunnel;
		const struct live_port *port;
		json_t *json;

		if (key->reason <= WEFT_DROP_NONE || key->reason >= WEFT_DROP_MAX)
			continue;
		json = json_pack("{s:s, s:I, s:s}", "reason", drop_reasons[key->reason].name,
				 "packets", (json_int_t)drops->packets[i], "cause",
				 drop_reasons[key->reason].cause);
		port = key->port < WEFT_PORTS_MAX ? kernel->port_by_id[key->port] : NULL;
		tunnel = key->tunnel < WEFT_TUNNELS_MAX ? kernel->tunnel_by_id[key->tunnel] : NULL;
		if (port && port->tunnel)
			tunnel = port->tunnel;
		else if (port)
			json_object_set_new(json, "port", json_string(port->name));
		if (tunnel)
			json_object_set_new(json, "tunnel", json_string(tunnel->name));
		json_array_append_new(list, json);
	}
	drop_list_free(drops);
	return list;
}
