/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What received GENEVE packets (RFC 8926) say to weftd rather than to a port: control packets, which are shown to
 * whoever watches and to nobody else, and the options that a remote sends.
 */
#include <stdlib.h>

#include "daemon/live.h"
#include "lib/hex.h"

static const struct live_remote *remote_of(const struct kernel *kernel, uint32_t id)
{
	return id < WEFT_REMOTES_MAX ? kernel->remote_by_id[id] : NULL;
}

static void put_remote(json_t *json, const struct live_remote *remote)
{
	char addr[ADDR_STRLEN];

	if (remote && !(remote->owners & OWNER_PROTOTYPE))
		json_object_set_new(json, "remote",
				    json_string(addr_format(&remote->key.addr, addr)));
}

static json_t *bytes_json(const uint8_t *bytes, size_t len)
{
	char text[2 * WEFT_CONTROL_BYTES + 1];

	return json_string(hex_write(bytes, len, text));
}

void geneve_control_event(struct kernel *kernel, const struct weft_control_event *event)
{
	const struct live_tunnel *tunnel =
		event->tunnel < WEFT_TUNNELS_MAX ? kernel->tunnel_by_id[event->tunnel] : NULL;
	json_t *json;

	if (!tunnel || !kernel->callbacks.packet || event->captured > WEFT_CONTROL_BYTES)
		return;
	json = json_pack("{s:s, s:s, s:i, s:o}", "event", "control", "tunnel", tunnel->name,
			 "length", event->len, "packet", bytes_json(event->bytes, event->captured));
	put_remote(json, remote_of(kernel, event->remote));
	kernel->callbacks.packet(kernel->callbacks.arg, json);
	json_decref(json);
}

json_t *geneve_options_seen(struct kernel *kernel, uint32_t remote)
{
	struct options_set *set = NULL;
	struct weft_seen_options seen;
	json_t *json = NULL;

	if (dp_get_seen_options(kernel->dp, &remote, &seen) < 0 || seen.len > WEFT_OPTIONS_MAX)
		return NULL;
	if (options_intern(seen.bytes, seen.len, &set) >= 0)
		json = options_json(set);
	options_release(set);
	return json;
}

void geneve_options_event(struct kernel *kernel, uint32_t id)
{
	const struct live_remote *remote = remote_of(kernel, id);
	json_t *options, *json;

	if (!remote || !kernel->callbacks.packet)
		return;
	options = geneve_options_seen(kernel, id);
	if (!options)
		return;
	json = json_pack("{s:s, s:s, s:o}", "event", "options", "tunnel", remote->tunnel->name,
			 "options", options);
	put_remote(json, remote);
	kernel->callbacks.packet(kernel->callbacks.arg, json);
	json_decref(json);
}
