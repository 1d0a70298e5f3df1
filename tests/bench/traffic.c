/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traffic for the benchmark (cli/traffic.h), UDP and TCP.
 *
 *     traffic sink ADDRESS PORT                    counts datagrams until SIGTERM
 *     traffic blast ADDRESS PORT SECONDS RATE SIZE sends SIZE bytes, RATE a second (0: all it can)
 *     traffic echo ADDRESS PORT                    sends back what comes, until SIGTERM
 *     traffic ping ADDRESS PORT SECONDS SIZE       one at a time, and how long each took
 *     traffic tcp-echo ADDRESS PORT                the same over a TCP connection
 *     traffic tcp-ping ADDRESS PORT SECONDS SIZE
 *     traffic accept ADDRESS PORT                  takes TCP connections until SIGTERM
 *     traffic connect ADDRESS PORT SECONDS         makes and ends them, one at a time
 *
 * Each prints one JSON object at its end.
 */
#include "cli/traffic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

/* What went wrong ends it. */
static int sure(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "traffic: %s: %s\n", what, strerror(-result));
		exit(1);
	}
	return result;
}

static struct weft_addr parse_address(const char *text)
{
	struct weft_addr addr;

	if (addr_parse(text, &addr) < 0) {
		fprintf(stderr, "traffic: %s is no address\n", text);
		exit(2);
	}
	return addr;
}

/* A socket of that kind, bound to the address (here) or connected to it. */
static int open_kind(int kind, const char *address, const char *port, bool here)
{
	uint16_t number = (uint16_t)atoi(port);
	struct weft_addr addr = parse_address(address);

	return sure(address, here ? traffic_open(kind, &addr, number, NULL, 0)
				  : traffic_open(kind, NULL, 0, &addr, number));
}

static int open_socket(const char *address, const char *port, bool here)
{
	return open_kind(SOCK_DGRAM, address, port, here);
}

/* SIZE as a number that the buffers hold and that has room for a sequence number. */
static size_t parse_size(const char *text)
{
	long size = strtol(text, NULL, 10);

	if (size < TRAFFIC_LEAST || size > TRAFFIC_LARGEST) {
		fprintf(stderr, "traffic: size %s is not within %d..%d\n", text, TRAFFIC_LEAST,
			TRAFFIC_LARGEST);
		exit(2);
	}
	return (size_t)size;
}

static void sink(char **words)
{
	struct traffic_count count;

	sure("sink", traffic_sink(open_socket(words[0], words[1], true), &stopped, &count));
	printf("{\"received\": %llu, \"seconds\": %.6f}\n", (unsigned long long)count.packets,
	       count.seconds);
}

static void blast(char **words)
{
	int fd = open_socket(words[0], words[1], false);
	struct traffic_count count;

	sure("blast", traffic_blast(fd, &stopped, atof(words[2]), strtoull(words[3], NULL, 10),
				    parse_size(words[4]), &count));
	printf("{\"sent\": %llu, \"seconds\": %.6f, \"cpu\": %.6f}\n",
	       (unsigned long long)count.packets, count.seconds, count.cpu);
}

static void echo(char **words)
{
	sure("echo", traffic_echo(open_socket(words[0], words[1], true), &stopped, NULL));
}

static void questions(int fd, char **words)
{
	struct traffic_times times;

	sure("ping", traffic_ping(fd, &stopped, atof(words[2]), parse_size(words[3]), &times));
	printf("{\"count\": %llu, \"lost\": %llu", (unsigned long long)times.count,
	       (unsigned long long)times.lost);
	if (times.count)
		printf(", \"p50\": %u, \"p99\": %u, \"least\": %u", times.p50, times.p99,
		       times.least);
	printf("}\n");
}

static void ping(char **words)
{
	questions(open_socket(words[0], words[1], false), words);
}

static void tcp_ping(char **words)
{
	questions(open_kind(SOCK_STREAM, words[0], words[1], false), words);
}

/* One connection. */
static void tcp_echo(char **words)
{
	int listening = open_kind(SOCK_STREAM, words[0], words[1], true), fd;
	char buffer[TRAFFIC_LARGEST];
	ssize_t length;

	if (listen(listening, 1))
		sure("listen", -errno);
	fd = accept(listening, NULL, NULL);
	while (fd >= 0 && (length = recv(fd, buffer, sizeof(buffer), 0)) > 0)
		if (send(fd, buffer, (size_t)length, MSG_NOSIGNAL) != length)
			break;
	while (!stopped)
		pause();
}

static void accept_all(char **words)
{
	int fd = open_kind(SOCK_STREAM, words[0], words[1], true);

	if (listen(fd, SOMAXCONN))
		sure("listen", -errno);
	sure("accept", traffic_accept(fd, &stopped));
}

static void connect_all(char **words)
{
	struct weft_addr there = parse_address(words[0]);
	struct traffic_count count;

	sure("connect", traffic_connect(NULL, &there, (uint16_t)atoi(words[1]), &stopped,
					atof(words[2]), &count));
	printf("{\"connections\": %llu, \"seconds\": %.6f}\n", (unsigned long long)count.packets,
	       count.seconds);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int words;
		void (*run)(char **words);
	} modes[] = {
		{"sink", 2, sink},	   {"blast", 5, blast},		{"echo", 2, echo},
		{"ping", 4, ping},	   {"tcp-echo", 2, tcp_echo},	{"tcp-ping", 4, tcp_ping},
		{"accept", 2, accept_all}, {"connect", 3, connect_all},
	};

	/* Not signal(), which would have a sleeping receive go on. */
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(argv[1], modes[i].name) && argc == modes[i].words + 2) {
			modes[i].run(argv + 2);
			return 0;
		}
	fprintf(stderr, "usage: traffic sink ADDRESS PORT\n"
			"       traffic blast ADDRESS PORT SECONDS RATE SIZE\n"
			"       traffic echo ADDRESS PORT\n"
			"       traffic ping ADDRESS PORT SECONDS SIZE\n"
			"       traffic tcp-echo ADDRESS PORT\n"
			"       traffic tcp-ping ADDRESS PORT SECONDS SIZE\n"
			"       traffic accept ADDRESS PORT\n"
			"       traffic connect ADDRESS PORT SECONDS\n");
	return 2;
}
