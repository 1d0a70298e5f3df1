/* SPDX-License-Identifier: GPL-2.0-only */
/* What the checks of `weft doctor` know, and what they say. */
#ifndef WEFT_CLI_DOCTOR_H
#define WEFT_CLI_DOCTOR_H

#include "cli/cli.h"
#include "cli/member.h"

/* Something is wrong; something may be; something is worth knowing and changes no exit status. */
enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_INFO, SEVERITY_COUNT };

struct doctor {
	struct cli *cli;
	json_t *status, *bridges, *ports, *tunnels, *stats, *drops; /* of the API */
	json_t *links, *addresses; /* of ip(8), NULL: it is not there */
	const char *check;	   /* that runs */
	json_t *findings, *skipped;
	json_t *finding; /* the last of the findings, borrowed */
};

/*
 * A check has found something wrong with a subject ("tunnel vxlan0 remote 192.0.2.1"). The three
 * that follow say what was seen and where, what that does to packets, and the command that mends
 * it (or what to do); each of them is called once for each finding.
 */
void finding_add(struct doctor *doctor, enum severity severity, const char *subject, ...)
	__attribute__((format(printf, 3, 4)));
void finding_seen(struct doctor *doctor, const char *text, ...)
	__attribute__((format(printf, 2, 3)));
void finding_so(struct doctor *doctor, const char *text, ...) __attribute__((format(printf, 2, 3)));
void finding_mend(struct doctor *doctor, const char *text, ...)
	__attribute__((format(printf, 2, 3)));
/* A check cannot be made, because of `why`. */
void check_skip(struct doctor *doctor, const char *why);

/* --- doctor_host.c: the host ----------------------------------------------------------------- */
void check_netns(struct doctor *doctor);
void check_version(struct doctor *doctor);
void check_privileges(struct doctor *doctor);
void check_local(struct doctor *doctor);
void check_vxlan_device(struct doctor *doctor);
void check_filter(struct doctor *doctor);
void check_xdp(struct doctor *doctor);
void check_offload(struct doctor *doctor);
void check_splitter(struct doctor *doctor);
void check_gro(struct doctor *doctor);

/* --- doctor_weftd.c: what weftd says of itself ---------------------------------------------- */
void check_kernel(struct doctor *doctor);
void check_underlay(struct doctor *doctor);
void check_events(struct doctor *doctor);
void check_flapping(struct doctor *doctor);

/* --- doctor_overlay.c: bridges, ports, tunnels ---------------------------------------------- */
void check_remotes(struct doctor *doctor);
void check_no_remote(struct doctor *doctor);
void check_answers(struct doctor *doctor);
void check_twins(struct doctor *doctor);
void check_path_mtu(struct doctor *doctor);
void check_port(struct doctor *doctor);
void check_port_mtu(struct doctor *doctor);
void check_fdb_room(struct doctor *doctor);
void check_ageing(struct doctor *doctor);

/* --- doctor_drops.c: what was dropped ---------------------------------------------------------- */
void check_vni(struct doctor *doctor);
void check_peer(struct doctor *doctor);
void check_mac(struct doctor *doctor);
void check_drops(struct doctor *doctor);

#endif
