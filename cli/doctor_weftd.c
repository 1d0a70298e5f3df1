/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of what weftd says of itself: the kernel it runs on, its hooks, its events, and MACs that do not stay. */
#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"

#define PLACE_TEXT 128 /* a device and an address */

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

	if (!json_object_get(doctor->status, "features"))
		return;
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		if (feature_has(doctor, features[i].name))
			continue;
		finding_add(doctor, SEVERITY_INFO, "kernel");
		finding_seen(doctor, "%s", features[i].evidence);
		finding_so(doctor, "%s", features[i].consequence);
		finding_mend(doctor, "%s", features[i].mend);
	}
}

void check_underlay(struct doctor *doctor)
{
	json_t *dev;
	size_t i;

	json_array_foreach (json_object_get(doctor->status, "underlay"), i, dev) {
		if (!json_object_get(dev, "problem"))
			continue;
		finding_add(doctor, SEVERITY_ERROR, "device %s", member_text(dev, "dev"));
		finding_seen(doctor, "its program could not be attached: %s",
			     member_text(dev, "problem"));
		finding_so(doctor, "what comes by this device for a tunnel does not reach it");
		finding_mend(doctor,
			     "make room at its ingress hook (bpftool net; tc filter show dev %s "
			     "ingress), then: systemctl restart weftd",
			     member_text(dev, "dev"));
	}
}

void check_events(struct doctor *doctor)
{
	json_int_t lost = member_number(doctor->status, "lost_events");

	if (lost <= 0)
		return;
	finding_add(doctor, SEVERITY_INFO, "weftd");
	finding_seen(doctor,
		     "%" JSON_INTEGER_FORMAT
		     " events of the datapath came faster than they were read",
		     lost);
	finding_so(doctor, "weft monitor has gaps; forwarding and tables have none");
	finding_mend(doctor, "look for a flood of new or moving MACs: weft fdb show; weft monitor; "
			     "maxaddress of the bridge or tunnel bounds it");
}

static void place_text(const json_t *move, const char *member, char text[PLACE_TEXT])
{
	const json_t *place = json_object_get(move, member);
	const char *dst = member_text(place, "dst");

	snprintf(text, PLACE_TEXT, "%s%s%s", member_text(place, "dev"), *dst ? " " : "", dst);
}

void check_flapping(struct doctor *doctor)
{
	char from[PLACE_TEXT], to[PLACE_TEXT];
	json_t *move;
	size_t i;

	json_array_foreach (json_object_get(doctor->status, "moves"), i, move) {
		place_text(move, "from", from);
		place_text(move, "to", to);
		finding_add(doctor, SEVERITY_ERROR, "bridge %s MAC %s", member_text(move, "bridge"),
			    member_text(move, "mac"));
		finding_seen(doctor,
			     "moved %" JSON_INTEGER_FORMAT
			     " times within a minute, last from %s to %s",
			     member_number(move, "moves"), from, to);
		finding_so(doctor, "packets for it go now here, now there: two machines have the "
				   "same MAC, or there is a loop");
		finding_mend(doctor,
			     "give one of the two another MAC, or take the loop out; weft fdb add "
			     "%s dev ... settles where it is",
			     member_text(move, "mac"));
	}
}
