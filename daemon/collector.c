/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/collector.h"

#include <stdio.h>
#include <string.h>

#include "daemon/device.h"
#include "daemon/hook.h"

#define QUIET_MTU 1279 /* below the least of IPv6; what is received does not ask */

static const struct link *collector_find(const struct netlink *netlink, const char *kind,
					 const char *alias)
{
	const struct link *link;

	for (link = link_next(netlink, NULL); link; link = link_next(netlink, link))
		if (link->ours && !strcmp(link->alias + strlen(DEVICE_ALIAS), alias) &&
		    !strcmp(link->kind, kind))
			break;
	return link;
}

int collector_make(struct netlink *netlink, const char *kind, uint16_t port, int prog_fd,
		   uint32_t *ret_ifindex, struct error *err)
{
	char alias[sizeof(DEVICE_COLLECTOR) + 6], name[IFNAMSIZ];
	struct device_spec spec = {.name = name,
				   .alias = alias,
				   .mtu = QUIET_MTU,
				   .external = kind,
				   .dstport = port,
				   .noarp = true,
				   .nomulticast = true,
				   .down = true};
	struct error refused = {0};
	const struct link *link;
	bool found;
	int rc;

	snprintf(alias, sizeof(alias), DEVICE_COLLECTOR "%u", port);
	link = collector_find(netlink, kind, alias);
	found = link;
	if (link)
		snprintf(name, sizeof(name), "%s", link->name);
	else
		snprintf(name, sizeof(name), "weft-%.2s%u", kind, port);
	rc = device_create(netlink, &spec, ret_ifindex, &refused);
	if (rc)
		return error_set(err, rc, "%s", refused.line);
	/* merged it would be no more what was counted when it was handed over (bpf/collect.h) */
	rc = device_gro_off(netlink, *ret_ifindex, &refused);
	if (!rc)
		rc = hook_attach(netlink, *ret_ifindex, HOOK_INGRESS, prog_fd, "weft_collect",
				 &refused);
	if (!rc)
		return 0;
	if (!found)
		device_delete(netlink, *ret_ifindex, NULL);
	return error_set(err, rc, "device %s: %s", name, refused.line);
}

int collector_open(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	return device_up(netlink, ifindex, err);
}

int collector_delete(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	return device_delete(netlink, ifindex, err);
}
