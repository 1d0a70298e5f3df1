/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `weft bench -s`: the other end. Whoever reaches the port may have it receive or echo for a while, one at a time, from the one
 * address that he names; what serves him is a process that ends with his connection.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/member.h"
#include "cli/traffic.h"
#include "cli/watch.h"

#define PATIENCE     (BENCH_SECONDS_MAX + 30.0) /* seconds; the longest measurement is one silence */
#define LISTEN_LIMIT 5				/* seconds until iperf3 must listen */
#define END_LIMIT    3				/* seconds until a child must have ended */

struct server {
	struct cli *cli;
	pid_t child; /* 0: none */
	int result;  /* pipe from it, -1: none */
	double busy; /* bench_busy() when it began */
};

static volatile sig_atomic_t child_stopped;

static void child_stop(int number)
{
	(void)number;
	child_stopped = 1;
}

/* Ends the child; gives what it counted. */
static void child_end(struct server *server, struct traffic_count *ret)
{
	double end = watch_clock() + END_LIMIT;

	*ret = (struct traffic_count){0};
	if (server->child) {
		kill(server->child, SIGTERM);
		while (waitpid(server->child, NULL, WNOHANG) == 0) {
			if (watch_clock() > end)
				kill(server->child, SIGKILL);
			watch_pause(0.005);
		}
	}
	if (server->result >= 0) {
		if (read(server->result, ret, sizeof(*ret)) != sizeof(*ret))
			*ret = (struct traffic_count){0};
		close(server->result);
	}
	server->child = 0;
	server->result = -1;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage name = {};
	socklen_t len = sizeof(name);

	getsockname(fd, (struct sockaddr *)&name, &len);
	/* at the same place in both families */
	return ntohs(((struct sockaddr_in *)&name)->sin_port);
}

enum job { JOB_SINK, JOB_ECHO, JOB_CONNECTIONS, JOB_THROUGHPUT, JOBS };
static const char *const jobs[JOBS] = {"sink", "echo", "connections", "throughput"};

static void child_run(enum job job, int fd, const struct weft_addr *from, int result)
{
	struct traffic_count count = {};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = child_stop}, NULL);
	if (job == JOB_SINK)
		traffic_sink(fd, &child_stopped, &count);
	else if (job == JOB_ECHO)
		traffic_echo(fd, &child_stopped, from);
	else
		traffic_accept(fd, &child_stopped);
	if (write(result, &count, sizeof(count)) < 0)
		_exit(1);
	_exit(0);
}

static int child_fork(struct server *server, enum job job, int fd, const struct weft_addr *from)
{
	int ends[2];
	pid_t pid;

	/* with a queue that is full a connection takes a second, which says nothing of the path */
	if (job == JOB_CONNECTIONS && listen(fd, SOMAXCONN) < 0)
		return -errno;
	if (pipe(ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child_run(job, fd, from, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -errno;
	}
	server->child = pid;
	server->result = ends[0];
	return 0;
}

/* iperf3 has no other way to say that it listens than that the port is taken. */
static int iperf3_wait(const struct weft_addr *here, uint16_t port)
{
	double end = watch_clock() + LISTEN_LIMIT;

	while (watch_clock() < end) {
		int fd = traffic_open(SOCK_STREAM, here, port, NULL, 0);

		if (fd == -EADDRINUSE)
			return 0;
		if (fd < 0)
			return fd;
		close(fd);
		watch_pause(0.02);
	}
	return -ETIMEDOUT;
}

static int iperf3_start(struct server *server, const struct weft_addr *here, uint16_t port)
{
	char address[ADDR_STRLEN], number[8];
	pid_t pid;

	addr_format(here, address);
	snprintf(number, sizeof(number), "%u", port);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (freopen("/dev/null", "w", stdout))
			execlp("iperf3", "iperf3", "-s", "-1", "-B", address, "-p", number,
			       (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	server->child = pid;
	return iperf3_wait(here, port);
}

static json_t *start(struct server *server, const json_t *request, struct error *err)
{
	const char *name = member_text(request, "what");
	struct traffic_count none;
	struct weft_addr here, from;
	int job = 0, fd, ret;
	uint16_t port;

	while (job < JOBS && strcmp(name, jobs[job]) != 0)
		job++;
	if (job == JOBS || addr_parse(member_text(request, "address"), &here) < 0 ||
	    addr_parse(member_text(request, "from"), &from) < 0 || addr_is_any(&here) ||
	    addr_is_multicast(&here)) {
		error_set(err, -EINVAL, "start: what, address or from make no sense");
		return NULL;
	}
	child_end(server, &none);
	fd = traffic_open(job == JOB_SINK || job == JOB_ECHO ? SOCK_DGRAM : SOCK_STREAM, &here, 0,
			  NULL, 0);
	if (fd < 0) {
		error_set(err, fd, "cannot receive at %.45s: %s", member_text(request, "address"),
			  strerror(-fd));
		return NULL;
	}
	port = port_of(fd);
	if (job == JOB_THROUGHPUT) {
		close(fd);
		ret = iperf3_start(server, &here, port);
	} else {
		ret = child_fork(server, job, fd, &from);
		close(fd);
	}
	if (ret < 0) {
		error_set(err, ret, "cannot start %s: %s", jobs[job], strerror(-ret));
		return NULL;
	}
	server->busy = bench_busy();
	return json_pack("{s:i}", "port", port);
}

static json_t *answer(void *arg, const struct wire *wire, const json_t *request, struct error *err)
{
	struct server *server = arg;
	const char *what = member_text(request, "do");
	struct traffic_count count;
	double busy;

	(void)wire;
	if (!strcmp(what, "hello"))
		return json_pack("{s:i, s:b, s:o}", "protocol", BENCH_PROTOCOL, "iperf3",
				 bench_has_tool("iperf3"), "overlay",
				 bench_addresses(server->cli, NULL));
	if (!strcmp(what, "start"))
		return start(server, request, err);
	if (!strcmp(what, "stop")) {
		busy = bench_busy() - server->busy;
		child_end(server, &count);
		return json_pack("{s:I, s:f, s:f}", "packets", (json_int_t)count.packets, "seconds",
				 count.seconds, "cpu", busy);
	}
	error_set(err, -EINVAL, "a request makes no sense");
	return NULL;
}

static void ended(void *arg)
{
	struct traffic_count none;

	child_end(arg, &none);
}

int bench_serve(struct cli *cli, const struct weft_addr *here, uint16_t port,
		const volatile sig_atomic_t *stop, struct error *err)
{
	struct server server = {.cli = cli, .result = -1};
	const struct wire_server wire = {.name = "bench",
					 .arg = &server,
					 .answer = answer,
					 .ended = ended,
					 .patience = PATIENCE};

	if (!bench_has_tool("iperf3"))
		return error_set(err, -ENOENT, "bench: iperf3 is not installed");
	return wire_serve(&wire, here, port, stop, err);
}
