/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notes: what is odd in packets that are delivered all the same (abi/notes.h), and what RFC 6935 5 wants
 * logged of those that are not. The datapath counts; once in a while the log is told, a line for each tunnel and kind,
 * however many packets there were.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/live.h"
#include "daemon/log.h"
#include "lib/table.h"

#define LOG_INTERVAL 60 /* seconds */

static const struct {
	const char *name, *meaning;
} note_kinds[WEFT_NOTE_MAX] = {
#define WEFT_NOTE(name, string, meaning) [WEFT_NOTE_##name] = {string, meaning},
	WEFT_NOTES(WEFT_NOTE)
#undef WEFT_NOTE
};

/* Up to when the log has been told. */
struct told {
	struct weft_drop_key key;
	uint64_t packets;
	UT_hash_handle hh;
};

struct notes {
	struct event *timer;
	struct told *told;
};

const char *note_name(uint32_t note)
{
	return note > WEFT_NOTE_NONE && note < WEFT_NOTE_MAX ? note_kinds[note].name : NULL;
}

static void note_json(struct kernel *kernel, const struct weft_drop_key *key, uint64_t packets,
		      void *arg)
{
	const struct live_tunnel *tunnel = counter_tunnel(kernel, key);
	json_t *json;

	if (key->reason <= WEFT_NOTE_NONE || key->reason >= WEFT_NOTE_MAX)
		return;
	json = json_pack("{s:s, s:I, s:s}", "note", note_kinds[key->reason].name, "packets",
			 (json_int_t)packets, "meaning", note_kinds[key->reason].meaning);
	if (tunnel)
		json_object_set_new(json, "tunnel", json_string(tunnel->name));
	json_array_append_new(arg, json);
}

json_t *kernel_notes(struct kernel *kernel)
{
	json_t *list = json_array();

	if (kernel->dp)
		counters_walk(kernel, DP_NOTES, note_json, list);
	return list;
}

void notes_forget(struct kernel *kernel, uint32_t tunnel)
{
	struct weft_drop_key key = {.tunnel = tunnel};
	struct told *told, *next;

	for (key.reason = WEFT_NOTE_NONE + 1; key.reason < WEFT_NOTE_MAX; key.reason++)
		dp_delete(kernel->dp, DP_NOTES, &key);
	if (!kernel->notes)
		return;
	HASH_ITER (hh, kernel->notes->told, told, next) {
		if (told->key.tunnel != tunnel)
			continue;
		HASH_DEL(kernel->notes->told, told);
		free(told);
	}
}

/* --- the log --------------------------------------------------------------------------------- */

/* How many more there are than the log knows of; from now on it knows. */
static uint64_t told_update(struct notes *notes, const struct weft_drop_key *key, uint64_t packets)
{
	struct told *told = NULL;
	uint64_t more;

	HASH_FIND(hh, notes->told, key, sizeof(*key), told);
	if (!told) {
		told = calloc(1, sizeof(*told));
		if (!told)
			return 0;
		told->key = *key;
		HASH_ADD(hh, notes->told, key, sizeof(*key), told);
	}
	more = packets - told->packets;
	told->packets = packets;
	return more;
}

static void tell(struct kernel *kernel, const struct weft_drop_key *key, uint64_t packets,
		 const char *what)
{
	const struct live_tunnel *tunnel = counter_tunnel(kernel, key);
	uint64_t more = told_update(kernel->notes, key, packets);

	if (more && tunnel && tunnel->config->log)
		log_warning("tunnel %s: %llu packets: %s", tunnel->name, (unsigned long long)more,
			    what);
}

static void note_tell(struct kernel *kernel, const struct weft_drop_key *key, uint64_t packets,
		      void *arg)
{
	(void)arg;
	if (key->reason > WEFT_NOTE_NONE && key->reason < WEFT_NOTE_MAX &&
	    key->reason != WEFT_NOTE_ZERO_CSUM6) /* RFC 6936 4: not where it is allowed */
		tell(kernel, key, packets, note_kinds[key->reason].meaning);
}

static void drop_tell(struct kernel *kernel, const struct weft_drop_key *key, uint64_t packets,
		      void *arg)
{
	struct weft_drop_key apart = *key;

	(void)arg;
	if (key->reason != WEFT_DROP_CSUM_ZERO6)
		return;
	apart.reason |= 1u << 31; /* drops and notes are numbered alike */
	tell(kernel, &apart, packets,
	     "dropped, as UDP over IPv6 needs a checksum (RFC 6935); see udp6zerocsumrx");
}

static void notes_tell(evutil_socket_t fd, short what, void *arg)
{
	struct kernel *kernel = arg;

	(void)fd;
	(void)what;
	counters_walk(kernel, DP_NOTES, note_tell, NULL);
	counters_walk(kernel, DP_DROPS, drop_tell, NULL);
}

/* WEFT_LOG_INTERVAL: seconds, for tests and for those who want to hear more or less. */
static struct timeval log_interval(void)
{
	const char *text = getenv("WEFT_LOG_INTERVAL");
	long seconds = text ? strtol(text, NULL, 10) : 0;

	return (struct timeval){.tv_sec = seconds > 0 && seconds <= 86400 ? seconds : LOG_INTERVAL};
}

int notes_start(struct kernel *kernel, struct error *err)
{
	struct timeval period = log_interval();
	struct notes *notes = calloc(1, sizeof(*notes));

	kernel->notes = notes;
	if (notes)
		notes->timer = event_new(kernel->base, -1, EV_PERSIST, notes_tell, kernel);
	if (!notes || !notes->timer || event_add(notes->timer, &period) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	return 0;
}

void notes_stop(struct kernel *kernel)
{
	if (!kernel->notes)
		return;
	if (kernel->notes->timer)
		event_free(kernel->notes->timer);
	table_free(kernel->notes->told);
	free(kernel->notes);
	kernel->notes = NULL;
}
