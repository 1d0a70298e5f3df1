/* SPDX-License-Identifier: GPL-2.0-only */
/* Lets the frames of a course in, and gathers what each host has seen of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/member.h"
#include "cli/probe_from.h"
#include "cli/probe_server.h"
#include "cli/watch.h"
#include "lib/hex.h"

#define REPLY_SECONDS 10
#define LOOK_SECONDS  0.02 /* between two looks */

static const char *const points[WEFT_POINT_COUNT] = {
#define POINT(name, string, what) [WEFT_POINT_##name] = string,
	WEFT_POINTS(POINT)
#undef POINT
};
static const char *const kinds[] = {"frame", "question", "answer"};

const char *course_point(enum weft_point point)
{
	return points[point];
}

static int name_index(const char *name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

static int watcher_open(struct course *course, unsigned int host, const struct weft_addr *at,
			uint16_t port, struct error *err)
{
	json_auto_t *hello = NULL, *watching = NULL;
	struct wire *wire = &course->wire[host];
	int ret = wire_connect(wire, NULL, at, port, err);

	if (ret < 0)
		return error_prefix(err, "probe: is weft probe -s running there?");
	ret = wire_call(wire, json_pack("{s:s}", "do", "hello"), REPLY_SECONDS, &hello, err);
	if (ret == 0 && member_number(hello, "protocol") != PROBE_PROTOCOL)
		ret = error_set(err, -EPROTO, "it is no weft probe of this version");
	if (ret == 0)
		ret = wire_call(wire, probe_course_json(&course->course), REPLY_SECONDS, &watching,
				err);
	return ret < 0 ? error_prefix(err, "at %s", course->host[host]) : 0;
}

int course_open(struct course *course, const struct weft_addr *at, uint16_t port, struct error *err)
{
	int ret;

	course->seen = calloc(COURSE_SEEN_MAX, sizeof(*course->seen));
	if (!course->seen)
		return error_set(err, -ENOMEM, "out of memory");
	while (!course->course.token)
		if (getrandom(&course->course.token, sizeof(course->course.token), 0) < 0)
			return error_set(err, -EIO, "no random numbers");
	ret = probe_watch_open(course->cli, &course->course, &course->watch, err);
	for (unsigned int i = 1; ret == 0 && i < course->hosts; i++) {
		addr_format(&at[i], course->host[i]);
		ret = watcher_open(course, i, &at[i], port, err);
	}
	return ret;
}

void course_close(struct course *course)
{
	for (unsigned int i = 1; i < course->hosts; i++)
		wire_close(&course->wire[i]);
	probe_watch_close(course->watch);
	free(course->seen);
}

int course_send(struct course *course, bool question, size_t size, struct error *err)
{
	uint8_t bytes[PROBE_FRAME_GIVEN];
	char hex[2 * PROBE_FRAME_GIVEN + 1];
	size_t given = PROBE_FRAME_LEAST + (course->course.vlan ? PROBE_TAG : 0);

	course->number = course->number == UINT16_MAX ? 1 : course->number + 1;
	if (question)
		probe_question_build(&course->course, course->number, bytes);
	else
		probe_frame_build(&course->course, course->number, size, bytes);
	if (course->course.vlan)
		size += PROBE_TAG;
	return cli_call(course->cli, "inject",
			json_pack("{s:s, s:s, s:I}", "port", course->port, "packet",
				  hex_write(bytes, given, hex), "length", (json_int_t)size),
			NULL, err);
}

/* --- Seen ------------------------------------------------------------------------------------------------ */

static bool number_bounded(const json_t *json, const char *name, json_int_t most, json_int_t *ret)
{
	const json_t *value = json_object_get(json, name);

	*ret = json_integer_value(value);
	return json_is_integer(value) && *ret >= 0 && *ret <= most;
}

/* What a host says of a packet. It may be somebody else's word: what makes no sense is passed over. */
static bool sighting_parse(const json_t *json, struct sighting *ret)
{
	const json_t *right = json_object_get(json, "right");
	const char *reason = member_text(json, "reason"), *remote = member_text(json, "remote");
	const char *port = member_text(json, "port"), *tunnel = member_text(json, "tunnel");
	const char *whose = *tunnel ? tunnel : port;
	json_int_t time, number, length, ecn, outer, vlan = 0;
	int point = name_index(member_text(json, "point"), points, WEFT_POINT_COUNT);
	int kind = name_index(member_text(json, "kind"), kinds, 3);

	if (point < 0 || kind < 0 || !number_bounded(json, "time", INT64_MAX, &time) ||
	    !number_bounded(json, "number", UINT16_MAX, &number) ||
	    !number_bounded(json, "length", UINT16_MAX, &length) ||
	    !number_bounded(json, "ecn", PROBE_ECN_NONE, &ecn) ||
	    !number_bounded(json, "outer", PROBE_ECN_NONE, &outer) ||
	    (json_object_get(json, "vlan") && !number_bounded(json, "vlan", PROBE_VLAN_MAX, &vlan)))
		return false;
	*ret = (struct sighting){.time = (uint64_t)time,
				 .point = point,
				 .kind = kind,
				 .number = (uint16_t)number,
				 .length = (uint32_t)length,
				 .vlan = (uint16_t)vlan,
				 .ecn = (uint8_t)ecn,
				 .outer = (uint8_t)outer,
				 .right = json_is_boolean(right) ? json_is_true(right) : -1};
	if (*member_text(json, "mac") && mac_parse(member_text(json, "mac"), ret->mac) < 0)
		return false;
	if (point == WEFT_POINT_PORT_IN || point == WEFT_POINT_PORT_OUT)
		snprintf(ret->place, sizeof(ret->place), "%.15s", port);
	else
		snprintf(ret->place, sizeof(ret->place), "%.15s%s%.45s%s%.24s",
			 *whose || *reason ? whose : "no tunnel", *remote ? " with " : "", remote,
			 *whose && *reason ? ": " : "", reason);
	/* a terminal may be shown it */
	for (char *at = ret->place; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return true;
}

static void seen_add(struct course *course, unsigned int host, const json_t *list)
{
	json_t *json;
	size_t i;

	json_array_foreach ((json_t *)list, i, json) {
		struct sighting *at = &course->seen[course->seen_count];

		if (course->seen_count == COURSE_SEEN_MAX)
			return;
		if (!sighting_parse(json, at))
			continue;
		at->host = host;
		course->seen_count++;
	}
}

int course_look(struct course *course, struct error *err)
{
	json_auto_t *own = json_array();
	int ret = probe_watch_take(course->watch, own, err);

	if (ret == 0)
		seen_add(course, 0, own);
	for (unsigned int i = 1; ret == 0 && i < course->hosts; i++) {
		json_auto_t *reply = NULL;

		ret = wire_call(&course->wire[i], json_pack("{s:s}", "do", "take"), REPLY_SECONDS,
				&reply, err);
		if (ret == 0)
			seen_add(course, i, json_object_get(reply, "seen"));
		else
			error_prefix(err, "at %s", course->host[i]);
	}
	return ret;
}

const struct sighting *course_find(const struct course *course, size_t from, int kind,
				   enum weft_point point, uint16_t number)
{
	for (size_t i = from; i < course->seen_count; i++) {
		const struct sighting *at = &course->seen[i];

		if (at->kind == kind && (point == WEFT_POINT_COUNT || at->point == point) &&
		    (!number || at->number == number))
			return at;
	}
	return NULL;
}

int course_wait(struct course *course, size_t from, int kind, enum weft_point point,
		uint16_t number, double seconds, const struct sighting **ret, struct error *err)
{
	double end = watch_clock() + seconds;

	for (;;) {
		/* what came before the end counts, though it is looked at after it */
		bool late = watch_clock() >= end;
		int code = course_look(course, err);

		*ret = code == 0 ? course_find(course, from, kind, point, number) : NULL;
		if (code < 0 || *ret || late)
			return code;
		watch_pause(LOOK_SECONDS);
	}
}
