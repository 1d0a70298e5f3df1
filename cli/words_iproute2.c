/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of iproute2 and Open vSwitch that are no field's name: other names, and what weft has not. */
#include "cli/words_iproute2.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
	const char *word, *field;
} synonyms[] = {
	{"vni", "id"},
	{"vsid", "id"},
	{"port", "srcport"},
	{"dsfield", "tos"},
	{"tclass", "tos"},
	{"hoplimit", "ttl"},
	{"hlim", "ttl"},
	{"label", "flowlabel"},
	{"geneve_opts", "option"},
	/* Open vSwitch: options:WORD */
	{"remote_ip", "remote"},
	{"local_ip", "local"},
	{"in_key", "ikey"},
	{"out_key", "okey"},
	{"dst_port", "dstport"},
	{"egress_pkt_mark", "fwmark"},
};

/* `ignore-df` fragments although the inner packet has DF set, which is what an outer DF of 0 comes to. */
static const struct {
	const char *word, *next, *field, *value;
} phrases[] = {
	{"pmtudisc", NULL, "df", "set"},	{"nopmtudisc", NULL, "df", "unset"},
	{"ignore-df", NULL, "df", "unset"},	{"df_default", "true", "df", "set"},
	{"df_default", "false", "df", "unset"},
};

struct unknown {
	const char *word, *why;
};

static const struct unknown unknown_bridge[] = {
	{"ageing_time", "it is called ageing, in seconds"},
	{"forward_delay", "there is no spanning tree"},
	{"hello_time", "there is no spanning tree"},
	{"max_age", "there is no spanning tree"},
	{"stp_state", "there is no spanning tree"},
	{"priority", "there is no spanning tree"},
	{"vlan_default_pvid", "each port has its own vlan"},
	{"vlan_protocol", "VLANs are those of 802.1Q"},
	{"mcast_snooping", "multicast is flooded"},
	{"mcast_querier", "multicast is flooded"},
	{"mcast_router", "multicast is flooded"},
	{"nf_call_iptables", "frames do not pass netfilter"},
	{"nf_call_ip6tables", "frames do not pass netfilter"},
	{"nf_call_arptables", "frames do not pass netfilter"},
	{"vlan_stats_enabled", "counters are per port and tunnel"},
	{},
};

static const struct unknown unknown_port[] = {
	{"flood", "every port is flooded to"},
	{"mcast_flood", "every port is flooded to"},
	{"bcast_flood", "every port is flooded to"},
	{"hairpin", "no frame goes back to where it came from"},
	{"isolated", "ports of a bridge reach each other"},
	{"guard", "there is no spanning tree"},
	{"cost", "there is no spanning tree"},
	{"priority", "there is no spanning tree"},
	{"root_block", "there is no spanning tree"},
	{"state", "there is no spanning tree"},
	{"neigh_suppress", "ARP and neighbour discovery are not answered for others"},
	{"locked", "there is no 802.1X"},
	{"pvid", "it is called vlan"},
	{},
};

static const struct unknown unknown_tunnel[] = {
	{"external", "a tunnel has its own values, packets carry none"},
	{"vnifilter", "a tunnel has one VNI"},
	{"gbp", "there is no group policy extension"},
	{"gpe", "there is no generic protocol extension"},
	{"exts", "there are no VXLAN extensions"},
	{"packet_type", "the payload follows from the type"},
	{"proxy", "ARP and neighbour discovery are not answered for others"},
	{"rsc", "there is no route short circuit"},
	{"l2miss", "unknown destinations are flooded, not reported"},
	{"l3miss", "no IP address is looked up"},
	{"mcroute", "groups are sent to on dev only"},
	{"localbypass", "what goes to this host is encapsulated, too"},
	{"remcsum", "there is no remote checksum offload"},
	{"remcsumtx", "there is no remote checksum offload"},
	{"remcsumrx", "there is no remote checksum offload"},
	{"encap", "GRE is not put into UDP"},
	{"encap-sport", "GRE is not put into UDP"},
	{"encap-dport", "GRE is not put into UDP"},
	{"encap-csum", "GRE is not put into UDP"},
	{"encap-udp6-csum", "GRE is not put into UDP"},
	{"encap-remcsum", "GRE is not put into UDP"},
	{"encaplimit", "no encapsulation limit is sent"},
	{"erspan", "there is no ERSPAN"},
	{"erspan_ver", "there is no ERSPAN"},
	{"erspan_dir", "there is no ERSPAN"},
	{"erspan_hwid", "there is no ERSPAN"},
	{},
};

static const struct unknown *const unknown[NOUN_COUNT] = {
	[NOUN_BRIDGE] = unknown_bridge,
	[NOUN_PORT] = unknown_port,
	[NOUN_TUNNEL] = unknown_tunnel,
};

/* A remote may be an address of this host, which is reached over lo; DF is never ignored unless it is unset. */
static const char *const granted_tunnel[] = {"allow-localremote", "noallow-localremote",
					     "noignore-df", NULL};

/* Words that are granted with the value `none`. */
static const char *const granted_none[] = {"encap", "encaplimit", NULL};

const char *iproute2_synonym(const char *word)
{
	for (size_t i = 0; i < COUNT(synonyms); i++)
		if (!strcmp(word, synonyms[i].word))
			return synonyms[i].field;
	return word;
}

const char *iproute2_phrase(const char *word, struct words *words, const struct field **ret)
{
	for (size_t i = 0; i < COUNT(phrases); i++) {
		if (strcmp(word, phrases[i].word) ||
		    (phrases[i].next && !words_match(words, phrases[i].next)))
			continue;
		*ret = schema_field(NOUN_TUNNEL, phrases[i].field);
		return phrases[i].value;
	}
	return NULL;
}

static const struct unknown *unknown_find(enum noun noun, const char *word)
{
	const struct unknown *entry = unknown[noun];

	while (entry->word && strcmp(entry->word, word))
		entry++;
	return entry->word ? entry : NULL;
}

bool iproute2_granted(enum noun noun, const char *word, struct words *words)
{
	if (noun != NOUN_TUNNEL)
		return false;
	if (word_in(word, granted_none))
		return words_match(words, "none");
	if (word_in(word, granted_tunnel))
		return true;
	/* what weft never does */
	return !strncmp(word, "no", 2) && unknown_find(noun, word + 2);
}

int iproute2_refuse(enum noun noun, const char *word, struct error *err)
{
	const struct unknown *entry = unknown_find(noun, word);

	if (!entry && !strncmp(word, "no", 2))
		entry = unknown_find(noun, word + 2);
	if (entry)
		return error_set(err, -EOPNOTSUPP, "%s: weft does not have this option: %s", word,
				 entry->why);
	return error_set(err, -EINVAL, "%.64s: is not a field of a %s", word, schemas[noun].noun);
}
