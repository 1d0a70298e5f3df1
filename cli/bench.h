/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `weft bench` share: between whom, what is measured, what came of it. */
#ifndef WEFT_CLI_BENCH_H
#define WEFT_CLI_BENCH_H

#include "cli/cli.h"
#include "cli/wire.h"
#include "lib/objects.h"

#define BENCH_PORT	  7473
#define BENCH_PROTOCOL	  1
#define BENCH_ROUNDS_MAX  20
#define BENCH_SECONDS_MAX 60

enum bench_path { BENCH_UNDERLAY, BENCH_OVERLAY, BENCH_PATHS };
enum bench_metric {
	BENCH_THROUGHPUT, /* bit/s of one TCP stream */
	BENCH_CPU,	  /* CPU seconds of both hosts for a gigabyte of it */
	BENCH_PACKETS,	  /* datagrams of 64 bytes a second that arrived */
	BENCH_P50,	  /* us of a datagram there and back */
	BENCH_P99,
	BENCH_CONNECTIONS, /* TCP connections a second, one after the other */
	BENCH_METRICS
};

extern const char *const bench_paths[BENCH_PATHS];

/* How a metric is shown: its value is divided by `scale`. */
struct bench_unit {
	const char *name, *unit, *text;
	double scale;
	bool less_is_better;
};
extern const struct bench_unit bench_units[BENCH_METRICS];

struct bench {
	struct weft_addr remote, overlay; /* overlay any: to be learned */
	const char *tunnel;		  /* NULL: the one that has the remote */
	uint16_t port;
	double seconds; /* of each measurement */
	unsigned long rounds;
	const char *plot; /* file, NULL: none */
	struct weft_addr here[BENCH_PATHS], there[BENCH_PATHS];
	double value[BENCH_METRICS][BENCH_PATHS][BENCH_ROUNDS_MAX];
	const volatile sig_atomic_t *stop;
};

/* Of one metric over all rounds. The ratio is overlay to underlay, round by round. */
struct bench_summary {
	double median[BENCH_PATHS];
	double ratio, ratio_least, ratio_most;
};

/* --- bench_path.c --------------------------------------------------------------------------------- */
/* The tunnel, by name or remote; fills bench->remote and `here` of the underlay as far as they are known. Its name in `name`. */
int bench_tunnel(struct cli *cli, struct bench *bench, char name[NAME_LEN], struct error *err);
/* Prefixes at which this host is reached through tunnels: of internal ports, and of tunnels' own devices; a new list. `tunnel` NULL: any. */
json_t *bench_addresses(struct cli *cli, const char *tunnel);
/* Finds bench->overlay, if it was not given, among the addresses of the remote. */
int bench_overlay(struct bench *bench, const json_t *own, const json_t *remote, struct error *err);
/* Packets that went to the tunnel so far. */
int bench_sent(struct cli *cli, const char *tunnel, json_int_t *ret, struct error *err);

/* --- bench_run.c ------------------------------------------------------------------------------------- */
/* Seconds that all CPUs of this host were busy, since it runs. */
double bench_busy(void);
/* Is there a command of that name? */
bool bench_has_tool(const char *name);
/* A few datagrams there and back: is the path open at all? */
int bench_try(struct bench *bench, struct wire *wire, enum bench_path path, struct error *err);
/* One round of one path. */
int bench_measure(struct bench *bench, struct wire *wire, enum bench_path path, unsigned long round,
		  struct error *err);

/* --- bench_report.c -------------------------------------------------------------------------------------- */
void bench_summarize(const struct bench *bench, enum bench_metric metric,
		     struct bench_summary *ret);
json_t *bench_json(const struct bench *bench);
void bench_print(const struct bench *bench);
/* Can bench->plot be written? To be known before minutes of measuring. */
int bench_plot_check(const struct bench *bench, struct error *err);
int bench_plot(const struct bench *bench, struct error *err);

/* --- bench_server.c -------------------------------------------------------------------------------------- */
int bench_serve(struct cli *cli, const struct weft_addr *here, uint16_t port,
		const volatile sig_atomic_t *stop, struct error *err);

#endif
