/* SPDX-License-Identifier: GPL-2.0-only */
/* What fdb.c, fdb_delete.c and fdb_walk.c share. */
#ifndef WEFT_DAEMON_FDB_PRIVATE_H
#define WEFT_DAEMON_FDB_PRIVATE_H

#include "daemon/live.h"

/* An entry of the API, looked up: what it names, and what is there. */
struct fdb_target {
	struct live_bridge *bridge;
	struct live_port *port; /* one of the two, or none when only a bridge was named */
	struct live_tunnel *tunnel;
	struct live_remote *remote;
	uint32_t owner; /* that the remote has for it */
	bool owned;	/* and had before, if that is not counted */
	bool zero;	/* the all-zero MAC */
	bool existed;
	struct weft_fdb_key key;
	struct weft_fdb_entry entry, old;
	struct live_tunnel *before; /* that the old one led to */
};

/* Fills bridge, port, tunnel and key. */
int fdb_target(struct kernel *kernel, const struct fdb_spec *spec, struct fdb_target *ret,
	       struct error *err);
/* Device, destination and, where they are not the tunnel's, VNI and options; these are held by the remote only. */
void fdb_spec_remote(struct fdb_spec *spec, const struct live_remote *remote);
/* A static entry is gone or leads elsewhere: its remote has an owner less. */
void fdb_static_gone(struct kernel *kernel, const struct weft_fdb_entry *entry);
/* {"mac": "00:00:00:00:00:00", ...} for a remote that is flooded to by the FDB's word. */
json_t *fdb_zero_json(const struct live_remote *remote, bool words);
void fdb_zero_event(struct kernel *kernel, const char *what, const struct live_remote *remote);

#endif
