/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fields of a tunnel come to: its type's defaults and what follows from several fields. */
#ifndef WEFT_LIB_TUNNEL_H
#define WEFT_LIB_TUNNEL_H

#include "lib/objects.h"
#include "lib/option.h"

/* The VSIDs of nvgre: those below are reserved, the one above is the vendor's (RFC 7637 3.4). */
#define VSID_MIN 0x1000
#define VSID_MAX 0xfffffe

/* AF_INET or AF_INET6, as the addresses of the underlay say; 0: they say nothing. */
int tunnel_family(const struct tunnel *tunnel);
/* Over IP protocol 47 rather than UDP: gretap, gre, nvgre. */
bool tunnel_is_gre(const struct tunnel *tunnel);
/* Carries IP packets without Ethernet, and has a device of its own: gre, geneve with innerprotoinherit. */
bool tunnel_is_l3(const struct tunnel *tunnel);
/* What packets carry to say which network they are of, 24 bits: VNI or VSID. 0 for gretap and gre, which have keys. */
uint32_t tunnel_vni(const struct tunnel *tunnel);
/* UDP port, host byte order: as configured, or IANA's (4789, 6081). 0 for the GRE types. */
uint16_t tunnel_dstport(const struct tunnel *tunnel);
/* Is an outer UDP checksum sent over IPv4? By default for GENEVE (RFC 8926 3.3), not for VXLAN (RFC 7348 5). */
bool tunnel_udpcsum(const struct tunnel *tunnel);
/* The key that is received and the one that is sent: ikey and okey, else key. What is sent is never `any`. */
struct gre_key tunnel_in_key(const struct tunnel *tunnel);
struct gre_key tunnel_out_key(const struct tunnel *tunnel);
bool tunnel_csum_in(const struct tunnel *tunnel);
bool tunnel_csum_out(const struct tunnel *tunnel);
bool tunnel_seq_in(const struct tunnel *tunnel);
bool tunnel_seq_out(const struct tunnel *tunnel);
/* Bytes of options that the overlay's MTU must leave room for (RFC 8926 4.4.1). */
size_t tunnel_options_room(const struct tunnel *tunnel);

#endif
