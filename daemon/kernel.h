/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel side of weftd, as the model's side sees it: everything below here
 * makes system calls (maps, netlink, sockets), everything above makes none.
 *
 * One thread, one event loop: nothing here blocks on a peer or is called from
 * elsewhere. Strings and structs passed in stay the caller's.
 */
#ifndef WEFT_DAEMON_KERNEL_H
#define WEFT_DAEMON_KERNEL_H

#include <event2/event.h>
#include <jansson.h>

#include "daemon/options.h"
#include "lib/error.h"
#include "lib/objects.h"
#include "lib/schema.h"

struct kernel;

/* What the kernel side tells the model's side, any time from kernel_start() on. JSON stays the caller's. */
struct kernel_callbacks {
	/* An FDB entry came, went or moved: `entry` as kernel_fdb_walk() gives it. */
	void (*fdb)(void *arg, const char *what,
		    json_t *entry); /* "learn" "move" "age" "add" "del" */
	/* Is anybody told of that? No JSON is made for nobody. NULL: always. */
	bool (*fdb_wanted)(void *arg);
	/*
	 * A port, tunnel or remote changed state: {"noun":..,"name":..,"state":..,...}; or the way to a remote did:
	 * {"event":"path_mtu","noun":"tunnel","name":..,"remote":..,"path_mtu":BYTES}; or weftd has set the MTU of a
	 * device that is not its own: {"event":"mtu","noun":"port","name":..,"mtu":BYTES}
	 */
	void (*state)(void *arg, json_t *event);
	/*
	 * What a packet said to weftd: {"event":"control","tunnel":..,"remote"?:..,"length":BYTES,"packet":HEX, from
	 * the GENEVE header on} or {"event":"options","tunnel":..,"remote"?:..,"options":[..]}
	 */
	void (*packet)(void *arg, json_t *event);
	void *arg;
};

/*
 * Makes the kernel side ready in the network namespace of the caller. If a datapath
 * is found on `lo` it is adopted: its maps are kept and its programs replaced by
 * this build's, without losing a packet; `state` is what kernel_state() gave the last
 * weftd (ids, ifindexes, what was created), or NULL. With no datapath, nothing
 * is loaded or attached until the first object comes.
 *
 * After this the model's side replays every object of the state file with
 * kernel_apply(replay=true), which reconciles rather than creates; then calls
 * kernel_settle(), which removes what the kernel still has and no object owns.
 */
int kernel_start(struct event_base *base, const char *rundir, const json_t *state,
		 const struct kernel_callbacks *callbacks, struct kernel **ret, struct error *err);
int kernel_settle(struct kernel *kernel, struct error *err);
/* Lets go and leaves forwarding on. */
void kernel_stop(struct kernel *kernel);

/* What the next weftd needs besides the objects: ids by name, devices and qdiscs created. */
json_t *kernel_state(const struct kernel *kernel);

/* One change: add (old NULL), delete (new NULL) or change. Objects are the schema's structs. */
struct change {
	enum noun noun;
	const void *old;
	const void *new;
};

/*
 * Carries out all changes or none: on failure what was done is undone and `err`
 * says which object and field. Order is the function's business: adds before
 * deletes, so that traffic meets no gap. The objects must be valid by
 * object_check() and by the model; what only the kernel can tell (no such device, device in
 * another bridge, UDP port held by somebody else, address refused) is refused here.
 */
int kernel_apply(struct kernel *kernel, const struct change *change, size_t count, bool replay,
		 struct error *err);

/* Live state for `show`: members to merge into the object's JSON under "state", new reference. */
json_t *kernel_bridge_state(struct kernel *kernel, const char *name);
json_t *kernel_port_state(struct kernel *kernel, const char *name);
json_t *kernel_tunnel_state(struct kernel *kernel, const char *name); /* with its remotes */

/* A packet that is to be traced. Strings stay the caller's. */
struct trace_request {
	const char *port; /* it comes from this port, */
	const char *
		dev; /* or by this device of the underlay; NULL: by that of the remote that it is from */
	const char *packet; /* hexadecimal, from its Ethernet header on, a VLAN tag in its place */
	uint32_t segment;   /* a super-packet: payload of each segment, bytes; else 0 */
};
/*
 * What the datapath would do with it (docs/api.md), with no effect on anything. Some tenths of a second where nobody has
 * asked of late.
 */
int kernel_trace(struct kernel *kernel, const struct trace_request *request, json_t **ret,
		 struct error *err);

/* Totals per port and tunnel with per-remote lists, and drops: see docs/api.md stats, drops. */
json_t *kernel_stats(struct kernel *kernel);
json_t *kernel_drops(struct kernel *kernel);
/* Packets that were odd and delivered: [{"note","packets","tunnel"?,"meaning"}] */
json_t *kernel_notes(struct kernel *kernel);
/* features, map sizes and memory, underlay devices, holder, lost events */
json_t *kernel_status(struct kernel *kernel);

/*
 * A frame of `count` bytes, and zeros up to `length`, enters at a port as if it had come from there, and is learned and sent
 * like any other. -EAGAIN beyond INJECT_RATE a second. INJECT_BYTES is what can be given of it.
 */
#define INJECT_RATE	  1000
#define INJECT_BYTES	  2048
#define INJECT_LENGTH_MAX 9234
int kernel_inject(struct kernel *kernel, const char *port, const uint8_t *frame, size_t count,
		  size_t length, struct error *err);

/* --- FDB ------------------------------------------------------------------------------ */

/* An entry as the API speaks of it. */
struct fdb_spec {
	char bridge[NAME_LEN]; /* may be empty where dev says it */
	char dev[NAME_LEN];    /* port or tunnel */
	uint8_t mac[6];
	uint32_t vlan;
	struct weft_addr dst; /* any: none (a port; or the tunnel's only remote) */
	uint32_t vni;	      /* FDB_VNI_TUNNEL: the tunnel's own */
	bool dynamic;	      /* ages like a learned one */
	/*
	 * GENEVE options to that destination in place of the tunnel's, NULL: the tunnel's. The spec is copied as it
	 * is: who keeps one keeps the set held (daemon/options.h) as long. In calls of this file the caller's;
	 * what the kernel side keeps it holds itself.
	 */
	struct options_set *options;
};
#define FDB_VNI_TUNNEL UINT32_MAX

enum fdb_mode { FDB_ADD, FDB_REPLACE, FDB_APPEND };

/*
 * ADD refuses an entry that is there as a static one; REPLACE changes it; APPEND is
 * for the all-zero MAC (another destination of floods) and else as ADD. The all-zero MAC with ADD,
 * REPLACE or APPEND adds `dst` to where the tunnel floods. Many at once are all or nothing.
 */
int kernel_fdb_set(struct kernel *kernel, enum fdb_mode mode, const struct fdb_spec *spec,
		   size_t count, struct error *err);
int kernel_fdb_del(struct kernel *kernel, const struct fdb_spec *spec, size_t count,
		   struct error *err);

struct fdb_filter {
	char bridge[NAME_LEN], dev[NAME_LEN]; /* empty: all */
	uint32_t vlan;			      /* 0: all */
	bool mac_set;
	uint8_t mac[6];
	struct weft_addr dst; /* any: all */
	bool no_static, no_learned, no_local;
};
/*
 * Up to `limit` entries that pass the filter, from `cursor` (NULL: from the start), as a JSON list of
 * {"mac","bridge","dev","vlan"?,"dst"?,"vni"?,"option"?,"state":"static|learned|local","age":SECONDS?}.
 * With `words`, each is a string of words (lib/entry_words.h) that has those members.
 * `ret_cursor` is a new string, or NULL at the end.
 */
int kernel_fdb_walk(struct kernel *kernel, const struct fdb_filter *filter, const char *cursor,
		    size_t limit, bool words, json_t **ret, char **ret_cursor, struct error *err);
/*
 * Calls `each` for every entry that passes, as kernel_fdb_set() would make it: with bridge and VLAN, `dst` and, if they
 * are not the tunnel's, VNI and options. All-zero MACs come first; those of internal ports are left out. The spec is
 * gone after the call.
 */
int kernel_fdb_each(struct kernel *kernel, const struct fdb_filter *filter,
		    void (*each)(void *arg, const struct fdb_spec *spec), void *arg,
		    struct error *err);
/* One entry by bridge, VLAN and MAC; -ENOENT. */
int kernel_fdb_get(struct kernel *kernel, const struct fdb_spec *key, json_t **ret,
		   struct error *err);
/* A flush in slices: where the next one begins, to be zero at the first, and how much is looked at. */
struct fdb_flush {
	bool begun;
	uint32_t position;
	size_t limit; /* entries, rounded up; 0: no limit */
	bool more;    /* set by the call: there is another slice */
};
/*
 * Removes what passes the filter: learned ones, and static ones too with `statics`. Returns how many. `flush` NULL: all at
 * once.
 */
int kernel_fdb_flush(struct kernel *kernel, const struct fdb_filter *filter, bool statics,
		     struct fdb_flush *flush, struct error *err);

#endif
