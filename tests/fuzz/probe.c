/* SPDX-License-Identifier: GPL-2.0-only */
/* What comes back to `weft probe`: ICMP about its packets, and captures of its frames. The first byte says what it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/probe_frame.h"
#include "cli/probe_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reply_read(const uint8_t *data, size_t size, bool v4, enum tunnel_type type)
{
	const struct tunnel tunnel = {.type = type, .id = 1000, .srcport = {32768, 61000}};
	struct probe_way way = {.tunnel = &tunnel, .ident = 0x1234};
	struct probe_reply reply;

	addr_parse(v4 ? "10.0.0.1" : "2001:db8::1", &way.source);
	addr_parse(v4 ? "10.9.0.1" : "2001:db8:9::1", &way.remote);
	if (probe_read(&way, data, size, &way.remote, &reply) &&
	    (reply.event == PROBE_SILENCE || reply.kind > PROBE_TUNNEL || reply.mtu > UINT16_MAX))
		abort();
}

static void frame_read(const uint8_t *data, size_t size, bool v4, size_t inner)
{
	struct probe_course course = {.source = {2, 0, 0, 0, 0, 1}, .token = 0xfeedbeef};
	struct probe_sight sight;

	addr_parse(v4 ? "10.0.0.1" : "fd00::1", &course.target);
	if (probe_sight_read(&course, data, size, size, inner, &sight) &&
	    (sight.ecn > PROBE_ECN_NONE || sight.outer > PROBE_ECN_NONE))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (*data < 16)
		reply_read(data + 1, size - 1, *data % 2, *data / 2 % (TUNNEL_NVGRE + 1));
	else
		frame_read(data + 1, size - 1, *data % 2, (*data - 16u) / 2);
	return 0;
}
