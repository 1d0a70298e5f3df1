/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of what was dropped: those reasons that say what is configured wrongly, and whatever is being dropped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/mend.h"
#include "cli/packet.h"

#define RATE_LEAST 0.05 /* packets a second that are "still" */

/* Calls `each` for the rows of the reasons. */
static void drops_each(struct doctor *doctor, const char *const *reasons,
		       void (*each)(struct doctor *doctor, const json_t *drop))
{
	json_t *drop;
	size_t i;

	json_array_foreach (doctor->drops, i, drop) {
		if (word_in(member_text(drop, "reason"), reasons))
			each(doctor, drop);
	}
}

/* The last packet's first line, which is its outside; what is known of it at least. */
static void packet_seen(struct doctor *doctor, const json_t *drop)
{
	char *packet = packet_last_text(json_object_get(drop, "last"),
					json_object_get(doctor->status, "listen"));

	finding_seen(doctor, "%" JSON_INTEGER_FORMAT " packets dropped (%s)%s%.*s",
		     member_number(drop, "packets"), member_text(drop, "reason"),
		     packet ? ", the last: " : "", packet ? (int)strcspn(packet, "\n") : 0,
		     packet ? packet : "");
	free(packet);
}

/* Adds a finding of what is dropped: where that is, and the last such packet. */
static void drop_found(struct doctor *doctor, enum severity severity, const json_t *drop)
{
	if (json_object_get(drop, "tunnel"))
		finding_add(doctor, severity, "tunnel %s", member_text(drop, "tunnel"));
	else if (json_object_get(drop, "port"))
		finding_add(doctor, severity, "port %s", member_text(drop, "port"));
	else
		finding_add(doctor, severity, "the underlay");
	packet_seen(doctor, drop);
}

static void vni_found(struct doctor *doctor, const json_t *drop)
{
	drop_found(doctor, SEVERITY_WARNING, drop);
	finding_so(doctor, "somebody sends with a VNI or key that no tunnel of this host has, and "
			   "is not heard");
	finding_mend(doctor, "make both ends alike: weft tunnel show, here and there; weft tunnel "
			     "set TUNNEL id VNI");
}

void check_vni(struct doctor *doctor)
{
	static const char *const reasons[] = {"vni_unknown", "key_mismatch", NULL};

	drops_each(doctor, reasons, vni_found);
}

static void peer_found(struct doctor *doctor, const json_t *drop)
{
	char *mend = mend_text(drop, NULL, NULL, json_object_get(drop, "last"));

	drop_found(doctor, SEVERITY_WARNING, drop);
	finding_so(doctor,
		   "a tunnel takes packets of its remotes only, and this sender is none of them");
	finding_mend(doctor, "%s; if not, leave it as it is", mend ? mend : "weft-drops(8)");
	free(mend);
}

void check_peer(struct doctor *doctor)
{
	static const char *const reasons[] = {"src_denied", NULL};

	drops_each(doctor, reasons, peer_found);
}

static void mac_found(struct doctor *doctor, const json_t *drop)
{
	drop_found(doctor, SEVERITY_ERROR, drop);
	finding_so(doctor, "two have the same MAC, and only the one of the static entry is heard");
	finding_mend(doctor, "give one of them another MAC; or, if the host has moved: weft fdb "
			     "del MAC dev DEV");
}

void check_mac(struct doctor *doctor)
{
	static const char *const reasons[] = {"fdb_static", NULL};

	drops_each(doctor, reasons, mac_found);
}

/* Whatever is still being dropped, but for what has a check of its own. */
void check_drops(struct doctor *doctor)
{
	static const char *const others[] = {"vni_unknown", "key_mismatch", "src_denied",
					     "fdb_static", NULL};
	json_t *drop;
	size_t i;

	json_array_foreach (doctor->drops, i, drop) {
		const char *reason = member_text(drop, "reason");
		double rate = json_real_value(json_object_get(drop, "rate"));
		char *mend;

		if (rate < RATE_LEAST || word_in(reason, others))
			continue;
		drop_found(doctor, SEVERITY_WARNING, drop);
		finding_so(doctor, "%.1f packets a second are lost: %s", rate,
			   member_text(drop, "cause"));
		mend = mend_text(drop, NULL, NULL, json_object_get(drop, "last"));
		finding_mend(doctor, "weft drops %s; %s", reason, mend ? mend : "weft-drops(8)");
		free(mend);
	}
}
