/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of bridges, ports and tunnels, by what weftd knows of them. */
#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"

#define ANSWERS_LEAST 3	 /* packets sent before silence means anything */
#define FDB_SHARE     90 /* percent of the limit */
#define AGEING_LEAST  60 /* seconds: hosts refresh their neighbours as seldom as that */
#define FDB_LARGE     10000

/* Calls `each` for every remote of every tunnel. */
static void remotes_each(struct doctor *doctor,
			 void (*each)(struct doctor *doctor, const json_t *tunnel,
				      const json_t *remote))
{
	json_t *tunnel, *remote;
	size_t i, j;

	json_array_foreach (doctor->tunnels, i, tunnel) {
		const json_t *state = json_object_get(tunnel, "state");

		json_array_foreach (json_object_get(state, "remotes"), j, remote) {
			each(doctor, tunnel, remote);
		}
	}
}

static void remote_subject(struct finding *finding, const json_t *tunnel, const json_t *remote)
{
	snprintf(finding->subject, FINDING_TEXT, "tunnel %s remote %s", member_text(tunnel, "name"),
		 member_text(remote, "addr"));
}

static void remote_check(struct doctor *doctor, const json_t *tunnel, const json_t *remote)
{
	struct finding finding = {.severity = SEVERITY_ERROR};
	const char *state = member_text(remote, "state"), *addr = member_text(remote, "addr");
	const char *dev = member_text(remote, "dev"), *gateway = member_text(remote, "gateway");

	remote_subject(&finding, tunnel, remote);
	if (!strcmp(state, "no_route")) {
		snprintf(finding.evidence, FINDING_TEXT,
			 "the routing table has no way to %s that is not the tunnel itself", addr);
		snprintf(finding.consequence, FINDING_TEXT,
			 "every packet for it is dropped (no_route)");
		snprintf(finding.mend, FINDING_TEXT, "ip route add %s via GATEWAY", addr);
	} else if (!strcmp(state, "unreachable")) {
		const char *asked = *gateway ? gateway : addr;

		snprintf(finding.evidence, FINDING_TEXT, "%s does not answer ARP or ND at %s",
			 asked, dev);
		snprintf(finding.consequence, FINDING_TEXT,
			 "packets for the remote are lost until it does");
		snprintf(finding.mend, FINDING_TEXT,
			 "ping -I %s %s; is it up, on that link, and the address right?", dev,
			 asked);
	} else {
		return;
	}
	finding_add(doctor, &finding);
}

void check_remotes(struct doctor *doctor)
{
	remotes_each(doctor, remote_check);
}

void check_no_remote(struct doctor *doctor)
{
	json_t *tunnel;
	size_t i;

	json_array_foreach (doctor->tunnels, i, tunnel) {
		struct finding finding = {.severity = SEVERITY_WARNING};
		const json_t *state = json_object_get(tunnel, "state");

		if (json_array_size(json_object_get(tunnel, "remote")) ||
		    json_array_size(json_object_get(state, "remotes")) ||
		    json_is_string(json_object_get(tunnel, "group")))
			continue;
		snprintf(finding.subject, FINDING_TEXT, "tunnel %s", member_text(tunnel, "name"));
		snprintf(finding.evidence, FINDING_TEXT, "it has no remote and no group");
		snprintf(finding.consequence, FINDING_TEXT,
			 "it takes packets from nobody and sends to nobody");
		snprintf(finding.mend, FINDING_TEXT, "weft tunnel set %s remote + ADDRESS",
			 member_text(tunnel, "name"));
		finding_add(doctor, &finding);
	}
}

static json_int_t counter(const json_t *counters, const char *name)
{
	return json_integer_value(json_object_get(counters, name));
}

static void answer_check(struct doctor *doctor, const char *tunnel, const char *remote,
			 const json_t *counters)
{
	struct finding finding = {.severity = SEVERITY_WARNING};

	if (counter(counters, "tx_packets") < ANSWERS_LEAST || counter(counters, "rx_packets"))
		return;
	snprintf(finding.subject, FINDING_TEXT, "tunnel %s remote %s", tunnel, remote);
	snprintf(finding.evidence, FINDING_TEXT,
		 "%" JSON_INTEGER_FORMAT " packets went there and none ever came back",
		 counter(counters, "tx_packets"));
	snprintf(finding.consequence, FINDING_TEXT,
		 "nobody behind it is reached: no tunnel there, another VNI, key or port, or a "
		 "firewall");
	snprintf(finding.mend, FINDING_TEXT,
		 "on %s: weft drops; is its tunnel of the same type, VNI and port, and has it this "
		 "host as a remote?",
		 remote);
	finding_add(doctor, &finding);
}

void check_answers(struct doctor *doctor)
{
	json_t *counters, *remote;
	const char *tunnel, *address;

	json_object_foreach (json_object_get(doctor->stats, "tunnels"), tunnel, counters) {
		json_object_foreach (json_object_get(counters, "remotes"), address, remote) {
			answer_check(doctor, tunnel, address, remote);
		}
	}
}

/* The first tunnel before the `count`th that is on the same bridge and has this remote. */
static const char *twin_find(const json_t *tunnels, size_t count, const json_t *tunnel,
			     const json_t *remote)
{
	json_t *other, *address;
	size_t i, j;

	json_array_foreach ((json_t *)tunnels, i, other) {
		if (i == count)
			break;
		if (!json_equal(json_object_get(other, "bridge"),
				json_object_get(tunnel, "bridge")))
			continue;
		json_array_foreach (json_object_get(other, "remote"), j, address) {
			if (json_equal(address, remote))
				return member_text(other, "name");
		}
	}
	return NULL;
}

void check_twins(struct doctor *doctor)
{
	json_t *tunnel, *remote;
	size_t i, j;

	json_array_foreach (doctor->tunnels, i, tunnel) {
		/* tunnels that each have a VLAN of their own may share a remote */
		if (!json_is_string(json_object_get(tunnel, "bridge")) ||
		    json_is_integer(json_object_get(tunnel, "vlan")))
			continue;
		json_array_foreach (json_object_get(tunnel, "remote"), j, remote) {
			struct finding finding = {.severity = SEVERITY_WARNING};
			const char *twin = twin_find(doctor->tunnels, i, tunnel, remote);

			if (!twin)
				continue;
			snprintf(finding.subject, FINDING_TEXT, "tunnel %s",
				 member_text(tunnel, "name"));
			snprintf(finding.evidence, FINDING_TEXT,
				 "%s is on bridge %s, too, and goes to %s as well", twin,
				 member_text(tunnel, "bridge"), json_string_value(remote));
			snprintf(finding.consequence, FINDING_TEXT,
				 "floods arrive there twice, and MACs move between the two");
			snprintf(finding.mend, FINDING_TEXT, "weft tunnel set %s remote - %s",
				 member_text(tunnel, "name"), json_string_value(remote));
			finding_add(doctor, &finding);
		}
	}
}

static void path_check(struct doctor *doctor, const json_t *tunnel, const json_t *remote)
{
	struct finding finding = {.severity = SEVERITY_INFO};
	json_int_t path = counter(remote, "path_mtu"), hop = counter(remote, "mtu");

	if (!path || path >= hop)
		return;
	remote_subject(&finding, tunnel, remote);
	snprintf(finding.evidence, FINDING_TEXT,
		 "a router on the way takes %" JSON_INTEGER_FORMAT
		 " bytes, %s takes %" JSON_INTEGER_FORMAT,
		 path, member_text(remote, "dev"), hop);
	snprintf(finding.consequence, FINDING_TEXT,
		 "senders are told to send less; whenever that is forgotten, the first large "
		 "packet is lost");
	snprintf(finding.mend, FINDING_TEXT,
		 "ip route replace %s%s%s dev %s mtu %" JSON_INTEGER_FORMAT,
		 member_text(remote, "addr"), *member_text(remote, "gateway") ? " via " : "",
		 member_text(remote, "gateway"), member_text(remote, "dev"), path);
	finding_add(doctor, &finding);
}

void check_path_mtu(struct doctor *doctor)
{
	remotes_each(doctor, path_check);
}

void check_port(struct doctor *doctor)
{
	json_t *port;
	size_t i;

	json_array_foreach (doctor->ports, i, port) {
		struct finding finding = {.severity = SEVERITY_ERROR};
		const char *name = member_text(port, "name");
		const char *state = member_text(json_object_get(port, "state"), "state");

		if (!strcmp(state, "up"))
			continue;
		snprintf(finding.subject, FINDING_TEXT, "port %s", name);
		snprintf(finding.evidence, FINDING_TEXT, "its device is %s", state);
		snprintf(finding.consequence, FINDING_TEXT,
			 "nothing comes from there, and frames for it are dropped (port_down)");
		snprintf(finding.mend, FINDING_TEXT,
			 !strcmp(state, "gone") ? "weft port del %s, unless the device comes back"
						: "ip link set dev %s up",
			 name);
		finding_add(doctor, &finding);
	}
}

void check_port_mtu(struct doctor *doctor)
{
	json_t *port;
	size_t i;

	json_array_foreach (doctor->ports, i, port) {
		struct finding finding = {.severity = SEVERITY_WARNING};
		const json_t *state = json_object_get(port, "state");
		json_int_t overlay = counter(state, "mtu_overlay");
		json_int_t own = counter(state, "mtu"), peer = counter(state, "mtu_peer");
		json_int_t mtu = peer > own ? peer : own;

		if (!overlay || mtu <= overlay)
			continue;
		snprintf(finding.subject, FINDING_TEXT, "port %s", member_text(port, "name"));
		snprintf(finding.evidence, FINDING_TEXT,
			 "MTU %" JSON_INTEGER_FORMAT
			 "%s, and the tunnels of bridge %s carry %" JSON_INTEGER_FORMAT,
			 mtu, peer > own ? " at its far end" : "", member_text(port, "bridge"),
			 overlay);
		snprintf(finding.consequence, FINDING_TEXT,
			 "larger packets come back as an ICMP error or in fragments, and what "
			 "ignores ICMP hangs");
		snprintf(finding.mend, FINDING_TEXT,
			 "ip link set dev %s mtu %" JSON_INTEGER_FORMAT
			 "%s; or weft port set %s mtu auto",
			 member_text(port, "name"), overlay,
			 peer ? ", and the same at its far end" : "", member_text(port, "name"));
		finding_add(doctor, &finding);
	}
}

static void room_check(struct doctor *doctor, const char *noun, const json_t *object)
{
	struct finding finding = {.severity = SEVERITY_WARNING};
	json_int_t most = counter(object, "maxaddress");
	json_int_t entries = counter(json_object_get(object, "state"), "entries");

	if (!most || entries * 100 < most * FDB_SHARE)
		return;
	snprintf(finding.subject, FINDING_TEXT, "%s %s", noun, member_text(object, "name"));
	snprintf(finding.evidence, FINDING_TEXT,
		 "%" JSON_INTEGER_FORMAT " FDB entries of %" JSON_INTEGER_FORMAT " (maxaddress)",
		 entries, most);
	snprintf(finding.consequence, FINDING_TEXT,
		 "a MAC that has no room is not learned, and everything for it is flooded");
	snprintf(finding.mend, FINDING_TEXT, "weft %s set %s maxaddress %" JSON_INTEGER_FORMAT,
		 noun, member_text(object, "name"), 2 * most);
	finding_add(doctor, &finding);
}

void check_fdb_room(struct doctor *doctor)
{
	json_t *object;
	size_t i;

	json_array_foreach (doctor->bridges, i, object) {
		room_check(doctor, "bridge", object);
	}
	json_array_foreach (doctor->tunnels, i, object) {
		room_check(doctor, "tunnel", object);
	}
}

void check_ageing(struct doctor *doctor)
{
	json_t *bridge;
	size_t i;

	json_array_foreach (doctor->bridges, i, bridge) {
		struct finding finding = {.severity = SEVERITY_WARNING};
		const json_t *ageing = json_object_get(bridge, "ageing");
		const char *name = member_text(bridge, "name");

		snprintf(finding.subject, FINDING_TEXT, "bridge %s", name);
		if (json_is_integer(ageing) && json_integer_value(ageing) < AGEING_LEAST) {
			snprintf(finding.evidence, FINDING_TEXT,
				 "ageing is %" JSON_INTEGER_FORMAT
				 " s, and hosts that only listen send nothing for a minute",
				 json_integer_value(ageing));
			snprintf(finding.consequence, FINDING_TEXT,
				 "what is sent to them is flooded to every port and remote");
		} else if (json_is_string(ageing) &&
			   !json_is_integer(json_object_get(bridge, "maxaddress")) &&
			   counter(json_object_get(bridge, "state"), "entries") > FDB_LARGE) {
			snprintf(finding.evidence, FINDING_TEXT,
				 "nothing ages, there is no maxaddress, and there are "
				 "%" JSON_INTEGER_FORMAT " entries",
				 counter(json_object_get(bridge, "state"), "entries"));
			snprintf(finding.consequence, FINDING_TEXT,
				 "the FDB grows until the map is full, and then nobody new is "
				 "learned");
		} else {
			continue;
		}
		snprintf(finding.mend, FINDING_TEXT, "weft bridge set %s ageing 300", name);
		finding_add(doctor, &finding);
	}
}
