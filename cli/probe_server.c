/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Says what was met here of the frames of somebody's course, and of nothing else: only what has his mark, or answers his
 * question, is told.
 */
#include "cli/probe_server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/member.h"
#include "cli/probe_watch.h"
#include "cli/watch.h"
#include "cli/wire.h"

#define PATIENCE 120.0 /* seconds */

struct server {
	struct cli *cli;
	struct probe_watch *watch; /* NULL: none */
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

int probe_course_parse(const json_t *json, struct probe_course *ret)
{
	const json_t *token = json_object_get(json, "token");
	const char *target = member_text(json, "target");
	json_int_t number = json_integer_value(token);

	*ret = (struct probe_course){.token = (uint32_t)number};
	if (!json_is_integer(token) || number < 1 || number > UINT32_MAX ||
	    mac_parse(member_text(json, "source"), ret->source) < 0)
		return -EINVAL;
	if (!*target)
		return 0;
	return addr_parse(target, &ret->target) < 0 || addr_is_any(&ret->target) ||
			       addr_is_multicast(&ret->target)
		       ? -EINVAL
		       : 0;
}

json_t *probe_course_json(const struct probe_course *course)
{
	char mac[MAC_STRLEN], addr[ADDR_STRLEN];

	return json_pack("{s:s, s:s, s:I, s:s?}", "do", "watch", "source",
			 mac_format(course->source, mac), "token", (json_int_t)course->token,
			 "target",
			 addr_is_any(&course->target) ? NULL : addr_format(&course->target, addr));
}

static void watch_end(void *arg)
{
	struct server *server = arg;

	probe_watch_close(server->watch);
	server->watch = NULL;
}

static json_t *watch_begin(struct server *server, const json_t *request, struct error *err)
{
	struct probe_course course;

	watch_end(server);
	if (probe_course_parse(request, &course) < 0) {
		error_set(err, -EINVAL, "watch: source, token or target make no sense");
		return NULL;
	}
	if (probe_watch_open(server->cli, &course, &server->watch, err) < 0)
		return NULL;
	return json_pack("{s:b}", "watching", true);
}

static json_t *answer(void *arg, const struct wire *wire, const json_t *request, struct error *err)
{
	struct server *server = arg;
	const char *what = member_text(request, "do");
	json_t *seen;

	(void)wire;
	if (!strcmp(what, "hello"))
		return json_pack("{s:i}", "protocol", PROBE_PROTOCOL);
	if (!strcmp(what, "watch"))
		return watch_begin(server, request, err);
	if (strcmp(what, "take") != 0 || !server->watch) {
		error_set(err, -EINVAL, "a request makes no sense");
		return NULL;
	}
	seen = json_array();
	if (probe_watch_take(server->watch, seen, err) < 0) {
		json_decref(seen);
		return NULL;
	}
	return json_pack("{s:o}", "seen", seen);
}

int probe_serve(struct cli *cli, struct words *words, struct error *err)
{
	struct server server = {.cli = cli};
	const struct wire_server wire = {.name = "probe",
					 .arg = &server,
					 .answer = answer,
					 .ended = watch_end,
					 .patience = PATIENCE};
	struct weft_addr here = {};
	uint16_t port = PROBE_PORT;
	int ret = wire_words(words, &here, &port, err);

	if (ret < 0)
		return ret;
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
	return wire_serve(&wire, &here, port, &stopped, err);
}
