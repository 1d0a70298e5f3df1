/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames with a mark (RFC 791, RFC 768, RFC 826, RFC 4861), and the same frames met again. */
#include "cli/probe_frame.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <string.h>

#include "cli/bytes.h"

#define TAG_AT	  12
#define VID_MASK  0xfff
#define IPV4_AT	  14
#define UDP_AT	  34
#define DISCARD	  9 /* UDP port (RFC 863) */
#define ECN_MASK  3
#define ECN_ECT0  2
#define ARP_BYTES 28
#define ICMP6_AT  54
#define ICMP6_LEN 24 /* of a solicitation, or an advertisement without options */
#define TARGET_AT 62 /* in both */
#define SOLICIT	  135
#define ADVERTISE 136
#define MARK_LEN  6
#define FRAME_END (PROBE_MARK + MARK_LEN)

/* Solicited-node group without its last three bytes, and all nodes (RFC 4291 2.7.1). */
static const uint8_t solicited[16] = {0xff, 0x02, [11] = 1, [12] = 0xff};
static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};

static void ethernet_build(const struct probe_course *course, uint16_t type, uint8_t *bytes)
{
	memset(bytes, 0, PROBE_FRAME_GIVEN);
	memcpy(bytes, course->destination, 6);
	memcpy(bytes + 6, course->source, 6);
	put16(bytes + 12, type);
}

static void mark_build(const struct probe_course *course, uint16_t number, uint8_t *at)
{
	put32(at, course->token);
	put16(at + 4, number);
}

/* The tag, before the Ethertype. */
static void tag_insert(const struct probe_course *course, uint8_t bytes[PROBE_FRAME_GIVEN])
{
	if (!course->vlan)
		return;
	memmove(bytes + TAG_AT + PROBE_TAG, bytes + TAG_AT, PROBE_FRAME_LEAST - TAG_AT);
	put16(bytes + TAG_AT, ETH_P_8021Q);
	put16(bytes + TAG_AT + 2, course->vlan);
}

/* UDP's checksum over what there is, zeros behind it count for nothing. */
static uint16_t udp_sum(const uint8_t *packet, const uint8_t *udp, size_t there, size_t len)
{
	uint32_t sum = sum_bytes(packet + 12, 8, 0) + IPPROTO_UDP + (uint32_t)len;

	return (uint16_t)~sum_bytes(udp, there, sum);
}

void probe_frame_build(const struct probe_course *course, uint16_t number, size_t size,
		       uint8_t bytes[PROBE_FRAME_GIVEN])
{
	static const uint8_t nobody[4] = {127, 0, 0, 1};
	uint8_t *ip = bytes + IPV4_AT, *udp = bytes + UDP_AT;
	uint16_t sum;

	ethernet_build(course, ETH_P_IP, bytes);
	ip[0] = 0x45;
	ip[1] = ECN_ECT0;
	put16(ip + 2, (uint32_t)size - IPV4_AT);
	put16(ip + 6, 0x4000);
	ip[8] = 1;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 16, nobody, sizeof(nobody));
	put16(ip + 10, (uint16_t)~sum_bytes(ip, UDP_AT - IPV4_AT, 0));
	put16(udp, DISCARD);
	put16(udp + 2, DISCARD);
	put16(udp + 4, (uint32_t)size - UDP_AT);
	mark_build(course, number, bytes + PROBE_MARK);
	sum = udp_sum(ip, udp, FRAME_END - UDP_AT, size - UDP_AT);
	put16(udp + 6, sum ? sum : 0xffff);
	tag_insert(course, bytes);
}

void probe_question_all(struct probe_course *course)
{
	static const uint8_t group[3] = {0x33, 0x33, 0xff};

	memset(course->destination, 0xff, 6);
	if (addr_is_v4(&course->target))
		return;
	memcpy(course->destination, group, sizeof(group));
	memcpy(course->destination + 3, (const uint8_t *)&course->target + 13, 3);
}

static void arp_build(const struct probe_course *course, uint16_t number, uint8_t *bytes)
{
	struct in_addr target = addr_to_v4(&course->target);
	uint8_t *arp = bytes + IPV4_AT;

	ethernet_build(course, ETH_P_ARP, bytes);
	put16(arp, ARPHRD_ETHER);
	put16(arp + 2, ETH_P_IP);
	arp[4] = 6;
	arp[5] = 4;
	put16(arp + 6, ARPOP_REQUEST);
	memcpy(arp + 8, course->source, 6);
	memcpy(arp + 24, &target, 4);
	mark_build(course, number, bytes + PROBE_MARK);
}

static void solicitation_build(const struct probe_course *course, uint16_t number, uint8_t *bytes)
{
	uint8_t *ip = bytes + IPV4_AT, *icmp = bytes + ICMP6_AT;

	ethernet_build(course, ETH_P_IPV6, bytes);
	ip[0] = 0x60;
	put16(ip + 4, ICMP6_LEN);
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = 255;
	memcpy(ip + 24, solicited, 13);
	memcpy(ip + 37, (const uint8_t *)&course->target + 13, 3);
	icmp[0] = SOLICIT;
	memcpy(bytes + TARGET_AT, &course->target, 16);
	put16(icmp + 2, (uint16_t)~sum_bytes(icmp, ICMP6_LEN,
					     sum_bytes(ip + 24, 16, IPPROTO_ICMPV6 + ICMP6_LEN)));
	/* behind the packet's end, as the padding of a short frame would be */
	mark_build(course, number, bytes + PROBE_MARK_6);
}

void probe_question_build(const struct probe_course *course, uint16_t number,
			  uint8_t bytes[PROBE_FRAME_GIVEN])
{
	if (addr_is_v4(&course->target))
		arp_build(course, number, bytes);
	else
		solicitation_build(course, number, bytes);
	tag_insert(course, bytes);
}

/* --- Seen ----------------------------------------------------------------------------------------------- */

static void frame_check(const uint8_t *frame, size_t captured, size_t len, struct probe_sight *ret)
{
	const uint8_t *ip = frame + IPV4_AT, *udp = frame + UDP_AT;

	ret->ecn = ip[1] & ECN_MASK;
	ret->whole = captured == len && get16(ip + 2) == len - IPV4_AT;
	if (!ret->whole)
		return;
	ret->right = sum_bytes(ip, UDP_AT - IPV4_AT, 0) == 0xffff &&
		     udp_sum(ip, udp, len - UDP_AT, len - UDP_AT) == 0;
	for (size_t i = FRAME_END; i < len; i++)
		ret->right &= !frame[i];
}

static bool is_arp_answer(const struct probe_course *course, const uint8_t *frame, size_t captured)
{
	const uint8_t *arp = frame + IPV4_AT;
	struct in_addr target = addr_to_v4(&course->target);

	return addr_is_v4(&course->target) && captured >= IPV4_AT + ARP_BYTES &&
	       get16(frame + 12) == ETH_P_ARP && get16(arp + 6) == ARPOP_REPLY &&
	       !memcmp(arp + 14, &target, 4) && !memcmp(arp + 18, course->source, 6);
}

/* To all nodes, as it answers one that says no address; those that answer others are not ours. */
static bool is_advertisement(const struct probe_course *course, const uint8_t *frame,
			     size_t captured)
{
	const uint8_t *ip = frame + IPV4_AT;

	return !addr_is_any(&course->target) && captured >= ICMP6_AT + ICMP6_LEN &&
	       get16(frame + 12) == ETH_P_IPV6 && ip[6] == IPPROTO_ICMPV6 &&
	       !memcmp(ip + 24, all_nodes, sizeof(all_nodes)) && frame[ICMP6_AT] == ADVERTISE &&
	       !memcmp(frame + TARGET_AT, &course->target, 16);
}

static bool is_answer(const struct probe_course *course, const uint8_t *macs, const uint8_t *frame,
		      size_t captured, uint8_t from[6])
{
	if (is_arp_answer(course, frame, captured))
		memcpy(from, frame + IPV4_AT + 8, 6);
	else if (is_advertisement(course, frame, captured))
		memcpy(from, macs + 6, 6);
	else
		return false;
	return true;
}

/* Where the mark of a frame is, if it is this course's; 0: it is not. */
static size_t mark_find(const struct probe_course *course, const uint8_t *frame, size_t captured)
{
	size_t at = captured > 14 && get16(frame + 12) == ETH_P_IPV6 ? PROBE_MARK_6 : PROBE_MARK;

	return captured >= at + MARK_LEN && get32(frame + at) == course->token ? at : 0;
}

/* The VLAN of the frame's tag, 0: it has none. Of a frame with one, everything but the MACs is that much further behind. */
static uint16_t tag_read(const uint8_t *frame, size_t captured, size_t *ret_behind)
{
	*ret_behind = captured >= IPV4_AT + PROBE_TAG && get16(frame + TAG_AT) == ETH_P_8021Q
			      ? PROBE_TAG
			      : 0;
	return *ret_behind ? get16(frame + TAG_AT + 2) & VID_MASK : 0;
}

/* Of the IP header around a tunnel's packet, a tag before it or not. */
static uint8_t outer_ecn(const uint8_t *bytes, size_t captured)
{
	size_t at = 12;

	if (captured > at + 6 && get16(bytes + at) == ETH_P_8021Q)
		at += 4;
	if (captured < at + 6)
		return PROBE_ECN_NONE;
	if (get16(bytes + at) == ETH_P_IP)
		return bytes[at + 3] & ECN_MASK;
	if (get16(bytes + at) == ETH_P_IPV6)
		return (bytes[at + 3] >> 4) & ECN_MASK;
	return PROBE_ECN_NONE;
}

bool probe_sight_read(const struct probe_course *course, const uint8_t *bytes, size_t captured,
		      size_t len, size_t inner, struct probe_sight *ret)
{
	const uint8_t *macs = bytes + inner, *frame;
	size_t mark, behind;

	*ret = (struct probe_sight){.ecn = PROBE_ECN_NONE, .outer = PROBE_ECN_NONE};
	if (captured > len || inner > captured)
		return false;
	if (inner)
		ret->outer = outer_ecn(bytes, captured);
	ret->vlan = tag_read(macs, captured - inner, &behind);
	frame = macs + behind;
	captured -= inner + behind;
	len -= inner + behind;
	if (is_answer(course, macs, frame, captured, ret->answering)) {
		ret->kind = SIGHT_ANSWER;
		return !course->vlan || !ret->vlan || ret->vlan == course->vlan;
	}
	mark = mark_find(course, frame, captured);
	if (!mark)
		return false;
	ret->number = get16(frame + mark + 4);
	if (mark == PROBE_MARK_6 || get16(frame + 12) == ETH_P_ARP) {
		ret->kind = SIGHT_QUESTION;
		return true;
	}
	if (captured < FRAME_END || get16(frame + 12) != ETH_P_IP || frame[IPV4_AT] != 0x45)
		return false;
	frame_check(frame, captured, len, ret);
	return true;
}
