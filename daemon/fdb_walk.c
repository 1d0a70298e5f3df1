/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the FDB: the remotes that all-zero entries stand for, in order of their ids, then the map,
 * bucket by bucket. A cursor says where the next page begins: "z" and the last id, or "m", a bucket and how
 * many entries from its start were given already.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/fdb_private.h"
#include "daemon/live.h"
#include "lib/tunnel.h"

#define BATCH	  4096
#define BATCH_MIN 64

void fdb_zero_event(struct kernel *kernel, const char *what, const struct live_remote *remote)
{
	json_t *json;

	if (!fdb_event_wanted(kernel))
		return;
	json = fdb_zero_json(remote, false);
	kernel->callbacks.fdb(kernel->callbacks.arg, what, json);
	json_decref(json);
}

/* What a filter names, looked up. False: it names what is not there, and nothing passes. */
struct match {
	const struct fdb_filter *filter;
	const struct live_bridge *bridge;
	const struct live_port *port;
	const struct live_tunnel *tunnel;
};

static bool match_init(struct kernel *kernel, const struct fdb_filter *filter, struct match *ret)
{
	*ret = (struct match){.filter = filter};
	if (*filter->bridge) {
		ret->bridge = bridge_find(kernel, filter->bridge);
		if (!ret->bridge)
			return false;
	}
	if (*filter->dev) {
		ret->tunnel = tunnel_find(kernel, filter->dev);
		ret->port = port_find(kernel, filter->dev);
		return ret->tunnel || ret->port;
	}
	return true;
}

static bool match_entry(struct kernel *kernel, const struct match *match,
			const struct weft_fdb_key *key, const struct weft_fdb_entry *entry)
{
	const struct fdb_filter *filter = match->filter;
	bool local = entry->flags & WEFT_FDB_LOCAL;
	bool learned = !local && !(entry->flags & WEFT_FDB_STATIC);
	struct live_bridge *bridge;
	struct live_tunnel *tunnel;

	if (!fdb_entry_owner(kernel, key, entry, &bridge, &tunnel))
		return false;
	if ((match->bridge && match->bridge != bridge) ||
	    (filter->vlan && filter->vlan != key->vlan) ||
	    (learned ? filter->no_learned
	     : local ? filter->no_local
		     : filter->no_static) ||
	    (filter->mac_set && memcmp(filter->mac, key->mac, 6)))
		return false;
	if ((match->port || match->tunnel) && !(tunnel && tunnel == match->tunnel) &&
	    !(match->port && entry->dest.port == match->port->id))
		return false;
	return addr_is_any(&filter->dst) ||
	       (tunnel &&
		addr_equal(&filter->dst, &kernel->remote_by_id[entry->dest.remote]->key.addr));
}

static bool match_zero(const struct match *match, const struct live_remote *remote)
{
	const struct fdb_filter *filter = match->filter;

	return (remote->owners & OWNER_FLOOD) && !filter->no_static && !filter->vlan &&
	       (!match->bridge || match->bridge == remote->tunnel->bridge) &&
	       (!*filter->dev || match->tunnel == remote->tunnel) &&
	       (!filter->mac_set || mac_is_zero(filter->mac)) &&
	       (addr_is_any(&filter->dst) || addr_equal(&filter->dst, &remote->key.addr));
}

/* --- pages ---------------------------------------------------------------------------------------------- */

struct page {
	struct kernel *kernel;
	struct match match;
	size_t limit;
	bool words;
	json_t *list;
	uint32_t zero;		 /* id of the last remote looked at; WEFT_REMOTES_MAX: done */
	struct dp_cursor cursor; /* of the map */
	uint32_t skip;		 /* entries from there that were given already */
	bool done;
};

static int cursor_read(const char *text, struct page *page)
{
	unsigned int position, skip;
	int used = 0;

	if (!text)
		return 0;
	if (sscanf(text, "z%8x%n", &position, &used) == 1 && !text[used] &&
	    position < WEFT_REMOTES_MAX) {
		page->zero = position;
		return 0;
	}
	page->zero = WEFT_REMOTES_MAX;
	if (sscanf(text, "m.%8x%n", &skip, &used) == 1 && !text[used]) {
		page->skip = skip;
		return 0;
	}
	if (sscanf(text, "m%8x.%8x%n", &position, &skip, &used) == 2 && !text[used]) {
		page->cursor = (struct dp_cursor){.started = true, .position = position};
		page->skip = skip;
		return 0;
	}
	return -EINVAL;
}

static char *cursor_write(const struct page *page)
{
	char *text = NULL;
	int r;

	if (page->done)
		return NULL;
	if (page->zero < WEFT_REMOTES_MAX)
		r = asprintf(&text, "z%x", page->zero);
	else if (!page->cursor.started)
		r = asprintf(&text, "m.%x", page->skip);
	else
		r = asprintf(&text, "m%x.%x", page->cursor.position, page->skip);
	return r < 0 ? NULL : text;
}

static void page_zeros(struct page *page)
{
	while (page->zero + 1 < WEFT_REMOTES_MAX && json_array_size(page->list) < page->limit) {
		const struct live_remote *remote = page->kernel->remote_by_id[++page->zero];

		if (remote && match_zero(&page->match, remote))
			json_array_append_new(page->list, fdb_zero_json(remote, page->words));
	}
	if (page->zero + 1 >= WEFT_REMOTES_MAX)
		page->zero = WEFT_REMOTES_MAX;
}

/* One batch; stops in the middle when the page is full. */
static int page_batch(struct page *page, struct weft_fdb_key *key, struct weft_fdb_entry *entry)
{
	size_t room = page->limit - json_array_size(page->list) + page->skip;
	struct dp_cursor next = page->cursor;
	uint32_t count, size = room < BATCH_MIN ? BATCH_MIN : room > BATCH ? BATCH : room;
	int r = dp_walk(page->kernel->dp, DP_FDB, &next, key, entry, size, &count);

	if (r < 0)
		return r;
	for (uint32_t i = page->skip; i < count; i++) {
		json_t *json;

		if (json_array_size(page->list) >= page->limit) {
			page->skip = i;
			return 1;
		}
		if (!match_entry(page->kernel, &page->match, &key[i], &entry[i]))
			continue;
		json = fdb_entry_json(page->kernel, &key[i], &entry[i], page->words);
		if (json)
			json_array_append_new(page->list, json);
	}
	page->cursor = next;
	page->skip = 0;
	page->done = !r;
	return 0;
}

static int page_map(struct page *page)
{
	struct weft_fdb_key *key = calloc(BATCH, sizeof(*key));
	struct weft_fdb_entry *entry = calloc(BATCH, sizeof(*entry));
	int r = key && entry ? 0 : -ENOMEM;

	while (!r && !page->done)
		r = page_batch(page, key, entry);
	free(key);
	free(entry);
	return r;
}

int kernel_fdb_walk(struct kernel *kernel, const struct fdb_filter *filter, const char *cursor,
		    size_t limit, bool words, json_t **ret, char **ret_cursor, struct error *err)
{
	struct page page = {.kernel = kernel, .limit = limit ? limit : 1, .words = words};
	int r;

	*ret_cursor = NULL;
	if (cursor_read(cursor, &page) < 0 || page.skip > BATCH)
		return error_set(err, -EINVAL, "cursor: is none that was given out");
	page.list = json_array();
	if (!page.list)
		return error_set(err, -ENOMEM, "out of memory");
	if (kernel->dp && match_init(kernel, filter, &page.match)) {
		if (page.zero < WEFT_REMOTES_MAX)
			page_zeros(&page);
		r = page.zero < WEFT_REMOTES_MAX ? 0 : page_map(&page);
		if (r < 0) {
			json_decref(page.list);
			return error_set(err, r, "fdb: %s", strerror(-r));
		}
		*ret_cursor = cursor_write(&page);
	}
	*ret = page.list;
	return 0;
}

int kernel_fdb_get(struct kernel *kernel, const struct fdb_spec *key, json_t **ret,
		   struct error *err)
{
	struct weft_fdb_entry entry;
	struct fdb_target target;
	char mac[MAC_STRLEN];
	int r;

	if (!kernel->dp)
		return error_set(err, -ENOENT, "fdb: no such entry");
	r = fdb_target(kernel, key, &target, err);
	if (r < 0)
		return r;
	*ret = NULL;
	if (!dp_get_fdb(kernel->dp, &target.key, &entry))
		*ret = fdb_entry_json(kernel, &target.key, &entry, false);
	if (!*ret)
		return error_set(err, -ENOENT, "fdb %s: no such entry", mac_format(key->mac, mac));
	return 0;
}

/* --- entries as specs ------------------------------------------------------------------------------ */

struct each {
	struct kernel *kernel;
	struct match match;
	void (*call)(void *arg, const struct fdb_spec *spec);
	void *arg;
	struct weft_fdb_key key[BATCH];
	struct weft_fdb_entry entry[BATCH];
};

static void each_zero(const struct each *each, const struct live_remote *remote)
{
	struct fdb_spec spec = {.vni = FDB_VNI_TUNNEL};

	if (!remote || !match_zero(&each->match, remote))
		return;
	strcpy(spec.bridge, remote->tunnel->bridge->name);
	fdb_spec_remote(&spec, remote);
	each->call(each->arg, &spec);
}

static void each_entry(const struct each *each, const struct weft_fdb_key *key,
		       const struct weft_fdb_entry *entry)
{
	struct fdb_spec spec;

	if (!(entry->flags & WEFT_FDB_LOCAL) &&
	    match_entry(each->kernel, &each->match, key, entry) &&
	    fdb_entry_spec(each->kernel, key, entry, &spec))
		each->call(each->arg, &spec);
}

static int each_map(struct each *each)
{
	struct dp_cursor cursor = {};
	int r = 1;

	while (r > 0) {
		uint32_t count;

		r = dp_walk(each->kernel->dp, DP_FDB, &cursor, each->key, each->entry, BATCH,
			    &count);
		for (uint32_t i = 0; r >= 0 && i < count; i++)
			each_entry(each, &each->key[i], &each->entry[i]);
	}
	return r;
}

int kernel_fdb_each(struct kernel *kernel, const struct fdb_filter *filter,
		    void (*call)(void *arg, const struct fdb_spec *spec), void *arg,
		    struct error *err)
{
	struct each *each;
	int r = 0;

	if (!kernel->dp)
		return 0;
	each = malloc(sizeof(*each));
	if (!each)
		return error_set(err, -ENOMEM, "out of memory");
	each->kernel = kernel;
	each->call = call;
	each->arg = arg;
	if (match_init(kernel, filter, &each->match)) {
		for (uint32_t id = 1; id < WEFT_REMOTES_MAX; id++)
			each_zero(each, kernel->remote_by_id[id]);
		r = each_map(each);
	}
	free(each);
	return r < 0 ? error_set(err, r, "fdb: %s", strerror(-r)) : 0;
}

/* --- flush --------------------------------------------------------------------------------------------------- */

struct flush {
	struct weft_fdb_key key[BATCH], gone[BATCH];
	struct weft_fdb_entry entry[BATCH];
};

static int flush_batch(struct kernel *kernel, const struct match *match, bool statics,
		       struct flush *flush, struct dp_cursor *cursor, int *total)
{
	uint32_t count, gone = 0;
	int r = dp_walk(kernel->dp, DP_FDB, cursor, flush->key, flush->entry, BATCH, &count);

	for (uint32_t i = 0; r >= 0 && i < count; i++) {
		const struct weft_fdb_entry *entry = &flush->entry[i];

		if ((entry->flags & WEFT_FDB_LOCAL) ||
		    (!statics && (entry->flags & WEFT_FDB_STATIC)) ||
		    !match_entry(kernel, match, &flush->key[i], entry))
			continue;
		flush->gone[gone++] = flush->key[i];
		fdb_entry_gone(kernel, &flush->key[i], entry, "del");
		fdb_static_gone(kernel, entry);
	}
	dp_delete_batch(kernel->dp, DP_FDB, flush->gone, gone);
	*total += (int)gone;
	return r;
}

static int flush_map(struct kernel *kernel, const struct match *match, bool statics,
		     struct fdb_flush *slice)
{
	struct dp_cursor cursor = {slice->begun, slice->position};
	struct flush *flush = malloc(sizeof(*flush));
	int r = flush ? 1 : -ENOMEM, total = 0;

	for (size_t seen = 0; r > 0 && (!slice->limit || seen < slice->limit); seen += BATCH)
		r = flush_batch(kernel, match, statics, flush, &cursor, &total);
	slice->more = r > 0;
	slice->begun = true;
	slice->position = cursor.position;
	free(flush);
	return r < 0 ? r : total;
}

static int flush_zeros(struct kernel *kernel, const struct match *match)
{
	int total = 0;

	for (uint32_t id = 1; id < WEFT_REMOTES_MAX; id++) {
		struct live_remote *remote = kernel->remote_by_id[id];

		if (!remote || !match_zero(match, remote))
			continue;
		fdb_zero_event(kernel, "del", remote);
		remote_disown(kernel, remote, OWNER_FLOOD);
		total++;
	}
	return total;
}

int kernel_fdb_flush(struct kernel *kernel, const struct fdb_filter *filter, bool statics,
		     struct fdb_flush *flush, struct error *err)
{
	struct fdb_flush all = {};
	struct match match;
	int r;

	flush = flush ? flush : &all;
	flush->more = false;
	if (!kernel->dp || !match_init(kernel, filter, &match))
		return 0;
	r = flush_map(kernel, &match, statics, flush);
	if (r < 0)
		return error_set(err, r, "fdb: %s", strerror(-r));
	if (statics && !flush->more)
		r += flush_zeros(kernel, &match);
	purge_run(kernel);
	return r;
}
