/* SPDX-License-Identifier: GPL-2.0-only */
/* An FDB entry as the API has it. */
#include <stdio.h>
#include <string.h>

#include "daemon/entry_text.h"
#include "daemon/fdb_private.h"
#include "daemon/live.h"

bool fdb_entry_spec(struct kernel *kernel, const struct weft_fdb_key *key,
		    const struct weft_fdb_entry *entry, struct fdb_spec *ret)
{
	struct live_bridge *bridge;
	struct live_tunnel *tunnel;

	if (!fdb_entry_owner(kernel, key, entry, &bridge, &tunnel))
		return false;
	*ret = (struct fdb_spec){.vni = FDB_VNI_TUNNEL, .vlan = key->vlan};
	ret->dynamic = !(entry->flags & WEFT_FDB_STATIC);
	memcpy(ret->mac, key->mac, sizeof(ret->mac));
	strcpy(ret->bridge, bridge->name);
	if (tunnel)
		fdb_spec_remote(ret, kernel->remote_by_id[entry->dest.remote]);
	else
		strcpy(ret->dev, kernel->port_by_id[entry->dest.port]->name);
	return true;
}

/* `age` below 0: it does not age. */
static json_t *shown_json(const struct fdb_spec *spec, const char *state, int64_t age)
{
	char mac[MAC_STRLEN], addr[ADDR_STRLEN];
	json_t *json = json_object();

	json_object_set_new(json, "mac", json_string(mac_format(spec->mac, mac)));
	if (*spec->bridge)
		json_object_set_new(json, "bridge", json_string(spec->bridge));
	json_object_set_new(json, "dev", json_string(spec->dev));
	if (spec->vlan)
		json_object_set_new(json, "vlan", json_integer(spec->vlan));
	if (!addr_is_any(&spec->dst))
		json_object_set_new(json, "dst", json_string(addr_format(&spec->dst, addr)));
	if (spec->vni != FDB_VNI_TUNNEL)
		json_object_set_new(json, "vni", json_integer(spec->vni));
	if (spec->options)
		json_object_set_new(json, "option", options_json(spec->options));
	json_object_set_new(json, "state", json_string(state));
	if (age >= 0)
		json_object_set_new(json, "age", json_integer(age));
	return json;
}

/* A line of words (lib/entry_words.h), with `bridge`, `state` and `age` as well. */
static json_t *shown_words(const struct fdb_spec *spec, const char *state, int64_t age)
{
	char text[ENTRY_WORDS_MAX + NAME_LEN + 64], number[24];
	char *end = text + entry_text_write(spec, text);

	if (*spec->bridge)
		end = stpcpy(stpcpy(end, " bridge "), spec->bridge);
	end = stpcpy(stpcpy(end, " state "), state);
	if (age >= 0) {
		snprintf(number, sizeof(number), "%lld", (long long)age);
		stpcpy(stpcpy(end, " age "), number);
	}
	return json_string(text);
}

json_t *fdb_zero_json(const struct live_remote *remote, bool words)
{
	struct fdb_spec spec = {.vni = FDB_VNI_TUNNEL};

	strcpy(spec.bridge, remote->tunnel->bridge->name);
	fdb_spec_remote(&spec, remote);
	return (words ? shown_words : shown_json)(&spec, "static", -1);
}

json_t *fdb_entry_json(struct kernel *kernel, const struct weft_fdb_key *key,
		       const struct weft_fdb_entry *entry, bool words)
{
	bool learned = !(entry->flags & (WEFT_FDB_STATIC | WEFT_FDB_LOCAL));
	const char *state = entry->flags & WEFT_FDB_LOCAL ? "local"
			    : learned			  ? "learned"
							  : "static";
	int32_t ticks = (int32_t)(dp_tick() - entry->seen);
	struct fdb_spec spec;
	int64_t age = -1;

	if (!fdb_entry_spec(kernel, key, entry, &spec))
		return NULL;
	if (learned)
		age = ticks < 0 ? 0 : (int64_t)ticks * (1 << WEFT_TICK_SHIFT) / 1000000000;
	return (words ? shown_words : shown_json)(&spec, state, age);
}

bool fdb_event_wanted(const struct kernel *kernel)
{
	const struct kernel_callbacks *callbacks = &kernel->callbacks;

	return callbacks->fdb && (!callbacks->fdb_wanted || callbacks->fdb_wanted(callbacks->arg));
}

void fdb_event(struct kernel *kernel, const char *what, const struct weft_fdb_key *key,
	       const struct weft_fdb_entry *entry)
{
	json_t *json;

	if (!fdb_event_wanted(kernel))
		return;
	json = fdb_entry_json(kernel, key, entry, false);
	if (json)
		kernel->callbacks.fdb(kernel->callbacks.arg, what, json);
	json_decref(json);
}
