/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnel packets that came as fragments of IP. The datapath marks them WEFT_FRAGMENT_MARK and lets the host's
 * stack put them together (with what RFC 3168 5.3 says of ECN); a raw socket gets the whole packet, and it is put
 * back on `lo`, with the same mark, where the datapath meets it as if it had arrived whole. What no tunnel
 * takes there must not be passed on, as the host has had it: the mark on `lo` says so.
 */
#ifndef WEFT_DAEMON_HOLDER_REASSEMBLY_H
#define WEFT_DAEMON_HOLDER_REASSEMBLY_H

/*
 * A raw socket of IP protocol `protocol` that takes nothing but such packets, or negative errno. That it is there keeps
 * the host from answering other packets of the protocol with ICMP errors.
 */
int reassembly_open(int family, int protocol);
/* The socket by which packets are put back, or negative errno. */
int reassembly_back(void);
/* Puts back what the socket has, up to a number of packets. Never waits: what cannot be put back is lost. */
void reassembly_serve(int fd, int family, int protocol, int back);

#endif
