/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the other end of `weft probe from` may send: its replies, as cli/wire.c takes them from a socket and cli/course.c reads
 * them, and its requests.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/probe_from.h"
#include "cli/probe_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* This host itself sees nothing. */
int probe_watch_open(struct cli *cli, const struct probe_course *course, struct probe_watch **ret,
		     struct error *err)
{
	(void)cli, (void)course, (void)err;
	*ret = NULL;
	return 0;
}

void probe_watch_close(struct probe_watch *watch)
{
	(void)watch;
}

int probe_watch_take(struct probe_watch *watch, json_t *list, struct error *err)
{
	(void)watch, (void)list, (void)err;
	return 0;
}

int cli_call(struct cli *cli, const char *method, json_t *params, json_t **ret, struct error *err)
{
	(void)cli, (void)method, (void)ret;
	json_decref(params);
	return error_set(err, -1, "no weftd");
}

static void sighting_check(const struct sighting *at)
{
	if (at->point >= WEFT_POINT_COUNT || at->kind < SIGHT_FRAME || at->kind > SIGHT_ANSWER ||
	    at->ecn > PROBE_ECN_NONE || at->outer > PROBE_ECN_NONE || at->right > 1)
		abort();
	for (const char *letter = at->place; *letter; letter++)
		if (*letter < ' ' || *letter > '~')
			abort();
}

/* Replies, a line each, until one is refused or there are no more. */
static void replies_read(const uint8_t *data, size_t size)
{
	static struct sighting seen[COURSE_SEEN_MAX];
	struct course course = {.hosts = 2, .host = {"here", "there"}, .seen = seen};
	struct error err = {};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ||
	    write(ends[1], data, size) != (ssize_t)size || shutdown(ends[1], SHUT_WR) < 0)
		abort();
	course.wire[1] = (struct wire){.fd = ends[0], .line = malloc(WIRE_LINE)};
	while (course_look(&course, &err) == 0)
		;
	if (!*err.line)
		abort();
	for (size_t i = 0; i < course.seen_count; i++)
		sighting_check(&course.seen[i]);
	wire_close(&course.wire[1]);
	close(ends[1]);
}

/* A request that is taken is the same when it is sent on. */
static void request_read(const uint8_t *data, size_t size)
{
	json_auto_t *request = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	json_auto_t *again = NULL;
	struct probe_course course, same;

	if (!json_is_object(request) || probe_course_parse(request, &course) < 0)
		return;
	again = probe_course_json(&course);
	if (probe_course_parse(again, &same) < 0 || memcmp(&course, &same, sizeof(course)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	request_read(data, size);
	replies_read(data, size);
	return 0;
}
