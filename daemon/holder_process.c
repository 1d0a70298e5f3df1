/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * weft-holder itself: started by weftd as another run of its own program, with a listening socket and
 * nothing else. It serves its clients one request at a time, never blocks on one of them, and goes
 * when it holds nothing and has been asked something, or its last client has gone.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/holder_protocol.h"
#include "daemon/holder_socket.h"

#define CLIENTS_MAX 8

uint64_t holder_netns(void)
{
	struct stat status;

	return stat("/proc/self/ns/net", &status) ? 0 : (uint64_t)status.st_ino;
}

/* What it keeps, of what it has: the rights to bind ports below 1024 and to open raw and packet sockets. */
static void capabilities_drop(void)
{
	static const cap_value_t keep[] = {CAP_NET_BIND_SERVICE, CAP_NET_RAW};
	cap_t now = cap_get_proc();
	cap_t less = cap_init();

	for (size_t i = 0; now && less && i < sizeof(keep) / sizeof(*keep); i++) {
		cap_flag_value_t has = CAP_CLEAR;

		cap_get_flag(now, keep[i], CAP_PERMITTED, &has);
		cap_set_flag(less, CAP_PERMITTED, 1, &keep[i], has);
		cap_set_flag(less, CAP_EFFECTIVE, 1, &keep[i], has);
	}
	if (now && less)
		cap_set_proc(less);
	cap_free(now);
	cap_free(less);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void files_allow(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* False: the client does not read its answers, or has gone. */
static bool answer(int client, const struct holder_answer *message)
{
	return send(client, message, sizeof(*message), MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       sizeof(*message);
}

static bool list_send(int client, struct holder_answer *message)
{
	const struct held *held;

	message->more = 1;
	for (held = held_next(NULL); held; held = held_next(held)) {
		message->item = *held_item(held);
		/* the reader is weftd, waiting: a full socket buffer is only a matter of time */
		if (send(client, message, sizeof(*message), MSG_NOSIGNAL) != sizeof(*message))
			return false;
	}
	message->more = 0;
	memset(&message->item, 0, sizeof(message->item));
	return answer(client, message);
}

/* `asked` is set when the request was one to hold or release. */
static bool serve(int client, uint64_t netns, bool *asked)
{
	struct holder_answer message;
	struct holder_request request;
	ssize_t length = recv(client, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	if (length < 0)
		return errno == EAGAIN || errno == EINTR;
	if (length != sizeof(request) || request.magic != HOLDER_MAGIC)
		return false;
	memset(&message, 0, sizeof(message));
	message.magic = HOLDER_MAGIC;
	message.pid = getpid();
	message.netns = netns;
	*asked |= request.operation != HOLDER_HELLO && request.operation != HOLDER_LIST;
	switch (request.operation) {
	case HOLDER_HELLO:
		break;
	case HOLDER_PORT_HOLD:
		message.result = held_port_hold(request.item.port);
		break;
	case HOLDER_PORT_RELEASE:
		message.result = held_port_release(request.item.port);
		break;
	case HOLDER_JOIN:
		message.result = held_join(&request.item.group, request.item.ifindex);
		break;
	case HOLDER_LEAVE:
		message.result = held_leave(&request.item.group, request.item.ifindex);
		break;
	case HOLDER_PROTOCOL_HOLD:
		message.result = held_protocol_hold(request.item.protocol);
		break;
	case HOLDER_PROTOCOL_RELEASE:
		message.result = held_protocol_release(request.item.protocol);
		break;
	case HOLDER_LIST:
		return list_send(client, &message);
	default:
		message.result = -EOPNOTSUPP;
	}
	return answer(client, &message);
}

/* A client that comes when the table is full is refused by closing. */
static int client_accept(struct pollfd *polled, int count)
{
	struct timeval patience = {.tv_sec = 5};
	int client = accept4(polled[0].fd, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return count;
	if (count > CLIENTS_MAX) {
		close(client);
		return count;
	}
	setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	polled[count] = (struct pollfd){.fd = client, .events = POLLIN};
	return count + 1;
}

static void holder_run(void)
{
	/* the listener, clients, and what packets come by */
	struct pollfd polled[1 + CLIENTS_MAX + HELD_POLLED_MAX] = {
		{.fd = HOLDER_FD, .events = POLLIN}};
	uint64_t netns = holder_netns();
	bool asked = false, left;
	int count = 1, sources;

	do {
		left = false;
		sources = held_poll(polled + count);
		if (poll(polled, (nfds_t)(count + sources), -1) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		held_serve(polled + count, sources);
		for (int i = count - 1; i > 0; i--) {
			if (!polled[i].revents || serve(polled[i].fd, netns, &asked))
				continue;
			close(polled[i].fd);
			polled[i] = polled[--count];
			left = true;
		}
		if (polled[0].revents)
			count = client_accept(polled, count);
		/* a client that has only just come has not asked for anything yet */
	} while (!held_nothing() || !(asked || (left && count == 1)));
}

void holder_main(int argc, char **argv)
{
	if (argc != 2 || strcmp(argv[0], HOLDER_ARGV0) != 0)
		return;
	prctl(PR_SET_NAME, HOLDER_ARGV0, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	files_allow();
	capabilities_drop();
	holder_run();
	/* gone from the directory before it is closed: who sees it closed can start another */
	unlink(argv[1]);
	exit(EXIT_SUCCESS);
}
