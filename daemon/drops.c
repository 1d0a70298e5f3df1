/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drops: counters by reason and place, how fast they go up, and the last packet of each reason.
 *
 * A rate needs two looks: the counters are noted every few seconds, and a rate is what was added since
 * the last note but one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/live.h"
#include "lib/hex.h"
#include "lib/table.h"

#define SAMPLE_SECONDS 5
#define RATE_MIN       1000 /* ms: what is shorter says nothing */
#define TAG_OFFSET     12
#define TAG_LENGTH     4

static const struct {
	const char *name, *cause, *mend;
} reasons[WEFT_DROP_MAX] = {
#define WEFT_DROP(name, string, cause, mend) [WEFT_DROP_##name] = {string, cause, mend},
	WEFT_DROPS(WEFT_DROP)
#undef WEFT_DROP
};
_Static_assert(WEFT_DROP_MAX <= WEFT_REASONS_MAX, "last_drops");

/* What a counter was at the last two looks, the older one first. */
struct sample {
	struct weft_drop_key key;
	uint64_t packets[2];
	bool there;
	UT_hash_handle hh;
};

struct drop_samples {
	struct event *timer;
	struct sample *table;
	uint64_t time[2]; /* of the looks, ms; 0: there was none */
};

/* All that is in map `last_drops`, a row of one for each CPU per reason. */
struct last_drops {
	uint32_t count;
	int cpus;
	struct weft_dropped *packet;
};

const char *drop_name(uint32_t reason)
{
	return reason > WEFT_DROP_NONE && reason < WEFT_DROP_MAX ? reasons[reason].name : NULL;
}

void drop_put(json_t *json, uint32_t reason)
{
	if (!drop_name(reason))
		return;
	json_object_set_new(json, "reason", json_string(reasons[reason].name));
	json_object_set_new(json, "cause", json_string(reasons[reason].cause));
	json_object_set_new(json, "mend", json_string(reasons[reason].mend));
}

/* --- Rates ----------------------------------------------------------------------------------- */

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sample_take(struct drop_samples *samples, const struct counter *counter)
{
	struct sample *sample = NULL;

	HASH_FIND(hh, samples->table, &counter->key, sizeof(counter->key), sample);
	if (!sample) {
		sample = calloc(1, sizeof(*sample));
		if (!sample)
			return;
		sample->key = counter->key;
		/* what was there before the first look has not come since */
		sample->packets[1] = samples->time[0] ? 0 : counter->packets;
		HASH_ADD(hh, samples->table, key, sizeof(sample->key), sample);
	}
	sample->packets[0] = sample->packets[1];
	sample->packets[1] = counter->packets;
	sample->there = true;
}

static void samples_take(struct kernel *kernel)
{
	struct drop_samples *samples = kernel->drop_samples;
	struct sample *sample, *next;
	struct counter_list list;

	counters_read(kernel, DP_DROPS, &list);
	for (uint32_t i = 0; i < list.count; i++)
		sample_take(samples, &list.counter[i]);
	free(list.counter);
	samples->time[0] = samples->time[1];
	samples->time[1] = milliseconds();
	if (!samples->time[0])
		samples->time[0] = samples->time[1];
	HASH_ITER (hh, samples->table, sample, next) {
		if (!sample->there) {
			HASH_DEL(samples->table, sample);
			free(sample);
		} else {
			sample->there = false;
		}
	}
}

static void samples_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	samples_take(arg);
}

/* Packets a second, or null where nobody has looked for long enough. */
static json_t *rate_json(struct kernel *kernel, const struct counter *counter)
{
	const struct drop_samples *samples = kernel->drop_samples;
	struct sample *sample = NULL;
	uint64_t elapsed, before, packets = counter->packets;

	if (!samples || !samples->time[0])
		return json_null();
	elapsed = milliseconds() - samples->time[0];
	if (elapsed < RATE_MIN)
		return json_null();
	HASH_FIND(hh, samples->table, &counter->key, sizeof(counter->key), sample);
	before = sample ? sample->packets[0] : 0;
	/* a counter that is below what it was began anew */
	packets -= packets >= before ? before : 0;
	return json_real((double)(packets * 10000 / elapsed) / 10);
}

int drops_start(struct kernel *kernel, struct error *err)
{
	const struct timeval period = {.tv_sec = SAMPLE_SECONDS};
	struct drop_samples *samples = calloc(1, sizeof(*samples));

	kernel->drop_samples = samples;
	if (samples)
		samples->timer = event_new(kernel->base, -1, EV_PERSIST, samples_due, kernel);
	if (!samples || !samples->timer || event_add(samples->timer, &period) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	samples_take(kernel);
	return 0;
}

void drops_stop(struct kernel *kernel)
{
	if (!kernel->drop_samples)
		return;
	if (kernel->drop_samples->timer)
		event_free(kernel->drop_samples->timer);
	table_free(kernel->drop_samples->table);
	free(kernel->drop_samples);
	kernel->drop_samples = NULL;
}

/* --- The last packet of each reason ---------------------------------------------------------- */

static void last_drops_read(struct kernel *kernel, struct last_drops *ret)
{
	struct dp_cursor cursor = {};
	uint32_t keys[WEFT_REASONS_MAX];

	ret->count = 0;
	ret->cpus = dp_cpus(kernel->dp);
	ret->packet = calloc((size_t)ret->cpus * WEFT_REASONS_MAX, sizeof(*ret->packet));
	if (ret->packet)
		dp_walk(kernel->dp, DP_LAST_DROPS, &cursor, keys, ret->packet, WEFT_REASONS_MAX,
			&ret->count);
}

static bool dropped_there(const struct weft_dropped *packet, uint32_t port, uint32_t tunnel)
{
	return packet->done && packet->port == port && packet->tunnel == tunnel;
}

/* The same, where a tunnel's device is its tunnel. */
static bool dropped_of(struct kernel *kernel, const struct weft_dropped *packet,
		       const struct weft_drop_key *key)
{
	const struct live_tunnel *tunnel = counter_tunnel(kernel, key);

	return dropped_there(packet, key->port, key->tunnel) ||
	       (tunnel && tunnel->port && dropped_there(packet, tunnel->port->id, 0));
}

/* The newest over the CPUs of this reason and place that is whole; NULL: there is none. */
static const struct weft_dropped *last_drop(struct kernel *kernel, const struct last_drops *last,
					    const struct weft_drop_key *key, uint32_t now)
{
	const struct weft_dropped *found = NULL;

	if (key->reason >= last->count)
		return NULL;
	for (int cpu = 0; cpu < last->cpus; cpu++) {
		const struct weft_dropped *packet =
			&last->packet[key->reason * (uint32_t)last->cpus + (uint32_t)cpu];

		if (packet->begun == packet->done && dropped_of(kernel, packet, key) &&
		    packet->captured <= WEFT_DROPPED_BYTES &&
		    (!found || now - packet->tick < now - found->tick))
			found = packet;
	}
	return found;
}

/* The bytes in hexadecimal; the tag that the kernel keeps beside them is put where it is on a wire. */
static json_t *packet_json(const struct weft_dropped *packet, bool tagged)
{
	uint8_t bytes[WEFT_DROPPED_BYTES + TAG_LENGTH];
	char text[2 * sizeof(bytes) + 1];
	size_t count = packet->captured;

	memcpy(bytes, packet->bytes, sizeof(packet->bytes));
	if (tagged) {
		memmove(bytes + TAG_OFFSET + TAG_LENGTH, bytes + TAG_OFFSET, count - TAG_OFFSET);
		memcpy(bytes + TAG_OFFSET, &packet->vlan_proto, 2);
		bytes[TAG_OFFSET + 2] = (uint8_t)(packet->vlan_tci >> 8);
		bytes[TAG_OFFSET + 3] = (uint8_t)packet->vlan_tci;
		count += TAG_LENGTH;
	}
	return json_string(hex_write(bytes, count, text));
}

static json_t *dropped_json(struct kernel *kernel, const struct weft_dropped *packet, uint32_t now)
{
	const struct link *link = link_by_index(kernel->netlink, packet->ifindex);
	bool tagged = packet->vlan_proto && packet->captured >= TAG_OFFSET;
	/* the datapath's clock is a little behind */
	uint32_t ticks = (int32_t)(now - packet->tick) > 0 ? now - packet->tick : 0;
	json_t *json = json_object();

	json_object_set_new(
		json, "ago",
		json_real((double)(((uint64_t)ticks << WEFT_TICK_SHIFT) / 10000000) / 100));
	if (link)
		json_object_set_new(json, "dev", json_string(link->name));
	json_object_set_new(json, "length", json_integer(packet->len + (tagged ? TAG_LENGTH : 0)));
	if (packet->segment)
		json_object_set_new(json, "segment", json_integer(packet->segment));
	json_object_set_new(json, "packet", packet_json(packet, tagged));
	return json;
}

/* Packets kept for an id that is to be somebody else's are nobody's. */
static void last_drops_forget(struct kernel *kernel, uint32_t port, uint32_t tunnel)
{
	struct last_drops last;

	last_drops_read(kernel, &last);
	for (uint32_t reason = 0; reason < last.count; reason++) {
		struct weft_dropped *row = &last.packet[reason * (uint32_t)last.cpus];
		bool found = false;

		for (int cpu = 0; cpu < last.cpus; cpu++) {
			if (!dropped_there(&row[cpu], port, tunnel))
				continue;
			row[cpu] = (struct weft_dropped){};
			found = true;
		}
		if (found)
			dp_put_cpus(kernel->dp, DP_LAST_DROPS, &reason, row);
	}
	free(last.packet);
}

void drops_forget(struct kernel *kernel, uint32_t port, uint32_t tunnel)
{
	struct weft_drop_key key = {.port = port, .tunnel = tunnel};

	for (key.reason = WEFT_DROP_NONE + 1; key.reason < WEFT_DROP_MAX; key.reason++)
		dp_delete(kernel->dp, DP_DROPS, &key);
	last_drops_forget(kernel, port, tunnel);
}

/* --- What the API says ------------------------------------------------------------------------- */

static json_t *drop_json(struct kernel *kernel, const struct counter *counter,
			 const struct last_drops *kept, uint32_t now)
{
	const struct live_tunnel *tunnel = counter_tunnel(kernel, &counter->key);
	const struct live_port *port = counter_port(kernel, &counter->key);
	const struct weft_dropped *last = last_drop(kernel, kept, &counter->key, now);
	json_t *json =
		json_pack("{s:s, s:I, s:o}", "reason", drop_name(counter->key.reason), "packets",
			  (json_int_t)counter->packets, "rate", rate_json(kernel, counter));

	drop_put(json, counter->key.reason);
	if (port)
		json_object_set_new(json, "port", json_string(port->name));
	if (tunnel)
		json_object_set_new(json, "tunnel", json_string(tunnel->name));
	if (last)
		json_object_set_new(json, "last", dropped_json(kernel, last, now));
	return json;
}

json_t *kernel_drops(struct kernel *kernel)
{
	json_t *json = json_array();
	struct counter_list list;
	struct last_drops last;

	if (!kernel->dp)
		return json;
	last_drops_read(kernel, &last);
	counters_read(kernel, DP_DROPS, &list);
	for (uint32_t i = 0; i < list.count; i++)
		if (drop_name(list.counter[i].key.reason))
			json_array_append_new(
				json, drop_json(kernel, &list.counter[i], &last, dp_tick()));
	free(list.counter);
	free(last.packet);
	return json;
}

struct drop_sums *drop_sums_read(struct kernel *kernel)
{
	struct drop_sums *sums = calloc(1, sizeof(*sums));
	struct counter_list list;

	if (!sums)
		return NULL;
	counters_read(kernel, DP_DROPS, &list);
	for (uint32_t i = 0; i < list.count; i++) {
		if (list.counter[i].key.port < WEFT_PORTS_MAX)
			sums->by_port[list.counter[i].key.port] += list.counter[i].packets;
		if (list.counter[i].key.tunnel < WEFT_TUNNELS_MAX)
			sums->by_tunnel[list.counter[i].key.tunnel] += list.counter[i].packets;
	}
	free(list.counter);
	return sums;
}
