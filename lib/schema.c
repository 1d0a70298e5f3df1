/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables of fields. What they mean to parsing and writing is in lib/field.c and object.c. */
#include "lib/schema.h"

#include <errno.h>
#include <string.h>

#define AGEING_MAX                                                                                 \
	31536000 /* a year: ticks are compared modulo 2^32 and must stay below half of it */
#define MTU_MIN 68
#define MTU_MAX 65535
#define MSS_MIN 64    /* what Linux takes for one, whatever a SYN says */
#define MSS_MAX 65495 /* IPv4 of 65535 bytes, less two headers of 20 */

static const struct field_word words_ageing[] = {{"none", 0}, {NULL, 0}};
static const struct field_word words_ageing_tunnel[] = {
	{"bridge", AGEING_BRIDGE}, {"none", 0}, {NULL, 0}};
static const struct field_word words_unlimited[] = {{"unlimited", 0}, {NULL, 0}};
static const struct field_word words_auto[] = {{"auto", 0}, {NULL, 0}};
static const struct field_word words_none[] = {{"none", 0}, {NULL, 0}};
static const struct field_word words_off[] = {{"off", 0}, {NULL, 0}};
static const struct field_word words_ttl[] = {
	{"auto", TTL_AUTO}, {"inherit", TTL_INHERIT}, {NULL, 0}};
static const struct field_word words_tos[] = {{"inherit", TOS_INHERIT}, {NULL, 0}};
static const struct field_word words_port_type[] = {
	{"device", PORT_DEVICE}, {"internal", PORT_INTERNAL}, {NULL, 0}};
static const struct field_word words_tunnel_type[] = {
	{"vxlan", TUNNEL_VXLAN}, {"geneve", TUNNEL_GENEVE}, {"gretap", TUNNEL_GRETAP},
	{"gre", TUNNEL_GRE},	 {"nvgre", TUNNEL_NVGRE},   {NULL, 0}};
static const struct field_word words_any[] = {{"any", 0}, {NULL, 0}};
static const struct field_word words_flowlabel[] = {{"auto", FLOWLABEL_AUTO}, {NULL, 0}};
static const struct field_word words_optmax[] = {{"auto", OPTMAX_AUTO}, {NULL, 0}};
static const struct field_word words_df[] = {
	{"set", DF_SET}, {"unset", DF_UNSET}, {"inherit", DF_INHERIT}, {NULL, 0}};
static const struct field_word words_toobig[] = {
	{"fragment", TOOBIG_FRAGMENT}, {"reject", TOOBIG_REJECT}, {"drop", TOOBIG_DROP}, {NULL, 0}};
static const struct field_word words_mss[] = {{"off", MSS_OFF}, {"auto", MSS_AUTO}, {NULL, 0}};
static const struct field_word words_ecn[] = {
	{"normal", ECN_NORMAL}, {"compat", ECN_COMPATIBLE}, {"rfc3168", ECN_RFC3168}, {NULL, 0}};
static const struct field_word words_dscp[] = {
	{"inner", DSCP_INNER}, {"inherit", DSCP_INHERIT}, {NULL, 0}};

#define AT(member) .offset = offsetof(struct OBJECT, member)

#define OBJECT bridge
static const struct field bridge_fields[] = {
	{"ageing", FIELD_UINT, AT(ageing), .max = AGEING_MAX, .initial = 300, .words = words_ageing,
	 .help = "seconds a learned address lives unseen; none: for ever"},
	{"maxaddress", FIELD_UINT, AT(maxaddress), .max = WEFT_FDB_MAX, .words = words_unlimited,
	 .help = "most FDB entries, static ones counted; beyond it frames pass and nothing is "
		 "learned"},
	{"group_fwd_mask", FIELD_UINT, AT(group_fwd_mask), .max = 0xffff, .initial = 0x4001,
	 .flags = FIELD_HEX,
	 .help = "bit x forwards frames to 01:80:c2:00:00:0x; bits 1 and 2 (pause, LACP) cannot be "
		 "set"},
	{"vlan_filtering", FIELD_BOOL, AT(vlan_filtering),
	 .help = "keep VLANs apart, with the ports' and tunnels' vlan and trunk"},
};
#undef OBJECT

#define OBJECT port
static const struct field port_fields[] = {
	{"bridge", FIELD_NAME, AT(bridge), .flags = FIELD_REQUIRED,
	 .help = "the bridge the port belongs to"},
	{"type", FIELD_ENUM, AT(type), .initial = PORT_DEVICE, .words = words_port_type,
	 .flags = FIELD_IMMUTABLE,
	 .help = "device: a device that is there; internal: a device for the host, made by weft"},
	{"vlan", FIELD_UINT, AT(vlan), .min = 1, .max = 4094, .words = words_none,
	 .help = "VLAN of untagged frames on a bridge with vlan_filtering"},
	{"trunk", FIELD_VLANS, AT(trunk), .min = 1, .max = 4094,
	 .help = "VLANs carried tagged on a bridge with vlan_filtering, as 10,20-30"},
	{"learning", FIELD_BOOL, AT(learning), .initial = true,
	 .help = "learn source addresses of frames from this port"},
	{"storm_broadcast", FIELD_UINT, AT(storm.broadcast), .max = STORM_MAX, .words = words_off,
	 .help = "most broadcasts from this port that are flooded, packets a second"},
	{"storm_unknown", FIELD_UINT, AT(storm.unknown), .max = STORM_MAX, .words = words_off,
	 .help = "most frames from this port to unknown addresses, packets a second"},
	{"storm_multicast", FIELD_UINT, AT(storm.multicast), .max = STORM_MAX, .words = words_off,
	 .help = "most multicasts from this port, packets a second"},
	{"address", FIELD_PREFIXES, AT(address), .max = 256,
	 .help = "addresses of an internal port, with prefix length"},
	{"lladdr", FIELD_MAC, AT(lladdr), .help = "MAC of an internal port"},
	{"mtu", FIELD_UINT, AT(mtu), .min = MTU_MIN, .max = MTU_MAX, .initial = PORT_MTU_UNSET,
	 .words = words_auto, .flags = FIELD_UNSET,
	 .help = "MTU of an internal port, as the tunnels carry it by default; auto: also that of "
		 "a "
		 "device that weft did not make"},
};
#undef OBJECT

#define OBJECT tunnel
static const struct field tunnel_fields[] = {
	{"bridge", FIELD_NAME, AT(bridge),
	 .help = "the bridge the tunnel belongs to; without it the tunnel gets a device of its own "
		 "name"},
	{"type", FIELD_ENUM, AT(type), .initial = TUNNEL_VXLAN, .words = words_tunnel_type,
	 .flags = FIELD_IMMUTABLE,
	 .help = "the encapsulation: vxlan, geneve, gretap, gre or nvgre"},
	{"id", FIELD_UINT, AT(id), .max = 0xffffff, .initial = UINT32_MAX, .flags = FIELD_UNSET,
	 .help = "the VNI, 0 to 16777215; nvgre: the VSID, 4096 to 16777214; required but for "
		 "gretap and gre"},
	{"key", FIELD_KEY, AT(key), .words = words_any,
	 .help = "gretap, gre: the key that is sent and demanded, a number or as 10.0.0.1; any: "
		 "none is sent, every one taken"},
	{"ikey", FIELD_KEY, AT(ikey), .words = words_any,
	 .help = "gretap, gre: the key that is demanded, or any; otherwise key"},
	{"okey", FIELD_KEY, AT(okey), .help = "gretap, gre: the key that is sent; otherwise key"},
	{"local", FIELD_ADDR, AT(local),
	 .help = "outer source address; otherwise the route picks it"},
	{"remote", FIELD_ADDRS, AT(remote), .max = WEFT_REMOTES_MAX,
	 .help = "peers: what is flooded goes to each, and packets are taken from them only; "
		 "any takes them from everybody"},
	{"group", FIELD_ADDR, AT(group),
	 .help = "multicast group that what is flooded goes to, instead of remote; needs dev"},
	{"dev", FIELD_NAME, AT(dev), .help = "underlay device of routes and of the group"},
	{"dstport", FIELD_UINT, AT(dstport), .min = 1, .max = 65535, .words = words_auto,
	 .help = "UDP port to send to and to listen on; auto: 4789 for vxlan, 6081 for geneve"},
	/* the default is initial..max */
	{"srcport", FIELD_RANGE, AT(srcport), .min = 1, .max = 65535, .initial = 49152,
	 .help = "UDP source ports: the first, and one above the last"},
	{"ttl", FIELD_UINT, AT(ttl), .max = 255, .initial = TTL_AUTO, .words = words_ttl,
	 .help = "outer TTL; auto: 64, or 1 to a group; inherit: the inner packet's"},
	{"tos", FIELD_UINT, AT(tos), .max = 255, .words = words_tos, .flags = FIELD_HEX,
	 .help = "outer TOS byte, its two ECN bits 0; inherit: the inner packet's DSCP"},
	{"learning", FIELD_BOOL, AT(learning), .initial = true,
	 .help = "learn which remote an address is behind"},
	{"ageing", FIELD_UINT, AT(ageing), .max = AGEING_MAX, .initial = AGEING_BRIDGE,
	 .words = words_ageing_tunnel,
	 .help = "seconds a learned address lives unseen; bridge: as the bridge has it (300 "
		 "without "
		 "one); none: for ever"},
	{"maxaddress", FIELD_UINT, AT(maxaddress), .max = WEFT_FDB_MAX, .words = words_unlimited,
	 .help = "most FDB entries behind the tunnel, static ones counted"},
	{"udpcsum", FIELD_CHOICE, AT(udpcsum),
	 .help = "send an outer UDP checksum over IPv4; default: geneve does, vxlan does not"},
	{"udpcsumrx", FIELD_BOOL, AT(udpcsumrx), .initial = true,
	 .help = "vxlan: verify an outer UDP checksum that is not 0"},
	{"udp6zerocsumtx", FIELD_BOOL, AT(udp6zerocsumtx),
	 .help = "send no outer UDP checksum over IPv6"},
	{"udp6zerocsumrx", FIELD_BOOL, AT(udp6zerocsumrx),
	 .help = "take packets without outer UDP checksum over IPv6"},
	{"flowlabel", FIELD_UINT, AT(flowlabel), .max = 0xfffff, .initial = FLOWLABEL_AUTO,
	 .words = words_flowlabel, .flags = FIELD_HEX,
	 .help = "flow label of the outer IPv6 header; auto: by the inner flow"},
	{"df", FIELD_ENUM, AT(df), .initial = DF_SET, .words = words_df,
	 .help = "outer DF bit over IPv4; inherit: as the inner IPv4 packet has it, set for "
		 "others"},
	{"ecn", FIELD_ENUM, AT(ecn), .initial = ECN_NORMAL, .words = words_ecn,
	 .help = "outer ECN: normal copies the inner one, compat sends none (both RFC 6040), "
		 "rfc3168 "
		 "sends CE as ECT(0)"},
	{"dscp", FIELD_ENUM, AT(dscp), .initial = DSCP_INNER, .words = words_dscp,
	 .help = "DSCP of what leaves the tunnel: its own, or inherit the outer one"},
	{"toobig", FIELD_ENUM, AT(toobig), .initial = TOOBIG_FRAGMENT, .words = words_toobig,
	 .help = "inner IPv4 without DF that is too big: fragment it, reject it as if it had DF, "
		 "or "
		 "drop it"},
	{"mss", FIELD_UINT, AT(mss), .min = MSS_MIN, .max = MSS_MAX, .initial = MSS_OFF,
	 .words = words_mss,
	 .help = "most that TCP SYNs may announce, both ways; auto: what fits the remote's MTU"},
	{"mtu_expires", FIELD_UINT, AT(mtu_expires), .min = 1, .max = 65535, .initial = 600,
	 .help = "seconds that a path MTU learned from an ICMP error is believed"},
	{"fwmark", FIELD_UINT, AT(fwmark), .max = UINT32_MAX, .words = words_none,
	 .flags = FIELD_HEX, .help = "mark of encapsulated packets and of their route look-up"},
	/* the default is all bits */
	{"reserved_bits", FIELD_MASK, AT(reserved_bits),
	 .help = "vxlan: bits that may be set in a received header though they mean nothing; "
		 "default: all; 0: none"},
	{"csum", FIELD_BOOL, AT(csum), .help = "gretap, gre: icsum and ocsum"},
	{"icsum", FIELD_BOOL, AT(icsum), .help = "gretap, gre: take only packets with a checksum"},
	{"ocsum", FIELD_BOOL, AT(ocsum), .help = "gretap, gre: send a checksum"},
	{"seq", FIELD_BOOL, AT(seq), .help = "gretap, gre: iseq and oseq"},
	{"iseq", FIELD_BOOL, AT(iseq),
	 .help = "gretap, gre: drop packets whose sequence number is not a later one"},
	{"oseq", FIELD_BOOL, AT(oseq), .help = "gretap, gre: send sequence numbers"},
	{"innerprotoinherit", FIELD_BOOL, AT(innerprotoinherit), .flags = FIELD_IMMUTABLE,
	 .help = "geneve: carry IPv4 and IPv6 without Ethernet"},
	{"option", FIELD_OPTIONS, AT(option), .max = OPTIONS_COUNT_MAX, .flags = FIELD_ORDERED,
	 .help = "geneve: an option that is sent, as 0x0102:0x80:0011aabb"},
	{"accept", FIELD_LENGTHS, AT(accept), .max = 256,
	 .help = "geneve: an option that is known when it is received, with the bytes of its data, "
		 "as "
		 "0x0102:0x80:4"},
	{"match", FIELD_OPTIONS, AT(match), .max = 32,
	 .help = "geneve: an option that packets are taken with only"},
	{"options", FIELD_BOOL, AT(options), .initial = true,
	 .help = "geneve: look into the options of what is received"},
	{"optmax", FIELD_UINT, AT(optmax), .max = OPTIONS_MAX, .initial = OPTMAX_AUTO,
	 .words = words_optmax,
	 .help = "geneve: most bytes of options, sent and taken; auto: what option needs, and any "
		 "number"},
	{"log", FIELD_BOOL, AT(log), .initial = true,
	 .help = "say once a minute what is odd in received packets"},
	{"innervlan", FIELD_BOOL, AT(innervlan), .help = "carry VLAN-tagged frames inside"},
	{"vlan", FIELD_UINT, AT(vlan), .min = 1, .max = 4094, .words = words_none,
	 .help = "VLAN mapped to the VNI on a bridge with vlan_filtering"},
	{"trunk", FIELD_VLANS, AT(trunk), .min = 1, .max = 4094,
	 .help = "VLANs carried tagged inside on a bridge with vlan_filtering, as 10,20-30"},
	{"storm_broadcast", FIELD_UINT, AT(storm.broadcast), .max = STORM_MAX, .words = words_off,
	 .help = "most broadcasts from its remotes that are flooded, packets a second"},
	{"storm_unknown", FIELD_UINT, AT(storm.unknown), .max = STORM_MAX, .words = words_off,
	 .help = "most frames from its remotes to unknown addresses, packets a second"},
	{"storm_multicast", FIELD_UINT, AT(storm.multicast), .max = STORM_MAX, .words = words_off,
	 .help = "most multicasts from its remotes, packets a second"},
	{"address", FIELD_PREFIXES, AT(address), .max = 256,
	 .help = "addresses of the device of a tunnel without a bridge, with prefix length"},
	{"lladdr", FIELD_MAC, AT(lladdr), .help = "MAC of the device of a tunnel without a bridge"},
	{"mtu", FIELD_UINT, AT(mtu), .min = MTU_MIN, .max = MTU_MAX, .words = words_auto,
	 .help = "MTU of the device of a tunnel without a bridge; auto: what the underlay leaves"},
};
#undef OBJECT

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct schema schemas[NOUN_COUNT] = {
	[NOUN_BRIDGE] = {"bridge", "bridges", sizeof(struct bridge), bridge_fields,
			 COUNT(bridge_fields)},
	[NOUN_PORT] = {"port", "ports", sizeof(struct port), port_fields, COUNT(port_fields)},
	[NOUN_TUNNEL] = {"tunnel", "tunnels", sizeof(struct tunnel), tunnel_fields,
			 COUNT(tunnel_fields)},
};

const struct field *schema_field(enum noun noun, const char *name)
{
	const struct schema *schema = &schemas[noun];

	for (size_t i = 0; i < schema->count; i++)
		if (!strcmp(schema->field[i].name, name))
			return &schema->field[i];
	return NULL;
}
