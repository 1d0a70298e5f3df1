/* SPDX-License-Identifier: GPL-2.0-only */
/* The client's end of the API. */
#include "lib/rpc_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/rpc.h"

#define READ_SIZE 65536

struct rpc_client {
	int fd;
	int passed; /* fd that came with a reply and was not taken yet, -1: none */
	json_int_t id;
	struct sockaddr_un address;
	char *buffer; /* what was read and not yet returned: `start` to `end` */
	size_t size, start, end;
};

static int unreachable(const struct rpc_client *client, int code, struct error *err)
{
	return error_set(err, code, "cannot reach weftd at %s: %s", client->address.sun_path,
			 strerror(-code));
}

int rpc_connect(const char *rundir, struct rpc_client **ret, struct error *err)
{
	struct rpc_client *client = calloc(1, sizeof(*client));
	int len, code = 0;

	if (!client)
		return error_set(err, -ENOMEM, "out of memory");
	client->passed = -1;
	client->address.sun_family = AF_UNIX;
	len = snprintf(client->address.sun_path, sizeof(client->address.sun_path), "%s/%s", rundir,
		       RPC_SOCKET);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if ((size_t)len >= sizeof(client->address.sun_path))
		code = error_set(err, -ENAMETOOLONG, "cannot reach weftd at %s/%s: path too long",
				 rundir, RPC_SOCKET);
	else if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&client->address,
					   sizeof(client->address)) < 0)
		code = unreachable(client, -errno, err);
	if (code < 0) {
		rpc_close(client);
		return code;
	}
	*ret = client;
	return 0;
}

void rpc_close(struct rpc_client *client)
{
	if (!client)
		return;
	if (client->fd >= 0)
		close(client->fd);
	if (client->passed >= 0)
		close(client->passed);
	free(client->buffer);
	free(client);
}

static int line_send(struct rpc_client *client, const char *line, size_t len, struct error *err)
{
	while (len) {
		ssize_t sent = send(client->fd, line, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return unreachable(client, -errno, err);
		line += sent;
		len -= (size_t)sent;
	}
	return 0;
}

int rpc_post(struct rpc_client *client, const char *line, size_t len, struct error *err)
{
	return line_send(client, line, len, err);
}

/* Makes room for READ_SIZE more bytes, by moving what is left to the front first. */
static int buffer_grow(struct rpc_client *client, struct error *err)
{
	size_t size = client->size ? client->size : READ_SIZE;
	char *grown;

	if (client->start) {
		memmove(client->buffer, client->buffer + client->start,
			client->end - client->start);
		client->end -= client->start;
		client->start = 0;
	}
	if (client->end > RPC_REPLY_MAX)
		return error_set(err, -EMSGSIZE, "reply: longer than %u bytes", RPC_REPLY_MAX);
	while (size < client->end + READ_SIZE)
		size *= 2;
	if (size == client->size)
		return 0;
	grown = realloc(client->buffer, size);
	if (!grown)
		return error_set(err, -ENOMEM, "out of memory");
	client->buffer = grown;
	client->size = size;
	return 0;
}

/* As read(), and keeps a file descriptor that comes along. */
static ssize_t socket_read(struct rpc_client *client, char *buffer, size_t size)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {.iov_base = buffer, .iov_len = size};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int))) {
		if (client->passed >= 0)
			close(client->passed);
		memcpy(&client->passed, CMSG_DATA(header), sizeof(int));
	}
	return got;
}

int rpc_take_fd(struct rpc_client *client)
{
	int fd = client->passed;

	client->passed = -1;
	return fd;
}

int rpc_fd(const struct rpc_client *client)
{
	return client->fd;
}

/* The next line without its newline, good until the next call. */
static int line_read(struct rpc_client *client, const char **ret, size_t *ret_len,
		     struct error *err)
{
	size_t seen = client->start;

	for (;;) {
		const char *newline = NULL;
		ssize_t got;
		int code;

		if (client->end > seen)
			newline = memchr(client->buffer + seen, '\n', client->end - seen);
		if (newline) {
			*ret = client->buffer + client->start;
			*ret_len = (size_t)(newline - *ret);
			client->start += *ret_len + 1;
			return 0;
		}
		code = buffer_grow(client, err);
		if (code < 0)
			return code;
		seen = client->end;
		got = socket_read(client, client->buffer + client->end, client->size - client->end);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return error_set(err, got ? -errno : -ECONNRESET,
					 "weftd closed the connection");
		client->end += (size_t)got;
	}
}

int rpc_next(struct rpc_client *client, json_t **ret, struct error *err)
{
	const char *line = NULL;
	size_t len = 0;
	int code = line_read(client, &line, &len, err);

	return code < 0 ? code : rpc_reply_parse(line, len, ret, err);
}

int rpc_call(struct rpc_client *client, const char *method, json_t *params, json_t **ret,
	     struct error *err)
{
	json_t *request = rpc_request_new(method, params, ++client->id), *result = NULL;
	size_t len = 0;
	char *line = request ? rpc_line_new(request, &len) : NULL;
	int code;

	json_decref(request);
	if (!line)
		return error_set(err, -ENOMEM, "out of memory");
	if (len - 1 > RPC_REQUEST_MAX)
		code = error_set(err, -E2BIG, "request: longer than %u bytes", RPC_REQUEST_MAX);
	else
		code = line_send(client, line, len, err);
	free(line);
	if (code == 0)
		code = rpc_next(client, &result, err);
	if (code == 0 && ret)
		*ret = json_incref(result);
	json_decref(result);
	return code;
}
