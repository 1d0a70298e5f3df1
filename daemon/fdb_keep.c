/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Static entries across a transaction that failed. What had made way for what was to come is there again,
 * but under new ids: the entries of the old ones, still in the map, are written down by
 * name before they are purged, and set again afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/fdb_private.h"
#include "daemon/live.h"
#include "daemon/log.h"
#include "lib/tunnel.h"

#define BATCH 4096

struct fdb_kept {
	struct fdb_spec *spec;
	size_t count, size;
};

static struct fdb_spec *kept_new(struct fdb_kept *kept)
{
	if (kept->count == kept->size) {
		size_t size = kept->size ? kept->size * 2 : 64;
		struct fdb_spec *spec = reallocarray(kept->spec, size, sizeof(*spec));

		if (!spec)
			return NULL;
		kept->spec = spec;
		kept->size = size;
	}
	kept->spec[kept->count] = (struct fdb_spec){.vni = FDB_VNI_TUNNEL};
	return &kept->spec[kept->count++];
}

void fdb_spec_remote(struct fdb_spec *spec, const struct live_remote *remote)
{
	strcpy(spec->dev, remote->tunnel->name);
	spec->dst = remote->key.addr;
	if (remote->key.vni != tunnel_vni(remote->tunnel->config))
		spec->vni = remote->key.vni;
	spec->options = remote->options;
}

static void kept_by_remote(struct fdb_spec *spec, const struct live_remote *remote)
{
	fdb_spec_remote(spec, remote);
	options_hold(spec->options);
}

static void keep_entry(struct kernel *kernel, struct fdb_kept *kept, const struct weft_fdb_key *key,
		       const struct weft_fdb_entry *entry)
{
	uint32_t port = entry->dest.port, id = entry->dest.remote;
	const struct live_remote *remote =
		id && id < WEFT_REMOTES_MAX ? kernel->remote_by_id[id] : NULL;
	struct fdb_spec *spec;

	if (!(entry->flags & WEFT_FDB_STATIC) || port >= WEFT_PORTS_MAX)
		return;
	if (port ? !bit_test(kernel->purge.port, port) : !remote || !remote->tunnel->doomed)
		return;
	spec = kept_new(kept);
	if (!spec)
		return;
	memcpy(spec->mac, key->mac, sizeof(spec->mac));
	spec->vlan = key->vlan;
	if (port)
		strcpy(spec->dev, kernel->port_names[port]);
	else
		kept_by_remote(spec, remote);
}

static void keep_zeros(struct kernel *kernel, struct fdb_kept *kept)
{
	for (const struct live_tunnel *tunnel = kernel->purge.tunnels; tunnel;
	     tunnel = tunnel->purge_next) {
		for (const struct live_remote *remote = tunnel->remote_list; remote;
		     remote = remote->tunnel_next) {
			struct weft_remote slot;
			struct fdb_spec *spec;

			/* its owners are taken from it already, the slot still tells */
			if (dp_get_remote(kernel->dp, &remote->id, &slot) < 0 ||
			    !(slot.flags & WEFT_REMOTE_FLOOD))
				continue;
			spec = kept_new(kept);
			if (spec)
				kept_by_remote(spec, remote);
		}
	}
}

struct fdb_kept *fdb_keep(struct kernel *kernel)
{
	struct fdb_kept *kept = calloc(1, sizeof(*kept));
	struct weft_fdb_key *key = calloc(BATCH, sizeof(*key));
	struct weft_fdb_entry *entry = calloc(BATCH, sizeof(*entry));
	struct dp_cursor cursor = {};
	int r = kept && key && entry && kernel->purge.any ? 1 : 0;

	while (r > 0) {
		uint32_t count;

		r = dp_walk(kernel->dp, DP_FDB, &cursor, key, entry, BATCH, &count);
		for (uint32_t i = 0; r >= 0 && i < count; i++)
			keep_entry(kernel, kept, &key[i], &entry[i]);
	}
	if (kept)
		keep_zeros(kernel, kept);
	free(key);
	free(entry);
	return kept;
}

void fdb_keep_restore(struct kernel *kernel, struct fdb_kept *kept)
{
	struct error err = {};

	if (!kept)
		return;
	if (kept->count && kernel_fdb_set(kernel, FDB_REPLACE, kept->spec, kept->count, &err) < 0)
		log_error("putting entries back: %s", err.line);
	for (size_t i = 0; i < kept->count; i++)
		options_release(kept->spec[i].options);
	free(kept->spec);
	free(kept);
}
