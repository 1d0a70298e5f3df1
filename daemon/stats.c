/* SPDX-License-Identifier: GPL-2.0-only */
/* What the datapath counted of ports, tunnels and their remotes. */
#include <stdlib.h>
#include <string.h>

#include "daemon/live.h"
#include "lib/tunnel.h"

void stats_add(struct weft_stats *sum, const struct weft_stats *more)
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

const char *remote_name(const struct live_remote *remote, char text[REMOTE_STRLEN])
{
	char addr[ADDR_STRLEN];
	int length = snprintf(text, REMOTE_STRLEN, "%s", addr_format(&remote->key.addr, addr));

	if (remote->key.vni != tunnel_vni(remote->tunnel->config))
		length += snprintf(text + length, REMOTE_STRLEN - (size_t)length, " vni %u",
				   remote->key.vni);
	if (remote->key.options)
		snprintf(text + length, REMOTE_STRLEN - (size_t)length, " options %u",
			 remote->key.options);
	return text;
}

static json_t *tunnel_stats(struct kernel *kernel, const struct live_tunnel *tunnel, uint64_t drops)
{
	struct weft_stats sum = {}, own;
	json_t *remotes = json_object(), *json;

	for (const struct live_remote *remote = tunnel->remote_list; remote;
	     remote = remote->tunnel_next) {
		char name[REMOTE_STRLEN];

		if (dp_stats_get(kernel->dp, DP_REMOTE_STATS, remote->id, &own) < 0)
			continue;
		stats_add(&sum, &own);
		if (remote->owners & OWNER_PROTOTYPE)
			continue;
		json_object_set_new(remotes, remote_name(remote, name), stats_json(&own));
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
	struct drop_sums *drops = kernel->dp ? drop_sums_read(kernel) : NULL;

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

		json_object_set_new(tunnels, tunnel->name, tunnel_stats(kernel, tunnel, dropped));
	}
	free(drops);
	return json_pack("{s:o, s:o}", "ports", ports, "tunnels", tunnels);
}
