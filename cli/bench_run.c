/* SPDX-License-Identifier: GPL-2.0-only */
/* The measurements of `weft bench`, each between this host and what the server has started for it. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/member.h"
#include "cli/tool.h"
#include "cli/traffic.h"

#define REPLY_SECONDS 15
#define SMALL	      64  /* bytes of a datagram */
#define TRY_SECONDS   0.3 /* of questions, to see whether a path is open */
#define GIGABYTE      1e9

double bench_busy(void)
{
	unsigned long long user = 0, nice = 0, system = 0, idle, wait, irq = 0, soft = 0, steal = 0;
	FILE *file = fopen("/proc/stat", "re");

	if (!file)
		return 0;
	if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
		   &idle, &wait, &irq, &soft, &steal) != 8)
		user = 0;
	fclose(file);
	return (double)(user + nice + system + irq + soft + steal) / (double)sysconf(_SC_CLK_TCK);
}

bool bench_has_tool(const char *name)
{
	const char *at = getenv("PATH");
	char path[4096];

	for (at = at ? at : "/usr/sbin:/usr/bin:/sbin:/bin"; *at;) {
		size_t len = strcspn(at, ":");

		snprintf(path, sizeof(path), "%.*s/%s", (int)len, at, name);
		if (access(path, X_OK) == 0)
			return true;
		at += len + (at[len] == ':');
	}
	return false;
}

/* Has the server start its end; the port is in *ret. */
static int begin(const struct bench *bench, struct wire *wire, enum bench_path path,
		 const char *what, uint16_t *ret, struct error *err)
{
	char there[ADDR_STRLEN], here[ADDR_STRLEN];
	json_auto_t *reply = NULL;
	json_int_t port;
	int code = wire_call(wire,
			     json_pack("{s:s, s:s, s:s, s:s}", "do", "start", "what", what,
				       "address", addr_format(&bench->there[path], there), "from",
				       addr_format(&bench->here[path], here)),
			     REPLY_SECONDS, &reply, err);

	if (code < 0)
		return code;
	port = member_number(reply, "port");
	if (port < 1 || port > UINT16_MAX)
		return error_set(err, -EPROTO, "bench: the server names no port");
	*ret = (uint16_t)port;
	return 0;
}

/* Ends the server's end. What it says is in *ret, a new reference. */
static int finish(struct wire *wire, json_t **ret, struct error *err)
{
	return wire_call(wire, json_pack("{s:s}", "do", "stop"), REPLY_SECONDS, ret, err);
}

static int connect_to(const struct bench *bench, enum bench_path path, uint16_t port,
		      struct error *err)
{
	int fd = traffic_open(SOCK_DGRAM, &bench->here[path], 0, &bench->there[path], port);

	return fd < 0 ? error_set(err, fd, "bench: %s: %s", bench_paths[path], strerror(-fd)) : fd;
}

/* --- Datagrams ------------------------------------------------------------------------------------------- */

static int latency(struct bench *bench, struct wire *wire, enum bench_path path, double seconds,
		   struct traffic_times *ret, struct error *err)
{
	json_auto_t *said = NULL;
	uint16_t port;
	int code = begin(bench, wire, path, "echo", &port, err), fd;

	if (code < 0)
		return code;
	fd = connect_to(bench, path, port, err);
	if (fd < 0)
		return fd;
	code = traffic_ping(fd, bench->stop, seconds, SMALL, ret);
	close(fd);
	if (code < 0)
		return error_set(err, code, "bench: %s: %s", bench_paths[path], strerror(-code));
	return finish(wire, &said, err);
}

int bench_try(struct bench *bench, struct wire *wire, enum bench_path path, struct error *err)
{
	struct traffic_times times = {};
	char there[ADDR_STRLEN];
	int ret = latency(bench, wire, path, TRY_SECONDS, &times, err);

	/* the first one may be lost to a neighbour that is not known yet */
	if (ret == 0 && !times.count)
		ret = latency(bench, wire, path, 2 * TRY_SECONDS, &times, err);
	if (ret == 0 && !times.count)
		ret = error_set(err, -EHOSTUNREACH,
				"bench: %s: nothing comes back from %s; weft probe tells more",
				bench_paths[path], addr_format(&bench->there[path], there));
	return ret;
}

static int measure_latency(struct bench *bench, struct wire *wire, enum bench_path path,
			   unsigned long round, struct error *err)
{
	struct traffic_times times = {};
	int ret = latency(bench, wire, path, bench->seconds, &times, err);

	if (ret == 0 && !times.count)
		ret = error_set(err, -EHOSTUNREACH, "bench: %s: no answer", bench_paths[path]);
	bench->value[BENCH_P50][path][round] = (double)times.p50 / 1000;
	bench->value[BENCH_P99][path][round] = (double)times.p99 / 1000;
	return ret;
}

static int measure_packets(struct bench *bench, struct wire *wire, enum bench_path path,
			   unsigned long round, struct error *err)
{
	struct traffic_count count = {};
	json_auto_t *said = NULL;
	double seconds, packets;
	uint16_t port;
	int code = begin(bench, wire, path, "sink", &port, err), fd;

	if (code < 0)
		return code;
	fd = connect_to(bench, path, port, err);
	if (fd < 0)
		return fd;
	code = traffic_blast(fd, bench->stop, bench->seconds, 0, SMALL, &count);
	close(fd);
	if (code < 0)
		return error_set(err, code, "bench: %s: %s", bench_paths[path], strerror(-code));
	code = finish(wire, &said, err);
	packets = (double)member_number(said, "packets");
	seconds = json_number_value(json_object_get(said, "seconds"));
	if (code == 0 && !(seconds > 0 && packets > 0))
		code = error_set(err, -EHOSTUNREACH, "bench: %s: no datagram arrived",
				 bench_paths[path]);
	bench->value[BENCH_PACKETS][path][round] = seconds > 0 ? packets / seconds : 0;
	return code;
}

/* --- TCP --------------------------------------------------------------------------------------------------- */

static int measure_connections(struct bench *bench, struct wire *wire, enum bench_path path,
			       unsigned long round, struct error *err)
{
	struct traffic_count count = {};
	json_auto_t *said = NULL;
	uint16_t port;
	int code = begin(bench, wire, path, "connections", &port, err);

	if (code < 0)
		return code;
	code = traffic_connect(&bench->here[path], &bench->there[path], port, bench->stop,
			       bench->seconds, &count);
	if (code < 0)
		return error_set(err, code, "bench: %s: connect: %s", bench_paths[path],
				 strerror(-code));
	bench->value[BENCH_CONNECTIONS][path][round] = (double)count.packets / count.seconds;
	return finish(wire, &said, err);
}

static json_t *iperf3_run(const struct bench *bench, enum bench_path path, uint16_t port)
{
	char there[ADDR_STRLEN], here[ADDR_STRLEN], number[8], seconds[8];
	const char *const argv[] = {"iperf3",
				    "-c",
				    addr_format(&bench->there[path], there),
				    "-B",
				    addr_format(&bench->here[path], here),
				    "-p",
				    number,
				    "-t",
				    seconds,
				    "-J",
				    NULL};

	snprintf(number, sizeof(number), "%u", port);
	snprintf(seconds, sizeof(seconds), "%d", (int)(bench->seconds + 0.999));
	return tool_json(argv);
}

static int measure_throughput(struct bench *bench, struct wire *wire, enum bench_path path,
			      unsigned long round, struct error *err)
{
	json_auto_t *said = NULL, *result = NULL;
	const json_t *sum;
	double bytes, busy;
	uint16_t port;
	int code = begin(bench, wire, path, "throughput", &port, err);

	if (code < 0)
		return code;
	busy = bench_busy();
	result = iperf3_run(bench, path, port);
	busy = bench_busy() - busy;
	sum = json_object_get(json_object_get(result, "end"), "sum_received");
	bytes = json_number_value(json_object_get(sum, "bytes"));
	if (!(bytes > 0))
		return error_set(err, -EIO, "bench: %s: iperf3 got nothing through",
				 bench_paths[path]);
	code = finish(wire, &said, err);
	busy += json_number_value(json_object_get(said, "cpu"));
	bench->value[BENCH_THROUGHPUT][path][round] =
		json_number_value(json_object_get(sum, "bits_per_second"));
	bench->value[BENCH_CPU][path][round] = busy / (bytes / GIGABYTE);
	return code;
}

int bench_measure(struct bench *bench, struct wire *wire, enum bench_path path, unsigned long round,
		  struct error *err)
{
	static const struct {
		const char *name;
		int (*run)(struct bench *bench, struct wire *wire, enum bench_path path,
			   unsigned long round, struct error *err);
	} steps[] = {{"throughput", measure_throughput},
		     {"small packets", measure_packets},
		     {"latency", measure_latency},
		     {"connections", measure_connections}};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int ret;

		fprintf(stderr, "round %lu of %lu: %s: %s\n", round + 1, bench->rounds,
			bench_paths[path], steps[i].name);
		ret = steps[i].run(bench, wire, path, round, err);
		if (ret < 0)
			return ret;
		if (*bench->stop)
			return error_set(err, -EINTR, "bench: interrupted");
	}
	return 0;
}
