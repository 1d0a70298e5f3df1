/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft probe from PORT to MAC|IP`: frames that enter at a port, hop by hop to where they end. */
#include "cli/probe_from.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/member.h"
#include "cli/output.h"
#include "cli/probe_server.h"
#include "cli/watch.h"

#define HOPS_MAX   256 /* places of one way */
#define MTU_PROBES 40
#define MTU_TRIES  3
#define CE	   3
#define ECT0	   2

static const char *const ecn_names[] = {"not-ect", "ect1", "ect0", "ce"};

/* --- Questions: round trips ------------------------------------------------------------------------------ */

/* One question; how long the answer took, ms, or -1. */
static int question_ask(struct course *course, size_t size, double *ret, struct error *err)
{
	const struct sighting *asked, *answer = NULL;
	size_t from = course->seen_count;
	int code = course_send(course, true, size, err);

	*ret = -1;
	if (code == 0)
		code = course_wait(course, from, SIGHT_ANSWER, WEFT_POINT_PORT_OUT, 0,
				   course->options.patience, &answer, err);
	if (code < 0 || !answer)
		return code;
	asked = course_find(course, from, SIGHT_QUESTION, WEFT_POINT_PORT_IN, course->number);
	*ret = asked && answer->time > asked->time ? (double)(answer->time - asked->time) / 1e6 : 0;
	memcpy(course->course.destination, answer->mac, 6);
	return 0;
}

static int ask_questions(struct course *course, bool *answers, struct error *err)
{
	size_t count = course->options.count, answered = 0;
	double *took = calloc(count, sizeof(*took));
	int ret = took ? 0 : error_set(err, -ENOMEM, "out of memory");

	/* to all of them, until it is known whose it is */
	probe_question_all(&course->course);
	for (size_t i = 0; ret == 0 && i < count; i++) {
		if (i)
			watch_pause(course->options.interval);
		ret = question_ask(course, PROBE_FRAME_LEAST, &took[answered], err);
		answered += took[answered] >= 0;
	}
	if (ret == 0) {
		json_t *said = json_pack("{s:I, s:I}", "sent", (json_int_t)count, "answered",
					 (json_int_t)answered);

		probe_times_put(said, took, answered);
		json_object_set_new(course->report, "answers", said);
	}
	free(took);
	*answers = answered > 0;
	if (ret < 0)
		return ret;
	if (!answered)
		probe_finding(course->report, "error",
			      "look at the hops; is it up, is the address right?",
			      "nobody answers for that address");
	else if (answered < count)
		probe_finding(course->report, "warning",
			      "weft drops, here and there; the same again with count 100",
			      "%zu of %zu questions got no answer", count - answered, count);
	return 0;
}

/* --- Frames: hop by hop ------------------------------------------------------------------------------------ */

static bool is_hop(const json_t *hop, const char *host, const struct sighting *at)
{
	return !strcmp(member_text(hop, "host"), host) &&
	       !strcmp(member_text(hop, "point"), course_point(at->point)) &&
	       !strcmp(member_text(hop, "place"), at->place) &&
	       member_number(hop, "vlan") == at->vlan;
}

/* One more was met there. Of more places than HOPS_MAX somebody has lied. */
static void hop_count(json_t *hops, const char *host, const struct sighting *at)
{
	json_t *hop;
	size_t i;

	json_array_foreach (hops, i, hop) {
		if (is_hop(hop, host, at)) {
			json_int_t seen = member_number(hop, "seen");

			json_object_set_new(hop, "seen", json_integer(seen + 1));
			return;
		}
	}
	if (json_array_size(hops) >= HOPS_MAX)
		return;
	hop = json_pack("{s:s, s:s, s:s, s:i}", "host", host, "point", course_point(at->point),
			"place", at->place, "seen", 1);
	if (at->vlan)
		json_object_set_new(hop, "vlan", json_integer(at->vlan));
	json_array_append_new(hops, hop);
}

/* Sightings of frames or answers by where, in the order of the way. */
static json_t *hops_json(const struct course *course, size_t from, size_t to, bool back)
{
	static const enum weft_point order[] = {WEFT_POINT_PORT_IN, WEFT_POINT_UNDERLAY_IN,
						WEFT_POINT_PORT_OUT, WEFT_POINT_UNDERLAY_OUT,
						WEFT_POINT_DROP};
	json_t *hops = json_array();

	for (unsigned int i = 0; i < course->hosts * WEFT_POINT_COUNT; i++) {
		unsigned int host = i / WEFT_POINT_COUNT;

		host = back ? course->hosts - 1 - host : host;
		for (size_t j = from; j < to; j++) {
			const struct sighting *at = &course->seen[j];

			if (at->host == host && at->point == order[i % WEFT_POINT_COUNT] &&
			    (at->kind == SIGHT_ANSWER) == back)
				hop_count(hops, course->host[host], at);
		}
	}
	return hops;
}

/* How many of the numbers from `first` on were met as they left by a port. */
static size_t arrived_count(const struct course *course, size_t from, uint16_t first, size_t count)
{
	size_t arrived = 0;

	for (size_t i = 0; i < count; i++)
		arrived += course_find(course, from, SIGHT_FRAME, WEFT_POINT_PORT_OUT,
				       (uint16_t)(first + i)) != NULL;
	return arrived;
}

/* Congestion marks and checksums as they were met. */
static void judge(struct course *course, size_t from, size_t to)
{
	uint8_t sent = PROBE_ECN_NONE, outer = PROBE_ECN_NONE, inner = PROBE_ECN_NONE;
	int right = -1;

	for (size_t i = from; i < to; i++) {
		const struct sighting *at = &course->seen[i];

		if (at->kind != SIGHT_FRAME || at->point == WEFT_POINT_DROP)
			continue;
		if (at->point == WEFT_POINT_UNDERLAY_OUT)
			sent = at->outer;
		if (at->point == WEFT_POINT_UNDERLAY_IN)
			outer = at->outer;
		if (at->point == WEFT_POINT_PORT_OUT)
			inner = at->ecn;
		if (at->point == WEFT_POINT_PORT_OUT && at->right >= 0 && right != 0)
			right = at->right;
	}
	json_object_set_new(course->report, "checksums",
			    right < 0 ? json_null() : json_boolean(right));
	json_object_set_new(course->report, "ecn",
			    json_pack("{s:s, s:s?, s:s?, s:s?}", "frame", ecn_names[ECT0], "sent",
				      sent < PROBE_ECN_NONE ? ecn_names[sent] : NULL, "received",
				      outer < PROBE_ECN_NONE ? ecn_names[outer] : NULL, "delivered",
				      inner < PROBE_ECN_NONE ? ecn_names[inner] : NULL));
	if (right == 0)
		probe_finding(
			course->report, "error",
			"udpcsum or csum on the tunnel has such packets dropped; find what changes "
			"them: NIC offloads, a middlebox",
			"frames arrive with other bytes than were sent");
	if (outer < PROBE_ECN_NONE && sent < PROBE_ECN_NONE && outer != sent && outer != CE)
		probe_finding(course->report, "warning",
			      "find who rewrites the TOS byte; weft tunnel set TUNNEL ecn compat "
			      "sends no marks",
			      "a router clears congestion marks: %s was sent, %s arrives",
			      ecn_names[sent], ecn_names[outer]);
	if (outer == CE && inner < PROBE_ECN_NONE && inner != CE)
		probe_finding(course->report, "warning",
			      "both ends of the tunnel need the same ecn",
			      "a router marks congestion, and the frame that is delivered does not "
			      "say so");
}

/* The drops that were met, each as a finding. */
static void drops_find(struct course *course)
{
	json_t *hop;
	size_t i;

	json_array_foreach (json_object_get(course->report, "hops"), i, hop) {
		if (strcmp(member_text(hop, "point"), "drop") != 0)
			continue;
		probe_finding(course->report, "error",
			      "weft-drops(8) says what mends it; weft drops, at that host",
			      "dropped at %s: %s", member_text(hop, "host"),
			      member_text(hop, "place"));
	}
}

static int ask_frames(struct course *course, bool *arrives, struct error *err)
{
	size_t count = course->options.count, from = course->seen_count, arrived = 0;
	double end;
	uint16_t first;
	int ret = 0;

	/* the numbers of this run are in one row */
	if (course->number > UINT16_MAX - count)
		course->number = 0;
	first = (uint16_t)(course->number + 1);
	for (size_t i = 0; ret == 0 && i < count; i++) {
		if (i)
			watch_pause(course->options.interval);
		ret = course_send(course, false, PROBE_FRAME_LEAST, err);
	}
	end = watch_clock() + course->options.patience;
	do {
		if (ret == 0)
			ret = course_look(course, err);
		arrived = arrived_count(course, from, first, count);
		if (arrived < count)
			watch_pause(0.02);
	} while (ret == 0 && arrived < count && watch_clock() < end);
	if (ret < 0)
		return ret;
	json_object_set_new(course->report, "hops",
			    hops_json(course, from, course->seen_count, false));
	judge(course, from, course->seen_count);
	drops_find(course);
	*arrives = arrived > 0;
	/* without anybody who watches there, nothing can be said of what has left this host */
	if (arrived || course->hosts > 1) {
		json_object_set_new(course->report, "frames",
				    json_pack("{s:I, s:I}", "sent", (json_int_t)count, "arrived",
					      (json_int_t)arrived));
		if (arrived < count)
			probe_finding(
				course->report, arrived ? "warning" : "error",
				"look at the hops; weft probe remote, for what is between them",
				"%zu of %zu frames did not arrive", count - arrived, count);
	}
	return 0;
}

/* --- MTU --------------------------------------------------------------------------------------------------- */

/* Does a frame of that size arrive? */
static int size_passes(struct course *course, bool question, size_t size, bool *ret,
		       struct error *err)
{
	int code = 0;

	*ret = false;
	for (int i = 0; code == 0 && !*ret && i < MTU_TRIES; i++) {
		const struct sighting *met = NULL;
		size_t from = course->seen_count;
		double took = -1;

		if (question) {
			code = question_ask(course, size, &took, err);
		} else {
			code = course_send(course, false, size, err);
			if (code == 0)
				code = course_wait(course, from, SIGHT_FRAME, WEFT_POINT_PORT_OUT,
						   course->number, course->options.patience, &met,
						   err);
		}
		*ret = met || took >= 0;
		/* it will not get through a second time what dropped it here */
		if (course_find(course, from, question ? SIGHT_QUESTION : SIGHT_FRAME,
				WEFT_POINT_DROP, course->number))
			break;
	}
	return code;
}

/* The largest IP packet of a frame that arrives, by what weft says the overlay takes, then by halves. */
static int ask_mtu(struct course *course, bool question, size_t device, size_t overlay,
		   struct error *err)
{
	size_t fits = PROBE_FRAME_LEAST, too_large = device + ETH_HLEN + 1, most, expected, size;
	unsigned int probes = 0;
	bool passes;
	int ret = 0;

	if (too_large > INJECT_LARGEST + 1)
		too_large = INJECT_LARGEST + 1;
	most = too_large - 1;
	/* what the port's own device does not take says nothing of the way */
	expected = overlay && overlay + ETH_HLEN < most ? overlay + ETH_HLEN : most;
	size = expected;
	while (ret == 0 && fits + 1 < too_large && probes++ < MTU_PROBES) {
		bool first = probes == 1 && size < most;

		ret = size_passes(course, question, size, &passes, err);
		*(passes ? &fits : &too_large) = size;
		/* the byte above what was expected, and then the middle */
		size = first && passes ? size + 1 : fits + (too_large - fits) / 2;
	}
	if (ret < 0)
		return ret;
	if (overlay && fits < expected)
		probe_finding(course->report, "error",
			      question ? "is the MTU of the device there smaller? if not, weft "
					 "probe tunnel NAME: which link takes less?"
				       : "weft probe tunnel NAME: which link takes less?",
			      "frames with %zu bytes arrive, and the overlay should carry %zu",
			      fits - ETH_HLEN, expected - ETH_HLEN);
	fits -= ETH_HLEN;
	json_object_set_new(course->report, "mtu",
			    json_pack("{s:I, s:I, s:I, s:I}", "path", (json_int_t)fits, "overlay",
				      (json_int_t)overlay, "device", (json_int_t)device, "probes",
				      (json_int_t)probes));
	return 0;
}

/* The least that tunnels of the port's bridge carry, beside the tag where that is carried; 0: there is none. */
static size_t overlay_mtu(const struct course *course, const json_t *port)
{
	size_t mtu = (size_t)json_integer_value(
		json_object_get(json_object_get(port, "state"), "mtu_overlay"));

	for (size_t i = 0; i < course->seen_count; i++) {
		const struct sighting *at = &course->seen[i];

		if (!at->host && at->point == WEFT_POINT_UNDERLAY_OUT && at->vlan &&
		    mtu > PROBE_TAG)
			return mtu - PROBE_TAG;
	}
	return mtu;
}

/* --- The command ------------------------------------------------------------------------------------------ */

/* What the words say. */
struct plan {
	bool source, address; /* source MAC given; target is an address, not a MAC */
	struct weft_addr at[COURSE_HOSTS_MAX];
	uint16_t port;
};

static int to_read(struct course *course, struct words *words, struct plan *plan, struct error *err)
{
	struct weft_addr addr;
	const char *word;
	int ret = words_value(words, "to", &word, err);

	if (ret < 0)
		return ret;
	if (mac_parse(word, course->course.destination) == 0) {
		if (mac_is_multicast(course->course.destination) ||
		    mac_is_zero(course->course.destination))
			return error_set(err, -EINVAL, "to: %.64s is no host's MAC", word);
		return 0;
	}
	if (addr_parse(word, &addr) < 0)
		return error_set(err, -EINVAL, "to: %.64s is neither a MAC nor an address", word);
	if (addr_is_multicast(&addr) || addr_is_loopback(&addr) || addr_is_any(&addr) ||
	    (addr_is_v4(&addr) && !addr_to_v4(&addr).s_addr))
		return error_set(err, -EINVAL, "to: %.64s is not the address of a host", word);
	course->course.target = addr;
	plan->address = true;
	return 0;
}

static int source_read(struct course *course, struct words *words, struct plan *plan,
		       struct error *err)
{
	const char *word;
	int ret = words_value(words, "source", &word, err);

	if (ret < 0)
		return ret;
	plan->source = true;
	if (mac_parse(word, course->course.source) < 0 || mac_is_multicast(course->course.source) ||
	    mac_is_zero(course->course.source))
		return error_set(err, -EINVAL, "source: %.64s is no host's MAC", word);
	return 0;
}

static int from_words(struct course *course, struct words *words, struct plan *plan,
		      struct error *err)
{
	unsigned long vlan = 0;
	const char *word;
	int ret = words_value(words, "from", &word, err);

	if (ret < 0)
		return ret;
	snprintf(course->port, sizeof(course->port), "%s", word);
	if (!words_match(words, "to"))
		return error_set(err, WORDS_USAGE, "probe from: to whom? to MAC|ADDRESS");
	ret = to_read(course, words, plan, err);
	while (ret == 0 && words_peek(words)) {
		if (words_match(words, "source")) {
			ret = source_read(course, words, plan, err);
		} else if (words_match(words, "vlan")) {
			ret = words_number(words, "vlan", PROBE_VLAN_MAX, &vlan, err);
			course->course.vlan = (uint16_t)vlan;
		} else if (words_match(words, "at")) {
			if (course->hosts == COURSE_HOSTS_MAX)
				return error_set(err, -E2BIG, "at: more than %d hosts",
						 COURSE_HOSTS_MAX - 1);
			ret = words_address(words, "at", &plan->at[course->hosts++], err);
		} else if (words_match(words, "port")) {
			ret = words_port(words, &plan->port, err);
		} else if (!probe_option_read(words, &course->options, &ret, err)) {
			return words_end(words, err);
		}
	}
	return ret;
}

static int ask_all(struct course *course, const struct plan *plan, const json_t *port,
		   struct error *err)
{
	const json_t *state = json_object_get(port, "state");
	size_t device = (size_t)member_number(state, "mtu");
	bool answers = false, arrives = false;
	char mac[MAC_STRLEN];
	int ret = 0;

	if (plan->address)
		ret = ask_questions(course, &answers, err);
	if (plan->address && ret == 0 && answers)
		json_object_set_new(course->report, "back",
				    hops_json(course, 0, course->seen_count, true));
	/* of questions that nobody answered, at least how far they got */
	if (plan->address && !answers && ret == 0) {
		json_object_set_new(course->report, "hops",
				    hops_json(course, 0, course->seen_count, false));
		drops_find(course);
		return 0;
	}
	if (ret == 0)
		ret = ask_frames(course, &arrives, err);
	json_object_set_new(course->report, "mac",
			    json_string(mac_format(course->course.destination, mac)));
	if (ret == 0 && (arrives || answers) && device)
		ret = ask_mtu(course, !arrives, device, overlay_mtu(course, port), err);
	return ret;
}

static int from_run(struct course *course, const struct plan *plan, struct error *err)
{
	json_auto_t *ports = NULL;
	char mac[MAC_STRLEN];
	const json_t *port;
	int ret = cli_call(course->cli, "port.show", json_pack("{s:s}", "name", course->port),
			   &ports, err);

	if (ret < 0)
		return ret;
	port = json_array_get(ports, 0);
	ret = course_source(course, port, plan->source, err);
	if (ret == 0)
		ret = course_open(course, plan->at, plan->port, err);
	if (ret < 0)
		return ret;
	course->report = json_pack("{s:s, s:s, s:[]}", "from", course->port, "source",
				   mac_format(course->course.source, mac), "findings");
	if (course->course.vlan)
		json_object_set_new(course->report, "vlan", json_integer(course->course.vlan));
	return ask_all(course, plan, port, err);
}

int probe_from(struct cli *cli, struct words *words, struct error *err)
{
	struct course *course = calloc(1, sizeof(*course));
	struct plan plan = {.port = PROBE_PORT};
	int ret;

	if (!course)
		return error_set(err, -ENOMEM, "out of memory");
	*course = (struct course){.cli = cli, .hosts = 1, .host = {"here"}};
	for (unsigned int i = 0; i < COURSE_HOSTS_MAX; i++)
		course->wire[i].fd = -1;
	probe_options_default(&course->options);
	ret = from_words(course, words, &plan, err);
	if (ret == 0)
		ret = from_run(course, &plan, err);
	if (ret == 0 && cli->json)
		output_json(cli, course->report);
	else if (ret == 0)
		probe_from_print(course->report);
	if (ret == 0 && probe_bad(course->report))
		cli->status = PROBE_STATUS_FOUND;
	json_decref(course->report);
	course_close(course);
	free(course);
	return ret;
}
