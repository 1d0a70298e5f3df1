/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices of weft's own: see daemon/device.h.
 *
 * The kind is ifb, whose transmit side does nothing with what no program took, and whose offloads
 * hand TCP super-packets to the hook uncut; dummy does as well where ifb is missing. Both are made without
 * ARP and multicast, as nobody answers there; behind ours is a whole bridge. On top of another device it is a
 * macvlan, which hands that one each frame at once, in the sender's own call. An external device is of the
 * kind that it is asked for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/device.h"
#include "lib/addr.h"

#define DOOMED_GROUP 0x77656674 /* a group of links that nobody else uses */

static const char *const kinds[] = {"ifb", "dummy"};
static const char *const kinds_above[] = {"macvlan"};

static struct ifinfomsg *link_request(struct netlink_request *request, uint16_t type,
				      uint16_t flags, uint32_t ifindex)
{
	struct ifinfomsg *info = netlink_request(request, type, flags, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = (int)ifindex;
	return info;
}

static void put_spec(struct nlmsghdr *header, const struct device_spec *spec)
{
	mnl_attr_put_u32(header, IFLA_MTU, spec->mtu);
	if (spec->lladdr && !mac_is_zero(spec->lladdr))
		mnl_attr_put(header, IFLA_ADDRESS, 6, spec->lladdr);
}

/* The only one above its device, and with that one's MAC, which then need not listen to others. */
static void put_above(struct nlmsghdr *header)
{
	struct nlattr *data = mnl_attr_nest_start(header, IFLA_INFO_DATA);

	mnl_attr_put_u32(header, IFLA_MACVLAN_MODE, MACVLAN_MODE_PASSTHRU);
	mnl_attr_put_u16(header, IFLA_MACVLAN_FLAGS, MACVLAN_FLAG_NOPROMISC);
	mnl_attr_nest_end(header, data);
}

/*
 * It takes every VNI and remote, and what weft takes: also UDP over IPv6 without a checksum, of which the datapath knows
 * whether the tunnel wants it (RFC 6935).
 */
static void put_external(struct nlmsghdr *header, const struct device_spec *spec)
{
	struct nlattr *data = mnl_attr_nest_start(header, IFLA_INFO_DATA);

	if (!strcmp(spec->external, "vxlan")) {
		mnl_attr_put_u8(header, IFLA_VXLAN_COLLECT_METADATA, 1);
		mnl_attr_put_u16(header, IFLA_VXLAN_PORT, htons(spec->dstport));
		mnl_attr_put_u8(header, IFLA_VXLAN_LEARNING, 0);
		mnl_attr_put_u8(header, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
	} else {
		mnl_attr_put(header, IFLA_GENEVE_COLLECT_METADATA, 0, NULL);
		mnl_attr_put_u16(header, IFLA_GENEVE_PORT, htons(spec->dstport));
		mnl_attr_put_u8(header, IFLA_GENEVE_UDP_ZERO_CSUM6_RX, 1);
	}
	mnl_attr_nest_end(header, data);
}

/* Makes it, down: flags can only be as wanted before it is up, or its addresses would be made without them. */
static int kind_create(struct netlink *netlink, const char *kind, const struct device_spec *spec,
		       struct error *err)
{
	struct netlink_request request;
	struct nlattr *linkinfo;

	link_request(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(&request.header, IFLA_IFNAME, spec->name);
	put_spec(&request.header, spec);
	if (spec->below)
		mnl_attr_put_u32(&request.header, IFLA_LINK, spec->below);
	linkinfo = mnl_attr_nest_start(&request.header, IFLA_LINKINFO);
	mnl_attr_put_strz(&request.header, IFLA_INFO_KIND, kind);
	if (spec->below)
		put_above(&request.header);
	if (spec->external)
		put_external(&request.header, spec);
	mnl_attr_nest_end(&request.header, linkinfo);
	return netlink_do(netlink, &request, NULL, NULL, err);
}

/* A new link takes no alias with it: it is the first thing that the device is given. */
static void put_alias(struct nlmsghdr *header, const struct device_spec *spec)
{
	char alias[LINK_ALIAS_LEN];

	snprintf(alias, sizeof(alias), DEVICE_ALIAS "%s", spec->alias);
	mnl_attr_put_str(header, IFLA_IFALIAS, alias);
}

static int kind_mark(struct netlink *netlink, const struct device_spec *spec, struct error *err)
{
	struct netlink_request request;

	link_request(&request, RTM_NEWLINK, 0, 0);
	mnl_attr_put_strz(&request.header, IFLA_IFNAME, spec->name);
	put_alias(&request.header, spec);
	return netlink_do(netlink, &request, NULL, NULL, err);
}

/* Is the module of a kind loaded, or built in? Of one that is built in this may say no. */
static bool kind_loaded(const char *kind)
{
	char path[sizeof("/sys/module/") + LINK_KIND_LEN];

	snprintf(path, sizeof(path), "/sys/module/%s", kind);
	return access(path, F_OK) == 0;
}

#define IDLE_COUNT 2

/* One of the idle devices that a module greets the host with when it is loaded; NULL: it is not there. */
static const struct link *idle_find(struct netlink *netlink, const char *kind, int number)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "%s%d", kind, number);
	return link_refresh(netlink, name, 0) ? NULL : link_by_name(netlink, name);
}

static void idle_look(struct netlink *netlink, const char *kind, bool there[IDLE_COUNT])
{
	for (int i = 0; i < IDLE_COUNT; i++)
		there[i] = idle_find(netlink, kind, i);
}

/* That a module was loaded is our doing, and so are its idle devices, but for those that were `there` before. */
static void idle_tidy(struct netlink *netlink, const char *kind, const bool there[IDLE_COUNT])
{
	struct netlink_request request;
	const struct link *link;

	for (int i = 0; i < IDLE_COUNT; i++) {
		link = there[i] ? NULL : idle_find(netlink, kind, i);
		if (!link || strcmp(link->kind, kind) != 0 || link->ours || (link->flags & IFF_UP))
			continue;
		link_request(&request, RTM_DELLINK, 0, link->ifindex);
		netlink_do(netlink, &request, NULL, NULL, NULL);
	}
}

static int device_make(struct netlink *netlink, const struct device_spec *spec, struct error *err)
{
	size_t count = spec->below || spec->external ? 1 : sizeof(kinds) / sizeof(kinds[0]);
	const char *const *kind = spec->external ? &spec->external
				  : spec->below	 ? kinds_above
						 : kinds;
	bool loaded, there[IDLE_COUNT];
	struct error refused;
	int rc = -EOPNOTSUPP;

	for (size_t i = 0; rc == -EOPNOTSUPP && i < count; i++) {
		memset(&refused, 0, sizeof(refused));
		/* a macvlan makes none by itself, nor do external kinds */
		loaded = spec->below || spec->external || kind_loaded(kind[i]);
		if (!loaded)
			idle_look(netlink, kind[i], there);
		rc = kind_create(netlink, kind[i], spec, &refused);
		if (!rc)
			rc = kind_mark(netlink, spec, &refused);
		if (!loaded)
			idle_tidy(netlink, kind[i], there);
	}
	if (rc == -EOPNOTSUPP && spec->external)
		return error_set(err, rc, "device %s: this kernel can make no %s devices",
				 spec->name, spec->external);
	if (rc == -EOPNOTSUPP)
		return error_set(err, rc, "device %s: this kernel can make %s devices", spec->name,
				 spec->below ? "no macvlan" : "neither ifb nor dummy");
	return rc ? error_set(err, rc, "device %s: %s", spec->name, refused.line) : 0;
}

/* `set` and `clear` are IFF_* flags. */
static int flags_change(struct netlink *netlink, uint32_t ifindex, uint32_t set, uint32_t clear,
			struct error *err)
{
	struct netlink_request request;
	struct ifinfomsg *info = link_request(&request, RTM_NEWLINK, 0, ifindex);

	info->ifi_flags = set;
	info->ifi_change = set | clear;
	return netlink_do(netlink, &request, NULL, NULL, err);
}

static int device_ready(struct netlink *netlink, const struct link *link,
			const struct device_spec *spec, struct error *err)
{
	uint32_t set = (spec->noarp ? IFF_NOARP : 0) | (spec->nomulticast ? 0 : IFF_MULTICAST);
	uint32_t clear = (IFF_NOARP | IFF_MULTICAST) & ~set;
	uint32_t ifindex = link->ifindex;
	bool wrong = (link->flags & (set | clear)) != set, up = link->flags & IFF_UP;
	int rc = 0;

	if (wrong && up)
		rc = flags_change(netlink, ifindex, 0, IFF_UP, err);
	if (!rc && wrong)
		rc = flags_change(netlink, ifindex, set, clear, err);
	if (!rc && (up || !spec->down) && (wrong || !up))
		rc = flags_change(netlink, ifindex, IFF_UP, 0, err);
	return rc;
}

/* Gives the device that is there what the spec says. -EOPNOTSUPP: not the MAC, which an ifb keeps for life. */
static int device_take(struct netlink *netlink, const struct link *link,
		       const struct device_spec *spec, struct error *err)
{
	struct device_spec changed = *spec;
	struct netlink_request request;

	if (spec->lladdr && memcmp(spec->lladdr, link->lladdr, sizeof(link->lladdr)) == 0)
		changed.lladdr = NULL;
	link_request(&request, RTM_NEWLINK, 0, link->ifindex);
	put_spec(&request.header, &changed);
	put_alias(&request.header, &changed);
	return netlink_do(netlink, &request, NULL, NULL, err);
}

bool device_is_splitter(const struct link *link)
{
	return !strcmp(link->alias, DEVICE_ALIAS DEVICE_SPLITTER);
}

/* Is it that of a device which is taken up only for its alias? */
static bool alias_is_own(const char *alias)
{
	return !strcmp(alias, DEVICE_SPLITTER) ||
	       !strncmp(alias, DEVICE_COLLECTOR, strlen(DEVICE_COLLECTOR));
}

/* The device of that name, which must be ours if there is one; NULL and 0: there is none. */
static int device_find(struct netlink *netlink, const struct device_spec *spec,
		       const struct link **ret, struct error *err)
{
	const char *name = spec->name;
	int rc = link_refresh(netlink, name, 0);

	*ret = NULL;
	if (rc == -ENODEV)
		return 0;
	if (rc)
		return error_set(err, rc, "device %s: %s", name, strerror(-rc));
	*ret = link_by_name(netlink, name);
	if (*ret && !(*ret)->ours)
		return error_set(err, -EEXIST, "device %s: exists and was not made by weft", name);
	if (*ret &&
	    (alias_is_own((*ret)->alias + strlen(DEVICE_ALIAS)) || alias_is_own(spec->alias)) &&
	    strcmp((*ret)->alias + strlen(DEVICE_ALIAS), spec->alias) != 0)
		return error_set(err, -EEXIST, "device %s: weft has one of that name already",
				 name);
	return 0;
}

int device_create(struct netlink *netlink, const struct device_spec *spec, uint32_t *ret_ifindex,
		  struct error *err)
{
	const struct link *link;
	struct error refused = {0};
	bool made = false;
	int rc = device_find(netlink, spec, &link, err);

	if (rc)
		return rc;
	if (link) {
		rc = link->group == DOOMED_GROUP ? -EOPNOTSUPP
						 : device_take(netlink, link, spec, &refused);
		if (rc == -EOPNOTSUPP) {
			rc = device_delete(netlink, link->ifindex, err);
			link = NULL;
		}
		if (rc)
			return error_set(err, rc, "device %s: %s", spec->name, refused.line);
	}
	if (!link) {
		rc = device_make(netlink, spec, err);
		if (rc)
			return rc;
		made = true;
		rc = device_find(netlink, spec, &link, err);
		if (rc || !link)
			return error_set(err, rc ? rc : -ENODEV, "device %s: gone again",
					 spec->name);
	}
	*ret_ifindex = link->ifindex;
	memset(&refused, 0, sizeof(refused));
	rc = device_ready(netlink, link, spec, &refused);
	if (rc) {
		if (made)
			device_delete(netlink, *ret_ifindex, NULL);
		return error_set(err, rc, "device %s: %s", spec->name, refused.line);
	}
	link_refresh(netlink, NULL, *ret_ifindex);
	return 0;
}

/* 1: there is none any more; 0: it is ours, and this is its name. */
static int device_check(struct netlink *netlink, uint32_t ifindex, char name[IFNAMSIZ],
			struct error *err)
{
	const struct link *link;
	int rc = link_refresh(netlink, NULL, ifindex);

	if (rc == -ENODEV)
		return 1;
	link = link_by_index(netlink, ifindex);
	if (rc || !link)
		return error_set(err, rc ? rc : -ENODEV, "device %u: cannot be read", ifindex);
	memcpy(name, link->name, IFNAMSIZ);
	return link->ours ? 0
			  : error_set(err, -EPERM, "device %s: was not made by weft", link->name);
}

/* One request about a device of ours, with its group if that is not 0. A device that has gone is no error. */
static int device_ask(struct netlink *netlink, uint16_t type, uint32_t ifindex, uint32_t group,
		      struct error *err)
{
	struct netlink_request request;
	struct error refused = {0};
	char name[IFNAMSIZ];
	int rc = device_check(netlink, ifindex, name, err);

	if (rc)
		return rc < 0 ? rc : 0;
	link_request(&request, type, 0, ifindex);
	if (group)
		mnl_attr_put_u32(&request.header, IFLA_GROUP, group);
	rc = netlink_do(netlink, &request, NULL, NULL, &refused);
	return rc && rc != -ENODEV ? error_set(err, rc, "device %s: %s", name, refused.line) : 0;
}

int device_doom(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	return device_ask(netlink, RTM_NEWLINK, ifindex, DOOMED_GROUP, err);
}

int devices_reap(struct netlink *netlink, struct error *err)
{
	struct netlink_request request;
	struct error refused = {0};
	int rc;

	link_request(&request, RTM_DELLINK, 0, 0);
	mnl_attr_put_u32(&request.header, IFLA_GROUP, DOOMED_GROUP);
	rc = netlink_do(netlink, &request, NULL, NULL, &refused);
	return rc && rc != -ENODEV ? error_set(err, rc, "devices: %s", refused.line) : 0;
}

int device_delete(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	int rc = device_ask(netlink, RTM_DELLINK, ifindex, 0, err);

	if (!rc)
		link_refresh(netlink, NULL, ifindex);
	return rc;
}

int device_up(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	struct error refused = {0};
	int rc = flags_change(netlink, ifindex, IFF_UP, 0, &refused);

	if (rc)
		return error_set(err, rc, "%s", refused.line);
	link_refresh(netlink, NULL, ifindex);
	return 0;
}

int device_gro_off(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	struct ethtool_value off = {.cmd = ETHTOOL_SGRO};
	const struct link *link = link_by_index(netlink, ifindex);
	struct ifreq request = {.ifr_data = (char *)&off};
	int fd = link ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	int rc = 0;

	if (fd < 0)
		return error_set(err, link ? -errno : -ENODEV, "gro: %s",
				 strerror(link ? errno : ENODEV));
	memcpy(request.ifr_name, link->name, sizeof(request.ifr_name));
	if (ioctl(fd, SIOCETHTOOL, &request))
		rc = error_set(err, -errno, "gro: %s", strerror(errno));
	close(fd);
	return rc;
}

int device_mtu_set(struct netlink *netlink, uint32_t ifindex, uint32_t mtu, struct error *err)
{
	struct netlink_request request;
	struct error refused = {0};
	int rc;

	link_request(&request, RTM_NEWLINK, 0, ifindex);
	mnl_attr_put_u32(&request.header, IFLA_MTU, mtu);
	rc = netlink_do(netlink, &request, NULL, NULL, &refused);
	if (rc)
		return error_set(err, rc, "mtu: %u: %s", mtu, refused.line);
	link_refresh(netlink, NULL, ifindex);
	return 0;
}

int device_gso_off(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	struct netlink_request request;
	struct error refused;
	int rc = -ERANGE;

	/* the least size is MAX_TCP_HEADER + 1, which is a cache line's multiple and one; older kernels take 1 */
	for (uint32_t size = 1; rc == -ERANGE && size <= 1025; size += 64) {
		memset(&refused, 0, sizeof(refused));
		link_request(&request, RTM_NEWLINK, 0, ifindex);
		mnl_attr_put_u32(&request.header, IFLA_GSO_MAX_SEGS, 1);
		mnl_attr_put_u32(&request.header, IFLA_GSO_MAX_SIZE, size);
		rc = netlink_do(netlink, &request, NULL, NULL, &refused);
	}
	return rc ? error_set(err, rc, "gso: %s", refused.line) : 0;
}

int device_lladdr_set(struct netlink *netlink, uint32_t ifindex, const uint8_t lladdr[6],
		      struct error *err)
{
	struct netlink_request request;
	struct error refused = {0};
	char text[MAC_STRLEN];
	int rc;

	link_request(&request, RTM_NEWLINK, 0, ifindex);
	mnl_attr_put(&request.header, IFLA_ADDRESS, 6, lladdr);
	rc = netlink_do(netlink, &request, NULL, NULL, &refused);
	if (rc)
		return error_set(err, rc, "lladdr: %s: %s", mac_format(lladdr, text), refused.line);
	link_refresh(netlink, NULL, ifindex);
	return 0;
}

/* --- addresses ----------------------------------------------------------------------------- */

static bool list_has(const struct prefix_list *list, const struct prefix *prefix)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (list->item[i].len == prefix->len &&
		    addr_equal(&list->item[i].addr, &prefix->addr))
			return true;
	return false;
}

/* The broadcast address of an IPv4 prefix, as ip(8) sets it with `brd +`; none below /31. */
static void put_broadcast(struct nlmsghdr *header, const struct prefix *prefix)
{
	uint32_t host = prefix->len < 31 ? UINT32_MAX >> prefix->len : 0;

	if (addr_is_v4(&prefix->addr) && host)
		mnl_attr_put_u32(header, IFA_BROADCAST, prefix->addr.word[3] | htonl(host));
}

static int address_change(struct netlink *netlink, uint32_t ifindex, const struct prefix *prefix,
			  bool add, struct error *err)
{
	struct netlink_request request;
	struct error refused = {0};
	char text[ADDR_STRLEN];
	struct ifaddrmsg *head;
	int rc;

	head = netlink_request(&request, add ? RTM_NEWADDR : RTM_DELADDR,
			       add ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*head));
	head->ifa_family = addr_is_v4(&prefix->addr) ? AF_INET : AF_INET6;
	head->ifa_prefixlen = prefix->len;
	head->ifa_index = ifindex;
	netlink_put_addr(&request.header, IFA_LOCAL, &prefix->addr);
	netlink_put_addr(&request.header, IFA_ADDRESS, &prefix->addr);
	if (add)
		put_broadcast(&request.header, prefix);
	rc = netlink_do(netlink, &request, NULL, NULL, &refused);
	if (rc == -EEXIST || (!add && (rc == -EADDRNOTAVAIL || rc == -ENODEV)))
		return 0;
	return rc ? error_set(err, rc, "address: %s/%u: %s", addr_format(&prefix->addr, text),
			      prefix->len, refused.line)
		  : 0;
}

/* Adds what is in `list` and not in `but`. */
static int addresses_add(struct netlink *netlink, uint32_t ifindex, const struct prefix_list *list,
			 const struct prefix_list *but, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && list && i < list->count; i++)
		if (!list_has(but, &list->item[i]))
			rc = address_change(netlink, ifindex, &list->item[i], true, err);
	return rc;
}

int device_addresses_set(struct netlink *netlink, uint32_t ifindex, const struct prefix_list *old,
			 const struct prefix_list *new, struct error *err)
{
	bool removed = false;
	int rc = addresses_add(netlink, ifindex, new, old, err);

	for (size_t i = 0; !rc && old && i < old->count; i++) {
		if (list_has(new, &old->item[i]))
			continue;
		rc = address_change(netlink, ifindex, &old->item[i], false, err);
		removed = true;
	}
	/* the first address of an IPv4 subnet takes the later ones along */
	if (!rc && removed)
		rc = addresses_add(netlink, ifindex, new, NULL, err);
	return rc;
}
