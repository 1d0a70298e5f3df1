/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets in words. Whatever the bytes are, what comes out is text that a terminal can be shown. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/packet_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct packet_port ports[] = {{1, false}, {2, true}};
	char *text = packet_text(data, size, ports, 2);

	if (!text || !*text)
		abort();
	for (const char *at = text; *at; at++)
		if ((*at < ' ' && *at != '\n') || *at > '~')
			abort();
	free(text);
	return 0;
}
