/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of what weftd says of itself: the kernel it runs on, its hooks, its events, and MACs that do not stay. */
#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"

static bool feature_has(const struct doctor *doctor, const char *name)
{
	return json_is_true(json_object_get(json_object_get(doctor->status, "features"), name));
}

void check_kernel(struct doctor *doctor)
{
	static const struct {
		const char *name, *evidence, *consequence, *mend;
	} features[] = {
		{"decap_l3",
		 "it cannot be told that the inner IP has another version than the outer",
		 "super-packets of IPv4 in IPv6, or the reverse, take a longer way",
		 "run Linux 6.3 or later"},
		{"tcx", "programs are called by way of clsact filters, as it has no tcx",
		 "each packet costs about a twentieth more", "run Linux 6.6 or later"},
	};
	struct finding finding = {.severity = SEVERITY_INFO, .subject = "kernel"};

	if (!json_object_get(doctor->status, "features"))
		return;
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		if (feature_has(doctor, features[i].name))
			continue;
		snprintf(finding.evidence, FINDING_TEXT, "%s", features[i].evidence);
		snprintf(finding.consequence, FINDING_TEXT, "%s", features[i].consequence);
		snprintf(finding.mend, FINDING_TEXT, "%s", features[i].mend);
		finding_add(doctor, &finding);
	}
}

void check_underlay(struct doctor *doctor)
{
	struct finding finding = {.severity = SEVERITY_ERROR};
	json_t *dev;
	size_t i;

	json_array_foreach (json_object_get(doctor->status, "underlay"), i, dev) {
		if (!json_object_get(dev, "problem"))
			continue;
		snprintf(finding.subject, FINDING_TEXT, "device %s", member_text(dev, "dev"));
		snprintf(finding.evidence, FINDING_TEXT,
			 "its program could not be attached: %.200s", member_text(dev, "problem"));
		snprintf(finding.consequence, FINDING_TEXT,
			 "what comes by this device for a tunnel does not reach it");
		snprintf(finding.mend, FINDING_TEXT,
			 "make room at its ingress hook (bpftool net; tc filter show dev %s "
			 "ingress), "
			 "then: systemctl restart weftd",
			 member_text(dev, "dev"));
		finding_add(doctor, &finding);
	}
}

void check_events(struct doctor *doctor)
{
	json_int_t lost = json_integer_value(json_object_get(doctor->status, "lost_events"));
	struct finding finding = {.severity = SEVERITY_INFO, .subject = "weftd"};

	if (lost <= 0)
		return;
	snprintf(finding.evidence, FINDING_TEXT,
		 "%" JSON_INTEGER_FORMAT " events of the datapath came faster than they were read",
		 lost);
	snprintf(finding.consequence, FINDING_TEXT,
		 "weft monitor has gaps; forwarding and tables have none");
	snprintf(finding.mend, FINDING_TEXT,
		 "look for a flood of new or moving MACs: weft fdb show; weft monitor; maxaddress "
		 "of the bridge or tunnel bounds it");
	finding_add(doctor, &finding);
}

static void place_text(const json_t *move, const char *member, char text[FINDING_TEXT])
{
	const json_t *place = json_object_get(move, member);
	const char *dst = member_text(place, "dst");

	snprintf(text, FINDING_TEXT, "%.60s%s%.60s", member_text(place, "dev"), *dst ? " " : "",
		 dst);
}

void check_flapping(struct doctor *doctor)
{
	struct finding finding = {.severity = SEVERITY_ERROR};
	char from[FINDING_TEXT], to[FINDING_TEXT];
	json_t *move;
	size_t i;

	json_array_foreach (json_object_get(doctor->status, "moves"), i, move) {
		place_text(move, "from", from);
		place_text(move, "to", to);
		snprintf(finding.subject, FINDING_TEXT, "bridge %.100s MAC %.20s",
			 member_text(move, "bridge"), member_text(move, "mac"));
		snprintf(finding.evidence, FINDING_TEXT,
			 "moved %" JSON_INTEGER_FORMAT
			 " times within a minute, last from %.100s to "
			 "%.100s",
			 json_integer_value(json_object_get(move, "moves")), from, to);
		snprintf(finding.consequence, FINDING_TEXT,
			 "packets for it go now here, now there: two machines have the same MAC, "
			 "or there is "
			 "a loop");
		snprintf(finding.mend, FINDING_TEXT,
			 "give one of the two another MAC, or take the loop out; weft fdb add "
			 "%.20s dev "
			 "... settles where it is",
			 member_text(move, "mac"));
		finding_add(doctor, &finding);
	}
}
