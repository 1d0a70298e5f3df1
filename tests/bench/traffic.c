/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UDP traffic for the benchmark, small enough not to be what is measured.
 *
 *     traffic sink ADDRESS PORT                    counts datagrams until SIGTERM
 *     traffic blast ADDRESS PORT SECONDS RATE SIZE sends SIZE bytes, RATE a second (0: all it can)
 *     traffic echo ADDRESS PORT                    sends back what comes, until SIGTERM
 *     traffic ping ADDRESS PORT SECONDS SIZE       one at a time, and how long each took
 *
 * Each prints one JSON object at its end.
 *
 * The sink naps and then takes all there is: nobody has to wake it for each packet, which
 * would cost more than the packet's way, and it leaves the CPU to datapaths that are processes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH	64
#define LARGEST 9000
#define NS	1000000000ULL
#define NAP	200000	 /* ns, short beside what the socket buffer holds */
#define LOST	(NS / 5) /* a ping not answered for so long never will be */

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NS + (uint64_t)time.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A UDP socket, bound to the address (here) or connected to it. */
static int open_socket(const char *address, const char *port, int here)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
	};
	int size = 16 << 20;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		die("socket");
	if (inet_pton(AF_INET, address, &name.sin_addr) != 1) {
		fprintf(stderr, "traffic: %s is no IPv4 address\n", address);
		exit(2);
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		die("socket buffer");
	if ((here ? bind : connect)(fd, (struct sockaddr *)&name, sizeof(name)))
		die(address);
	return fd;
}

static void sleep_until(uint64_t due)
{
	struct timespec time = {.tv_sec = (time_t)(due / NS), .tv_nsec = (long)(due % NS)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static void sink(int fd)
{
	static char buffer[BATCH][LARGEST];
	struct mmsghdr messages[BATCH] = {};
	struct iovec vectors[BATCH];
	uint64_t count = 0, first = 0, last = 0;

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){buffer[i], sizeof(buffer[i])};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (!stopped) {
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
	printf("{\"received\": %llu, \"seconds\": %.6f}\n", (unsigned long long)count,
	       (double)(last - first) / NS);
}

/* CPU seconds of this process: those of the way too, as far as the kernel goes it on our time. */
static double cpu_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / NS;
}

static void blast(int fd, double seconds, uint64_t rate, size_t size)
{
	static char buffer[LARGEST];
	struct iovec vector = {buffer, size};
	struct mmsghdr messages[BATCH] = {};
	/* At a held rate small bursts, or they and not the rate would be what is measured. */
	unsigned int batch = rate ? 8 : BATCH;
	uint64_t start = now(), end = start + (uint64_t)(seconds * NS), time = start, sent = 0;

	for (int i = 0; i < BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &vector;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (!stopped && time < end) {
		if (!rate || sent * NS / rate <= time - start) {
			int done = sendmmsg(fd, messages, batch, 0);

			if (done > 0)
				sent += (uint64_t)done;
			else if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED)
				die("sendmmsg");
		}
		if (rate)
			sleep_until(start + sent * NS / rate);
		time = now();
	}
	printf("{\"sent\": %llu, \"seconds\": %.6f, \"cpu\": %.6f}\n", (unsigned long long)sent,
	       (double)(time - start) / NS, cpu_time());
}

static void echo(int fd)
{
	static char buffer[LARGEST];

	while (!stopped) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		ssize_t got =
			recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length);

		if (got >= 0)
			sendto(fd, buffer, (size_t)got, 0, (struct sockaddr *)&from, length);
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void ping(int fd, double seconds, size_t size)
{
	static char buffer[LARGEST];
	size_t count = 0, lost = 0, room = (size_t)(seconds * 1000000) + 1;
	uint32_t *taken = calloc(room, sizeof(*taken));
	uint64_t end = now() + (uint64_t)(seconds * NS), sequence = 0;
	struct timeval patience = {.tv_usec = LOST / 1000};

	if (!taken)
		die("memory");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		die("SO_RCVTIMEO");
	while (!stopped && count < room) {
		uint64_t start = now(), time, answer = 0;

		if (start >= end)
			break;
		sequence++;
		memcpy(buffer, &sequence, sizeof(sequence));
		if (send(fd, buffer, size, 0) < 0 && errno != ECONNREFUSED)
			die("send");
		do {
			if (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) >=
			    (ssize_t)sizeof(answer))
				memcpy(&answer, buffer, sizeof(answer));
			time = now();
		} while (answer != sequence && time - start < LOST);
		if (answer == sequence)
			taken[count++] = (uint32_t)(time - start);
		else
			lost++;
	}
	qsort(taken, count, sizeof(*taken), compare);
	printf("{\"count\": %zu, \"lost\": %zu", count, lost);
	if (count)
		printf(", \"p50\": %u, \"p99\": %u, \"least\": %u", taken[count / 2],
		       taken[count * 99 / 100], taken[0]);
	printf("}\n");
	free(taken);
}

/* SIZE as a number that the buffers hold and that has room for a sequence number. */
static size_t parse_size(const char *text)
{
	long size = strtol(text, NULL, 10);

	if (size < (long)sizeof(uint64_t) || size > LARGEST) {
		fprintf(stderr, "traffic: size %s is not within 8..%d\n", text, LARGEST);
		exit(2);
	}
	return (size_t)size;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 3 ? argv[1] : "";

	/* Not signal(), which would have a sleeping receive go on. */
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
	if (!strcmp(mode, "sink") && argc == 4)
		sink(open_socket(argv[2], argv[3], 1));
	else if (!strcmp(mode, "blast") && argc == 7)
		blast(open_socket(argv[2], argv[3], 0), atof(argv[4]), strtoull(argv[5], NULL, 10),
		      parse_size(argv[6]));
	else if (!strcmp(mode, "echo") && argc == 4)
		echo(open_socket(argv[2], argv[3], 1));
	else if (!strcmp(mode, "ping") && argc == 6)
		ping(open_socket(argv[2], argv[3], 0), atof(argv[4]), parse_size(argv[5]));
	else {
		fprintf(stderr, "usage: traffic sink ADDRESS PORT\n"
				"       traffic blast ADDRESS PORT SECONDS RATE SIZE\n"
				"       traffic echo ADDRESS PORT\n"
				"       traffic ping ADDRESS PORT SECONDS SIZE\n");
		return 2;
	}
	return 0;
}
