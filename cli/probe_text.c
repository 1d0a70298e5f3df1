/* SPDX-License-Identifier: GPL-2.0-only */
/* The report of `weft probe` for people. */
#include <stdio.h>

#include "cli/member.h"
#include "cli/probe.h"

#define PORTS_SHOWN 4

static double real(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static void route_print(const json_t *route)
{
	const char *gateway = member_text(route, "gateway"), *mac = member_text(route, "lladdr");

	if (!json_is_object(route))
		return;
	printf("  route  dev %s, source %s, %s%s, neighbour %s%s%s\n", member_text(route, "dev"),
	       member_text(route, "source"), *gateway ? "next hop " : "on the link", gateway,
	       member_text(route, "neighbour"), *mac ? " " : "", mac);
}

void probe_times_print(const json_t *times)
{
	if (json_object_get(times, "rtt_median"))
		printf("; round trip %.3f ms at least, %.3f median, %.3f at most",
		       real(times, "rtt_least"), real(times, "rtt_median"),
		       real(times, "rtt_most"));
}

static void echo_print(const json_t *report)
{
	const json_t *echo = json_object_get(report, "echo");

	if (!echo)
		return;
	printf("  %-5s  %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
	       " answered, %.1f %% lost",
	       member_text(echo, "by"), member_number(echo, "answered"),
	       member_number(echo, "sent"), real(echo, "loss"));
	probe_times_print(echo);
	if (member_number(report, "hops"))
		printf("; routers between: %" JSON_INTEGER_FORMAT,
		       member_number(report, "hops") - 1);
	putchar('\n');
}

static void mtu_print(const json_t *report)
{
	const json_t *mtu = json_object_get(report, "mtu"), *weft = json_object_get(report, "weft");

	if (mtu) {
		printf("  mtu    %" JSON_INTEGER_FORMAT, member_number(mtu, "path"));
		if (*member_text(mtu, "by"))
			printf(", says %s", member_text(mtu, "by"));
		else if (json_object_get(mtu, "told"))
			printf(", though %s says %" JSON_INTEGER_FORMAT,
			       member_text(mtu, "told_by"), member_number(mtu, "told"));
		else if (member_number(mtu, "path") < member_number(mtu, "link"))
			printf(", and nobody says so");
		printf("; the first link has %" JSON_INTEGER_FORMAT " (%" JSON_INTEGER_FORMAT
		       " probes)\n",
		       member_number(mtu, "link"), member_number(mtu, "probes"));
	}
	if (weft)
		printf("  weft   sends up to %" JSON_INTEGER_FORMAT ", and %" JSON_INTEGER_FORMAT
		       " inside: %s\n",
		       member_number(weft, "mtu"), member_number(weft, "overlay_mtu"),
		       !mtu					     ? "not compared"
		       : json_is_true(json_object_get(weft, "fits")) ? "fits"
								     : "does not fit");
}

static void path_print(const json_t *path)
{
	const json_t *ports = json_object_get(path, "ports");
	json_t *item;
	size_t i;

	printf("  path   ");
	json_array_foreach (json_object_get(path, "routers"), i, item) {
		printf("%s -> ", json_is_string(item) ? json_string_value(item) : "?");
	}
	printf("remote");
	json_array_foreach ((json_t *)ports, i, item) {
		if (i == PORTS_SHOWN) {
			printf(", and %zu more", json_array_size(ports) - i);
			break;
		}
		printf("%s%" JSON_INTEGER_FORMAT, i ? ", " : ": source port ",
		       json_integer_value(item));
	}
	putchar('\n');
}

void probe_findings_print(const json_t *report)
{
	json_t *finding;
	size_t i;

	json_array_foreach (json_object_get(report, "findings"), i, finding) {
		printf("  %s: %s\n    mend: %s\n", member_text(finding, "severity"),
		       member_text(finding, "text"), member_text(finding, "mend"));
	}
}

void probe_print(const json_t *report)
{
	const char *tunnel = member_text(report, "tunnel");
	json_t *item;
	size_t i;

	printf("%s%s%s\n", member_text(report, "remote"), *tunnel ? " by tunnel " : "", tunnel);
	route_print(json_object_get(report, "route"));
	echo_print(report);
	mtu_print(report);
	json_array_foreach (json_object_get(report, "paths"), i, item) {
		path_print(item);
	}
	probe_findings_print(report);
}
