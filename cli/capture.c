/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft capture`: packets live, as lines, JSON or a capture file. */
#include "cli/capture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/packet.h"
#include "cli/pcapng.h"
#include "cli/watch.h"
#include "cli/wrap.h"

#define LOOK_MS	     200 /* how long nothing may come before what is kept is shown */
#define NAMES_SECOND 1	 /* how old names may get */
#define BACK_SECOND  10	 /* how long weftd may be away */
#define REST_SECOND  1	 /* for what waits when it is stopped */
#define FILTER_MAX   65536

struct capturing {
	struct cli *cli;
	struct capture_want want;
	const char *path; /* of the capture file, NULL: none */
	uint64_t limit;	  /* packets, 0: none */
	char *filter;	  /* text */
	struct weft_capture_insn *program;

	struct capture_client *client;
	struct pcapng *file;
	struct packet_port *ports;
	size_t port_count;
	uint64_t packets;
	struct capture_count count[WEFT_POINT_COUNT];  /* of this weftd's capture */
	struct capture_count before[WEFT_POINT_COUNT]; /* of those before it */
	double looked;
	bool ended; /* nobody reads any more */
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

/* --- Words -------------------------------------------------------------------------------------- */

static int points_read(const char *list, uint32_t *ret, struct error *err)
{
	while (*list) {
		size_t length = strcspn(list, ",");
		uint32_t point = 0;

		while (point < WEFT_POINT_COUNT &&
		       (strlen(capture_point_name(point)) != length ||
			strncmp(capture_point_name(point), list, length) != 0))
			point++;
		if (point == WEFT_POINT_COUNT)
			return error_set(err, -EINVAL,
					 "-i: \"%.*s\" is no point; weft capture -h lists them",
					 (int)(length < 64 ? length : 64), list);
		*ret |= 1u << point;
		list += length + (list[length] == ',');
	}
	return *ret ? 0 : error_set(err, -EINVAL, "-i: names no point");
}

static int number_read(const char *option, const char *word, uint64_t min, uint64_t max,
		       uint64_t *ret, struct error *err)
{
	char *end;

	errno = 0;
	*ret = strtoull(word, &end, 10);
	if (errno || *end || *word < '0' || *word > '9' || *ret < min || *ret > max)
		return error_set(err, -EINVAL, "%s: \"%.64s\" is no number of %llu to %llu", option,
				 word, (unsigned long long)min, (unsigned long long)max);
	return 0;
}

static int filter_read(struct capturing *c, struct words *words, struct error *err)
{
	int r;

	c->filter = words_join(words);
	if (!c->filter)
		return error_set(err, -ENOMEM, "out of memory");
	if (strlen(c->filter) >= FILTER_MAX)
		return error_set(err, -E2BIG, "filter: is longer than %d bytes", FILTER_MAX);
	r = capture_filter_compile(c->filter, &c->program, &c->want.filter_length, err);
	c->want.filter = c->program;
	return r;
}

/* The option `word`, and its value. 1: it is none, the filter begins. */
static int option_read(struct capturing *c, struct words *words, struct error *err)
{
	static const char *const valued[] = {"-w", "-i",     "-c",	 "-s",
					     "-B", "--port", "--tunnel", NULL};
	const char *word = words_peek(words), *value;
	uint64_t number;
	int r;

	if (!word || *word != '-')
		return 1;
	words_take(words);
	if (!strcmp(word, "--"))
		return 1;
	if (!strcmp(word, "--outer")) {
		c->want.outer = true;
		return 0;
	}
	if (!word_in(word, valued))
		return error_set(err, WORDS_USAGE,
				 "capture: \"%.64s\" is no option; weft capture -h lists them",
				 word);
	r = words_value(words, word, &value, err);
	if (r < 0)
		return r;
	switch (word[1]) {
	case 'w':
		c->path = value;
		return 0;
	case 'i':
		return points_read(value, &c->want.points, err);
	case 'c':
		return number_read(word, value, 1, INT64_MAX, &c->limit, err);
	case 's':
		r = number_read(word, value, 1, WEFT_CAPTURE_BYTES, &number, err);
		c->want.snap = (uint32_t)number;
		return r;
	case 'B':
		r = number_read(word, value, WEFT_CAPTURE_RING_MIN >> 10,
				WEFT_CAPTURE_RING_MAX >> 10, &number, err);
		/* the next power of two */
		c->want.buffer = WEFT_CAPTURE_RING_MIN;
		while (r == 0 && c->want.buffer < number << 10)
			c->want.buffer *= 2;
		return r;
	default:
		*(word[2] == 'p' ? &c->want.port : &c->want.tunnel) = value;
		return 0;
	}
}

/* --- Output ------------------------------------------------------------------------------------- */

static int output_failed(struct capturing *c, struct error *err)
{
	if (errno == EPIPE) {
		c->ended = true;
		return 0;
	}
	/* a signal that came while nobody read */
	if (errno == EINTR && stopped)
		return 0;
	return error_set(err, -errno, "capture: cannot write the output: %s", strerror(errno));
}

static int output_flush(struct capturing *c, struct error *err)
{
	struct pollfd reader = {.fd = c->file ? pcapng_fd(c->file) : STDOUT_FILENO};
	int r = 0;

	if (c->file)
		r = pcapng_flush(c->file, err);
	else if (fflush(stdout) == EOF)
		r = output_failed(c, err);
	/* also where there is nothing to be written */
	if (poll(&reader, 1, 0) > 0 && reader.revents & POLLERR)
		c->ended = true;
	return r;
}

static int packet_write(struct capturing *c, const struct weft_captured *record,
			const uint8_t *bytes, struct error *err)
{
	char *text;
	int r = 0;

	if (c->file) {
		text = capture_comment(c->client, record);
		r = pcapng_packet(c->file, record, bytes, capture_time(c->client, record->time),
				  text, err);
		free(text);
		return r;
	}
	if (c->cli->json) {
		json_t *json = capture_json(c->client, record, bytes);

		output_json(c->cli, json);
		json_decref(json);
	} else {
		text = capture_line(c->client, record, bytes, c->ports, c->port_count);
		if (!text)
			return error_set(err, -ENOMEM, "out of memory");
		puts(text);
		free(text);
	}
	return ferror(stdout) ? output_failed(c, err) : 0;
}

/* --- The capture -------------------------------------------------------------------------------- */

static int names_update(struct capturing *c, struct error *err)
{
	if (watch_clock() - c->looked < NAMES_SECOND)
		return 0;
	c->looked = watch_clock();
	return capture_counts(c->client, c->count, err);
}

/* weftd or its datapath has gone, and captures with it: another one, as soon as it is back. */
static int capture_again(struct capturing *c, const char *why, struct error *err)
{
	double end = watch_clock() + BACK_SECOND;
	struct error refused = {0};
	int r = -ECONNRESET;

	fprintf(stderr, "weft: %s; waiting for it\n", why);
	capture_close(c->client);
	c->client = NULL;
	for (int i = 0; i < WEFT_POINT_COUNT; i++) {
		c->before[i].matched += c->count[i].matched;
		c->before[i].lost += c->count[i].lost;
		c->count[i] = (struct capture_count){0};
	}
	while (!stopped && r < 0 && watch_clock() < end) {
		watch_pause(0.1);
		refused = (struct error){0};
		r = capture_open(c->cli->rundir, &c->want, &c->client, &refused);
	}
	if (r == 0)
		fprintf(stderr, "weft: it is back; packets in between were missed\n");
	else if (!stopped)
		error_set(err, r, "%s", refused.line);
	return stopped ? 0 : r;
}

static int capture_gone(struct capturing *c, const struct error *gone, struct error *err)
{
	switch (gone->code) {
	case -ECONNRESET:
	case -EPIPE:
		return capture_again(c, "weftd has gone", err);
	case -ENOENT:
		return capture_again(c, "there is no datapath any more", err);
	default:
		return error_set(err, gone->code, "%s", gone->line);
	}
}

/* What waits in the ring when somebody says stop; not what comes for ever. */
static int capture_rest(struct capturing *c, struct error *err)
{
	double end = watch_clock() + REST_SECOND;
	const struct weft_captured *record;
	const uint8_t *bytes;
	int r = 0;

	while (r == 0 && c->client && !c->ended && !(c->limit && c->packets == c->limit) &&
	       watch_clock() < end && capture_next(c->client, 0, &record, &bytes, NULL) == 1) {
		c->packets++;
		r = packet_write(c, record, bytes, err);
	}
	return r;
}

static int capture_loop(struct capturing *c, struct error *err)
{
	const struct weft_captured *record;
	const uint8_t *bytes;
	int r = 0;

	while (r == 0 && !stopped && !c->ended && !(c->limit && c->packets == c->limit)) {
		struct error gone = {0};

		r = capture_next(c->client, 0, &record, &bytes, &gone);
		if (r == 0) {
			r = output_flush(c, err);
			if (r == 0 && !c->ended)
				r = capture_next(c->client, LOOK_MS, &record, &bytes, &gone);
		}
		if (r == 1) {
			c->packets++;
			r = packet_write(c, record, bytes, err);
			/* what is wrong with weftd shows when there is nothing left to be read */
			if (r == 0)
				names_update(c, NULL);
			continue;
		}
		if (r == 0 && !c->ended)
			r = names_update(c, &gone);
		if (r < 0 && gone.code)
			r = capture_gone(c, &gone, err);
	}
	if (r == 0 && stopped && !c->ended)
		r = capture_rest(c, err);
	return r == -EPIPE ? 0 : r;
}

/* What was lost: into the file, and for the user. */
static int capture_finish(struct capturing *c, struct error *err)
{
	uint64_t lost = 0;
	struct timespec now;
	int r = 0;

	if (c->client)
		capture_counts(c->client, c->count, NULL);
	for (int i = 0; i < WEFT_POINT_COUNT; i++) {
		c->count[i].matched += c->before[i].matched;
		c->count[i].lost += c->before[i].lost;
		lost += c->count[i].lost;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	if (c->file && !c->ended)
		r = pcapng_statistics(c->file, c->count,
				      (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
				      err);
	if (r == 0 && !c->ended)
		r = output_flush(c, err);
	fprintf(stderr, "weft: %llu packets captured, %llu lost\n", (unsigned long long)c->packets,
		(unsigned long long)lost);
	return r == -EPIPE ? 0 : r;
}

static int capture_begin(struct capturing *c, struct error *err)
{
	/* a second one ends what hangs */
	const struct sigaction end = {.sa_handler = stop, .sa_flags = SA_RESETHAND},
			       ignore = {.sa_handler = SIG_IGN};
	json_auto_t *status = NULL;
	int r;

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	if (c->path && !strcmp(c->path, "-") && isatty(STDOUT_FILENO))
		return error_set(err, -EINVAL, "-w: a capture file is nothing for a terminal");
	r = cli_call(c->cli, "status", NULL, &status, err);
	if (r < 0)
		return r;
	c->ports = packet_ports(json_object_get(status, "listen"), &c->port_count);
	r = capture_open(c->cli->rundir, &c->want, &c->client, err);
	if (r == 0 && c->path)
		r = pcapng_open(c->path, c->want.snap ? c->want.snap : WEFT_CAPTURE_BYTES, &c->file,
				err);
	if (!c->path)
		wrap_begin(c->cli);
	if (r == 0 && output_flush(c, err) == 0)
		fprintf(stderr, "weft: capturing; Ctrl-C ends it\n");
	return r;
}

int capture_run(struct cli *cli, struct words *words, struct error *err)
{
	struct capturing c = {.cli = cli};
	struct error late = {0};
	int r, end;

	do
		r = option_read(&c, words, err);
	while (r == 0);
	if (r == 1)
		r = filter_read(&c, words, err);
	if (r == 0)
		r = capture_begin(&c, err);
	if (r == 0) {
		r = capture_loop(&c, err);
		end = capture_finish(&c, r < 0 ? &late : err);
		r = r < 0 ? r : end;
	}
	if (c.ended && !c.file)
		/* main() is not to complain of what nobody reads */
		clearerr(stdout);
	capture_close(c.client);
	pcapng_close(c.file);
	free(c.ports);
	free(c.filter);
	free(c.program);
	return r;
}
