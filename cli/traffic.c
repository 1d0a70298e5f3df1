/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sink naps and then takes all there is: nobody has to wake it for each packet, which
 * would cost more than the packet's way, and it leaves the CPU to datapaths that are processes.
 */
#include "cli/traffic.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH		64
#define NS		1000000000ULL
#define NAP		200000	 /* ns, short beside what the socket buffer holds */
#define LOST		(NS / 5) /* a ping not answered for so long never will be */
#define BUFFER		(16 << 20)
#define CONNECT_SECONDS 5

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NS + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t due)
{
	struct timespec time = {.tv_sec = (time_t)(due / NS), .tv_nsec = (long)(due % NS)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* --- Sockets ------------------------------------------------------------------------------------------ */

static socklen_t name_of(const struct weft_addr *addr, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (addr_is_v4(addr)) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		four->sin_addr = addr_to_v4(addr);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	memcpy(&six->sin6_addr, addr, sizeof(six->sin6_addr));
	return sizeof(*six);
}

static int socket_prepare(int fd, int kind, const struct weft_addr *here, uint16_t here_port,
			  const struct weft_addr *there, uint16_t there_port)
{
	struct sockaddr_storage name;
	struct timeval patience = {.tv_sec = CONNECT_SECONDS};
	int size = BUFFER, yes = 1;
	socklen_t len;

	if (kind == SOCK_DGRAM &&
	    (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	     setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size))))
		return -errno;
	if (kind == SOCK_STREAM) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		/* connect() obeys it as well */
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	if (here) {
		len = name_of(here, here_port, &name);
		if (bind(fd, (struct sockaddr *)&name, len) < 0)
			return -errno;
	}
	if (there) {
		len = name_of(there, there_port, &name);
		if (connect(fd, (struct sockaddr *)&name, len) < 0)
			return -errno;
	}
	return 0;
}

int traffic_open(int kind, const struct weft_addr *here, uint16_t here_port,
		 const struct weft_addr *there, uint16_t there_port)
{
	int family = addr_is_v4(there ? there : here) ? AF_INET : AF_INET6;
	int fd = socket(family, kind | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	ret = socket_prepare(fd, kind, here, here_port, there, there_port);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}

/* --- One way -------------------------------------------------------------------------------------------- */

int traffic_sink(int fd, const volatile sig_atomic_t *stop, struct traffic_count *ret)
{
	static char buffer[BATCH][TRAFFIC_LARGEST];
	struct mmsghdr messages[BATCH] = {};
	struct iovec vectors[BATCH];
	uint64_t count = 0, first = 0, last = 0;

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){buffer[i], sizeof(buffer[i])};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (!*stop) {
		int got = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);

		if (got <= 0) {
			sleep_until(now() + NAP);
			continue;
		}
		last = now();
		if (!first)
			first = last;
		count += (uint64_t)got;
	}
	*ret = (struct traffic_count){.packets = count, .seconds = (double)(last - first) / NS};
	return 0;
}

static double cpu_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / NS;
}

int traffic_blast(int fd, const volatile sig_atomic_t *stop, double seconds, uint64_t rate,
		  size_t size, struct traffic_count *ret)
{
	static char buffer[TRAFFIC_LARGEST];
	struct iovec vector = {buffer, size};
	struct mmsghdr messages[BATCH] = {};
	/* At a held rate small bursts, or they and not the rate would be what is measured. */
	unsigned int batch = rate ? 8 : BATCH;
	uint64_t start = now(), end = start + (uint64_t)(seconds * NS), time = start, sent = 0;

	for (int i = 0; i < BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &vector;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (!*stop && time < end) {
		if (!rate || sent * NS / rate <= time - start) {
			int done = sendmmsg(fd, messages, batch, 0);

			if (done > 0)
				sent += (uint64_t)done;
			else if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED &&
				 errno != EINTR)
				return -errno;
		}
		if (rate)
			sleep_until(start + sent * NS / rate);
		time = now();
	}
	*ret = (struct traffic_count){
		.packets = sent, .seconds = (double)(time - start) / NS, .cpu = cpu_time()};
	return 0;
}

/* A signal just before the socket sleeps ends it a little later. */
static void patience_set(int fd)
{
	struct timeval patience = {.tv_sec = 1};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

/* --- And back -------------------------------------------------------------------------------------------- */

static bool is_from(const struct sockaddr_storage *name, const struct weft_addr *only)
{
	struct weft_addr from;

	if (!only)
		return true;
	if (name->ss_family == AF_INET)
		from = addr_from_v4(((const struct sockaddr_in *)name)->sin_addr);
	else
		memcpy(&from, &((const struct sockaddr_in6 *)name)->sin6_addr, sizeof(from));
	return addr_equal(&from, only);
}

int traffic_echo(int fd, const volatile sig_atomic_t *stop, const struct weft_addr *only)
{
	static char buffer[TRAFFIC_LARGEST];

	patience_set(fd);
	while (!*stop) {
		struct sockaddr_storage from;
		socklen_t length = sizeof(from);
		ssize_t got =
			recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length);

		if (got >= 0 && is_from(&from, only))
			sendto(fd, buffer, (size_t)got, 0, (struct sockaddr *)&from, length);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int ping_all(int fd, const volatile sig_atomic_t *stop, double seconds, size_t size,
		    uint32_t *taken, size_t room, struct traffic_times *ret)
{
	static char buffer[TRAFFIC_LARGEST];
	uint64_t end = now() + (uint64_t)(seconds * NS), sequence = 0;

	while (!*stop && ret->count < room) {
		uint64_t start = now(), time, answer = 0;

		if (start >= end)
			break;
		sequence++;
		memcpy(buffer, &sequence, sizeof(sequence));
		if (send(fd, buffer, size, 0) < 0 && errno != ECONNREFUSED)
			return -errno;
		do {
			if (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) >=
			    (ssize_t)sizeof(answer))
				memcpy(&answer, buffer, sizeof(answer));
			time = now();
		} while (answer != sequence && time - start < LOST);
		if (answer == sequence)
			taken[ret->count++] = (uint32_t)(time - start);
		else
			ret->lost++;
	}
	return 0;
}

int traffic_ping(int fd, const volatile sig_atomic_t *stop, double seconds, size_t size,
		 struct traffic_times *ret)
{
	size_t room = (size_t)(seconds * 1000000) + 1;
	uint32_t *taken = calloc(room, sizeof(*taken));
	int code;

	*ret = (struct traffic_times){0};
	if (!taken)
		return -ENOMEM;
	code = ping_all(fd, stop, seconds, size, taken, room, ret);
	qsort(taken, ret->count, sizeof(*taken), compare);
	if (ret->count) {
		ret->least = taken[0];
		ret->p50 = taken[ret->count / 2];
		ret->p99 = taken[ret->count * 99 / 100];
	}
	free(taken);
	return code;
}

/* --- Connections ------------------------------------------------------------------------------------------- */

int traffic_accept(int fd, const volatile sig_atomic_t *stop)
{
	char byte;

	patience_set(fd);
	while (!*stop) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			continue;
		/* whoever does not end it holds nobody up for long */
		patience_set(client);
		while (!*stop && recv(client, &byte, 1, 0) > 0)
			;
		close(client);
	}
	return 0;
}

int traffic_connect(const struct weft_addr *here, const struct weft_addr *there, uint16_t port,
		    const volatile sig_atomic_t *stop, double seconds, struct traffic_count *ret)
{
	uint64_t start = now(), end = start + (uint64_t)(seconds * NS), time = start;
	const struct linger reset = {.l_onoff = 1};

	*ret = (struct traffic_count){0};
	while (!*stop && time < end) {
		int fd = traffic_open(SOCK_STREAM, here, 0, there, port);

		if (fd < 0)
			return fd;
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		ret->packets++;
		time = now();
	}
	ret->seconds = (double)(time - start) / NS;
	ret->cpu = cpu_time();
	return 0;
}
