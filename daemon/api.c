/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections: who may, lines in, replies and events out. */
#include "daemon/api.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utlist.h>

#include "daemon/capture.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "daemon/monitor.h"
#include "daemon/stage.h"
#include "lib/rpc.h"

#define READ_SIZE (256u << 10) /* at once, so that one client does not hold up the others */

struct client {
	struct client *prev, *next;
	struct api *api;
	struct bufferevent *bufferevent;
	struct subscriber *subscriber;
	struct stage *stage;
	char *line;    /* what came of a line that has no end yet, or of lines that wait */
	size_t length; /* bytes of it */
	size_t size;   /* allocated */
	int capture;   /* the number of its capture, -1: it has none */
	int passed;    /* fd to go along with the next reply, -1: none */
	bool blocked;  /* too much output unread: its requests wait */
	bool closing;  /* to be closed once its output is sent */
};

struct api {
	struct weftd *weftd;
	struct evconnlistener *listener;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	gid_t group; /* (gid_t)-1: there is no group weft */
	struct client *clients;
	unsigned int count;
	size_t partial; /* sum of `size` */
};

/* --- Output --------------------------------------------------------------------------- */

static size_t output_pending(const struct client *client)
{
	return evbuffer_get_length(bufferevent_get_output(client->bufferevent));
}

static void free_line(const void *data, size_t length, void *arg)
{
	(void)length, (void)arg;
	free((void *)data);
}

/* The first bytes of a line, with a file descriptor. Returns how many were sent. */
static size_t fd_send(struct client *client, const char *line, size_t length)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct iovec part = {.iov_base = (void *)line, .iov_len = length};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t sent;

	memcpy(CMSG_DATA(&control.header), &client->passed, sizeof(int));
	sent = sendmsg(bufferevent_getfd(client->bufferevent), &message, MSG_NOSIGNAL);
	close(client->passed);
	client->passed = -1;
	return sent > 0 ? (size_t)sent : 0;
}

static void client_reply(struct client *client, json_t *reply)
{
	struct evbuffer *output = bufferevent_get_output(client->bufferevent);
	size_t length;
	char *line = rpc_line_new(reply, &length);

	json_decref(reply);
	if (line && client->passed >= 0) {
		size_t sent = fd_send(client, line, length);

		/* without its descriptor the reply is worth nothing */
		client->closing |= !sent;
		memmove(line, line + sent, length - sent);
		length -= sent;
	}
	/* The reply's own memory becomes the buffer: replies may be large. */
	if (!line || evbuffer_add_reference(output, line, length, free_line, NULL) < 0)
		client->closing = true;
	if (output_pending(client) > API_OUTPUT_HIGH)
		client->blocked = true;
}

static void client_refuse(struct client *client, const char *why)
{
	struct error err = {0};

	error_set(&err, -EINVAL, "%s", why);
	client_reply(client, rpc_error_new(NULL, RPC_NO_REQUEST, &err));
	client->closing = true;
}

static bool client_send_event(void *arg, const char *line, size_t length)
{
	struct client *client = arg;

	if (output_pending(client) > API_OUTPUT_HIGH)
		return false;
	return bufferevent_write(client->bufferevent, line, length) == 0;
}

void client_subscribe(struct client *client, unsigned int objects)
{
	monitor_unsubscribe(client->subscriber);
	client->subscriber =
		monitor_subscribe(client->api->weftd->monitor, objects, client_send_event, client);
}

int client_capture_begin(struct client *client, int number, int fd, struct error *err)
{
	if (output_pending(client)) {
		close(fd);
		return error_set(err, -EAGAIN, "capture: earlier replies are to be read first");
	}
	client->capture = number;
	client->passed = fd;
	return 0;
}

int client_capture(const struct client *client)
{
	return client->capture;
}

struct stage **client_stage(struct client *client)
{
	return &client->stage;
}

/* --- Input ---------------------------------------------------------------------------- */

static void client_free(struct client *client)
{
	struct api *api = client->api;

	monitor_unsubscribe(client->subscriber);
	if (client->capture >= 0)
		kernel_capture_close(api->weftd->kernel, client->capture);
	if (client->passed >= 0)
		close(client->passed);
	stage_free(client->stage);
	bufferevent_free(client->bufferevent);
	DL_DELETE(api->clients, client);
	api->partial -= client->size;
	if (api->count-- == API_CLIENTS_MAX)
		evconnlistener_enable(api->listener);
	free(client->line);
	free(client);
}

/* Room for `more` bytes behind the line. */
static int line_reserve(struct client *client, size_t more)
{
	struct api *api = client->api;
	size_t size = client->size ? client->size : 4096;
	char *line;

	while (size < client->length + more)
		size *= 2;
	if (size == client->size)
		return 0;
	if (api->partial - client->size + size > API_PARTIAL_MAX)
		return -ENOBUFS;
	line = realloc(client->line, size);
	if (!line)
		return -ENOMEM;
	api->partial += size - client->size;
	client->line = line;
	client->size = size;
	return 0;
}

static void line_release(struct client *client)
{
	bool large = client->size > READ_SIZE;

	client->api->partial -= client->size;
	free(client->line);
	client->line = NULL;
	client->size = client->length = 0;
	/* A configuration of many thousand entries takes a hundred times the memory that stays in use. */
	if (large)
		malloc_trim(0);
}

static void line_answer(struct client *client, const char *line, size_t length)
{
	json_t *reply;

	if (length && line[length - 1] == '\r')
		length--;
	if (!length)
		return;
	reply = request_answer(client->api->weftd, client, line, length);
	if (reply)
		client_reply(client, reply);
}

/* Answers whole lines until there are none, or too much output waits; keeps the rest. `known` bytes have
 * no newline among them. */
static void lines_answer(struct client *client, size_t known)
{
	size_t begin = 0;

	while (!client->blocked && !client->closing) {
		char *from = client->line + (known > begin ? known : begin);
		char *end = client->line ? memchr(from, '\n',
						  (size_t)(client->line + client->length - from))
					 : NULL;

		if (!end)
			break;
		line_answer(client, client->line + begin, (size_t)(end - client->line) - begin);
		begin = (size_t)(end - client->line) + 1;
		known = 0;
	}
	if (begin == client->length || client->closing) {
		line_release(client);
		return;
	}
	if (begin) {
		memmove(client->line, client->line + begin, client->length - begin);
		client->length -= begin;
	}
}

/* After anything that changed what a client waits for: reading on, the timeouts, or the end. */
static void client_settle(struct client *client)
{
	const struct timeval timeout = {.tv_sec = API_TIMEOUT_SECOND};

	if (client->closing && !output_pending(client)) {
		client_free(client);
		return;
	}
	if (client->blocked || client->closing)
		bufferevent_disable(client->bufferevent, EV_READ);
	else
		bufferevent_enable(client->bufferevent, EV_READ);
	/* One who sends nothing may sit here for ever, and so may one who only listens to events. */
	bufferevent_set_timeouts(client->bufferevent, client->length ? &timeout : NULL,
				 client->subscriber && !client->closing ? NULL : &timeout);
}

static void client_read(struct bufferevent *bufferevent, void *arg)
{
	struct client *client = arg;
	struct evbuffer *input = bufferevent_get_input(bufferevent);
	size_t more = evbuffer_get_length(input), known = client->length;

	if (line_reserve(client, more) < 0) {
		client_refuse(client, "message: too much is half sent to this weftd already");
		client_settle(client);
		return;
	}
	evbuffer_remove(input, client->line + client->length, more);
	client->length += more;
	lines_answer(client, known);
	if (!client->blocked && client->length > RPC_REQUEST_MAX) {
		client_refuse(client, "message: longer than 64 MiB");
		line_release(client);
	}
	client_settle(client);
}

/* The output is empty. */
static void client_written(struct bufferevent *bufferevent, void *arg)
{
	struct client *client = arg;

	(void)bufferevent;
	if (client->subscriber)
		monitor_caught_up(client->subscriber);
	if (client->blocked) {
		client->blocked = false;
		lines_answer(client, 0);
	}
	client_settle(client);
}

static void client_event(struct bufferevent *bufferevent, short events, void *arg)
{
	struct client *client = arg;

	(void)bufferevent;
	if (events & (BEV_EVENT_TIMEOUT | BEV_EVENT_EOF) && events & BEV_EVENT_READING &&
	    !client->closing) {
		/* One who has sent the last request still gets the replies. */
		if (client->length)
			client_refuse(client, "message: ends before its newline");
		client->closing = true;
		line_release(client);
		client_settle(client);
		return;
	}
	client_free(client);
}

/* --- Connections ---------------------------------------------------------------------- */

pid_t client_pid(const struct client *client)
{
	socklen_t length = sizeof(struct ucred);
	struct ucred peer = {};

	if (getsockopt(bufferevent_getfd(client->bufferevent), SOL_SOCKET, SO_PEERCRED, &peer,
		       &length) < 0)
		return 0;
	return peer.pid;
}

/* Root, or a member of group weft. The mode of the socket says the same, unless somebody changed it. */
static bool peer_allowed(const struct api *api, int fd)
{
	gid_t groups[256];
	socklen_t length = sizeof(struct ucred);
	struct ucred peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	if (api->group == (gid_t)-1)
		return false;
	if (peer.gid == api->group)
		return true;
	length = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0)
		return false;
	for (size_t i = 0; i < length / sizeof(*groups); i++)
		if (groups[i] == api->group)
			return true;
	return false;
}

static void client_new(struct evconnlistener *listener, evutil_socket_t fd,
		       struct sockaddr *address, int length, void *arg)
{
	struct api *api = arg;
	struct client *client;

	(void)address, (void)length;
	if (!peer_allowed(api, fd)) {
		close(fd);
		return;
	}
	client = calloc(1, sizeof(*client));
	if (client)
		client->bufferevent =
			bufferevent_socket_new(api->weftd->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client || !client->bufferevent) {
		free(client);
		close(fd);
		return;
	}
	client->api = api;
	client->capture = client->passed = -1;
	DL_APPEND(api->clients, client);
	/* Whoever comes next waits in the queue of the socket until one leaves. */
	if (++api->count == API_CLIENTS_MAX)
		evconnlistener_disable(listener);
	bufferevent_set_max_single_read(client->bufferevent, READ_SIZE);
	bufferevent_setcb(client->bufferevent, client_read, client_written, client_event, client);
	client_settle(client);
}

static void accept_failed(struct evconnlistener *listener, void *arg)
{
	(void)listener, (void)arg;
	log_warning("%s: accept: %s", RPC_SOCKET, strerror(EVUTIL_SOCKET_ERROR()));
}

static int socket_listen(struct api *api, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = api->path;
	mode_t mask;
	int fd, result;

	memcpy(address.sun_path, path, sizeof(api->path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	unlink(path);
	mask = umask(0177);
	result = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (result == 0 && api->group != (gid_t)-1) {
		result = chown(path, (uid_t)-1, api->group);
		if (result == 0)
			result = chmod(path, 0660);
	}
	if (result == 0)
		result = listen(fd, 128);
	if (result < 0) {
		result = error_set(err, -errno, "%s: %s", path, strerror(errno));
		close(fd);
		return result;
	}
	return fd;
}

int api_new(struct weftd *weftd, struct api **ret, struct error *err)
{
	struct api *api = calloc(1, sizeof(*api));
	const struct group *group = getgrnam("weft");
	int fd;

	if (!api)
		return error_set(err, -ENOMEM, "out of memory");
	api->weftd = weftd;
	api->group = group ? group->gr_gid : (gid_t)-1;
	fd = snprintf(api->path, sizeof(api->path), "%s/%s", weftd->rundir, RPC_SOCKET);
	if (fd < 0 || (size_t)fd >= sizeof(api->path)) {
		free(api);
		return error_set(err, -ENAMETOOLONG, "%s: too long for a socket's path",
				 weftd->rundir);
	}
	fd = socket_listen(api, err);
	if (fd < 0) {
		free(api);
		return fd;
	}
	api->listener = evconnlistener_new(weftd->base, client_new, api,
					   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!api->listener) {
		close(fd);
		free(api);
		return error_set(err, -ENOMEM, "out of memory");
	}
	evconnlistener_set_error_cb(api->listener, accept_failed);
	*ret = api;
	return 0;
}

void api_free(struct api *api)
{
	struct client *client, *next;

	if (!api)
		return;
	DL_FOREACH_SAFE(api->clients, client, next)
	client_free(client);
	evconnlistener_free(api->listener);
	unlink(api->path);
	free(api);
}
