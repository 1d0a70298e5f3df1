/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The map `paths`: what a packet to a remote says on its way, so that an ICMP error that quotes one is known to be about
 * that remote, and one that quotes anything else is known to be forged (bpf/path_mtu.h).
 *
 * Remotes with options of their own say nothing that tells them from the one without: that one stands for them.
 */
#include "daemon/live.h"

#include <string.h>

#include "daemon/log.h"
#include "lib/tunnel.h"

static bool path_key(const struct live_remote *remote, const struct weft_addr *source,
		     struct weft_peer_key *ret)
{
	const struct tunnel *config = remote->tunnel->config;
	const struct gre_key key = tunnel_out_key(config);

	memset(ret, 0, sizeof(*ret));
	if (addr_is_any(source) || remote_by_device(remote) || remote->options)
		return false;
	ret->local = *source;
	ret->remote = remote->key.addr;
	ret->type = tunnel_wire_type(config);
	ret->vni = remote->key.vni;
	if (!tunnel_is_gre(config)) {
		ret->port = tunnel_dstport(config);
	} else if (config->type == TUNNEL_NVGRE) {
		ret->port = WEFT_GRE_KEY;
	} else {
		ret->port = key.set ? WEFT_GRE_KEY : WEFT_GRE_NO_KEY;
		ret->vni = key.set ? key.value : 0;
	}
	return true;
}

/* Another remote may have the key by now. */
static void path_remove(struct kernel *kernel, const struct live_remote *remote)
{
	uint32_t id;

	if (remote->has_path && !dp_get_path(kernel->dp, &remote->path, &id) && id == remote->id)
		dp_delete_path(kernel->dp, &remote->path);
}

void path_of_remote(struct kernel *kernel, struct live_remote *remote,
		    const struct weft_addr *source)
{
	struct weft_peer_key key;
	bool want = path_key(remote, source, &key);
	int r = 0;

	if (!want || memcmp(&key, &remote->path, sizeof(key)))
		path_remove(kernel, remote);
	if (want)
		r = dp_put_path(kernel->dp, &key, &remote->id);
	if (r < 0)
		log_error("map paths: %s", strerror(-r));
	remote->path = key;
	remote->has_path = want;
}

void path_of_remote_remove(struct kernel *kernel, struct live_remote *remote)
{
	path_remove(kernel, remote);
	remote->has_path = false;
}

bool path_is_ours(struct kernel *kernel, const struct weft_peer_key *key, uint32_t id)
{
	struct live_remote *remote = id < WEFT_REMOTES_MAX ? kernel->remote_by_id[id] : NULL;

	return remote && remote->has_path && !memcmp(key, &remote->path, sizeof(*key));
}
