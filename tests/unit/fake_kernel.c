/* SPDX-License-Identifier: GPL-2.0-only */
/* daemon/kernel.h in memory. */
#include "tests/unit/fake_kernel.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "daemon/capture.h"
#include "daemon/entry_text.h"
#include "daemon/metrics.h"
#include "daemon/model.h"
#include "daemon/privilege.h"

struct fake_object {
	UT_hash_handle hh;
	char name[NAME_LEN];
	char bridge[NAME_LEN];
};

struct fake_key {
	char where[NAME_LEN];
	uint8_t mac[6];
	uint16_t vlan;
	struct weft_addr dst;
};

struct fake_entry {
	UT_hash_handle hh;
	struct fake_key key;
	struct fdb_spec spec;
	bool learned;
};

struct kernel {
	struct fake_object *objects[NOUN_COUNT];
	struct fake_entry *entries;
	struct kernel_callbacks callbacks;
};

struct fake_stats fake_stats;
uint8_t fake_refused_mac[6];

/* The fake needs no privilege. */
int privilege_check(struct error *err)
{
	(void)err;
	return 0;
}

int privilege_drop(struct error *err)
{
	(void)err;
	return 0;
}

struct kernel *fake_kernel_new(void)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	assert(kernel);
	return kernel;
}

size_t fake_kernel_objects(const struct kernel *kernel, enum noun noun)
{
	return HASH_COUNT(kernel->objects[noun]);
}

size_t fake_kernel_entries(const struct kernel *kernel)
{
	return HASH_COUNT(kernel->entries);
}

static void entry_drop(struct kernel *kernel, struct fake_entry *entry)
{
	HASH_DEL(kernel->entries, entry);
	options_release(entry->spec.options);
	free(entry);
}

static void entries_drop(struct kernel *kernel, const char *dev)
{
	struct fake_entry *entry, *next;

	HASH_ITER (hh, kernel->entries, entry, next)
		if (!strcmp(entry->spec.dev, dev))
			entry_drop(kernel, entry);
}

static void object_drop(struct kernel *kernel, enum noun noun, struct fake_object *object)
{
	/* what is behind it goes with it */
	if (noun != NOUN_BRIDGE)
		entries_drop(kernel, object->name);
	HASH_DEL(kernel->objects[noun], object);
	free(object);
}

void fake_kernel_free(struct kernel *kernel)
{
	struct fake_object *object, *next;

	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		HASH_ITER (hh, kernel->objects[noun], object, next)
			object_drop(kernel, noun, object);
	assert(!kernel->entries);
	free(kernel);
}

int kernel_start(struct event_base *base, const char *rundir, const json_t *state,
		 const struct kernel_callbacks *callbacks, struct kernel **ret, struct error *err)
{
	json_t *event;

	(void)base, (void)rundir, (void)state, (void)err;
	*ret = fake_kernel_new();
	(*ret)->callbacks = *callbacks;
	/* a kernel side has things to say from the first moment */
	event = json_object();
	callbacks->state(callbacks->arg, event);
	json_decref(event);
	return 0;
}

int kernel_settle(struct kernel *kernel, struct error *err)
{
	(void)kernel, (void)err;
	fake_stats.settles++;
	return 0;
}

void kernel_stop(struct kernel *kernel)
{
	fake_kernel_free(kernel);
}

json_t *kernel_state(const struct kernel *kernel)
{
	json_t *ids = json_object();
	int id = 0;

	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		for (struct fake_object *object = kernel->objects[noun]; object;
		     object = object->hh.next)
			json_object_set_new(ids, object->name, json_integer(++id));
	return json_pack("{s:o}", "ids", ids);
}

static struct fake_object *object_find(const struct kernel *kernel, enum noun noun,
				       const char *name)
{
	struct fake_object *object;

	HASH_FIND_STR(kernel->objects[noun], name, object);
	return object;
}

static void object_put(struct kernel *kernel, enum noun noun, const void *new)
{
	struct fake_object *object = calloc(1, sizeof(*object));

	assert(object);
	snprintf(object->name, NAME_LEN, "%s", object_name(new));
	snprintf(object->bridge, NAME_LEN, "%s", object_bridge(noun, new));
	HASH_ADD_STR(kernel->objects[noun], name, object);
}

static void object_change(struct kernel *kernel, enum noun noun, struct fake_object *object,
			  const void *new)
{
	assert(!strcmp(object->name, object_name(new)));
	if (!strcmp(object->bridge, object_bridge(noun, new)))
		return;
	/* on another bridge it is known by nothing */
	entries_drop(kernel, object->name);
	snprintf(object->bridge, NAME_LEN, "%s", object_bridge(noun, new));
}

static int change_refused(const struct change *change, struct error *err)
{
	if (change->new && !strcmp(object_name(change->new), FAKE_REFUSED_NAME))
		return error_set(err, -ENODEV, "%s %s: there is no such device",
				 schemas[change->noun].noun, FAKE_REFUSED_NAME);
	return 0;
}

int kernel_apply(struct kernel *kernel, const struct change *change, size_t count, bool replay,
		 struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (change_refused(&change[i], err) < 0)
			return err->code;
	for (size_t i = 0; i < count; i++) {
		enum noun noun = change[i].noun;
		const char *name = object_name(change[i].old ? change[i].old : change[i].new);
		struct fake_object *object = object_find(kernel, noun, name);

		assert(change[i].old || change[i].new);
		assert(!!object == !!change[i].old);
		if (change[i].old && change[i].new)
			object_change(kernel, noun, object, change[i].new);
		else if (change[i].new)
			object_put(kernel, noun, change[i].new);
		else
			object_drop(kernel, noun, object);
		if (change[i].new)
			assert(object_check(noun, change[i].new, NULL) == 0);
	}
	fake_stats.applies++;
	fake_stats.changes += count;
	fake_stats.replayed += replay ? count : 0;
	return 0;
}

json_t *kernel_bridge_state(struct kernel *kernel, const char *name)
{
	assert(object_find(kernel, NOUN_BRIDGE, name));
	return json_object();
}

json_t *kernel_port_state(struct kernel *kernel, const char *name)
{
	assert(object_find(kernel, NOUN_PORT, name));
	return json_pack("{s:s}", "oper", "up");
}

json_t *kernel_tunnel_state(struct kernel *kernel, const char *name)
{
	assert(object_find(kernel, NOUN_TUNNEL, name));
	return json_pack("{s:[]}", "remotes");
}

json_t *kernel_stats(struct kernel *kernel)
{
	(void)kernel;
	return json_pack("{s:{}, s:{}}", "ports", "tunnels");
}

int kernel_trace(struct kernel *kernel, const struct trace_request *request, json_t **ret,
		 struct error *err)
{
	(void)kernel, (void)request, (void)ret;
	return error_set(err, -EOPNOTSUPP, "trace: not here");
}

json_t *kernel_drops(struct kernel *kernel)
{
	(void)kernel;
	return json_array();
}

json_t *kernel_notes(struct kernel *kernel)
{
	(void)kernel;
	return json_array();
}

json_t *kernel_status(struct kernel *kernel)
{
	(void)kernel;
	return json_pack("{s:{}}", "features");
}

/* --- Metrics -------------------------------------------------------------------------- */

struct metrics *metrics_new(struct kernel *kernel)
{
	(void)kernel;
	return calloc(1, 1);
}

bool metrics_write(struct metrics *metrics, struct evbuffer *out, size_t bytes)
{
	(void)metrics, (void)bytes;
	evbuffer_add_printf(out, "# HELP fake Fake.\n# TYPE fake gauge\nfake 1\n");
	return false;
}

void metrics_free(struct metrics *metrics)
{
	free(metrics);
}

/* --- FDB ------------------------------------------------------------------------------ */

static struct fake_key key_of(const struct fdb_spec *spec)
{
	struct fake_key key;

	memset(&key, 0, sizeof(key));
	snprintf(key.where, NAME_LEN, "%s", spec->bridge[0] ? spec->bridge : spec->dev);
	memcpy(key.mac, spec->mac, 6);
	key.vlan = (uint16_t)spec->vlan;
	if (mac_is_zero(spec->mac))
		key.dst = spec->dst;
	return key;
}

static struct fake_entry *entry_find(const struct kernel *kernel, const struct fdb_spec *spec)
{
	struct fake_key key = key_of(spec);
	struct fake_entry *entry;

	HASH_FIND(hh, kernel->entries, &key, sizeof(key), entry);
	return entry;
}

static bool mac_refused(const struct fdb_spec *spec)
{
	return !mac_is_zero(fake_refused_mac) && !memcmp(spec->mac, fake_refused_mac, 6);
}

static json_t *entry_to_json(const struct fake_entry *entry)
{
	const struct fdb_spec *spec = &entry->spec;
	char mac[MAC_STRLEN], dst[ADDR_STRLEN];
	json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "mac", mac_format(spec->mac, mac),
				 "bridge", spec->bridge, "dev", spec->dev, "state",
				 entry->learned ? "learned" : "static");

	if (!spec->bridge[0])
		json_object_del(json, "bridge");
	if (spec->vlan)
		json_object_set_new(json, "vlan", json_integer(spec->vlan));
	if (spec->vni != FDB_VNI_TUNNEL)
		json_object_set_new(json, "vni", json_integer(spec->vni));
	if (!addr_is_any(&spec->dst))
		json_object_set_new(json, "dst", json_string(addr_format(&spec->dst, dst)));
	if (spec->options)
		json_object_set_new(json, "option", options_json(spec->options));
	if (entry->learned)
		json_object_set_new(json, "age", json_integer(0));
	return json;
}

static json_t *entry_to_words(const struct fake_entry *entry)
{
	char text[ENTRY_WORDS_MAX + 64], *end = text + entry_text_write(&entry->spec, text);

	if (entry->spec.bridge[0])
		end += sprintf(end, " bridge %s", entry->spec.bridge);
	sprintf(end, entry->learned ? " state learned age 0" : " state static");
	return json_string(text);
}

static void entry_tell(struct kernel *kernel, const char *what, const struct fake_entry *entry)
{
	json_t *json;

	if (!kernel->callbacks.fdb)
		return;
	json = entry_to_json(entry);
	kernel->callbacks.fdb(kernel->callbacks.arg, what, json);
	json_decref(json);
}

static void entry_put(struct kernel *kernel, const struct fdb_spec *spec, bool learned)
{
	struct fake_entry *entry = entry_find(kernel, spec);

	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		assert(entry);
		entry->key = key_of(spec);
		HASH_ADD(hh, kernel->entries, key, sizeof(entry->key), entry);
	}
	options_hold(spec->options);
	options_release(entry->spec.options);
	entry->spec = *spec;
	entry->learned = learned;
	entry_tell(kernel, learned ? "learn" : "add", entry);
}

void fake_kernel_learn(struct kernel *kernel, const char *bridge, const char *dev,
		       const uint8_t mac[6])
{
	struct fdb_spec spec = {.vni = FDB_VNI_TUNNEL};

	snprintf(spec.bridge, NAME_LEN, "%s", bridge);
	snprintf(spec.dev, NAME_LEN, "%s", dev);
	memcpy(spec.mac, mac, 6);
	entry_put(kernel, &spec, true);
}

int kernel_fdb_set(struct kernel *kernel, enum fdb_mode mode, const struct fdb_spec *spec,
		   size_t count, struct error *err)
{
	char mac[MAC_STRLEN];

	for (size_t i = 0; i < count; i++) {
		const struct fake_entry *entry = entry_find(kernel, &spec[i]);

		assert(object_find(kernel, NOUN_PORT, spec[i].dev) ||
		       object_find(kernel, NOUN_TUNNEL, spec[i].dev));
		mac_format(spec[i].mac, mac);
		if (mac_refused(&spec[i]))
			return error_set(err, -ENOSPC, "fdb %s: the map is full", mac);
		if (mode != FDB_REPLACE && entry && !entry->learned)
			return error_set(err, -EEXIST, "fdb %s: is there already", mac);
	}
	for (size_t i = 0; i < count; i++)
		entry_put(kernel, &spec[i], spec[i].dynamic);
	fake_stats.fdb_sets += count;
	return 0;
}

int kernel_fdb_del(struct kernel *kernel, const struct fdb_spec *spec, size_t count,
		   struct error *err)
{
	char mac[MAC_STRLEN];

	for (size_t i = 0; i < count; i++)
		if (!entry_find(kernel, &spec[i]) || mac_refused(&spec[i]))
			return error_set(err, -ENOENT, "fdb %s: there is no such entry",
					 mac_format(spec[i].mac, mac));
	for (size_t i = 0; i < count; i++) {
		struct fake_entry *entry = entry_find(kernel, &spec[i]);

		entry_tell(kernel, "del", entry);
		entry_drop(kernel, entry);
	}
	fake_stats.fdb_dels += count;
	return 0;
}

static bool entry_passes(const struct fake_entry *entry, const struct fdb_filter *filter)
{
	const struct fdb_spec *spec = &entry->spec;

	return !(filter->bridge[0] && strcmp(filter->bridge, spec->bridge)) &&
	       !(filter->dev[0] && strcmp(filter->dev, spec->dev)) &&
	       !(filter->vlan && filter->vlan != spec->vlan) &&
	       !(filter->mac_set && memcmp(filter->mac, spec->mac, 6)) &&
	       !(!addr_is_any(&filter->dst) && !addr_equal(&filter->dst, &spec->dst)) &&
	       !(entry->learned ? filter->no_learned : filter->no_static);
}

/* The cursor is the number of entries passed over; linear only because tests have few pages. */
int kernel_fdb_walk(struct kernel *kernel, const struct fdb_filter *filter, const char *cursor,
		    size_t limit, bool words, json_t **ret, char **ret_cursor, struct error *err)
{
	size_t from = cursor ? strtoul(cursor, NULL, 10) : 0, at = 0;
	struct fake_entry *entry;

	(void)err;
	*ret = json_array();
	*ret_cursor = NULL;
	for (entry = kernel->entries; entry; entry = entry->hh.next, at++) {
		if (at < from || !entry_passes(entry, filter))
			continue;
		if (json_array_size(*ret) == limit) {
			if (asprintf(ret_cursor, "%zu", at) < 0)
				abort();
			break;
		}
		json_array_append_new(*ret, words ? entry_to_words(entry) : entry_to_json(entry));
	}
	return 0;
}

int kernel_inject(struct kernel *kernel, const char *port, const uint8_t *frame, size_t count,
		  size_t length, struct error *err)
{
	(void)kernel;
	(void)frame;
	return length < count ? error_set(err, -EINVAL, "port %s: wrong length", port) : 0;
}

int kernel_fdb_each(struct kernel *kernel, const struct fdb_filter *filter,
		    void (*each)(void *arg, const struct fdb_spec *spec), void *arg,
		    struct error *err)
{
	(void)err;
	for (const struct fake_entry *entry = kernel->entries; entry; entry = entry->hh.next)
		if (entry_passes(entry, filter))
			each(arg, &entry->spec);
	return 0;
}

int kernel_fdb_get(struct kernel *kernel, const struct fdb_spec *key, json_t **ret,
		   struct error *err)
{
	const struct fake_entry *entry = entry_find(kernel, key);
	char mac[MAC_STRLEN];

	if (!entry)
		return error_set(err, -ENOENT, "fdb %s: there is no such entry",
				 mac_format(key->mac, mac));
	*ret = entry_to_json(entry);
	return 0;
}

int kernel_fdb_flush(struct kernel *kernel, const struct fdb_filter *filter, bool statics,
		     struct fdb_flush *flush, struct error *err)
{
	struct fake_entry *entry, *next;
	int count = 0;

	(void)err, (void)flush;
	HASH_ITER (hh, kernel->entries, entry, next) {
		if (!entry_passes(entry, filter) || (!entry->learned && !statics))
			continue;
		entry_drop(kernel, entry);
		count++;
	}
	return count;
}

/* --- Captures --- */

int kernel_capture_open(struct kernel *kernel, const struct capture_spec *spec, int *ret_fd,
			struct error *err)
{
	int r = capture_filter_check(&spec->filter, spec->filter_length, err);

	(void)kernel;
	*ret_fd = -1;
	return r < 0 ? r : error_set(err, -ENOENT, "capture: there is no datapath here");
}

void kernel_capture_close(struct kernel *kernel, int number)
{
	(void)kernel, (void)number;
}

json_t *kernel_capture_state(struct kernel *kernel, int number)
{
	(void)kernel, (void)number;
	return NULL;
}
