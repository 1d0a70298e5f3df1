/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notes: what is odd in a packet that is delivered all the same. Counted in map `notes` by tunnel, and
 * told to the log once a minute unless the tunnel has `nolog`.
 *
 * WEFT_NOTE(NAME, "name", "what it says of the sender or the path")
 *
 * The order is ABI, as that of the drop reasons.
 */
#ifndef WEFT_ABI_NOTES_H
#define WEFT_ABI_NOTES_H

#define WEFT_NOTES(WEFT_NOTE)                                                                      \
	WEFT_NOTE(ECN_UNUSED, "ecn_unused",                                                        \
		  "outer and inner ECN marks that no sender makes together (RFC 6040 4.2)")        \
	WEFT_NOTE(ZERO_CSUM6, "zero_csum6",                                                        \
		  "UDP over IPv6 without a checksum, as the tunnel allows")                        \
	WEFT_NOTE(NOT_CRITICAL, "not_critical",                                                    \
		  "GENEVE C bit is not what the options say (RFC 8926 3.4)")                       \
	WEFT_NOTE(FRAGMENTED, "fragmented",                                                        \
		  "IPv4 without DF that was too big, sent in inner fragments")                     \
	WEFT_NOTE(PATH_MTU, "path_mtu", "ICMP error that lowered the path MTU of a remote")        \
	WEFT_NOTE(ICMP_FORGED, "icmp_forged",                                                      \
		  "ICMP error that quotes no packet this host can have sent; ignored")

enum weft_note {
	WEFT_NOTE_NONE,
#define WEFT_NOTE(name, string, meaning) WEFT_NOTE_##name,
	WEFT_NOTES(WEFT_NOTE)
#undef WEFT_NOTE
		WEFT_NOTE_MAX,
};

#endif
