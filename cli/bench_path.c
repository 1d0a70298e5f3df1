/* SPDX-License-Identifier: GPL-2.0-only */
/* Both ways to the remote host: the native one by the tunnel's addresses, and the one through the tunnel. */
#include <errno.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/member.h"
#include "cli/probe.h"
#include "lib/addr.h"

int bench_tunnel(struct cli *cli, struct bench *bench, char name[NAME_LEN], struct error *err)
{
	json_auto_t *tunnels = NULL;
	struct probe_target target = {.remote = bench->remote};
	const char *via = bench->tunnel;
	char text[ADDR_STRLEN];
	int ret = cli_call(cli, "tunnel.show", via ? json_pack("{s:s}", "name", via) : NULL,
			   &tunnels, err);

	if (ret < 0)
		return ret;
	if (addr_is_any(&target.remote)) {
		const json_t *remotes = json_object_get(json_array_get(tunnels, 0), "remote");

		if (json_array_size(remotes) != 1 ||
		    addr_parse(json_string_value(json_array_get(remotes, 0)), &target.remote) < 0)
			return error_set(
				err, -EINVAL,
				"tunnel %.16s: has not just one remote: name it, weft bench "
				"ADDRESS",
				via);
	}
	ret = target_find(&target, tunnels, via, err);
	if (ret == 0 && !target.tunnel)
		ret = error_set(err, -ENOENT, "no tunnel has a remote %s",
				addr_format(&target.remote, text));
	if (ret == 0) {
		bench->remote = target.remote;
		bench->here[BENCH_UNDERLAY] = target.tunnel->local;
		strcpy(name, target.tunnel->name);
	}
	target_free(&target);
	return ret;
}

/* The prefixes of objects on that bridge, or with that name. */
static void addresses_add(json_t *list, const json_t *objects, const char *bridge, const char *name)
{
	json_t *object, *prefix;
	size_t i, j;

	json_array_foreach ((json_t *)objects, i, object) {
		if ((bridge && strcmp(member_text(object, "bridge"), bridge) != 0) ||
		    (name && strcmp(member_text(object, "name"), name) != 0))
			continue;
		json_array_foreach (json_object_get(object, "address"), j, prefix) {
			json_array_append(list, prefix);
		}
	}
}

json_t *bench_addresses(struct cli *cli, const char *tunnel)
{
	json_auto_t *tunnels = NULL, *ports = NULL;
	json_t *list = json_array(), *object;
	struct error unheard = {};
	size_t i;

	if (cli_call(cli, "tunnel.show", NULL, &tunnels, &unheard) < 0 ||
	    cli_call(cli, "port.show", NULL, &ports, &unheard) < 0)
		return list;
	json_array_foreach (tunnels, i, object) {
		const char *name = member_text(object, "name"),
			   *bridge = member_text(object, "bridge");

		if (tunnel && strcmp(name, tunnel) != 0)
			continue;
		if (*bridge)
			addresses_add(list, ports, bridge, NULL);
		else
			addresses_add(list, tunnels, NULL, name);
	}
	return list;
}

static bool prefix_has(const struct prefix *prefix, const struct weft_addr *addr)
{
	const uint8_t *a = (const uint8_t *)&prefix->addr, *b = (const uint8_t *)addr;
	unsigned int bits = prefix->len + (addr_is_v4(addr) ? 96u : 0);

	return addr_is_v4(&prefix->addr) == addr_is_v4(addr) && !memcmp(a, b, bits / 8) &&
	       (bits % 8 == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8) == 0);
}

int bench_overlay(struct bench *bench, const json_t *own, const json_t *remote, struct error *err)
{
	json_t *mine, *theirs;
	size_t i, j;

	if (!addr_is_any(&bench->overlay))
		return 0;
	json_array_foreach ((json_t *)own, i, mine) {
		struct prefix here, there;

		if (!json_is_string(mine) || prefix_parse(json_string_value(mine), &here) < 0)
			continue;
		json_array_foreach ((json_t *)remote, j, theirs) {
			/* their list is somebody else's word */
			if (!json_is_string(theirs) ||
			    prefix_parse(json_string_value(theirs), &there) < 0 ||
			    addr_equal(&here.addr, &there.addr) || addr_is_multicast(&there.addr) ||
			    !prefix_has(&here, &there.addr))
				continue;
			bench->overlay = there.addr;
			return 0;
		}
	}
	return error_set(
		err, -ENOENT,
		"bench: which address of the remote is behind the tunnel? overlay ADDRESS; "
		"it is found where both hosts have an internal port with addresses of one "
		"network");
}

int bench_sent(struct cli *cli, const char *tunnel, json_int_t *ret, struct error *err)
{
	json_auto_t *stats = NULL;
	int code = cli_call(cli, "stats", NULL, &stats, err);
	const json_t *counters = json_object_get(json_object_get(stats, "tunnels"), tunnel);

	*ret = member_number(counters, "tx_packets");
	return code;
}
