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

static void remote_found(struct doctor *doctor, enum severity severity, const json_t *tunnel,
			 const json_t *remote)
{
	finding_add(doctor, severity, "tunnel %s remote %s", member_text(tunnel, "name"),
		    member_text(remote, "addr"));
}

static void remote_check(struct doctor *doctor, const json_t *tunnel, const json_t *remote)
{
	const char *state = member_text(remote, "state"), *addr = member_text(remote, "addr");
	const char *dev = member_text(remote, "dev"), *gateway = member_text(remote, "gateway");

	if (!strcmp(state, "no_route")) {
		remote_found(doctor, SEVERITY_ERROR, tunnel, remote);
		finding_seen(doctor,
			     "the routing table has no way to %s that is not the tunnel itself",
			     addr);
		finding_so(doctor, "every packet for it is dropped (no_route)");
		finding_mend(doctor, "ip route add %s via GATEWAY", addr);
	} else if (!strcmp(state, "unreachable")) {
		const char *asked = *gateway ? gateway : addr;

		remote_found(doctor, SEVERITY_ERROR, tunnel, remote);
		finding_seen(doctor, "%s does not answer ARP or ND at %s", asked, dev);
		finding_so(doctor, "packets for the remote are lost until it does");
		finding_mend(doctor,
			     "ping -I %s %s; is it up, on that link, and the address right?", dev,
			     asked);
	}
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
		const json_t *state = json_object_get(tunnel, "state");

		if (json_array_size(json_object_get(tunnel, "remote")) ||
		    json_array_size(json_object_get(state, "remotes")) ||
		    json_is_string(json_object_get(tunnel, "group")))
			continue;
		finding_add(doctor, SEVERITY_WARNING, "tunnel %s", member_text(tunnel, "name"));
		finding_seen(doctor, "it has no remote and no group");
		finding_so(doctor, "it takes packets from nobody and sends to nobody");
		finding_mend(doctor, "weft tunnel set %s remote + ADDRESS",
			     member_text(tunnel, "name"));
	}
}

static void answer_check(struct doctor *doctor, const char *tunnel, const char *remote,
			 const json_t *counters)
{
	if (member_number(counters, "tx_packets") < ANSWERS_LEAST ||
	    member_number(counters, "rx_packets"))
		return;
	finding_add(doctor, SEVERITY_WARNING, "tunnel %s remote %s", tunnel, remote);
	finding_seen(doctor, "%" JSON_INTEGER_FORMAT " packets went there and none ever came back",
		     member_number(counters, "tx_packets"));
	finding_so(doctor, "nobody behind it is reached: no tunnel there, another VNI, key or "
			   "port, or a firewall");
	finding_mend(doctor,
		     "on %s: weft drops; is its tunnel of the same type, VNI and port, and has it "
		     "this host as a remote?",
		     remote);
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
			const char *twin = twin_find(doctor->tunnels, i, tunnel, remote);

			if (!twin)
				continue;
			finding_add(doctor, SEVERITY_WARNING, "tunnel %s",
				    member_text(tunnel, "name"));
			finding_seen(doctor, "%s is on bridge %s, too, and goes to %s as well",
				     twin, member_text(tunnel, "bridge"),
				     json_string_value(remote));
			finding_so(doctor,
				   "floods arrive there twice, and MACs move between the two");
			finding_mend(doctor, "weft tunnel set %s remote - %s",
				     member_text(tunnel, "name"), json_string_value(remote));
		}
	}
}

static void path_check(struct doctor *doctor, const json_t *tunnel, const json_t *remote)
{
	json_int_t path = member_number(remote, "path_mtu"), hop = member_number(remote, "mtu");

	if (!path || path >= hop)
		return;
	remote_found(doctor, SEVERITY_INFO, tunnel, remote);
	finding_seen(doctor,
		     "a router on the way takes %" JSON_INTEGER_FORMAT
		     " bytes, %s takes %" JSON_INTEGER_FORMAT,
		     path, member_text(remote, "dev"), hop);
	finding_so(doctor, "senders are told to send less; whenever that is forgotten, the first "
			   "large packet is lost");
	finding_mend(doctor, "ip route replace %s%s%s dev %s mtu %" JSON_INTEGER_FORMAT,
		     member_text(remote, "addr"), *member_text(remote, "gateway") ? " via " : "",
		     member_text(remote, "gateway"), member_text(remote, "dev"), path);
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
		const char *name = member_text(port, "name");
		const char *state = member_text(json_object_get(port, "state"), "state");

		if (!strcmp(state, "up"))
			continue;
		finding_add(doctor, SEVERITY_ERROR, "port %s", name);
		finding_seen(doctor, "its device is %s", state);
		finding_so(doctor,
			   "nothing comes from there, and frames for it are dropped (port_down)");
		finding_mend(doctor,
			     !strcmp(state, "gone")
				     ? "weft port del %s, unless the device comes back"
				     : "ip link set dev %s up",
			     name);
	}
}

void check_port_mtu(struct doctor *doctor)
{
	json_t *port;
	size_t i;

	json_array_foreach (doctor->ports, i, port) {
		const json_t *state = json_object_get(port, "state");
		json_int_t overlay = member_number(state, "mtu_overlay");
		json_int_t own = member_number(state, "mtu"),
			   peer = member_number(state, "mtu_peer");
		json_int_t mtu = peer > own ? peer : own;

		if (!overlay || mtu <= overlay)
			continue;
		finding_add(doctor, SEVERITY_WARNING, "port %s", member_text(port, "name"));
		finding_seen(doctor,
			     "MTU %" JSON_INTEGER_FORMAT
			     "%s, and the tunnels of bridge %s carry %" JSON_INTEGER_FORMAT,
			     mtu, peer > own ? " at its far end" : "", member_text(port, "bridge"),
			     overlay);
		finding_so(doctor, "larger packets come back as an ICMP error or in fragments, and "
				   "what ignores ICMP hangs");
		finding_mend(doctor,
			     "ip link set dev %s mtu %" JSON_INTEGER_FORMAT
			     "%s; or weft port set %s mtu auto",
			     member_text(port, "name"), overlay,
			     peer ? ", and the same at its far end" : "",
			     member_text(port, "name"));
	}
}

static void room_check(struct doctor *doctor, const char *noun, const json_t *object)
{
	json_int_t most = member_number(object, "maxaddress");
	json_int_t entries = member_number(json_object_get(object, "state"), "entries");

	if (!most || entries * 100 < most * FDB_SHARE)
		return;
	finding_add(doctor, SEVERITY_WARNING, "%s %s", noun, member_text(object, "name"));
	finding_seen(doctor,
		     "%" JSON_INTEGER_FORMAT " FDB entries of %" JSON_INTEGER_FORMAT
		     " (maxaddress)",
		     entries, most);
	finding_so(doctor,
		   "a MAC that has no room is not learned, and everything for it is flooded");
	finding_mend(doctor, "weft %s set %s maxaddress %" JSON_INTEGER_FORMAT, noun,
		     member_text(object, "name"), 2 * most);
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
		const json_t *ageing = json_object_get(bridge, "ageing");
		const char *name = member_text(bridge, "name");

		if (json_is_integer(ageing) && json_integer_value(ageing) < AGEING_LEAST) {
			finding_add(doctor, SEVERITY_WARNING, "bridge %s", name);
			finding_seen(doctor,
				     "ageing is %" JSON_INTEGER_FORMAT
				     " s, and hosts that only listen send nothing for a minute",
				     json_integer_value(ageing));
			finding_so(doctor,
				   "what is sent to them is flooded to every port and remote");
		} else if (json_is_string(ageing) &&
			   !json_is_integer(json_object_get(bridge, "maxaddress")) &&
			   member_number(json_object_get(bridge, "state"), "entries") > FDB_LARGE) {
			finding_add(doctor, SEVERITY_WARNING, "bridge %s", name);
			finding_seen(doctor,
				     "nothing ages, there is no maxaddress, and there are "
				     "%" JSON_INTEGER_FORMAT " entries",
				     member_number(json_object_get(bridge, "state"), "entries"));
			finding_so(doctor, "the FDB grows until the map is full, and then nobody "
					   "new is learned");
		} else {
			continue;
		}
		finding_mend(doctor, "weft bridge set %s ageing 300", name);
	}
}
