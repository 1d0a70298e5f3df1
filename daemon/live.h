/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel side's own picture of what runs: each object of the model with its id and what was made
 * of it, and the remotes. Private to bridge.c, port.c, tunnel.c, remote.c, fdb.c, apply.c and what
 * belongs to them.
 *
 * What is taken away is only marked at first (struct purge) and goes when a transaction
 * is complete: one walk over the FDB then does for all of it, and a transaction that
 * fails finds everything as it was.
 */
#ifndef WEFT_DAEMON_LIVE_H
#define WEFT_DAEMON_LIVE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "daemon/dp.h"
#include "daemon/flood.h"
#include "daemon/holder.h"
#include "daemon/ids.h"
#include "daemon/kernel.h"
#include "daemon/netlink.h"
#include "daemon/nexthop.h"
#include "daemon/options.h"
#include "daemon/underlay.h"
#include "lib/objects.h"

struct live_bridge {
	char name[NAME_LEN]; /* "" for the one of a tunnel without a bridge */
	uint32_t id;
	struct bridge *config; /* NULL: the same */
	struct flood_list ports, remotes;
	struct live_port *port_list;
	struct live_tunnel *tunnel_list;
	bool mtu_changed; /* queued in kernel->mtu_list */
	struct live_bridge *mtu_next, *purge_next;
	int32_t count_change; /* of FDB entries, within one request */
	UT_hash_handle hh;
};

/* A device that the user has lent: what it had for an MTU before, and what weft has set. ifindex 0: none. */
struct lent_device {
	uint32_t ifindex, before, set;
	uint32_t refused; /* an MTU that the kernel did not take */
};

/* What a port's MTU was compared to. */
struct mtu_verdict {
	uint32_t overlay, mtu;
	uint32_t peer_netns;
};

#define MTU_TOLD_MAX 4

struct live_port {
	char name[NAME_LEN]; /* and that of the device */
	uint32_t id;
	struct port *config;	    /* NULL: the device of `tunnel` */
	struct live_tunnel *tunnel; /* it has no bridge but this hidden port */
	struct live_bridge *bridge;
	uint32_t ifindex; /* 0: the device is not there */
	uint32_t mtu;	  /* of a device that is weft's own */
	struct lent_device lent, lent_peer;
	struct mtu_verdict mtu_seen; /* at the last look */
	struct mtu_verdict
		mtu_told[MTU_TOLD_MAX]; /* of which the log was told, the last one first */
	bool up, peer;
	uint32_t slot;	   /* in the flood list */
	uint8_t lladdr[6]; /* its LOCAL entry's MAC, zero: it has none */
	struct live_port *bridge_prev, *bridge_next;
	UT_hash_handle hh;
};

#define TUNNEL_KEYS 2
struct live_tunnel {
	char name[NAME_LEN];
	uint32_t id;
	struct tunnel *config;
	struct live_bridge *bridge;
	struct live_port *port; /* hidden, without a bridge */
	struct live_remote
		*prototype[2]; /* IPv4 and IPv6, as far as the underlay may be of that kind */
	struct live_remote *remote_list;
	struct weft_peer_key key[TUNNEL_KEYS]; /* in `peers`, remote any */
	uint32_t key_count;
	struct weft_option_key *known; /* in `known_options` */
	size_t known_count;
	uint32_t group_ifindex; /* joined there, 0: not */
	bool dev_held, port_held, vni_held;
	bool doomed; /* in purge.tunnels */
	int32_t count_change;
	struct live_tunnel *bridge_prev, *bridge_next;
	struct live_tunnel *purge_next;
	UT_hash_handle hh;
};

/* Who wants a remote to be there. */
#define OWNER_CONFIG	(1u << 0) /* `remote` of the tunnel */
#define OWNER_GROUP	(1u << 1) /* `group` of the tunnel */
#define OWNER_PROTOTYPE (1u << 2)
#define OWNER_FLOOD	(1u << 3) /* all-zero MAC in the FDB */
#define OWNER_FDB	(1u << 4) /* static FDB entries, counted in `statics` */
#define OWNER_DYNAMIC	(1u << 5) /* FDB entries that age; goes when none is left */
#define OWNER_LEARNED	(1u << 6) /* made by the datapath; goes when idle */
#define OWNER_BASE	(1u << 7) /* remotes with another VNI at this address, counted in `based` */
#define OWNERS_FLOODED	(OWNER_CONFIG | OWNER_GROUP | OWNER_FLOOD)
#define OWNERS_AGEING	(OWNER_DYNAMIC | OWNER_LEARNED)

struct remote_key {
	uint32_t tunnel; /* id */
	uint32_t vni;	 /* tunnel_vni(), or an FDB entry's */
	uint32_t
		options; /* id of the options that an FDB entry has (daemon/options.h); 0: the tunnel's */
	struct weft_addr addr;
};

struct live_remote {
	struct remote_key key;
	uint32_t id;
	struct kernel *kernel;
	struct live_tunnel *tunnel;
	uint32_t owners;
	uint32_t statics, based;
	struct live_remote *
		base; /* the one at this address as the tunnel has it, if this has a VNI or options of its own */
	struct options_set *options; /* NULL: the tunnel's */
	uint32_t slot;		     /* in the flood list, or FLOOD_NO_SLOT */
	struct nexthop_user *nexthop;
	struct nexthop hop;
	bool written; /* its slot, when the next hop's gateway was this one */
	bool lowered; /* the slot had a path MTU when it was written */
	struct weft_addr gateway;
	struct weft_peer_key peer,
		hint; /* in `peers`: the explicit key, and one by the route's source */
	bool has_peer, has_hint;
	struct weft_peer_key path; /* in `paths` */
	bool has_path;
	bool touched;	     /* in purge.remotes */
	bool retired;	     /* its entries are being purged */
	bool wanted;	     /* a mark for the time of a comparison */
	uint8_t idle;	     /* sweeps in which no FDB entry used it */
	uint64_t rx_packets; /* at the last sweep */
	struct live_remote *tunnel_prev, *tunnel_next;
	struct live_remote *purge_next;
	UT_hash_handle hh;
};

/* Bit sets by id. */
struct purge {
	bool any; /* the FDB must be walked */
	uint64_t bridge[WEFT_BRIDGES_MAX / 64];
	uint64_t bridge_refiltered[WEFT_BRIDGES_MAX / 64]; /* VLAN-aware now, or no more */
	uint64_t port[WEFT_PORTS_MAX / 64];
	uint64_t port_learned[WEFT_PORTS_MAX / 64];
	uint64_t remote[WEFT_REMOTES_MAX / 64];
	struct live_remote *remotes; /* whose owners changed */
	struct live_tunnel *tunnels; /* to be freed */
	struct live_bridge *bridges; /* to be freed */
};

static inline void bit_set(uint64_t *set, uint32_t id)
{
	set[id / 64] |= 1ULL << (id % 64);
}

static inline bool bit_test(const uint64_t *set, uint32_t id)
{
	return set[id / 64] >> (id % 64) & 1;
}

/* A UDP port that tunnels receive by. */
struct live_listen {
	uint32_t port;
	uint8_t type;		  /* enum weft_type */
	bool held;		  /* by weft-holder */
	uint32_t tunnels;	  /* that use it */
	uint32_t collector;	  /* ifindex of the external device that has it; 0: none */
	char problem[ERROR_LINE]; /* why there is none */
	UT_hash_handle hh;
};

/* What is known of the host's taking what the datapath hands to it: map `collects`, as last looked at. */
struct live_collect {
	uint64_t handed, back;
	unsigned int
		silent; /* looks in a row at which more was handed over, and nothing had come back */
};

struct recovered;    /* recover.h */
struct sweep;	     /* fdb_sweep.c */
struct events;	     /* events.c */
struct notes;	     /* notes.c */
struct path_mtus;    /* path_mtu.c */
struct drop_samples; /* drops.c */
struct captures;     /* capture.c */
struct tracer;	     /* trace.c */

/* How many frames may be injected now (daemon/inject.c). */
struct inject_limit {
	double tokens;
	uint64_t since; /* CLOCK_MONOTONIC, us */
};

struct kernel {
	struct event_base *base;
	struct kernel_callbacks callbacks;
	struct netlink *netlink;
	struct netlink_listener listener;
	struct nexthops *nexthops;
	struct underlay *underlay;
	struct holder *holder;
	struct dp *dp;	     /* NULL: no datapath */
	uint32_t splitter;   /* ifindex that the datapath redirects to, 0: there is none */
	bool splitter_tried; /* not again, as long as there are tunnels */
	struct event *lease;
	struct event *purge_timer; /* the pause of purge_soon() */
	struct moves *moves;	   /* moves.c; NULL: none yet */
	uint64_t events_lost;	   /* as of the last look */
	struct events *events;
	struct sweep *sweep;
	struct notes *notes;
	struct path_mtus *path_mtus;
	struct drop_samples *drop_samples;
	struct captures *captures;   /* NULL: nobody looks */
	int capture_last;	     /* number of the last one */
	struct tracer *tracer;	     /* NULL: nobody has asked of late */
	struct recovered *recovered; /* until kernel_settle() */
	bool replaying;		     /* objects are put back: what is missing now may come later */
	bool devices_doomed;	     /* to be reaped at the end of the transaction */

	struct ids bridge_ids, port_ids, tunnel_ids, remote_ids;
	struct live_bridge **bridge_by_id;
	struct live_port **port_by_id;
	struct live_tunnel **tunnel_by_id;
	struct live_remote **remote_by_id;
	struct live_bridge *bridges; /* by name */
	struct live_port *ports;     /* by name, hidden ones too */
	struct live_tunnel *tunnels; /* by name */
	struct live_remote *remotes; /* by key */

	char (*port_names)[NAME_LEN]; /* by id, also of those that are gone */
	struct live_listen *listens;  /* by UDP port */
	struct live_collect collect;
	struct inject_limit inject;
	uint16_t gre[4];	    /* tunnels by what they ask of GRE: bits of WEFT_LISTEN_* */
	struct vni_count *vnis;	    /* peers.c */
	struct group_count *groups; /* peers.c */
	bool counts_changed;	    /* some count_change is not 0 */
	uint32_t fdb_generation;    /* another one whenever the FDB may have changed */
	struct live_bridge *mtu_list;
	struct purge purge;
};

/* --- bridge.c -------------------------------------------------------------------------------- */
int bridge_add(struct kernel *kernel, const struct bridge *config, struct live_bridge **ret,
	       struct error *err);
/* One without a name. `id` is the one it had before, or 0. */
int bridge_add_hidden(struct kernel *kernel, uint32_t id, struct live_bridge **ret,
		      struct error *err);
int bridge_set(struct kernel *kernel, struct live_bridge *bridge, const struct bridge *config,
	       struct error *err);
/* It has no ports and tunnels any more. Entries of the FDB go at the end of the transaction. */
void bridge_delete(struct kernel *kernel, struct live_bridge *bridge);
void bridges_free(struct kernel *kernel);
struct live_bridge *bridge_find(struct kernel *kernel, const char *name);
int bridge_write(struct kernel *kernel, const struct live_bridge *bridge, struct error *err);
bool bridge_vlan_aware(const struct live_bridge *bridge);
uint32_t bridge_ageing(const struct live_bridge *bridge); /* ticks */
/* What the bridge's own devices should have for an MTU has changed, perhaps. */
void bridge_mtu_changed(struct kernel *kernel, struct live_bridge *bridge);
void bridges_mtu_apply(struct kernel *kernel);
/* The smallest MTU that one of its tunnels leaves; 0: it has none. */
uint32_t bridge_overlay_mtu(const struct live_bridge *bridge);

/* --- port.c ---------------------------------------------------------------------------------- */
int port_add(struct kernel *kernel, const struct port *config, bool replay, struct error *err);
int port_add_hidden(struct kernel *kernel, struct live_tunnel *tunnel, uint32_t id,
		    struct error *err);
/* An internal port's device; one that cannot change its MAC is made anew, with the addresses configured. */
int port_lladdr_set(struct kernel *kernel, struct live_port *port, const uint8_t lladdr[6],
		    struct error *err);
int port_set(struct kernel *kernel, struct live_port *port, const struct port *config,
	     struct error *err);
void port_delete(struct kernel *kernel, struct live_port *port);
struct live_port *port_find(struct kernel *kernel, const char *name);
/* Writes map `ports` and the trunk. */
int port_write(struct kernel *kernel, struct live_port *port, struct error *err);
/* LOCAL entries of the FDB: as the device's MAC, the VLANs and the bridge say. */
void port_local_apply(struct kernel *kernel, struct live_port *port);
void port_link_event(struct kernel *kernel, enum link_event event, const struct link *link,
		     const struct link *old);

/* --- port_mtu.c --------------------------------------------------------------------------------- */
/* The device gets what its port and its bridge's tunnels say it should have, or the log is told that it has more. */
void port_mtu_follow(struct kernel *kernel, struct live_port *port);
/* A lent device, and its far end, has again what it had before, unless somebody else has set it since. */
void port_mtu_give_back(struct kernel *kernel, struct live_port *port);
void port_mtu_link_changed(struct kernel *kernel, const struct link *link, const struct link *old);
/* Adds `mtu_overlay`, what the tunnels carry, and `mtu_peer`, that of a veth's other end, as far as they are known. */
void port_mtu_json(struct kernel *kernel, const struct live_port *port, json_t *json);
/* What the next weftd must know to give MTUs back; NULL: nothing. */
json_t *port_mtu_state(const struct live_port *port);
void port_mtu_recover(struct kernel *kernel, struct live_port *port);

/* A filter went off this device: if it was a port's, it is put there again. */
void port_filter_event(struct kernel *kernel, uint32_t ifindex);

/* --- tunnel.c -------------------------------------------------------------------------------- */
int tunnel_add(struct kernel *kernel, const struct tunnel *config, bool replay, struct error *err);
int tunnel_set(struct kernel *kernel, struct live_tunnel *tunnel, const struct tunnel *config,
	       bool replay, struct error *err);
void tunnel_delete(struct kernel *kernel, struct live_tunnel *tunnel);
void tunnels_free(struct kernel *kernel);
struct live_tunnel *tunnel_find(struct kernel *kernel, const char *name);
int tunnel_write(struct kernel *kernel, struct live_tunnel *tunnel, struct error *err);
/* Where packets of no known remote are counted. */
struct live_remote *tunnel_prototype(const struct live_tunnel *tunnel);
/* That of the address's version of IP; NULL: the underlay is of the other one. */
struct live_remote *tunnel_prototype_of(const struct live_tunnel *tunnel,
					const struct weft_addr *addr);
/* MTU that the underlay leaves to frames of this tunnel. */
uint32_t tunnel_mtu(const struct live_tunnel *tunnel);
/* The tunnels' underlay device `link` has changed. */
void tunnel_link_event(struct kernel *kernel, enum link_event event, const struct link *link);
/* enum weft_type of its packets. */
uint8_t tunnel_wire_type(const struct tunnel *config);
/* The one remote that is configured; NULL: there are none or several. */
struct live_remote *tunnel_only_remote(const struct live_tunnel *tunnel);
/* Does the tunnel take packets from any source, and so make remotes of them? */
bool tunnel_is_open(const struct tunnel *config);

/* --- remote.c -------------------------------------------------------------------------------- */
/* The key of a remote at `addr` that has VNI and options of the tunnel. */
struct remote_key remote_key(const struct live_tunnel *tunnel, const struct weft_addr *addr);
/* Finds or makes it and makes `owner` one of its owners. */
int remote_own(struct kernel *kernel, struct live_tunnel *tunnel, const struct remote_key *key,
	       uint32_t owner, struct live_remote **ret, struct error *err);
/* OWNER_FDB and OWNER_BASE are counted, the others are not. */
void remote_disown(struct kernel *kernel, struct live_remote *remote, uint32_t owner);
struct live_remote *remote_find(struct kernel *kernel, const struct remote_key *key);
/* Writes its slot and its keys in `peers` again, after the tunnel or the next hop changed. */
int remote_write(struct kernel *kernel, struct live_remote *remote, struct error *err);
/* Follows the next hop by what the tunnel says now, and writes it. */
int remote_track(struct kernel *kernel, struct live_remote *remote, struct error *err);
/* Its next hop follows from a device rather than a route: a group's, a prototype's. */
bool remote_by_device(const struct live_remote *remote);
/* Does the route to it go by the device of its own tunnel, which is no way there? */
bool remote_by_itself(const struct live_remote *remote);
bool remote_is_v6(const struct live_remote *remote);
/* Has it a VNI or options that are not the tunnel's? */
bool remote_is_special(const struct live_remote *remote);
/* The key of what stands in a slot, with its options held: *ret_options is for options_release(). */
int remote_slot_key(struct kernel *kernel, uint32_t id, const struct weft_remote *slot,
		    struct remote_key *ret, struct options_set **ret_options);
/* One that the datapath made, or an earlier weftd knew: takes over slot `id`. */
int remote_adopt(struct kernel *kernel, struct live_tunnel *tunnel, uint32_t id,
		 const struct weft_remote *slot, uint32_t owner, struct live_remote **ret);
/* Before the FDB is purged: takes those without owners out of use; false: there are no more. After it: frees
 * their slots. */
bool remotes_retire(struct kernel *kernel);
void remotes_free(struct kernel *kernel);
void spares_fill(struct kernel *kernel);

/* --- path_mtu.c: what ICMP errors say of the way to a remote ---------------------------------------- */
/*
 * Fills hop_mtu, mtu_kept, path_mtu, path_tick and mtu of a slot whose template and ifindex stand already, and which is
 * then to be written. What was learned stays as long as the way is the same.
 */
void path_mtu_fill(struct kernel *kernel, struct live_remote *remote, struct weft_remote *slot);
/* The path MTU that was learned, and in how many seconds it is forgotten; 0: none. */
uint16_t path_mtu_get(struct kernel *kernel, const struct live_remote *remote,
		      uint32_t *ret_expires);
/* Writes the slots whose path MTU is no more believed, for what else follows from the MTU. */
void path_mtu_sweep(struct kernel *kernel);
void path_mtu_event(struct kernel *kernel, const struct weft_path_mtu_event *event);
void path_mtu_stop(struct kernel *kernel);

/* --- peers.c: `peers`, `vnis`, `addresses` -------------------------------------------------------- */
void peers_of_remote(struct kernel *kernel, struct live_remote *remote);
void peers_of_remote_remove(struct kernel *kernel, struct live_remote *remote);
void peers_of_tunnel(struct kernel *kernel, struct live_tunnel *tunnel);
void peers_of_tunnel_remove(struct kernel *kernel, struct live_tunnel *tunnel);
/* Removes the key by which a remote that the datapath made out of a spare, and nobody wants, is found. */
void peers_of_slot_remove(struct kernel *kernel, uint32_t id, const struct weft_remote *slot);
/* Puts all keys of the tunnel and its remotes there again. */
void peers_restore(struct kernel *kernel, struct live_tunnel *tunnel);
int vni_hold(struct kernel *kernel, const struct tunnel *config, struct error *err);
void vni_release(struct kernel *kernel, const struct tunnel *config);
int group_hold(struct kernel *kernel, const struct weft_addr *group, uint32_t ifindex,
	       struct error *err);
void group_release(struct kernel *kernel, const struct weft_addr *group, uint32_t ifindex);
void addresses_fill(struct kernel *kernel);
void address_event(struct kernel *kernel, const struct weft_addr *addr);
/* After a restart: removes from the maps what nobody here put there. */
void peers_settle(struct kernel *kernel);
void peers_free(struct kernel *kernel);

/* --- listen.c: `listen` ------------------------------------------------------------------------- */
/* The tunnel's UDP port, or GRE: counted. */
int listen_hold(struct kernel *kernel, const struct tunnel *config, struct error *err);
void listen_release(struct kernel *kernel, const struct tunnel *config);
/* To be called once a second: a host that drops what it is handed is not handed any more. */
void listen_watch(struct kernel *kernel);
/* Is it the external device of a port? */
bool listen_has_device(const struct kernel *kernel, uint32_t ifindex);
void listen_link_event(struct kernel *kernel, enum link_event event, const struct link *link,
		       const struct link *old);
void listen_filter_event(struct kernel *kernel, uint32_t ifindex);
/*
 * [{"port","type","gro":DEVICE,"refused"?:true} or {..,"no_gro":REASON}]: are received packets merged by the kernel?
 * `refused`: the host drops what listen_watch() looks at.
 */
json_t *listen_json(const struct kernel *kernel);
/* After a restart: removes from the map what no tunnel listens on. */
void listen_settle(struct kernel *kernel);
void listen_free(struct kernel *kernel);

/* --- paths.c: `paths` -------------------------------------------------------------------------- */
/* `source`: what packets to the remote are sent from; any: they are not. */
void path_of_remote(struct kernel *kernel, struct live_remote *remote,
		    const struct weft_addr *source);
void path_of_remote_remove(struct kernel *kernel, struct live_remote *remote);
/* Did anybody here put that there? */
bool path_is_ours(struct kernel *kernel, const struct weft_peer_key *key, uint32_t id);

/* --- fdb_sweep.c: ageing ------------------------------------------------------------------------ */
int sweep_start(struct kernel *kernel, struct error *err);
void sweep_stop(struct kernel *kernel);

/* --- fdb_purge.c: what transactions leave behind ------------------------------------------------ */
/* Ends a transaction: everything that was taken away goes. */
void purge_run(struct kernel *kernel);
/*
 * The same for what comes one by one: at once, but with a pause in which more may come together, since it may
 * have to walk the whole FDB.
 */
void purge_soon(struct kernel *kernel);
/* After a restart: counts the static entries of each remote, sets fdb_counts right, removes what
 * points nowhere. */
void fdb_settle(struct kernel *kernel);
/* Adds what bridges and tunnels have in count_change to map `fdb_counts`. */
void fdb_counts_apply(struct kernel *kernel);
/* The bridge of an entry, and the tunnel (NULL: it is on a port). False if it points nowhere. */
bool fdb_entry_owner(struct kernel *kernel, const struct weft_fdb_key *key,
		     const struct weft_fdb_entry *entry, struct live_bridge **ret_bridge,
		     struct live_tunnel **ret_tunnel);
/* An entry is gone from the map: its counts go down, listeners hear `what`. */
void fdb_entry_gone(struct kernel *kernel, const struct weft_fdb_key *key,
		    const struct weft_fdb_entry *entry, const char *what);

/* --- fdb_keep.c: static entries across a failed transaction ------------------------------------- */
struct fdb_kept;
/* Those that the purge to come will take although their port or tunnel is there again. */
struct fdb_kept *fdb_keep(struct kernel *kernel);
/* After the purge: sets them again, and frees the list. */
void fdb_keep_restore(struct kernel *kernel, struct fdb_kept *kept);

/* --- moves.c ---------------------------------------------------------------------------------------- */

/* A MAC has moved (WEFT_EVENT_MOVE). */
void moves_note(struct kernel *kernel, const struct weft_event *event);
/* Those that flap: [{mac, bridge, vlan?, moves (within a minute), from, to: {dev, dst?}}]. */
json_t *moves_json(struct kernel *kernel);

/* --- fdb_json.c ----------------------------------------------------------------------------------- */
/* The entry as the API has it, an object or a string of words; NULL if it points nowhere. */
json_t *fdb_entry_json(struct kernel *kernel, const struct weft_fdb_key *key,
		       const struct weft_fdb_entry *entry, bool words);
/* The entry as kernel_fdb_set() would make it, its options held by its remote only; false: it points nowhere. */
bool fdb_entry_spec(struct kernel *kernel, const struct weft_fdb_key *key,
		    const struct weft_fdb_entry *entry, struct fdb_spec *ret);
/* Is anybody told of events of the FDB? */
bool fdb_event_wanted(const struct kernel *kernel);
void fdb_event(struct kernel *kernel, const char *what, const struct weft_fdb_key *key,
	       const struct weft_fdb_entry *entry);

/* --- events.c ------------------------------------------------------------------------------------- */
int events_start(struct kernel *kernel, struct error *err);
void events_stop(struct kernel *kernel);
/* How many the datapath could not get rid of. */
uint64_t events_lost(const struct kernel *kernel);
/* Looks for remotes that the datapath made and whose event was lost. */
void events_catch_up(struct kernel *kernel);
void state_event(struct kernel *kernel, const char *noun, const char *name, const char *state);
/* The MTU of a device that the port has been lent was set. */
void port_mtu_event(struct kernel *kernel, const struct live_port *port, uint32_t mtu);
void remote_state_event(struct kernel *kernel, const struct live_remote *remote);

/* --- geneve.c -------------------------------------------------------------------------------------- */
void geneve_control_event(struct kernel *kernel, const struct weft_control_event *event);
/* Remote `id` sends other options than it did. */
void geneve_options_event(struct kernel *kernel, uint32_t id);
/* The options last received from it, as options_json(); NULL: none ever were. */
json_t *geneve_options_seen(struct kernel *kernel, uint32_t id);

/* --- notes.c --------------------------------------------------------------------------------------- */
/* Tells the log from time to time what is odd in received packets. */
int notes_start(struct kernel *kernel, struct error *err);
void notes_stop(struct kernel *kernel);
void notes_forget(struct kernel *kernel, uint32_t tunnel);
/* The note's word; NULL: this weftd does not know it. */
const char *note_name(uint32_t note);

/* --- counters.c: maps `drops` and `notes` --------------------------------------------------------- */
typedef void (*counter_each)(struct kernel *kernel, const struct weft_drop_key *key,
			     uint64_t packets, void *arg);
/* Every counter of the map, summed over the CPUs. */
void counters_walk(struct kernel *kernel, enum dp_map map, counter_each each, void *arg);
struct counter {
	struct weft_drop_key key;
	uint64_t packets;
};
struct counter_list {
	struct counter *counter; /* to be freed */
	uint32_t count;
};
/* The same as a list in the order of keys, in which a tunnel's device is its tunnel. 0 or -ENOMEM. */
int counters_read(struct kernel *kernel, enum dp_map map, struct counter_list *ret);
/* Whose it is, NULL: nobody's. */
struct live_tunnel *counter_tunnel(const struct kernel *kernel, const struct weft_drop_key *key);
struct live_port *counter_port(const struct kernel *kernel, const struct weft_drop_key *key);

/* --- drops.c --------------------------------------------------------------------------------------- */
int drops_start(struct kernel *kernel, struct error *err);
void drops_stop(struct kernel *kernel);
/* Forgets drops counted for an id before somebody else gets it. */
void drops_forget(struct kernel *kernel, uint32_t port, uint32_t tunnel);
/* The reason's word; NULL: this weftd does not know it. */
const char *drop_name(uint32_t reason);
/* "reason", "cause" and "mend" (abi/drops.h) into an object. */
void drop_put(json_t *json, uint32_t reason);
struct drop_sums {
	uint64_t by_port[WEFT_PORTS_MAX];
	uint64_t by_tunnel[WEFT_TUNNELS_MAX];
};
/* To be freed; NULL: out of memory. */
struct drop_sums *drop_sums_read(struct kernel *kernel);

/* --- stats.c --------------------------------------------------------------------------------------- */
void stats_add(struct weft_stats *sum, const struct weft_stats *more);
/* A remote's name within its tunnel: the address, and VNI and options if they are its own. */
#define REMOTE_STRLEN (ADDR_STRLEN + 48)
const char *remote_name(const struct live_remote *remote, char text[REMOTE_STRLEN]);

/* --- recover.c ------------------------------------------------------------------------------------ */
int recover_load(struct kernel *kernel, const json_t *state, struct error *err);
void recover_free(struct kernel *kernel);
/* The id that the object had; 0: none. Each only once. */
uint32_t recover_id(struct kernel *kernel, const char *section, const char *name);
void recover_flood(struct kernel *kernel, struct live_bridge *bridge);
/* What port_mtu_state() said of the port; NULL: nothing. Good until recover_free(). */
const json_t *recover_lent(struct kernel *kernel, const char *name);
/* The slot of a remote with this key; 0: none. It is the caller's then. */
uint32_t recover_remote(struct kernel *kernel, const struct remote_key *key);
/* Devices that were made by weft and belong to nobody. */
void recover_links(struct kernel *kernel);
/* Everything else that no object claimed. */
void recover_settle(struct kernel *kernel);

#endif
