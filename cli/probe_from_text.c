/* SPDX-License-Identifier: GPL-2.0-only */
/* The report of `weft probe from` for people. */
#include <stdio.h>

#include "cli/member.h"
#include "cli/output.h"
#include "cli/probe_from.h"

static void hops_print(const char *what, const json_t *hops)
{
	json_t *hop;
	size_t i;

	json_array_foreach ((json_t *)hops, i, hop) {
		printf("  %-9s  %-15s %-12s %s", i ? "" : what, member_text(hop, "host"),
		       member_text(hop, "point"), member_text(hop, "place"));
		if (member_number(hop, "vlan"))
			printf(", VLAN %" JSON_INTEGER_FORMAT, member_number(hop, "vlan"));
		printf(" (%" JSON_INTEGER_FORMAT ")\n", member_number(hop, "seen"));
	}
}

static void answers_print(const json_t *answers)
{
	if (!answers)
		return;
	printf("  answers    %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT,
	       member_number(answers, "answered"), member_number(answers, "sent"));
	probe_times_print(answers);
	putchar('\n');
}

static const char *or_nothing(const json_t *object, const char *name)
{
	const char *text = member_text(object, name);

	return *text ? text : "-";
}

static void marks_print(const json_t *report)
{
	const json_t *ecn = json_object_get(report, "ecn");
	const json_t *right = json_object_get(report, "checksums");

	if (json_is_boolean(right))
		printf("  checksums  %s\n", json_is_true(right) ? "right" : "wrong");
	if (ecn)
		printf("  ecn        %s in the frame; outside %s as sent, %s as received; %s as "
		       "delivered\n",
		       member_text(ecn, "frame"), or_nothing(ecn, "sent"),
		       or_nothing(ecn, "received"), or_nothing(ecn, "delivered"));
}

void probe_from_print(const json_t *report)
{
	const json_t *frames = json_object_get(report, "frames"),
		     *mtu = json_object_get(report, "mtu");

	printf("from %s, %s, ", member_text(report, "from"), member_text(report, "source"));
	if (member_number(report, "vlan"))
		printf("VLAN %" JSON_INTEGER_FORMAT ", ", member_number(report, "vlan"));
	printf("to %s\n", or_nothing(report, "mac"));
	answers_print(json_object_get(report, "answers"));
	hops_print("there", json_object_get(report, "hops"));
	hops_print("and back", json_object_get(report, "back"));
	if (frames)
		printf("  frames     %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		       " arrived\n",
		       member_number(frames, "arrived"), member_number(frames, "sent"));
	marks_print(report);
	if (mtu)
		printf("  mtu        %" JSON_INTEGER_FORMAT "; the device has %" JSON_INTEGER_FORMAT
		       ", tunnels carry %" JSON_INTEGER_FORMAT " (%" JSON_INTEGER_FORMAT
		       " sizes tried)\n",
		       member_number(mtu, "path"), member_number(mtu, "device"),
		       member_number(mtu, "overlay"), member_number(mtu, "probes"));
	probe_findings_print(report);
}
