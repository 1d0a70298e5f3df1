/* SPDX-License-Identifier: GPL-2.0-only */
/* What one tunnel says by itself: which fields its type has, and the rules between them. */
#include <errno.h>
#include <string.h>

#include "lib/field.h"
#include "lib/object_check.h"
#include "lib/tunnel.h"

#define VXLAN  (1u << TUNNEL_VXLAN)
#define GENEVE (1u << TUNNEL_GENEVE)
#define GRETAP (1u << TUNNEL_GRETAP)
#define GRE    (1u << TUNNEL_GRE)
#define NVGRE  (1u << TUNNEL_NVGRE)

/* Fields that not every type has. */
static const struct {
	const char *field;
	unsigned int types;
	const char *whose;
} fields_of_types[] = {
	{"id", VXLAN | GENEVE | NVGRE, "vxlan, geneve and nvgre"},
	{"key", GRETAP | GRE, "gretap and gre"},
	{"ikey", GRETAP | GRE, "gretap and gre"},
	{"okey", GRETAP | GRE, "gretap and gre"},
	{"csum", GRETAP | GRE, "gretap and gre"},
	{"icsum", GRETAP | GRE, "gretap and gre"},
	{"ocsum", GRETAP | GRE, "gretap and gre"},
	{"seq", GRETAP | GRE, "gretap and gre"},
	{"iseq", GRETAP | GRE, "gretap and gre"},
	{"oseq", GRETAP | GRE, "gretap and gre"},
	{"dstport", VXLAN | GENEVE, "vxlan and geneve"},
	{"srcport", VXLAN | GENEVE, "vxlan and geneve"},
	{"udpcsum", VXLAN | GENEVE, "vxlan and geneve"},
	{"udp6zerocsumtx", VXLAN | GENEVE, "vxlan and geneve"},
	{"udp6zerocsumrx", VXLAN | GENEVE, "vxlan and geneve"},
	/* RFC 8926 3.3 leaves no choice, nor does RFC 2784 2.2 */
	{"udpcsumrx", VXLAN, "vxlan"},
	{"reserved_bits", VXLAN, "vxlan"},
	{"innerprotoinherit", GENEVE, "geneve"},
	{"option", GENEVE, "geneve"},
	{"accept", GENEVE, "geneve"},
	{"match", GENEVE, "geneve"},
	{"options", GENEVE, "geneve"},
	{"optmax", GENEVE, "geneve"},
};

/* Fields of tunnels that carry Ethernet. */
static const char *const fields_of_ethernet[] = {
	"bridge", "group",	     "innervlan",     "vlan",
	"trunk",  "storm_broadcast", "storm_unknown", "storm_multicast"};

static bool field_given(const struct tunnel *tunnel, const char *name)
{
	return !field_is_default(schema_field(NOUN_TUNNEL, name), tunnel);
}

static int fields_check(const struct tunnel *tunnel, struct error *err)
{
	for (size_t i = 0; i < sizeof(fields_of_types) / sizeof(*fields_of_types); i++)
		if (!(fields_of_types[i].types >> tunnel->type & 1) &&
		    field_given(tunnel, fields_of_types[i].field))
			return error_set(err, -EINVAL, "%s: is only for %s",
					 fields_of_types[i].field, fields_of_types[i].whose);
	for (size_t i = 0; i < sizeof(fields_of_ethernet) / sizeof(*fields_of_ethernet); i++)
		if (tunnel_is_l3(tunnel) && field_given(tunnel, fields_of_ethernet[i]))
			return error_set(err, -EINVAL,
					 "%s: is only for tunnels that carry Ethernet",
					 fields_of_ethernet[i]);
	/* RFC 7637 3.3: tags are removed by the sender, and frames with one dropped */
	if (tunnel->type == TUNNEL_NVGRE && (tunnel->innervlan || tunnel->trunk.any))
		return error_set(err, -EINVAL, "%s: nvgre carries no VLAN tags (RFC 7637 3.3)",
				 tunnel->innervlan ? "innervlan" : "trunk");
	return 0;
}

static int id_check(const struct tunnel *tunnel, struct error *err)
{
	if (tunnel->type == TUNNEL_GRETAP || tunnel->type == TUNNEL_GRE)
		return 0;
	if (tunnel->id == UINT32_MAX)
		return error_set(err, -EINVAL, "id: is required");
	if (tunnel->type == TUNNEL_NVGRE && (tunnel->id < VSID_MIN || tunnel->id > VSID_MAX))
		return error_set(err, -EINVAL, "id: %u is %s (RFC 7637 3.4: %u to %u)", tunnel->id,
				 tunnel->id < VSID_MIN ? "reserved" : "the vendor's", VSID_MIN,
				 VSID_MAX);
	return 0;
}

/* --- Addresses ------------------------------------------------------------------------ */

static bool addr_is_set(const struct weft_addr *addr)
{
	static const struct weft_addr any;

	return !addr_equal(addr, &any);
}

/* fe80::/10, and groups of the link: ff02::/16 */
static bool addr_is_link_local(const struct weft_addr *addr)
{
	return !addr_is_v4(addr) && (ntohl(addr->word[0]) >> 22) == 0xfe80 >> 6;
}

/* An address that a host can send outer packets from or be sent them. */
static int unicast_check(const struct tunnel *tunnel, const char *field,
			 const struct weft_addr *addr, struct error *err)
{
	const char *what = addr_is_any(addr)			      ? "no host's address"
			   : addr_is_multicast(addr)		      ? "a multicast address"
			   : addr_is_loopback(addr)		      ? "a loopback address"
			   : addr_is_v4(addr) && addr->word[3] == ~0u ? "the broadcast address"
								      : NULL;
	char text[ADDR_STRLEN];

	if (!what && !*tunnel->dev && addr_is_link_local(addr))
		what = "link-local and needs dev";
	if (what)
		return error_set(err, -EINVAL, "%s: %s is %s", field, addr_format(addr, text),
				 what);
	return 0;
}

/* All outer addresses are of one family; `first` is one of them. */
static int family_check(const char *field, const struct weft_addr *addr, const char *of,
			const struct weft_addr *first, struct error *err)
{
	char text[ADDR_STRLEN], other[ADDR_STRLEN];

	if (addr_is_v4(addr) == addr_is_v4(first))
		return 0;
	return error_set(err, -EINVAL, "%s: %s is IPv%d, and %s %s is not", field,
			 addr_format(addr, text), addr_is_v4(addr) ? 4 : 6, of,
			 addr_format(first, other));
}

static int group_check(const struct tunnel *tunnel, struct error *err)
{
	char text[ADDR_STRLEN];

	if (!addr_is_set(&tunnel->group))
		return 0;
	if (!addr_is_multicast(&tunnel->group))
		return error_set(err, -EINVAL, "group: %s is not a multicast address",
				 addr_format(&tunnel->group, text));
	if (tunnel->remote.count || tunnel->remote.any)
		return error_set(err, -EINVAL, "group: cannot be given together with remote");
	if (!*tunnel->dev)
		return error_set(err, -EINVAL, "group: needs dev, the device to join it on");
	/* RFC 4291 2.7: the scopes 0 and 1 never leave a host */
	if (!addr_is_v4(&tunnel->group) && (ntohl(tunnel->group.word[0]) >> 16 & 15) < 2)
		return error_set(err, -EINVAL, "group: %s never leaves a host",
				 addr_format(&tunnel->group, text));
	if (addr_is_set(&tunnel->local))
		return family_check("group", &tunnel->group, "local", &tunnel->local, err);
	return 0;
}

static int remotes_check(const struct tunnel *tunnel, struct error *err)
{
	for (size_t i = 0; i < tunnel->remote.count; i++) {
		const struct weft_addr *remote = &tunnel->remote.item[i];
		char text[ADDR_STRLEN];
		int ret = unicast_check(tunnel, "remote", remote, err);

		if (ret == 0 && addr_equal(remote, &tunnel->local))
			ret = error_set(err, -EINVAL, "remote: %s is local too",
					addr_format(remote, text));
		if (ret == 0 && addr_is_set(&tunnel->local))
			ret = family_check("remote", remote, "local", &tunnel->local, err);
		if (ret == 0 && i)
			ret = family_check("remote", remote, "remote", &tunnel->remote.item[0],
					   err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* An address that tells the family of the underlay, or NULL. */
static const struct weft_addr *underlay_addr(const struct tunnel *tunnel)
{
	if (addr_is_set(&tunnel->local))
		return &tunnel->local;
	if (tunnel->remote.count)
		return &tunnel->remote.item[0];
	return addr_is_set(&tunnel->group) ? &tunnel->group : NULL;
}

static int addrs_check(const struct tunnel *tunnel, struct error *err)
{
	const struct weft_addr *addr = underlay_addr(tunnel);
	char text[ADDR_STRLEN];
	int ret = 0;

	if (addr_is_set(&tunnel->local))
		ret = unicast_check(tunnel, "local", &tunnel->local, err);
	if (ret == 0)
		ret = remotes_check(tunnel, err);
	if (ret == 0)
		ret = group_check(tunnel, err);
	if (ret == 0 && tunnel->flowlabel != FLOWLABEL_AUTO && addr && addr_is_v4(addr))
		return error_set(err, -EINVAL, "flowlabel: is only for IPv6, and %s is IPv4",
				 addr_format(addr, text));
	return ret;
}

/* --- Options -------------------------------------------------------------------------- */

/*
 * One class and type has one length in all three lists: what is received is known by class and type, and judged by
 * its length.
 */
static int lengths_check(const char *field, const struct option_list *list, const char *of,
			 const struct option_list *other, struct error *err)
{
	for (size_t i = 0; i < list->count; i++)
		for (size_t j = 0; j < other->count; j++) {
			const struct geneve_option *a = &list->item[i], *b = &other->item[j];

			if (a->class == b->class && a->type == b->type && a->len != b->len)
				return error_set(err, -EINVAL,
						 "%s: 0x%04x:0x%02x has %u bytes here and %u in %s",
						 field, a->class, a->type, a->len, b->len, of);
		}
	return 0;
}

static int size_check(const struct tunnel *tunnel, const char *field,
		      const struct option_list *list, struct error *err)
{
	size_t size = options_size(list);

	if (size > OPTIONS_MAX)
		return error_set(err, -EINVAL, "%s: %zu bytes are more than %u", field, size,
				 OPTIONS_MAX);
	if (tunnel->optmax != OPTMAX_AUTO && size > tunnel->optmax)
		return error_set(err, -EINVAL, "%s: %zu bytes are more than optmax %u", field, size,
				 tunnel->optmax);
	return 0;
}

static int options_check(const struct tunnel *tunnel, struct error *err)
{
	const struct option_list *match = &tunnel->match;
	int ret;

	if (tunnel->optmax != OPTMAX_AUTO && tunnel->optmax % 4)
		return error_set(err, -EINVAL, "optmax: %u is not a multiple of 4", tunnel->optmax);
	if (!tunnel->options && (tunnel->accept.count || match->count))
		return error_set(err, -EINVAL, "%s: needs options, which are not looked into",
				 tunnel->accept.count ? "accept" : "match");
	ret = size_check(tunnel, "option", &tunnel->option, err);
	if (ret == 0)
		ret = size_check(tunnel, "match", match, err);
	if (ret == 0)
		ret = lengths_check("option", &tunnel->option, "option", &tunnel->option, err);
	if (ret == 0)
		ret = lengths_check("accept", &tunnel->accept, "accept", &tunnel->accept, err);
	if (ret == 0)
		ret = lengths_check("accept", &tunnel->accept, "option", &tunnel->option, err);
	if (ret == 0)
		ret = lengths_check("match", match, "option", &tunnel->option, err);
	if (ret == 0)
		ret = lengths_check("match", match, "accept", &tunnel->accept, err);
	/* sorted: those of one class and type are neighbours */
	for (size_t i = 1; ret == 0 && i < match->count; i++)
		if (match->item[i - 1].class == match->item[i].class &&
		    match->item[i - 1].type == match->item[i].type)
			ret = error_set(err, -EINVAL,
					"match: 0x%04x:0x%02x cannot be two things at once",
					match->item[i].class, match->item[i].type);
	return ret;
}

/* -------------------------------------------------------------------------------------- */

static int bridge_check(const struct tunnel *tunnel, struct error *err)
{
	if (*tunnel->bridge) {
		int ret = no_device_check(&tunnel->address, tunnel->lladdr, tunnel->mtu,
					  "tunnels without a bridge", err);

		return ret < 0 ? ret : vlans_check(tunnel->vlan, &tunnel->trunk, err);
	}
	if (tunnel->vlan || tunnel->trunk.any)
		return error_set(err, -EINVAL, "%s: is only for tunnels on a bridge",
				 tunnel->vlan ? "vlan" : "trunk");
	if (!strcmp(tunnel->dev, tunnel->name))
		return error_set(err, -EINVAL, "dev: %s is the tunnel's own device", tunnel->dev);
	return 0;
}

int tunnel_check(const struct tunnel *tunnel, struct error *err)
{
	int ret = fields_check(tunnel, err);

	if (ret == 0)
		ret = id_check(tunnel, err);
	if (ret == 0)
		ret = addrs_check(tunnel, err);
	if (ret < 0)
		return ret;
	if (tunnel->srcport[1] <= tunnel->srcport[0])
		return error_set(err, -EINVAL, "srcport: %u is not above %u", tunnel->srcport[1],
				 tunnel->srcport[0]);
	if (tunnel->tos != TOS_INHERIT && (tunnel->tos & 3))
		return error_set(err, -EINVAL, "tos: 0x%02x has one of the two low bits (ECN) set",
				 tunnel->tos);
	ret = options_check(tunnel, err);
	return ret < 0 ? ret : bridge_check(tunnel, err);
}
