/* SPDX-License-Identifier: GPL-2.0-only */
/* A captured packet in words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/drops.h"
#include "cli/capture.h"
#include "lib/addr.h"
#include "lib/hex.h"

static const char *reason_name(uint8_t reason)
{
	static const char *const names[] = {"",
#define WEFT_DROP(name, string, cause, mend) string,
					    WEFT_DROPS(WEFT_DROP)
#undef WEFT_DROP
	};

	return reason < sizeof(names) / sizeof(*names) ? names[reason] : "unknown";
}

/* " port p" and the like, each with `between` in front of it. */
static void place_write(FILE *out, const struct capture_client *capture,
			const struct weft_captured *record, const char *between)
{
	const char *port = capture_port(capture, record->port);
	const char *tunnel = capture_tunnel(capture, record->tunnel);
	char remote[ADDR_STRLEN];

	if (port)
		fprintf(out, "%sport %s", between, port);
	if (tunnel)
		fprintf(out, "%stunnel %s", between, tunnel);
	if (!addr_is_any(&record->remote))
		fprintf(out, "%sremote %s", between, addr_format(&record->remote, remote));
	if (record->segment)
		fprintf(out, "%sin segments of %u", between, record->segment);
}

char *capture_comment(const struct capture_client *capture, const struct weft_captured *record)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (record->point == WEFT_POINT_DROP)
		fprintf(out, ", dropped: %s", reason_name(record->reason));
	place_write(out, capture, record, ", ");
	fclose(out);
	if (text && *text)
		memmove(text, text + 2, strlen(text + 2) + 1);
	return text;
}

char *capture_line(const struct capture_client *capture, const struct weft_captured *record,
		   const uint8_t *bytes, const struct packet_port *ports, size_t count)
{
	uint64_t when = capture_time(capture, record->time);
	time_t second = (time_t)(when / 1000000000);
	char *packet = packet_text(bytes, record->captured, ports, count), *text = NULL;
	struct tm local;
	char clock[16];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out || !packet) {
		free(packet);
		return NULL;
	}
	localtime_r(&second, &local);
	strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	fprintf(out, "%s.%06u %s", clock, (unsigned int)(when % 1000000000 / 1000),
		capture_point_name(record->point));
	if (record->point == WEFT_POINT_DROP)
		fprintf(out, " %s", reason_name(record->reason));
	place_write(out, capture, record, " ");
	fputs(": ", out);
	for (const char *at = packet; *at; at++)
		if (*at == '\n')
			fputs(" | ", out);
		else
			fputc(*at, out);
	fclose(out);
	free(packet);
	return text;
}

json_t *capture_json(const struct capture_client *capture, const struct weft_captured *record,
		     const uint8_t *bytes)
{
	const char *port = capture_port(capture, record->port);
	const char *tunnel = capture_tunnel(capture, record->tunnel);
	char *hex = malloc(2 * (size_t)record->captured + 1), remote[ADDR_STRLEN];
	json_t *json;

	if (!hex)
		return NULL;
	json = json_pack("{s:I, s:s, s:I, s:s}", "time",
			 (json_int_t)capture_time(capture, record->time), "point",
			 capture_point_name(record->point), "length", (json_int_t)record->len,
			 "packet", hex_write(bytes, record->captured, hex));
	free(hex);
	if (record->point == WEFT_POINT_DROP)
		json_object_set_new(json, "reason", json_string(reason_name(record->reason)));
	if (port)
		json_object_set_new(json, "port", json_string(port));
	if (tunnel)
		json_object_set_new(json, "tunnel", json_string(tunnel));
	if (!addr_is_any(&record->remote))
		json_object_set_new(json, "remote",
				    json_string(addr_format(&record->remote, remote)));
	if (record->segment)
		json_object_set_new(json, "segment", json_integer(record->segment));
	if (record->inner)
		json_object_set_new(json, "inner", json_integer(record->inner));
	return json;
}
