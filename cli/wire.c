/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of JSON over TCP, with bounds on everything. */
#include "cli/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/traffic.h"
#include "cli/watch.h"

#define SEND_SECONDS 10
#define BUSY	     "{\"error\": \"busy with another client\"}\n"

static int wire_take(struct wire *wire, int fd)
{
	struct timeval patience = {.tv_sec = SEND_SECONDS};
	struct sockaddr_storage name[2] = {};
	struct weft_addr *ends[] = {&wire->here, &wire->there};
	socklen_t len[] = {sizeof(*name), sizeof(*name)};

	*wire = (struct wire){.fd = fd, .line = malloc(WIRE_LINE)};
	if (!wire->line)
		return -ENOMEM;
	if (getsockname(fd, (struct sockaddr *)&name[0], &len[0]) < 0 ||
	    getpeername(fd, (struct sockaddr *)&name[1], &len[1]) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		if (name[i].ss_family == AF_INET)
			*ends[i] = addr_from_v4(((struct sockaddr_in *)&name[i])->sin_addr);
		else
			memcpy(ends[i], &((struct sockaddr_in6 *)&name[i])->sin6_addr,
			       sizeof(*ends[i]));
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return 0;
}

int wire_connect(struct wire *wire, const struct weft_addr *here, const struct weft_addr *there,
		 uint16_t port, struct error *err)
{
	char text[ADDR_STRLEN];
	int fd = traffic_open(SOCK_STREAM, here, 0, there, port), ret;

	*wire = (struct wire){.fd = -1};
	if (fd < 0)
		return error_set(err, fd, "cannot reach %s port %u: %s", addr_format(there, text),
				 port, strerror(fd == -EINPROGRESS ? ETIMEDOUT : -fd));
	ret = wire_take(wire, fd);
	return ret < 0 ? error_set(err, ret, "%s", strerror(-ret)) : 0;
}

void wire_close(struct wire *wire)
{
	if (wire->fd >= 0)
		close(wire->fd);
	free(wire->line);
	*wire = (struct wire){.fd = -1};
}

static int line_send(struct wire *wire, json_t *json, struct error *err)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0, done = 0;
	int ret = text ? 0 : -ENOMEM;

	json_decref(json);
	if (ret == 0 && len >= WIRE_LINE)
		ret = -E2BIG;
	if (ret == 0)
		text[len++] = '\n'; /* in the place of the final 0 */
	while (ret == 0 && done < len) {
		ssize_t sent = send(wire->fd, text + done, len - done, MSG_NOSIGNAL);

		if (sent > 0)
			done += (size_t)sent;
		else if (errno != EINTR)
			ret = -errno;
	}
	free(text);
	return ret < 0 ? error_set(err, ret, "cannot send: %s", strerror(-ret)) : 0;
}

/* Takes a whole line from what was read: NULL if there is none yet. */
static json_t *line_take(struct wire *wire, struct error *err)
{
	char *end = memchr(wire->line, '\n', wire->used);
	size_t len = end ? (size_t)(end - wire->line) : 0;
	json_t *json;

	if (!end) {
		if (wire->used == WIRE_LINE)
			error_set(err, -EMSGSIZE, "a line is longer than %u bytes", WIRE_LINE);
		return NULL;
	}
	json = json_loadb(wire->line, len, JSON_REJECT_DUPLICATES, NULL);
	wire->used -= len + 1;
	memmove(wire->line, end + 1, wire->used);
	if (!json_is_object(json)) {
		json_decref(json);
		error_set(err, -EPROTO, "what came is no JSON object");
		return NULL;
	}
	return json;
}

/* Reads what there is. */
static int line_read(struct wire *wire, struct error *err)
{
	ssize_t got = recv(wire->fd, wire->line + wire->used, WIRE_LINE - wire->used, MSG_DONTWAIT);

	if (got > 0)
		wire->used += (size_t)got;
	else if (got == 0)
		return error_set(err, -ECONNRESET, "the other end has closed the connection");
	else if (errno != EAGAIN && errno != EINTR)
		return error_set(err, -errno, "the connection has broken: %s", strerror(errno));
	return 0;
}

int wire_call(struct wire *wire, json_t *request, double seconds, json_t **ret, struct error *err)
{
	double end = watch_clock() + seconds, left;
	json_t *reply = NULL;
	int code = line_send(wire, request, err);

	while (code == 0 && !reply) {
		struct pollfd poller = {.fd = wire->fd, .events = POLLIN};
		struct error wrong = {};

		reply = line_take(wire, &wrong);
		if (reply || wrong.code) {
			code = wrong.code ? error_set(err, wrong.code, "%s", wrong.line) : 0;
			break;
		}
		left = end - watch_clock();
		if (left <= 0)
			code = error_set(err, -ETIMEDOUT, "no reply within %g s", seconds);
		else if (poll(&poller, 1, (int)(left * 1000) + 1) > 0)
			code = line_read(wire, err);
	}
	if (code == 0 && json_is_string(json_object_get(reply, "error")))
		code = error_set(err, -EREMOTEIO, "the other end refuses: %.200s",
				 json_string_value(json_object_get(reply, "error")));
	if (code == 0)
		*ret = reply;
	else
		json_decref(reply);
	return code;
}

int words_address(struct words *words, const char *of, struct weft_addr *ret, struct error *err)
{
	const char *word;
	int code = words_value(words, of, &word, err);

	if (code < 0)
		return code;
	if (addr_parse(word, ret) < 0 || addr_is_any(ret) || addr_is_multicast(ret))
		return error_set(err, -EINVAL, "%s: %.64s is not the address of a host", of, word);
	return 0;
}

int words_port(struct words *words, uint16_t *ret, struct error *err)
{
	unsigned long number = 0;
	int code = words_number(words, "port", UINT16_MAX, &number, err);

	*ret = (uint16_t)number;
	return code;
}

int wire_words(struct words *words, struct weft_addr *here, uint16_t *port, struct error *err)
{
	const char *word = words_peek(words);
	int ret = 0;

	if (word && strcmp(word, "port") != 0)
		ret = words_address(words, "-s", here, err);
	if (ret == 0 && words_match(words, "port"))
		ret = words_port(words, port, err);
	return ret == 0 ? words_end(words, err) : ret;
}

/* --- The server -------------------------------------------------------------------------------------- */

struct serving {
	const struct wire_server *server;
	struct wire wire; /* fd -1: nobody is there */
	double due;	  /* when it has to go */
};

static void client_end(struct serving *serving, const struct error *err)
{
	if (err->code && err->code != -ECONNRESET) {
		struct error unheard = {};

		fprintf(stderr, "weft: %s: %s\n", serving->server->name, err->line);
		line_send(&serving->wire, json_pack("{s:s}", "error", err->line), &unheard);
	}
	wire_close(&serving->wire);
	serving->server->ended(serving->server->arg);
}

static void client_take(struct serving *serving, int listener)
{
	struct error err = {};
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), ret;

	if (fd < 0)
		return;
	if (serving->wire.fd >= 0) {
		send(fd, BUSY, sizeof(BUSY) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd);
		return;
	}
	ret = wire_take(&serving->wire, fd);
	serving->due = watch_clock() + serving->server->patience;
	if (ret < 0) {
		error_set(&err, ret, "%s", strerror(-ret));
		client_end(serving, &err);
	}
}

/* Carries out what has come; a request that is refused is the last one. */
static void client_serve(struct serving *serving)
{
	struct error err = {};
	json_t *request = NULL;
	int ret = line_read(&serving->wire, &err);

	while (ret == 0 && (request = line_take(&serving->wire, &err))) {
		json_t *reply = serving->server->answer(serving->server->arg, &serving->wire,
							request, &err);

		json_decref(request);
		ret = reply ? line_send(&serving->wire, reply, &err) : err.code;
		serving->due = watch_clock() + serving->server->patience;
	}
	if (err.code)
		client_end(serving, &err);
}

static int listener_open(const struct weft_addr *here, uint16_t port, const char *name,
			 struct error *err)
{
	char text[ADDR_STRLEN];
	int fd = traffic_open(SOCK_STREAM, here, port, NULL, 0);

	if (fd >= 0 && listen(fd, 8) < 0) {
		int code = -errno;

		close(fd);
		fd = code;
	}
	if (fd < 0)
		return error_set(err, fd, "%s: cannot listen at %s port %u: %s", name,
				 addr_format(here, text), port, strerror(-fd));
	fprintf(stderr, "weft: %s: listening at %s port %u\n", name, addr_format(here, text), port);
	return fd;
}

int wire_serve(const struct wire_server *server, const struct weft_addr *here, uint16_t port,
	       const volatile sig_atomic_t *stop, struct error *err)
{
	struct serving serving = {.server = server, .wire = {.fd = -1}};
	int listener = listener_open(here, port, server->name, err);

	if (listener < 0)
		return listener;
	while (!*stop) {
		struct pollfd pollers[] = {{.fd = listener, .events = POLLIN},
					   {.fd = serving.wire.fd, .events = POLLIN}};
		struct error late = {};

		if (poll(pollers, 2, 200) > 0) {
			if (pollers[1].revents)
				client_serve(&serving);
			if (pollers[0].revents)
				client_take(&serving, listener);
		}
		if (serving.wire.fd >= 0 && watch_clock() > serving.due) {
			error_set(&late, -ETIMEDOUT, "the client has said nothing for %g s",
				  server->patience);
			client_end(&serving, &late);
		}
	}
	if (serving.wire.fd >= 0)
		client_end(&serving, &(struct error){0});
	close(listener);
	return 0;
}
