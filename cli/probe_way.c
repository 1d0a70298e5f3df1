/* SPDX-License-Identifier: GPL-2.0-only */
/* The way to a remote as the kernel's tables and weftd have it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/member.h"
#include "cli/probe.h"
#include "cli/tool.h"
#include "lib/schema.h"

#define WORDS_MAX 16

/* The remote's part of a tunnel's state, or NULL. */
static const json_t *remote_state(const json_t *tunnel, const char *addr)
{
	const json_t *state = json_object_get(tunnel, "state");
	json_t *remote;
	size_t i;

	json_array_foreach (json_object_get(state, "remotes"), i, remote) {
		if (!strcmp(member_text(remote, "addr"), addr))
			return remote;
	}
	return NULL;
}

int target_take(struct probe_target *target, const json_t *tunnel, struct error *err)
{
	json_auto_t *fields = json_deep_copy(tunnel);
	char addr[ADDR_STRLEN];
	int ret;

	json_object_del(fields, "state");
	target->tunnel = object_new(NOUN_TUNNEL, member_text(tunnel, "name"), err);
	if (!target->tunnel)
		return -EINVAL;
	ret = object_parse(NOUN_TUNNEL, target->tunnel, fields, err);
	if (ret < 0)
		return error_prefix(err, "tunnel %.16s", member_text(tunnel, "name"));
	target->tunnel_state = json_object_get(tunnel, "state");
	target->remote_state = remote_state(tunnel, addr_format(&target->remote, addr));
	return 0;
}

void target_free(struct probe_target *target)
{
	object_free(NOUN_TUNNEL, target->tunnel);
}

int target_find(struct probe_target *target, const json_t *tunnels, const char *via,
		struct error *err)
{
	char addr[ADDR_STRLEN];
	json_t *tunnel;
	size_t i;

	addr_format(&target->remote, addr);
	json_array_foreach ((json_t *)tunnels, i, tunnel) {
		if (via ? !strcmp(member_text(tunnel, "name"), via)
			: remote_state(tunnel, addr) != NULL)
			return target_take(target, tunnel, err);
	}
	return via ? error_set(err, -ENOENT, "tunnel %.16s: does not exist", via) : 0;
}

/* The MTU of a device, 0: not known. */
static json_int_t device_mtu(const char *dev)
{
	const char *const argv[] = {"ip", "-j", "link", "show", "dev", dev, NULL};
	json_auto_t *links = tool_json(argv);

	return member_number(json_array_get(links, 0), "mtu");
}

static void neighbour_add(json_t *route, const char *addr, const char *dev)
{
	const char *const argv[] = {"ip", "-j", "neigh", "show", "to", addr, "dev", dev, NULL};
	json_auto_t *list = tool_json(argv);
	const json_t *entry = json_array_get(list, 0);
	const json_t *state = json_array_get(json_object_get(entry, "state"), 0);

	if (*member_text(entry, "lladdr"))
		json_object_set_new(route, "lladdr", json_string(member_text(entry, "lladdr")));
	json_object_set_new(route, "neighbour",
			    json_string(state ? json_string_value(state) : "NONE"));
}

static json_t *route_get(const struct probe_target *target, const char *remote)
{
	const struct tunnel *tunnel = target->tunnel;
	char local[ADDR_STRLEN], mark[16];
	const char *argv[WORDS_MAX] = {"ip", "-j", "route", "get", remote};
	size_t count = 5;

	if (tunnel && !addr_is_any(&tunnel->local) && !addr_is_multicast(&target->remote)) {
		argv[count++] = "from";
		argv[count++] = addr_format(&tunnel->local, local);
	}
	if (tunnel && *tunnel->dev) {
		argv[count++] = "oif";
		argv[count++] = tunnel->dev;
	}
	if (tunnel && tunnel->fwmark) {
		snprintf(mark, sizeof(mark), "%u", tunnel->fwmark);
		argv[count++] = "mark";
		argv[count++] = mark;
	}
	return tool_json(argv);
}

json_t *target_route(const struct probe_target *target, struct probe_way *way)
{
	char remote[ADDR_STRLEN], source[ADDR_STRLEN];
	json_auto_t *list = route_get(target, addr_format(&target->remote, remote));
	const json_t *found = json_array_get(list, 0);
	const char *dev = member_text(found, "dev"), *gateway = member_text(found, "gateway");
	json_t *route;

	if (!*gateway)
		gateway = member_text(json_object_get(found, "via"), "host");
	way->remote = target->remote;
	way->tunnel = target->tunnel;
	if (target->tunnel && !addr_is_any(&target->tunnel->local))
		way->source = target->tunnel->local;
	else if (addr_parse(member_text(found, "prefsrc"), &way->source) < 0)
		return NULL;
	if (!*dev || addr_is_v4(&way->source) != addr_is_v4(&way->remote))
		return NULL;
	route = json_pack("{s:s, s:s, s:I}", "dev", dev, "source",
			  addr_format(&way->source, source), "mtu", device_mtu(dev));
	if (*gateway)
		json_object_set_new(route, "gateway", json_string(gateway));
	neighbour_add(route, *gateway ? gateway : remote, dev);
	return route;
}
