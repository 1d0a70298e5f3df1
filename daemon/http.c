/* SPDX-License-Identifier: GPL-2.0-only */
/* The metrics page's connections: one request each, judged by its first line, and a reply in pieces. */
#include "daemon/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "daemon/log.h"
#include "daemon/metrics.h"

enum client_state { READING, WRITING, LINGERING };

struct http_client {
	struct http_client *prev, *next;
	struct http *http;
	struct bufferevent *bufferevent;
	struct event *deadline;
	struct metrics *metrics; /* the page that is being sent */
	enum client_state state;
	bool chunked;
	bool silent; /* it sends no more */
};

struct http {
	struct event_base *base;
	struct kernel *kernel;
	struct evconnlistener *listener;
	struct http_client *clients;
	unsigned int count;
};

static void client_free(struct http_client *client)
{
	struct http *http = client->http;

	metrics_free(client->metrics);
	if (client->deadline)
		event_free(client->deadline);
	bufferevent_free(client->bufferevent);
	DL_DELETE(http->clients, client);
	if (http->count-- == HTTP_CLIENTS_MAX)
		evconnlistener_enable(http->listener);
	free(client);
}

/* --- Replies --------------------------------------------------------------------------------------- */

/* Everything is said. What the client may still be sending is read, so that the end does not overtake the reply. */
static void client_linger(struct http_client *client)
{
	if (client->silent) {
		client_free(client);
		return;
	}
	shutdown(bufferevent_getfd(client->bufferevent), SHUT_WR);
	client->state = LINGERING;
}

static void page_piece(struct http_client *client)
{
	struct evbuffer *output = bufferevent_get_output(client->bufferevent);
	struct evbuffer *piece = evbuffer_new();
	bool more;

	if (!piece)
		abort();
	more = metrics_write(client->metrics, piece, HTTP_PIECE);
	if (client->chunked && evbuffer_get_length(piece)) {
		evbuffer_add_printf(output, "%zx\r\n", evbuffer_get_length(piece));
		evbuffer_add(piece, "\r\n", 2);
	}
	if (client->chunked && !more)
		evbuffer_add(piece, "0\r\n\r\n", 5);
	evbuffer_add_buffer(output, piece);
	evbuffer_free(piece);
	if (!more) {
		metrics_free(client->metrics);
		client->metrics = NULL;
	}
}

static void reply_error(struct http_client *client, const char *status, const char *more)
{
	evbuffer_add_printf(bufferevent_get_output(client->bufferevent),
			    "HTTP/1.1 %s\r\n%sContent-Type: text/plain; charset=utf-8\r\n"
			    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
			    status, more, strlen(status) + 1, status);
}

static void reply_page(struct http_client *client)
{
	struct evbuffer *output = bufferevent_get_output(client->bufferevent);

	client->metrics = metrics_new(client->http->kernel);
	if (!client->metrics) {
		reply_error(client, "503 Service Unavailable", "");
		return;
	}
	evbuffer_add_printf(output,
			    "HTTP/1.1 200 OK\r\n"
			    "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
			    "Cache-Control: no-store\r\n%sConnection: close\r\n\r\n",
			    client->chunked ? "Transfer-Encoding: chunked\r\n" : "");
	page_piece(client);
}

/* --- Requests -------------------------------------------------------------------------------------- */

/* "METHOD TARGET HTTP/1.x": of a request whose header has ended. */
static void request_answer(struct http_client *client, char *line)
{
	char *save = NULL, *method = strtok_r(line, " ", &save);
	char *target = strtok_r(NULL, " ", &save), *version = strtok_r(NULL, " ", &save);

	if (!version || strtok_r(NULL, " ", &save) || strncmp(version, "HTTP/1.", 7) != 0) {
		reply_error(client, "400 Bad Request", "");
		return;
	}
	client->chunked = strcmp(version, "HTTP/1.0") != 0;
	target[strcspn(target, "?")] = '\0';
	if (strcmp(target, "/metrics") != 0)
		reply_error(client, "404 Not Found", "");
	else if (strcmp(method, "GET") != 0)
		reply_error(client, "405 Method Not Allowed", "Allow: GET\r\n");
	else
		reply_page(client);
}

/* Where the header ends: an empty line, which some end without the carriage return. */
static bool header_ended(struct evbuffer *input)
{
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);

	return end.pos >= 0 || evbuffer_search(input, "\n\n", 2, NULL).pos >= 0;
}

static void client_read(struct bufferevent *bufferevent, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bufferevent);
	struct http_client *client = arg;
	char *line;

	if (client->state == READING && header_ended(input)) {
		line = evbuffer_readln(input, NULL, EVBUFFER_EOL_CRLF);
		if (!line)
			abort();
		client->state = WRITING;
		request_answer(client, line);
		free(line);
	} else if (client->state == READING && evbuffer_get_length(input) > HTTP_REQUEST_MAX) {
		client->state = WRITING;
		reply_error(client, "431 Request Header Fields Too Large", "");
	}
	if (client->state != READING)
		evbuffer_drain(input, evbuffer_get_length(input));
}

/* Less is left to be sent than is to wait. */
static void client_written(struct bufferevent *bufferevent, void *arg)
{
	struct http_client *client = arg;

	if (client->metrics)
		page_piece(client);
	else if (client->state == WRITING &&
		 !evbuffer_get_length(bufferevent_get_output(bufferevent)))
		client_linger(client);
}

static void client_event(struct bufferevent *bufferevent, short events, void *arg)
{
	struct http_client *client = arg;

	(void)bufferevent;
	/* one who has asked may close that half, and still gets the reply */
	client->silent = true;
	if (!(events & BEV_EVENT_EOF) || client->state != WRITING)
		client_free(client);
}

static void client_late(evutil_socket_t fd, short events, void *arg)
{
	(void)fd, (void)events;
	client_free(arg);
}

/* --- Connections ------------------------------------------------------------------------------------- */

static void client_new(struct evconnlistener *listener, evutil_socket_t fd,
		       struct sockaddr *address, int length, void *arg)
{
	const struct timeval limit = {.tv_sec = HTTP_SECONDS_MAX};
	struct http *http = arg;
	struct http_client *client = calloc(1, sizeof(*client));

	(void)address, (void)length;
	if (client)
		client->bufferevent = bufferevent_socket_new(http->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client || !client->bufferevent) {
		free(client);
		evutil_closesocket(fd);
		return;
	}
	client->http = http;
	DL_APPEND(http->clients, client);
	if (++http->count == HTTP_CLIENTS_MAX)
		evconnlistener_disable(listener);
	client->deadline = evtimer_new(http->base, client_late, client);
	if (!client->deadline || evtimer_add(client->deadline, &limit) < 0) {
		client_free(client);
		return;
	}
	bufferevent_setcb(client->bufferevent, client_read, client_written, client_event, client);
	bufferevent_setwatermark(client->bufferevent, EV_READ, 0, 2 * HTTP_REQUEST_MAX);
	bufferevent_enable(client->bufferevent, EV_READ | EV_WRITE);
}

static void accept_failed(struct evconnlistener *listener, void *arg)
{
	(void)listener, (void)arg;
	log_warning("metrics: accept: %s", strerror(EVUTIL_SOCKET_ERROR()));
}

/* --- Start ------------------------------------------------------------------------------------------- */

/* "9100" -> "127.0.0.1:9100", for evutil_parse_sockaddr_port(), which would take it for an address. */
static int where_parse(const char *where, struct sockaddr_storage *ret, int *ret_length)
{
	const char *digits = strrchr(where, ':');
	char text[128];
	unsigned int port;

	snprintf(text, sizeof(text), "%s%s",
		 where[strspn(where, "0123456789")] ? "" : HTTP_ADDRESS ":", where);
	digits = digits ? digits + 1 : where;
	*ret_length = sizeof(*ret);
	/* evutil takes a port with something behind it */
	if (!*digits || digits[strspn(digits, "0123456789")] || strlen(where) > 64 ||
	    evutil_parse_sockaddr_port(text, (struct sockaddr *)ret, ret_length) < 0)
		return -EINVAL;
	port = ret->ss_family == AF_INET ? ((struct sockaddr_in *)ret)->sin_port
					 : ((struct sockaddr_in6 *)ret)->sin6_port;
	return port ? 0 : -EINVAL;
}

int http_new(struct event_base *base, struct kernel *kernel, const char *where, struct http **ret,
	     struct error *err)
{
	struct sockaddr_storage address;
	struct http *http;
	int length;

	if (where_parse(where, &address, &length) < 0)
		return error_set(err, -EINVAL,
				 "--metrics: \"%.64s\" is not PORT, ADDRESS:PORT or [ADDRESS]:PORT",
				 where);
	http = calloc(1, sizeof(*http));
	if (!http)
		return error_set(err, -ENOMEM, "out of memory");
	http->base = base;
	http->kernel = kernel;
	http->listener = evconnlistener_new_bind(base, client_new, http,
						 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
							 LEV_OPT_REUSEABLE,
						 128, (struct sockaddr *)&address, length);
	if (!http->listener) {
		length = -errno;
		free(http);
		return error_set(err, length, "--metrics: %.64s: %s", where, strerror(-length));
	}
	evconnlistener_set_error_cb(http->listener, accept_failed);
	*ret = http;
	return 0;
}

void http_free(struct http *http)
{
	struct http_client *client, *next;

	if (!http)
		return;
	DL_FOREACH_SAFE(http->clients, client, next)
	client_free(client);
	evconnlistener_free(http->listener);
	free(http);
}
