/* SPDX-License-Identifier: GPL-2.0-only */
/* What is asked of a way, in this order: does it answer, how far is it, how much does it take, where do source ports go. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/member.h"
#include "cli/probe.h"
#include "cli/probe_socket.h"
#include "cli/watch.h"
#include "lib/tunnel.h"

#define TTL_FULL     64
#define MTU_PROBES   64	   /* at most, in one search */
#define MTU_TRIES    3	   /* a size is too large when so many got no answer */
#define PATH_ROUNDS  16	   /* routers limit their ICMP, many to one a second */
#define SILENT_AFTER 2	   /* rounds without a word from a hop */
#define TRACE_STEP   8	   /* TTLs at once */
#define PACE	     0.005 /* seconds between two probes of a burst */

struct run {
	const struct probe_options *options;
	struct probe_way way;
	struct prober prober;
	json_t *report;
	enum probe_kind kind;			     /* that is answered */
	unsigned int hops;			     /* to the remote, 0: not known */
	unsigned int routers;			     /* how far `router` goes */
	struct weft_addr router[PROBE_HOPS_MAX + 1]; /* by TTL; any: it said nothing */
};

void probe_finding(json_t *report, const char *severity, const char *mend, const char *format, ...)
{
	json_t *findings = json_object_get(report, "findings");
	char text[ERROR_LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(findings, json_pack("{s:s, s:s, s:s}", "severity", severity, "text",
						  text, "mend", mend));
}

bool probe_bad(const json_t *report)
{
	json_t *finding;
	size_t i;

	json_array_foreach (json_object_get(report, "findings"), i, finding) {
		if (strcmp(member_text(finding, "severity"), "info") != 0)
			return true;
	}
	return false;
}

static json_t *addr_json(const struct weft_addr *addr)
{
	char text[ADDR_STRLEN];

	return addr_is_any(addr) ? json_null() : json_string(addr_format(addr, text));
}

/* --- Answers ---------------------------------------------------------------------------------------------- */

void probe_times_put(json_t *report, double *took, size_t answered)
{
	if (!answered)
		return;
	qsort(took, answered, sizeof(*took), watch_compare);
	json_object_update_new(report,
			       json_pack("{s:f, s:f, s:f}", "rtt_least", took[0], "rtt_median",
					 took[answered / 2], "rtt_most", took[answered - 1]));
}

static json_t *echo_json(const struct probe_result *results, size_t count, const char *by)
{
	double *took = calloc(count, sizeof(*took));
	size_t answered = 0;
	json_t *json;

	for (size_t i = 0; took && i < count; i++)
		if (results[i].reply.event == PROBE_ANSWERED)
			took[answered++] = results[i].took * 1000;
	json = json_pack("{s:s, s:I, s:I, s:f}", "by", by, "sent", (json_int_t)count, "answered",
			 (json_int_t)answered, "loss",
			 100.0 * (double)(count - answered) / (double)count);
	probe_times_put(json, took, answered);
	free(took);
	return json;
}

/* Who says that there is no way, if anybody does. */
static void unreachable_find(struct run *run, const struct probe_result *results, size_t count)
{
	char remote[ADDR_STRLEN], from[ADDR_STRLEN];
	const char *mend =
		"is it up? does a firewall there drop ICMP? if it does, tunnels may work all "
		"the same: weft stats";

	addr_format(&run->way.remote, remote);
	for (size_t i = 0; i < count; i++) {
		if (results[i].reply.event != PROBE_UNREACHABLE)
			continue;
		probe_finding(run->report, "error",
			      addr_equal(&results[i].reply.from, &run->way.source)
				      ? "does the next hop answer ARP or ND? ip neigh show"
				      : "look at the routes and the firewall there",
			      "%s is not reached: %s says so (ICMP unreachable, code %u)", remote,
			      addr_format(&results[i].reply.from, from), results[i].reply.code);
		return;
	}
	probe_finding(run->report, "error", mend, "%s answers neither ICMP echo nor UDP", remote);
}

/* Echoes first; a host that does not answer them may still say that nobody has a UDP port. */
static int ask_answers(struct run *run)
{
	size_t count = run->options->count, answered = 0;
	struct probe_result *results = calloc(count, sizeof(*results));
	static const char *const names[] = {"echo", "udp"};

	if (!results)
		return -ENOMEM;
	for (int kind = PROBE_ECHO; !answered && kind <= PROBE_CLOSED; kind++) {
		if (kind == PROBE_CLOSED && count > 3)
			count = 3;
		for (size_t i = 0; i < count; i++)
			results[i].probe = (struct probe){
				.kind = kind, .ttl = TTL_FULL, .size = PROBE_SIZE_LEAST};
		prober_run(&run->prober, results, count, run->options->interval,
			   run->options->patience);
		for (size_t i = 0; i < count; i++)
			answered += results[i].reply.event == PROBE_ANSWERED;
		run->kind = answered ? kind : PROBE_ECHO;
		if (answered || kind == PROBE_ECHO)
			json_object_set_new(run->report, "echo",
					    echo_json(results, count, names[kind]));
	}
	if (!answered)
		unreachable_find(run, results, count);
	else if (answered < count)
		probe_finding(run->report, "warning",
			      "the same again with count 100 says how many it loses",
			      "%zu of %zu probes were lost", count - answered, count);
	free(results);
	return answered > 0;
}

/* --- Distance --------------------------------------------------------------------------------------------- */

/* Which routers are on the way of echoes, and after how many the remote is there. */
static void trace(struct run *run)
{
	struct probe_result results[TRACE_STEP];

	for (unsigned int first = 1; !run->hops && first <= run->options->hops;
	     first += TRACE_STEP) {
		unsigned int count = 0;

		for (; count < TRACE_STEP && first + count <= run->options->hops; count++)
			results[count] =
				(struct probe_result){.probe = {.kind = run->kind,
								.ttl = (uint8_t)(first + count),
								.size = PROBE_SIZE_LEAST}};
		prober_run(&run->prober, results, count, PACE, run->options->patience);
		for (unsigned int i = 0; i < count && !run->hops; i++) {
			if (results[i].reply.event == PROBE_ANSWERED) {
				run->hops = first + i;
			} else if (results[i].reply.event == PROBE_EXPIRED) {
				run->router[first + i] = results[i].reply.from;
				run->routers = first + i;
			}
		}
	}
	if (run->hops)
		run->routers = run->hops - 1;
	json_object_set_new(run->report, "hops", run->hops ? json_integer(run->hops) : json_null());
}

/* --- MTU --------------------------------------------------------------------------------------------------- */

struct search {
	uint32_t fits, too_large; /* answered; refused or lost */
	uint32_t told; /* by `by`, the last believable word on it; 0: nobody said anything */
	struct weft_addr by;
	bool silent; /* `too_large` got no answer at all */
	unsigned int probes;
};

/* One size, until there is an answer or it was lost MTU_TRIES times. */
static struct probe_reply size_ask(struct run *run, uint32_t size, struct search *search)
{
	struct probe_result result = {.probe = {.kind = run->kind, .ttl = TTL_FULL, .size = size}};

	for (int i = 0; i < MTU_TRIES && result.reply.event == PROBE_SILENCE; i++) {
		prober_run(&run->prober, &result, 1, 0, run->options->patience);
		search->probes++;
	}
	return result.reply;
}

/* What to ask next: what a router says it takes, and one byte more; else the middle. */
static uint32_t size_next(const struct search *search)
{
	if (search->told > search->fits && search->told < search->too_large)
		return search->told;
	if (search->told == search->fits && search->told)
		return search->fits + 1;
	return search->fits + (search->too_large - search->fits) / 2;
}

static void search_run(struct run *run, struct search *search)
{
	uint32_t size = search->too_large - 1;

	while (search->fits + 1 < search->too_large && search->probes < MTU_PROBES) {
		struct probe_reply reply = size_ask(run, size, search);

		if (reply.event == PROBE_ANSWERED) {
			search->fits = size;
		} else {
			search->too_large = size;
			search->silent = reply.event != PROBE_TOO_BIG;
			if (reply.event == PROBE_TOO_BIG && reply.mtu < size) {
				search->told = reply.mtu;
				search->by = reply.from;
			}
		}
		size = size_next(search);
	}
}

/* How far large packets get: the first router behind which they are lost. */
static json_t *black_hole_json(struct run *run, uint32_t size)
{
	struct probe_result results[PROBE_HOPS_MAX] = {};
	const struct weft_addr *after = &run->way.source, *before = &run->way.remote;
	unsigned int last = 0;

	for (unsigned int i = 0; i < run->routers; i++)
		results[i].probe =
			(struct probe){.kind = run->kind, .ttl = (uint8_t)(i + 1), .size = size};
	prober_run(&run->prober, results, run->routers, PACE, run->options->patience);
	for (unsigned int i = 0; i < run->routers; i++)
		if (results[i].reply.event == PROBE_EXPIRED)
			last = i + 1;
	if (last)
		after = &results[last - 1].reply.from;
	if (last < run->routers)
		before = &run->router[last + 1];
	return json_pack("{s:I, s:o, s:o}", "size", (json_int_t)size, "after", addr_json(after),
			 "before", addr_json(before));
}

static void black_hole_find(struct run *run, const json_t *hole, json_int_t mtu)
{
	const char *before = member_text(hole, "before");

	probe_finding(run->report, "error",
		      "let ICMP's \"too big\" pass there, or correct the MTU of that link",
		      "packets of more than %" JSON_INTEGER_FORMAT
		      " bytes are lost without a word between %s and %s",
		      mtu, member_text(hole, "after"), *before ? before : "the hop behind it");
}

/* Returns the path's MTU. */
static json_int_t ask_mtu(struct run *run, json_int_t link)
{
	struct search search = {
		.fits = PROBE_SIZE_LEAST,
		.too_large = (uint32_t)(link > PROBE_SIZE_MAX ? PROBE_SIZE_MAX : link) + 1};
	json_t *mtu;

	if (link < PROBE_SIZE_LEAST)
		return 0;
	search_run(run, &search);
	mtu = json_pack("{s:I, s:I, s:I}", "path", (json_int_t)search.fits, "link", link, "probes",
			(json_int_t)search.probes);
	if (search.told && search.told == search.fits) {
		json_object_set_new(mtu, "by", addr_json(&search.by));
	} else if (search.told) {
		json_object_set_new(mtu, "told", json_integer(search.told));
		json_object_set_new(mtu, "told_by", addr_json(&search.by));
	}
	if (search.fits < link && search.silent) {
		json_t *hole = black_hole_json(run, search.too_large);

		json_object_set_new(mtu, "black_hole", hole);
		black_hole_find(run, hole, search.fits);
	}
	json_object_set_new(run->report, "mtu", mtu);
	return search.fits;
}

/* Does weft send what the path takes? */
static void ask_fits(struct run *run, const struct probe_target *target, json_int_t path)
{
	const json_t *remote = target->remote_state, *route = json_object_get(run->report, "route");
	json_int_t hop = member_number(remote, "mtu");
	json_int_t learned = member_number(remote, "path_mtu");
	json_int_t used = learned && learned < hop ? learned : hop;
	const char *gateway = member_text(route, "gateway");
	char mend[ERROR_LINE], addr[ADDR_STRLEN];

	if (!used)
		return;
	json_object_set_new(run->report, "weft",
			    json_pack("{s:I, s:I, s:b}", "mtu", used, "overlay_mtu",
				      member_number(target->tunnel_state, "mtu"), "fits",
				      !path || used <= path));
	if (!path || used == path)
		return;
	snprintf(mend, sizeof(mend), "ip route replace %s%s%s dev %.16s mtu %" JSON_INTEGER_FORMAT,
		 addr_format(&run->way.remote, addr), *gateway ? " via " : "", gateway,
		 member_text(route, "dev"), path);
	if (used > path)
		probe_finding(run->report, "error", mend,
			      "weft sends up to %" JSON_INTEGER_FORMAT
			      " bytes there, and the path takes %" JSON_INTEGER_FORMAT,
			      used, path);
	else
		probe_finding(run->report, "info",
			      learned ? "it is forgotten after mtu_expires"
				      : "look at the MTU of the route",
			      "weft sends up to %" JSON_INTEGER_FORMAT
			      " bytes there, and the path takes %" JSON_INTEGER_FORMAT,
			      used, path);
}

/* --- Paths of source ports ---------------------------------------------------------------------------------- */

/* Who was met: ports in rows, TTL 1 to `routers` in columns. */
struct grid {
	unsigned int ports, routers;
	uint16_t port[PROBE_PORTS_MAX];
	struct weft_addr *met;
};

/* Evenly over the tunnel's range; GRE has no ports. */
static void grid_ports(struct grid *grid, const struct tunnel *tunnel, unsigned long wanted)
{
	uint32_t range = (uint32_t)(tunnel->srcport[1] - tunnel->srcport[0]);

	if (tunnel_is_gre(tunnel) || !range)
		wanted = 1;
	else if (wanted > range)
		wanted = range;
	grid->ports = (unsigned int)wanted;
	for (unsigned int i = 0; i < grid->ports; i++)
		grid->port[i] = (uint16_t)(tunnel->srcport[0] +
					   (uint64_t)range * (2 * i + 1) / (2 * grid->ports));
}

/* Those that nobody was met with, in `results`; a hop that never says anything is left out later on. */
static size_t grid_pending(const struct grid *grid, int round, struct probe_result *results)
{
	size_t count = 0;

	for (unsigned int ttl = 0; ttl < grid->routers; ttl++) {
		unsigned int known = 0;

		for (unsigned int i = 0; i < grid->ports; i++)
			known += !addr_is_any(&grid->met[i * grid->routers + ttl]);
		if (!known && round >= SILENT_AFTER)
			continue;
		for (unsigned int i = 0; i < grid->ports; i++)
			if (addr_is_any(&grid->met[i * grid->routers + ttl]))
				results[count++] = (struct probe_result){
					.probe = {.kind = PROBE_TUNNEL,
						  .ttl = (uint8_t)(ttl + 1),
						  .source_port = grid->port[i],
						  .size = PROBE_SIZE_LEAST}};
	}
	return count;
}

static void grid_note(struct grid *grid, const struct probe_result *result)
{
	for (unsigned int i = 0; i < grid->ports; i++)
		if (grid->port[i] == result->probe.source_port &&
		    result->reply.event == PROBE_EXPIRED)
			grid->met[i * grid->routers + result->probe.ttl - 1] = result->reply.from;
}

static bool same_path(const struct grid *grid, unsigned int a, unsigned int b)
{
	return !memcmp(grid->met + a * grid->routers, grid->met + b * grid->routers,
		       grid->routers * sizeof(*grid->met));
}

static json_t *paths_json(const struct grid *grid, bool has_ports)
{
	json_t *paths = json_array();
	bool told[PROBE_PORTS_MAX] = {};

	for (unsigned int i = 0; i < grid->ports; i++) {
		json_t *ports = json_array(), *routers = json_array();

		for (unsigned int j = i; j < grid->ports; j++) {
			if (told[j] || !same_path(grid, i, j))
				continue;
			told[j] = true;
			if (has_ports)
				json_array_append_new(ports, json_integer(grid->port[j]));
		}
		for (unsigned int ttl = 0; ttl < grid->routers; ttl++)
			json_array_append_new(routers,
					      addr_json(&grid->met[i * grid->routers + ttl]));
		json_array_append_new(paths,
				      json_pack("{s:o, s:o}", "ports", ports, "routers", routers));
		while (i + 1 < grid->ports && told[i + 1])
			i++;
	}
	return paths;
}

static void ask_paths(struct run *run)
{
	const struct tunnel *tunnel = run->way.tunnel;
	struct grid grid = {.routers = run->routers};
	struct probe_result *results;
	size_t count = 1;

	grid_ports(&grid, tunnel, run->options->ports);
	grid.met = calloc((size_t)grid.ports * grid.routers + 1, sizeof(*grid.met));
	results = calloc((size_t)grid.ports * grid.routers + 1, sizeof(*results));
	for (int round = 0; grid.met && results && count && round < PATH_ROUNDS; round++) {
		count = grid_pending(&grid, round, results);
		prober_run(&run->prober, results, count, PACE, run->options->patience);
		for (size_t i = 0; i < count; i++)
			grid_note(&grid, &results[i]);
	}
	if (grid.met)
		json_object_set_new(run->report, "paths",
				    paths_json(&grid, !tunnel_is_gre(tunnel)));
	free(results);
	free(grid.met);
}

/* --- All of it -------------------------------------------------------------------------------------------- */

static void ask_all(struct run *run, const struct probe_target *target, const json_t *route)
{
	json_int_t path = 0;
	bool answers = ask_answers(run) > 0;

	trace(run);
	if (answers)
		path = ask_mtu(run, member_number(route, "mtu"));
	ask_fits(run, target, path);
	if (run->way.tunnel)
		ask_paths(run);
}

int probe_remote(const struct probe_target *target, const struct probe_options *options,
		 json_t **ret, struct error *err)
{
	const struct tunnel *tunnel = target->tunnel;
	struct run run = {.options = options};
	char remote[ADDR_STRLEN], mend[ERROR_LINE];
	bool local = tunnel && !addr_is_any(&tunnel->local);
	json_t *route = target_route(target, &run.way);
	int code;

	run.report =
		json_pack("{s:s, s:s?, s:o?, s:[]}", "remote", addr_format(&target->remote, remote),
			  "tunnel", tunnel ? tunnel->name : NULL, "route", route, "findings");
	*ret = run.report;
	if (!route) {
		snprintf(mend, sizeof(mend), "ip route add %s via GATEWAY%s", remote,
			 local ? "; or does this host not have the tunnel's local address?" : "");
		probe_finding(run.report, "error", mend, "there is no route to %s from %s", remote,
			      local ? "the tunnel's local address" : "here");
		return 0;
	}
	run.way.ident = (uint16_t)(getpid() & 0x7fff);
	code = prober_open(&run.prober, &run.way, tunnel && *tunnel->dev ? tunnel->dev : NULL,
			   tunnel ? tunnel->fwmark : 0, err);
	if (code == 0)
		ask_all(&run, target, route);
	prober_close(&run.prober);
	return code;
}
