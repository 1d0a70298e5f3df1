/* SPDX-License-Identifier: GPL-2.0-only */
/* A capture (lib/capture_client.h) whose filter takes frames with the mark, and answers to the source. */
#include "cli/probe_watch.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <stdlib.h>

#include "abi/drops.h"
#include "cli/bytes.h"
#include "lib/addr.h"
#include "lib/capture_client.h"

#define TAKE_MAX 1000 /* packets at once; the rest is taken the next time */
#define ALL	 UINT16_MAX

struct probe_watch {
	struct probe_course course;
	struct capture_client *capture;
};

static const char *const reasons[] = {
#define REASON(name, string, ...) [WEFT_DROP_##name] = string,
	WEFT_DROPS(REASON)
#undef REASON
};

int probe_watch_open(struct cli *cli, const struct probe_course *course, struct probe_watch **ret,
		     struct error *err)
{
	const uint8_t *target = (const uint8_t *)&course->target;
	/* X: the length of a tag, behind which everything is */
	const struct weft_capture_insn filter[] = {
		{BPF_LDX | BPF_W | BPF_IMM, 0, 0, 0},
		{BPF_LD | BPF_H | BPF_ABS, 0, 0, 12},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 2, ETH_P_8021Q},
		{BPF_LDX | BPF_W | BPF_IMM, 0, 0, PROBE_TAG},
		{BPF_LD | BPF_H | BPF_IND, 0, 0, 12},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 5, ETH_P_ARP},
		{BPF_LD | BPF_H | BPF_IND, 0, 0, 20},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 11, ARPOP_REPLY},
		{BPF_LD | BPF_W | BPF_IND, 0, 0, 28}, /* who answers */
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 9, get32(target + 12)},
		{BPF_RET | BPF_K, 0, 0, ALL},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 7, ETH_P_IPV6},
		{BPF_LD | BPF_B | BPF_IND, 0, 0, 54},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 3, ND_NEIGHBOR_ADVERT},
		{BPF_LD | BPF_W | BPF_IND, 0, 0, 74}, /* the end of its target */
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 6, get32(target + 12)},
		{BPF_RET | BPF_K, 0, 0, ALL},
		{BPF_LD | BPF_W | BPF_IND, 0, 0, PROBE_MARK_6},
		{BPF_JMP | BPF_JA, 0, 0, 1},
		{BPF_LD | BPF_W | BPF_IND, 0, 0, PROBE_MARK},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, course->token},
		{BPF_RET | BPF_K, 0, 0, ALL},
		{BPF_RET | BPF_K, 0, 0, 0},
	};
	const struct capture_want want = {.filter = filter,
					  .filter_length = sizeof(filter) / sizeof(*filter)};
	struct probe_watch *watch = calloc(1, sizeof(*watch));
	int code;

	*ret = NULL;
	if (!watch)
		return error_set(err, -ENOMEM, "out of memory");
	watch->course = *course;
	code = capture_open(cli->rundir, &want, &watch->capture, err);
	if (code < 0) {
		free(watch);
		return code;
	}
	*ret = watch;
	return 0;
}

void probe_watch_close(struct probe_watch *watch)
{
	if (watch)
		capture_close(watch->capture);
	free(watch);
}

static void string_set(json_t *json, const char *name, const char *text)
{
	if (text)
		json_object_set_new(json, name, json_string(text));
}

static json_t *sight_json(const struct probe_watch *watch, const struct weft_captured *record,
			  const struct probe_sight *sight)
{
	static const char *const kinds[] = {"frame", "question", "answer"};
	char addr[ADDR_STRLEN], mac[MAC_STRLEN];
	json_t *json = json_pack(
		"{s:I, s:s, s:s, s:i, s:I, s:i, s:i, s:o}", "time", (json_int_t)record->time,
		"point", capture_point_name(record->point), "kind", kinds[sight->kind], "number",
		sight->number, "length", (json_int_t)record->len, "ecn", sight->ecn, "outer",
		sight->outer, "right",
		sight->kind == SIGHT_FRAME && sight->whole ? json_boolean(sight->right)
							   : json_null());

	string_set(json, "port", capture_port(watch->capture, record->port));
	string_set(json, "tunnel", capture_tunnel(watch->capture, record->tunnel));
	if (sight->vlan)
		json_object_set_new(json, "vlan", json_integer(sight->vlan));
	if (!addr_is_any(&record->remote))
		string_set(json, "remote", addr_format(&record->remote, addr));
	if (record->point == WEFT_POINT_DROP && record->reason < sizeof(reasons) / sizeof(*reasons))
		string_set(json, "reason", reasons[record->reason]);
	if (sight->kind == SIGHT_ANSWER)
		string_set(json, "mac", mac_format(sight->answering, mac));
	return json;
}

int probe_watch_take(struct probe_watch *watch, json_t *list, struct error *err)
{
	const struct weft_captured *record;
	const uint8_t *bytes;
	int code = 1;

	for (int i = 0; code > 0 && i < TAKE_MAX; i++) {
		struct probe_sight sight;

		code = capture_next(watch->capture, 0, &record, &bytes, err);
		if (code > 0 && probe_sight_read(&watch->course, bytes, record->captured,
						 record->len, record->inner, &sight))
			json_array_append_new(list, sight_json(watch, record, &sight));
	}
	return code < 0 ? code : 0;
}
