/* SPDX-License-Identifier: GPL-2.0-only */
/* The protocol of sd_notify(3), and its watchdog. */
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int notify_send(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length;
	int fd, result;

	if (!path || !path[0])
		return 0;
	length = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || length >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, path, length);
	if (path[0] ==
	    '@') /* the abstract name space: begins with a zero byte, has no end but its length */
		address.sun_path[0] = '\0';
	else
		length++;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	result = 0;
	if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		result = -errno;
	close(fd);
	return result;
}

static void watchdog_tick(evutil_socket_t fd, short events, void *arg)
{
	(void)fd, (void)events, (void)arg;
	notify_send("WATCHDOG=1");
}

struct event *notify_watchdog(struct event_base *base)
{
	const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	struct timeval period;
	struct event *timer;
	long long usec;

	if (!text || (pid && strtoll(pid, NULL, 10) != getpid()))
		return NULL;
	usec = strtoll(text, NULL, 10) / 2;
	if (usec <= 0)
		return NULL;
	period = (struct timeval){.tv_sec = usec / 1000000, .tv_usec = usec % 1000000};
	timer = event_new(base, -1, EV_PERSIST, watchdog_tick, NULL);
	if (timer)
		event_add(timer, &period);
	return timer;
}
