/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `weft capture` share. */
#ifndef WEFT_CLI_CAPTURE_H
#define WEFT_CLI_CAPTURE_H

#include <jansson.h>

#include "lib/capture_client.h"
#include "lib/packet_text.h"

/* A filter in libpcap's language (pcap-filter(7)) as classic BPF, a new array; an empty one: 0 instructions. */
int capture_filter_compile(const char *text, struct weft_capture_insn **ret, size_t *ret_length,
			   struct error *err);

/* Where it was and what became of it: "port vnet0", "mtu, tunnel vxlan0, remote 192.0.2.2". To be freed. */
char *capture_comment(const struct capture_client *capture, const struct weft_captured *record);
/* A packet on one line, without a newline. To be freed. */
char *capture_line(const struct capture_client *capture, const struct weft_captured *record,
		   const uint8_t *bytes, const struct packet_port *ports, size_t count);
/* The same for programs; a new reference. */
json_t *capture_json(const struct capture_client *capture, const struct weft_captured *record,
		     const uint8_t *bytes);

#endif
