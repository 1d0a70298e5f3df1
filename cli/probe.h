/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `weft probe` share: towards whom, how much of it, and what is said of it. */
#ifndef WEFT_CLI_PROBE_H
#define WEFT_CLI_PROBE_H

#include "cli/cli.h"
#include "cli/probe_packet.h"

#define PROBE_PORTS_MAX 256
#define PROBE_HOPS_MAX	64

/* Bounds on what is sent; the words of the command line set them. */
struct probe_options {
	unsigned long count;	   /* echoes, 1 to 1000 */
	double interval, patience; /* seconds: between two probes; until one is lost */
	unsigned long ports, hops; /* source ports; TTLs */
};

#define PROBE_STATUS_FOUND 3 /* exit status: there is a finding that is more than information */

/* One remote, and the tunnel that goes there. */
struct probe_target {
	struct weft_addr remote;
	struct tunnel *tunnel; /* NULL: none; to be freed */
	const json_t
		*tunnel_state; /* what weftd says of the tunnel and of the remote in it, or NULL */
	const json_t *remote_state;
};

/* --- probe_way.c: what this host knows of the way, without sending a packet ---------------------- */

/* Every tunnel in `tunnels` (tunnel.show) with that remote, `via` (NULL: any) only; the first one is taken. */
int target_find(struct probe_target *target, const json_t *tunnels, const char *via,
		struct error *err);
/* Takes a tunnel of tunnel.show for the target's. */
int target_take(struct probe_target *target, const json_t *tunnel, struct error *err);
void target_free(struct probe_target *target);
/*
 * Route, source, next hop and neighbour by ip(8): {"dev", "source", "gateway"?, "lladdr"?, "neighbour", "mtu"}, a new reference,
 * and the source for `way`. NULL: there is no route.
 */
json_t *target_route(const struct probe_target *target, struct probe_way *way);

/* --- probe_remote.c: what the probes say ------------------------------------------------------------- */

/* A new reference to the report (docs/man/weft-probe.8.scd) in *ret. */
int probe_remote(const struct probe_target *target, const struct probe_options *options,
		 json_t **ret, struct error *err);

/* Round trips (ms, sorted here) of what was answered: "rtt_least", "rtt_median", "rtt_most"; none: nothing. */
void probe_times_put(json_t *report, double *took, size_t answered);
/* Severity as in weft-doctor(8): "error", "warning", "info". */
void probe_finding(json_t *report, const char *severity, const char *mend, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Is there more in the report than information? */
bool probe_bad(const json_t *report);

/* --- probe.c: words -------------------------------------------------------------------------------------- */
void probe_options_default(struct probe_options *options);
/* Takes count, interval or timeout, with its value; *ret says how that went. False: the next word is none of them. */
bool probe_option_read(struct words *words, struct probe_options *options, int *ret,
		       struct error *err);

/* --- probe_text.c -------------------------------------------------------------------------------------- */
void probe_print(const json_t *report);
/* "; round trip ...", if there is one in the object. */
void probe_times_print(const json_t *times);
void probe_findings_print(const json_t *report);

#endif
