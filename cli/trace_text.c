/* SPDX-License-Identifier: GPL-2.0-only */
/* The steps of a trace in words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/member.h"
#include "cli/mend.h"
#include "cli/packet.h"
#include "cli/trace.h"

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static bool is(const json_t *step, const char *key, const char *text)
{
	const char *value = text_of(step, key);

	return value && !strcmp(value, text);
}

/* "port p1", "tunnel t, remote ADDRESS", or what there is of it. */
static void place_print(const json_t *json)
{
	const char *port = text_of(json, "port"), *device = text_of(json, "device");
	const char *tunnel = text_of(json, "tunnel"), *remote = text_of(json, "remote");

	if (remote && tunnel)
		printf("remote %s of tunnel %s", remote, tunnel);
	else if (port)
		printf("port %s", port);
	else if (device)
		printf("device %s", device);
	else if (tunnel)
		printf("tunnel %s", tunnel);
	else
		printf("nobody that is known");
}

static void packet_print(const json_t *step, const json_t *listen)
{
	char *text = packet_last_text(step, listen);

	for (char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		printf("    %s\n", line);
	printf("    %lld bytes", member_number(step, "length"));
	if (json_object_get(step, "segment"))
		printf(", in segments of %lld", member_number(step, "segment"));
	printf("\n");
	free(text);
}

/* What was said before the step at hand. */
struct said {
	const json_t *listen; /* of the status */
	const json_t *run;    /* the run that it is a step of */
	size_t runs;
	const char *remote; /* that the destination is behind */
	bool cut; /* the splitter was given a super-packet, else packets to be fragmented */
	bool tunnel,
		dropped; /* in this run: its outer headers are those of a tunnel; it was dropped */
};

static void run_print(const json_t *step, const struct said *said)
{
	const char *dev = text_of(step, "dev");

	if (!dev)
		dev = "?";
	if (is(step, "hook", "split"))
		printf(said->cut ? "the first segment comes back from the splitter:\n"
				 : "it comes back from the splitter, to have a fragment sent:\n");
	else if (is(step, "hook", "collect"))
		printf("the host has taken the outer headers off:\n");
	else if (said->runs > 1)
		printf("the copy that was put aside:\n");
	else if (is(step, "hook", "port"))
		printf("a frame comes by %s:\n", dev);
	else
		printf("a packet comes from the underlay, by %s:\n", dev);
}

/* Why no tunnel has it, or that one of those reasons was given before. */
static void host_print(const struct said *said)
{
	int port = packet_udp_port(said->run);
	json_t *entry;
	size_t i;

	if (said->dropped) {
		printf("and goes on to the host, where somebody else may take it\n");
		return;
	}
	json_array_foreach ((json_t *)said->listen, i, entry) {
		if (member_number(entry, "port") == port)
			port = -1;
	}
	if (!is(said->run, "hook", "underlay"))
		printf("left to the host\n");
	else if (port >= 0 && !said->tunnel)
		printf("left to the host: no tunnel listens at UDP port %d\n", port);
	else
		printf("left to the host: it is for no tunnel of this host\n");
}

static void learn_print(const json_t *step)
{
	const json_t *there = json_object_get(step, "there");
	const char *src = text_of(step, "src");

	printf("source %s: ", src ? src : "MAC");
	if (is(step, "result", "known")) {
		printf("the FDB has it behind ");
		place_print(there);
	} else if (is(step, "result", "new")) {
		printf("the FDB does not have it, and would learn it");
	} else if (is(step, "result", "move")) {
		printf("it would move here from ");
		place_print(there);
	} else if (is(step, "result", "full")) {
		printf("not learned, the FDB has as many entries as it may");
	} else {
		printf("not learned here");
	}
	printf("\n");
}

static void lookup_print(const json_t *step)
{
	const json_t *there = json_object_get(step, "there");
	long long vlan = member_number(step, "vlan");
	const char *bridge = text_of(step, "bridge");

	printf("destination %s", text_of(step, "dst") ? text_of(step, "dst") : "MAC");
	if (vlan)
		printf(" in VLAN %lld", vlan);
	if (bridge)
		printf(" on bridge %s", bridge);
	printf(": ");
	if (is(step, "result", "found")) {
		printf("the FDB has it behind ");
		place_print(there);
		printf("\n");
	} else if (is(step, "result", "stale")) {
		printf("the FDB entry is older than the ageing time, which counts as none\n");
	} else if (is(step, "result", "group")) {
		printf("a group, for all\n");
	} else {
		printf("the FDB does not have it\n");
	}
}

static void underlay_print(const json_t *step)
{
	const char *type = text_of(step, "type");

	if (!type) {
		printf("the outer headers are not as they should be\n");
		return;
	}
	printf("it is %s", type);
	if (json_object_get(step, "vni"))
		printf(", UDP port %lld, VNI %lld", member_number(step, "port"),
		       member_number(step, "vni"));
	else if (json_object_get(step, "key"))
		printf(", key %lld", member_number(step, "key"));
	printf("\n");
}

static void mend_print(const json_t *step, const struct said *said)
{
	char *text =
		mend_text(step, is(said->run, "hook", "port") ? text_of(said->run, "dev") : NULL,
			  said->remote, said->run);

	if (text)
		printf("    mend: %s\n", text);
	free(text);
}

static void drop_print(const json_t *step, const struct said *said)
{
	static const char *const places[] = {"port", "device", "tunnel", NULL};
	bool placed = false;

	for (const char *const *place = places; *place; place++)
		placed = placed || text_of(step, *place);
	printf("dropped: %s, counted %s", text_of(step, "reason") ? text_of(step, "reason") : "?",
	       placed ? "at " : "for no port or tunnel");
	if (placed)
		place_print(step);
	printf("\n    %s\n", text_of(step, "cause") ? text_of(step, "cause") : "");
	mend_print(step, said);
}

static void send_print(const json_t *step, bool resolved)
{
	const char *gateway = text_of(step, "gateway"), *lladdr = text_of(step, "lladdr");

	printf("sent to ");
	place_print(step);
	printf(", by %s", text_of(step, "dev") ? text_of(step, "dev") : "?");
	if (gateway)
		printf(", next hop %s", gateway);
	if (resolved && lladdr)
		printf(" at %s", lladdr);
	else if (!resolved)
		printf(", whose MAC the kernel is to find");
	printf(":\n");
}

static void flood_print(const json_t *step)
{
	printf("flooded to all other ports of the bridge%s\n",
	       member_number(step, "remotes") ? " and to all remotes" : "");
}

static void encap_print(const json_t *step)
{
	printf("encapsulated for ");
	place_print(step);
	if (member_number(step, "size"))
		printf(": a frame of %lld bytes, and %lld fit", member_number(step, "size"),
		       member_number(step, "room"));
	else
		printf(": segments of up to %lld bytes fit", member_number(step, "room"));
	printf("\n");
}

static void peer_print(const json_t *step)
{
	printf("its sender is ");
	place_print(step);
	printf("\n");
}

/* Steps that are one line, and of which a number or two are all there is to say. */
static bool plain_print(const json_t *step)
{
	if (is(step, "step", "vlan"))
		printf("VLAN %lld%s\n", member_number(step, "vlan"),
		       json_is_true(json_object_get(step, "tagged")) ? "" : ", untagged");
	else if (is(step, "step", "peer_new"))
		printf("no remote is known at this address; one would be made for it\n");
	else if (is(step, "step", "expired"))
		printf("a path MTU of %lld bytes is too old to count\n",
		       member_number(step, "mtu"));
	else if (is(step, "step", "mss"))
		printf("the MSS that it announces is lowered from %lld to %lld\n",
		       member_number(step, "was"), member_number(step, "mss"));
	else if (is(step, "step", "toobig"))
		printf("too big: an IP packet of %lld bytes fits\n", member_number(step, "mtu"));
	else if (is(step, "step", "path_mtu"))
		printf("the path MTU of remote %s would be lowered to %lld\n",
		       text_of(step, "remote") ? text_of(step, "remote") : "?",
		       member_number(step, "mtu"));
	else if (is(step, "step", "note"))
		printf("noted: %s\n", text_of(step, "note") ? text_of(step, "note") : "?");
	else if (is(step, "step", "gone"))
		printf("gone\n");
	else
		return false;
	return true;
}

static void step_print(const json_t *step, const struct said *said)
{
	const json_t *listen = said->listen;
	static const struct {
		const char *name;
		void (*print)(const json_t *step);
	} steps[] = {
		{"learn", learn_print},	      {"lookup", lookup_print}, {"flood", flood_print},
		{"underlay", underlay_print}, {"peer", peer_print},	{"encap", encap_print},
	};
	bool deferred = is(step, "step", "defer");

	if (plain_print(step))
		return;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (is(step, "step", steps[i].name))
			steps[i].print(step);
	if (is(step, "step", "drop")) {
		drop_print(step, said);
	} else if (is(step, "step", "host")) {
		host_print(said);
	} else if (is(step, "step", "run")) {
		run_print(step, said);
		packet_print(step, listen);
	} else if (is(step, "step", "send") || is(step, "step", "resolve")) {
		send_print(step, is(step, "step", "send"));
		packet_print(step, listen);
	} else if (is(step, "step", "deliver") || is(step, "step", "answer")) {
		printf(is(step, "step", "deliver") ? "delivered to "
						   : "its sender is told, by an ICMP error to ");
		place_print(step);
		printf(":\n");
		packet_print(step, listen);
	} else if (deferred) {
		printf("a copy for ");
		place_print(step);
		printf(" is put aside, to be encapsulated by itself\n");
	} else if (is(step, "step", "split")) {
		printf(said->cut ? "to the splitter, which cuts it into segments\n"
				 : "to the splitter, to come back for a fragment of it\n");
	} else if (is(step, "step", "collect")) {
		printf("to the host's own device, which takes the outer headers off\n");
	}
}

void trace_print(const json_t *trace, const json_t *listen)
{
	struct said said = {.listen = listen};
	json_t *step;
	size_t i;

	json_array_foreach (json_object_get(trace, "steps"), i, step) {
		if (i && is(step, "step", "run"))
			printf("\n");
		if (is(step, "step", "run")) {
			said.run = step;
			said.runs++;
			said.tunnel = said.dropped = false;
		}
		said.tunnel = said.tunnel || is(step, "step", "underlay");
		said.dropped = said.dropped || is(step, "step", "drop");
		if (is(step, "step", "lookup"))
			said.remote = text_of(json_object_get(step, "there"), "remote");
		if (is(step, "step", "split"))
			said.cut = json_object_get(step, "segment") != NULL;
		step_print(step, &said);
	}
	if (json_is_true(json_object_get(trace, "cut")))
		printf("\nthere is more than a trace has room for\n");
}
