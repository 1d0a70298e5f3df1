/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of what was dropped: those reasons that say what is configured wrongly, and whatever is being dropped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
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
static void packet_evidence(const struct doctor *doctor, const json_t *drop,
			    char text[FINDING_TEXT])
{
	char *packet = packet_last_text(json_object_get(drop, "last"),
					json_object_get(doctor->status, "listen"));

	snprintf(text, FINDING_TEXT, "%" JSON_INTEGER_FORMAT " packets dropped (%s)%s%.200s",
		 json_integer_value(json_object_get(drop, "packets")), member_text(drop, "reason"),
		 packet ? ", the last: " : "", packet ? packet : "");
	text[strcspn(text, "\n")] = '\0';
	free(packet);
}

static void drop_subject(const json_t *drop, char text[FINDING_TEXT])
{
	if (json_object_get(drop, "tunnel"))
		snprintf(text, FINDING_TEXT, "tunnel %s", member_text(drop, "tunnel"));
	else if (json_object_get(drop, "port"))
		snprintf(text, FINDING_TEXT, "port %s", member_text(drop, "port"));
	else
		snprintf(text, FINDING_TEXT, "the underlay");
}

static void vni_found(struct doctor *doctor, const json_t *drop)
{
	struct finding finding = {.severity = SEVERITY_WARNING};

	drop_subject(drop, finding.subject);
	packet_evidence(doctor, drop, finding.evidence);
	snprintf(finding.consequence, FINDING_TEXT,
		 "somebody sends with a VNI or key that no tunnel of this host has, and is not "
		 "heard");
	snprintf(finding.mend, FINDING_TEXT,
		 "make both ends alike: weft tunnel show, here and there; weft tunnel set TUNNEL "
		 "id VNI");
	finding_add(doctor, &finding);
}

void check_vni(struct doctor *doctor)
{
	static const char *const reasons[] = {"vni_unknown", "key_mismatch", NULL};

	drops_each(doctor, reasons, vni_found);
}

static void peer_found(struct doctor *doctor, const json_t *drop)
{
	struct finding finding = {.severity = SEVERITY_WARNING};

	drop_subject(drop, finding.subject);
	packet_evidence(doctor, drop, finding.evidence);
	snprintf(finding.consequence, FINDING_TEXT,
		 "a tunnel takes packets of its remotes only, and this sender is none of them");
	snprintf(finding.mend, FINDING_TEXT,
		 "if it may send: weft tunnel set TUNNEL remote + ADDRESS; if not, leave it as it "
		 "is");
	finding_add(doctor, &finding);
}

void check_peer(struct doctor *doctor)
{
	static const char *const reasons[] = {"src_denied", NULL};

	drops_each(doctor, reasons, peer_found);
}

static void mac_found(struct doctor *doctor, const json_t *drop)
{
	struct finding finding = {.severity = SEVERITY_ERROR};

	drop_subject(drop, finding.subject);
	packet_evidence(doctor, drop, finding.evidence);
	snprintf(finding.consequence, FINDING_TEXT,
		 "two have the same MAC, and only the one of the static entry is heard");
	snprintf(finding.mend, FINDING_TEXT,
		 "give one of them another MAC; or, if the host has moved: weft fdb del MAC dev "
		 "DEV");
	finding_add(doctor, &finding);
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
		struct finding finding = {.severity = SEVERITY_WARNING};
		const char *reason = member_text(drop, "reason");
		double rate = json_real_value(json_object_get(drop, "rate"));

		if (rate < RATE_LEAST || word_in(reason, others))
			continue;
		drop_subject(drop, finding.subject);
		packet_evidence(doctor, drop, finding.evidence);
		snprintf(finding.consequence, FINDING_TEXT, "%.1f packets a second are lost: %s",
			 rate, member_text(drop, "cause"));
		snprintf(finding.mend, FINDING_TEXT, "weft drops %s; weft-drops(8)", reason);
		finding_add(doctor, &finding);
	}
}
