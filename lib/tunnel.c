/* SPDX-License-Identifier: GPL-2.0-only */
#include "lib/tunnel.h"

#define PORT_VXLAN  4789
#define PORT_GENEVE 6081

int tunnel_family(const struct tunnel *tunnel)
{
	const struct weft_addr *known = !addr_is_any(&tunnel->local)   ? &tunnel->local
					: !addr_is_any(&tunnel->group) ? &tunnel->group
					: tunnel->remote.count	       ? tunnel->remote.item
								       : NULL;

	return !known ? 0 : addr_is_v4(known) ? AF_INET : AF_INET6;
}

bool tunnel_is_gre(const struct tunnel *tunnel)
{
	return tunnel->type == TUNNEL_GRETAP || tunnel->type == TUNNEL_GRE ||
	       tunnel->type == TUNNEL_NVGRE;
}

bool tunnel_is_l3(const struct tunnel *tunnel)
{
	return tunnel->type == TUNNEL_GRE ||
	       (tunnel->type == TUNNEL_GENEVE && tunnel->innerprotoinherit);
}

uint32_t tunnel_vni(const struct tunnel *tunnel)
{
	return tunnel->type == TUNNEL_GRETAP || tunnel->type == TUNNEL_GRE ? 0 : tunnel->id;
}

uint16_t tunnel_dstport(const struct tunnel *tunnel)
{
	if (tunnel_is_gre(tunnel))
		return 0;
	if (tunnel->dstport != DSTPORT_AUTO)
		return (uint16_t)tunnel->dstport;
	return tunnel->type == TUNNEL_GENEVE ? PORT_GENEVE : PORT_VXLAN;
}

bool tunnel_udpcsum(const struct tunnel *tunnel)
{
	return tunnel->udpcsum == CHOICE_AUTO ? tunnel->type == TUNNEL_GENEVE
					      : tunnel->udpcsum == CHOICE_YES;
}

struct gre_key tunnel_in_key(const struct tunnel *tunnel)
{
	return tunnel->ikey.set ? tunnel->ikey : tunnel->key;
}

struct gre_key tunnel_out_key(const struct tunnel *tunnel)
{
	static const struct gre_key none;

	if (tunnel->okey.set)
		return tunnel->okey;
	return tunnel->key.any ? none : tunnel->key;
}

bool tunnel_csum_in(const struct tunnel *tunnel)
{
	return tunnel->csum || tunnel->icsum;
}

bool tunnel_csum_out(const struct tunnel *tunnel)
{
	return tunnel->csum || tunnel->ocsum;
}

bool tunnel_seq_in(const struct tunnel *tunnel)
{
	return tunnel->seq || tunnel->iseq;
}

bool tunnel_seq_out(const struct tunnel *tunnel)
{
	return tunnel->seq || tunnel->oseq;
}

size_t tunnel_options_room(const struct tunnel *tunnel)
{
	if (tunnel->type != TUNNEL_GENEVE)
		return 0;
	return tunnel->optmax == OPTMAX_AUTO ? options_size(&tunnel->option) : tunnel->optmax;
}
