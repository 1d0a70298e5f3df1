/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft trace`: what the datapath would do with a packet, without doing it. */
#include "cli/trace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/wrap.h"
#include "lib/addr.h"
#include "lib/hex.h"

/* --- MACs that a description leaves out -------------------------------------------------------- */

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* The one MAC of the FDB that is on `port`, or (`there` false) that is elsewhere on its bridge. */
static int mac_only(const json_t *entries, const char *port, bool there, uint8_t ret[6])
{
	const char *found = NULL;
	json_t *entry;
	size_t i;

	json_array_foreach ((json_t *)entries, i, entry) {
		if (!strcmp(text_of(entry, "dev"), port) != there ||
		    !strcmp(text_of(entry, "mac"), "00:00:00:00:00:00"))
			continue;
		if (found)
			return -ENOTUNIQ;
		found = text_of(entry, "mac");
	}
	return found ? mac_parse(found, ret) : -ENOENT;
}

static int mac_refused(const char *word, int code, const char *port, struct error *err)
{
	return error_set(err, -EINVAL, "%s: must be given: the FDB has %s MAC %s %s", word,
			 code == -ENOTUNIQ ? "more than one" : "no",
			 *word == 's' ? "at" : "elsewhere than at", port);
}

/* Is it the device of a tunnel without a bridge, where the Ethernet header says no more than which remote? */
static bool device_is_l3(struct cli *cli, const char *name)
{
	json_auto_t *shown = NULL;
	struct error err = {};

	return cli_call(cli, "tunnel.show", json_pack("{s:s}", "name", name), &shown, &err) == 0 &&
	       !*text_of(json_array_get(shown, 0), "bridge");
}

static int macs_find(struct cli *cli, const char *port, struct packet_want *want, struct error *err)
{
	json_auto_t *shown = NULL, *fdb = NULL;
	const char *bridge;
	int r = cli_call(cli, "port.show", json_pack("{s:s}", "name", port), &shown, err);
	if (r < 0)
		return r;
	bridge = text_of(json_array_get(shown, 0), "bridge");
	r = cli_call(cli, "fdb.show", json_pack("{s:s}", "bridge", bridge), &fdb, err);
	if (r < 0)
		return r;
	if (!want->has_smac) {
		r = mac_only(json_object_get(fdb, "entries"), port, true, want->smac);
		if (r < 0)
			return mac_refused("smac", r, port, err);
	}
	if (want->has_dmac)
		return 0;
	r = mac_only(json_object_get(fdb, "entries"), port, false, want->dmac);
	return r < 0 ? mac_refused("dmac", r, port, err) : 0;
}

/* Where the packet itself says who is to have it. */
static void macs_plain(struct packet_want *want)
{
	if (want->has_dmac)
		return;
	want->has_dmac = true;
	if (want->kind == PACKET_ARP)
		memset(want->dmac, 0xff, sizeof(want->dmac));
	else if (want->has_dst && addr_is_multicast(&want->dst))
		addr_group_mac(&want->dst, want->dmac);
	else
		want->has_dmac = false;
}

int trace_frame(struct cli *cli, const char *port, bool bare, const char *text,
		uint8_t bytes[PACKET_MAX], uint32_t *ret_len, uint32_t *ret_segment,
		struct error *err)
{
	struct packet_want want;
	int r = packet_parse(text, &want, err);

	if (r < 0)
		return r;
	macs_plain(&want);
	if (!bare && want.kind != PACKET_HEX && (!want.has_smac || !want.has_dmac)) {
		if (!port)
			return error_set(err, -EINVAL, "%s: must be given, of the inner frame",
					 want.has_smac ? "dmac" : "smac");
		r = macs_find(cli, port, &want, err);
		if (r < 0)
			return r;
	}
	*ret_segment = want.segment;
	return packet_build(&want, bytes, ret_len, err);
}

/* --- The command ------------------------------------------------------------------------------- */

static int trace_call(struct cli *cli, const struct trace_point *point, const uint8_t *bytes,
		      uint32_t len, uint32_t segment, json_t **ret, struct error *err)
{
	char text[2 * PACKET_MAX + 1];
	json_t *params = json_object();

	json_object_set_new(params, "packet", json_string(hex_write(bytes, len, text)));
	if (segment)
		json_object_set_new(params, "segment", json_integer(segment));
	if (point->port)
		json_object_set_new(params, "port", json_string(point->port));
	if (point->dev)
		json_object_set_new(params, "dev", json_string(point->dev));
	return cli_call(cli, "trace", params, ret, err);
}

static int file_words(struct words *words, const char **ret_path, uint32_t *ret_number,
		      struct error *err)
{
	const char *text;
	char *end;
	int r = 0;

	*ret_path = NULL;
	*ret_number = 1;
	while (r == 0 && words_peek(words)) {
		if (words_match(words, "-r")) {
			r = words_value(words, "-r", ret_path, err);
		} else if (words_match(words, "-n")) {
			r = words_value(words, "-n", &text, err);
			if (r < 0)
				break;
			*ret_number = (uint32_t)strtoul(text, &end, 10);
			if (*end || !*ret_number || *text == '-')
				return error_set(err, WORDS_USAGE,
						 "-n: \"%.64s\" is not the number of a packet",
						 text);
		} else {
			break;
		}
	}
	return r;
}

/* `in PORT` or `underlay [DEVICE]`. */
static int point_words(struct words *words, struct trace_point *point, struct error *err)
{
	*point = (struct trace_point){};
	if (words_match(words, "in"))
		return words_value(words, "in", &point->port, err);
	if (!words_match(words, "underlay"))
		return error_set(err, WORDS_USAGE,
				 "trace: \"in PORT\" or \"underlay\" must say where the packet is");
	if (words_peek(words) && strcmp(words_peek(words), "from") &&
	    strcmp(words_peek(words), "-r") && strcmp(words_peek(words), "-n") &&
	    strcmp(words_peek(words), "hex") && strncmp(words_peek(words), "hex ", 4))
		point->dev = words_take(words);
	return 0;
}

int trace_description(struct words *words, const char *after, char **ret, struct error *err)
{
	if (!words_peek(words))
		return error_set(err, WORDS_USAGE,
				 "%s: a packet must follow, as 'icmp, src 10.0.0.1, dst 10.0.0.2'; "
				 "weft trace -h",
				 after);
	*ret = words_join(words);
	return *ret ? 0 : error_set(err, -ENOMEM, "out of memory");
}

static int packet_words(struct cli *cli, struct words *words, const struct trace_point *point,
			uint8_t bytes[PACKET_MAX], uint32_t *ret_len, uint32_t *ret_segment,
			struct error *err)
{
	bool bare = false;
	char *text = NULL;
	int r;

	if (!point->port && words_match(words, "from"))
		return trace_outer(cli, words, bytes, ret_len, ret_segment, err);
	r = trace_description(words, point->port ? point->port : "underlay", &text, err);
	if (r == 0 && point->port)
		bare = device_is_l3(cli, point->port);
	if (r == 0)
		r = trace_frame(cli, point->port, bare, text, bytes, ret_len, ret_segment, err);
	free(text);
	return r;
}

int trace_run(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *trace = NULL, *status = NULL;
	uint32_t len, segment = 0, number;
	uint8_t bytes[PACKET_MAX];
	struct trace_point point;
	const char *path, *late = NULL;
	int r = file_words(words, &path, &number, err);

	if (r == 0)
		r = point_words(words, &point, err);
	if (r == 0 && !path) {
		uint32_t behind;

		r = file_words(words, &late, &behind, err);
		if (late) {
			path = late;
			number = behind;
		}
	}
	if (r == 0)
		r = path ? trace_file(path, number, bytes, &len, err)
			 : packet_words(cli, words, &point, bytes, &len, &segment, err);
	if (r == 0)
		r = words_end(words, err);
	if (r == 0)
		r = trace_call(cli, &point, bytes, len, segment, &trace, err);
	if (r == 0 && !cli->json)
		r = cli_call(cli, "status", NULL, &status, err);
	if (r < 0)
		return r;
	wrap_begin(cli);
	if (cli->json)
		output_json(cli, trace);
	else
		trace_print(trace, json_object_get(status, "listen"));
	return 0;
}
