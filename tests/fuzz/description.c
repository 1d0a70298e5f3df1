/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet's description: what is taken makes a frame that can be told in words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/packet_make.h"
#include "lib/packet_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frame_try(const uint8_t *bytes, uint32_t len)
{
	char *text;

	if (!len || len > PACKET_MAX)
		abort();
	text = packet_text(bytes, len, NULL, 0);
	if (!text || !*text)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);
	uint8_t bytes[PACKET_MAX];
	struct packet_want want;
	struct error err = {};
	uint32_t len = 0;

	memcpy(text, data, size);
	if (packet_parse(text, &want, &err) == 0 && packet_build(&want, bytes, &len, &err) == 0)
		frame_try(bytes, len);
	else if (!*err.line)
		abort();
	free(text);
	return 0;
}
