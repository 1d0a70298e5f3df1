/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tunnels receive by: the map `listen`, and who has the UDP ports and GRE so that nobody else has. A UDP port is an
 * external device's where the kernel can make one (daemon/collector.h), and weft-holder's where not.
 */
#include "daemon/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/collector.h"
#include "daemon/log.h"
#include "daemon/hook.h"
#include "lib/table.h"
#include "lib/tunnel.h"

#define GRE_BITS   4 /* of WEFT_LISTEN_* */
#define SILENT_MAX 2 /* looks at what was handed to the host, and none of it came back */

/* --- UDP ports ------------------------------------------------------------------------------- */

static struct live_listen *listen_find(const struct kernel *kernel, uint32_t port)
{
	struct live_listen *listen;

	HASH_FIND(hh, kernel->listens, &port, sizeof(port), listen);
	return listen;
}

static struct live_listen *listen_of_device(const struct kernel *kernel, uint32_t ifindex)
{
	struct live_listen *listen;

	for (listen = kernel->listens; listen; listen = listen->hh.next)
		if (listen->collector == ifindex)
			break;
	return listen;
}

bool listen_has_device(const struct kernel *kernel, uint32_t ifindex)
{
	return listen_of_device(kernel, ifindex);
}

static const char *listen_kind(const struct live_listen *listen)
{
	return listen->type == WEFT_TYPE_GENEVE ? "geneve" : "vxlan";
}

static int listen_write(struct kernel *kernel, const struct live_listen *listen)
{
	bool collected = listen->collector && kernel->collect.silent < SILENT_MAX;
	uint8_t value = listen->type | (collected ? WEFT_LISTEN_COLLECTED : 0);

	return dp_put_listen(kernel->dp, &listen->port, &value);
}

/* The external device has the port; `problem` says why not. The kernel gives a port to one only: the holder's goes at the
 * last moment. */
static int listen_collect(struct kernel *kernel, struct live_listen *listen)
{
	struct error err = {};
	uint32_t ifindex;
	int r = collector_make(kernel->netlink, listen_kind(listen), (uint16_t)listen->port,
			       dp_program_collect(kernel->dp), &ifindex, &err);

	if (r >= 0) {
		holder_port_release(kernel->holder, (uint16_t)listen->port);
		listen->held = false;
		r = collector_open(kernel->netlink, ifindex, &err);
		if (r < 0)
			collector_delete(kernel->netlink, ifindex, NULL);
	}
	listen->collector = r < 0 ? 0 : ifindex;
	memcpy(listen->problem, err.line, sizeof(listen->problem));
	return r;
}

static int listen_take(struct kernel *kernel, struct live_listen *listen, struct error *err)
{
	int r;

	if (listen_collect(kernel, listen) >= 0 || listen->held)
		return 0;
	r = holder_port_hold(kernel->holder, (uint16_t)listen->port, err);
	listen->held = r >= 0;
	return r;
}

static void listen_drop(struct kernel *kernel, struct live_listen *listen)
{
	uint8_t none = 0;

	dp_put_listen(kernel->dp, &listen->port, &none);
	if (listen->collector)
		collector_delete(kernel->netlink, listen->collector, NULL);
	if (listen->held)
		holder_port_release(kernel->holder, (uint16_t)listen->port);
	HASH_DEL(kernel->listens, listen);
	free(listen);
}

static int udp_hold(struct kernel *kernel, const struct tunnel *config, struct error *err)
{
	struct live_listen *listen = listen_find(kernel, tunnel_dstport(config));
	struct error own = {};
	int r = 0;

	if (!listen) {
		listen = calloc(1, sizeof(*listen));
		if (!listen)
			return error_set(err, -ENOMEM, "out of memory");
		listen->port = tunnel_dstport(config);
		listen->type = tunnel_wire_type(config);
		HASH_ADD(hh, kernel->listens, port, sizeof(listen->port), listen);
	}
	if (!listen->collector && !listen->held)
		r = listen_take(kernel, listen, &own);
	/* what works without must not end because of a restart */
	if (r < 0 && kernel->replaying) {
		log_warning("%s", own.line);
		r = 0;
	}
	if (r >= 0) {
		r = listen_write(kernel, listen);
		if (r < 0)
			error_set(&own, r, "dstport: map listen: %s", strerror(-r));
	}
	if (r >= 0)
		listen->tunnels++;
	else if (!listen->tunnels)
		listen_drop(kernel, listen);
	return r < 0 ? error_set(err, r, "%s", own.line) : 0;
}

static void udp_release(struct kernel *kernel, const struct tunnel *config)
{
	struct live_listen *listen = listen_find(kernel, tunnel_dstport(config));

	if (listen && !--listen->tunnels)
		listen_drop(kernel, listen);
}

/* --- GRE --------------------------------------------------------------------------------------- */

/* What the tunnel asks the datapath to look for, WEFT_LISTEN_*. */
static uint8_t gre_bits(const struct tunnel *config)
{
	uint8_t bits = WEFT_LISTEN_GRE;

	if (config->type == TUNNEL_NVGRE)
		bits |= WEFT_LISTEN_NVGRE;
	if (config->type == TUNNEL_GRETAP)
		bits |= WEFT_LISTEN_GRETAP;
	if (config->type != TUNNEL_NVGRE && tunnel_in_key(config).any)
		bits |= WEFT_LISTEN_ANY_KEY;
	return bits;
}

static int gre_write(struct kernel *kernel)
{
	uint32_t zero = 0;
	uint8_t bits = 0;

	for (int i = 0; i < GRE_BITS; i++)
		if (kernel->gre[i])
			bits |= (uint8_t)(1 << i);
	return dp_put_listen(kernel->dp, &zero, &bits);
}

static void gre_count(struct kernel *kernel, const struct tunnel *config, int change)
{
	for (int i = 0; i < GRE_BITS; i++)
		if (gre_bits(config) >> i & 1)
			kernel->gre[i] = (uint16_t)(kernel->gre[i] + change);
}

static int gre_hold(struct kernel *kernel, const struct tunnel *config, struct error *err)
{
	struct error own = {};
	int r = holder_gre_hold(kernel->holder, &own);

	if (r < 0 && kernel->replaying)
		log_warning("%s", own.line);
	else if (r < 0)
		return error_set(err, r, "%s", own.line);
	gre_count(kernel, config, 1);
	r = gre_write(kernel);
	if (r >= 0)
		return 0;
	gre_count(kernel, config, -1);
	holder_gre_release(kernel->holder);
	return error_set(err, r, "type: map listen: %s", strerror(-r));
}

static void gre_release(struct kernel *kernel, const struct tunnel *config)
{
	gre_count(kernel, config, -1);
	gre_write(kernel);
	holder_gre_release(kernel->holder);
}

/* --- both -------------------------------------------------------------------------------------- */

int listen_hold(struct kernel *kernel, const struct tunnel *config, struct error *err)
{
	return tunnel_is_gre(config) ? gre_hold(kernel, config, err)
				     : udp_hold(kernel, config, err);
}

void listen_release(struct kernel *kernel, const struct tunnel *config)
{
	if (tunnel_is_gre(config))
		gre_release(kernel, config);
	else
		udp_release(kernel, config);
}

void listen_settle(struct kernel *kernel)
{
	uint8_t none = 0;

	gre_write(kernel);
	for (uint32_t port = 1; port < 65536; port++)
		if (!listen_find(kernel, port))
			dp_put_listen(kernel->dp, &port, &none);
}

void listen_watch(struct kernel *kernel)
{
	struct live_collect *collect = &kernel->collect;
	struct live_listen *listen;
	uint64_t handed, back;

	dp_collects(kernel->dp, &handed, &back);
	if (back != collect->back)
		collect->silent = 0;
	else if (handed != collect->handed && ++collect->silent == SILENT_MAX) {
		log_warning(
			"the host drops the super-packets of tunnels that it is handed: are their "
			"UDP ports closed, or is rp_filter on? They are cut instead");
		for (listen = kernel->listens; listen; listen = listen->hh.next)
			listen_write(kernel, listen);
	}
	collect->handed = handed;
	collect->back = back;
}

/* An external device went, was set down, or lost its program: what is missing is put there again, or done without. */
static void listen_repair(struct kernel *kernel, struct live_listen *listen)
{
	struct error err = {};

	listen->collector = 0;
	if (listen_take(kernel, listen, &err) < 0)
		log_warning("%s", err.line);
	listen_write(kernel, listen);
}

void listen_link_event(struct kernel *kernel, enum link_event event, const struct link *link,
		       const struct link *old)
{
	struct live_listen *listen = listen_of_device(kernel, link->ifindex);
	bool down = old && (old->flags & IFF_UP) && !(link->flags & IFF_UP);

	if (listen && (event == LINK_REMOVED || down))
		listen_repair(kernel, listen);
}

void listen_filter_event(struct kernel *kernel, uint32_t ifindex)
{
	struct live_listen *listen = listen_of_device(kernel, ifindex);

	if (listen && !hook_query(kernel->netlink, ifindex, HOOK_INGRESS))
		listen_repair(kernel, listen);
}

json_t *listen_json(const struct kernel *kernel)
{
	const struct live_listen *listen;
	json_t *list = json_array(), *item;
	const struct link *link;

	for (listen = kernel->listens; listen; listen = listen->hh.next) {
		link = listen->collector ? link_by_index(kernel->netlink, listen->collector) : NULL;
		item = json_pack("{s:i, s:s}", "port", listen->port, "type", listen_kind(listen));
		if (link)
			json_object_set_new(item, "gro", json_string(link->name));
		if (link && kernel->collect.silent >= SILENT_MAX)
			json_object_set_new(item, "refused", json_true());
		if (!link)
			json_object_set_new(item, "no_gro", json_string(listen->problem));
		json_array_append_new(list, item);
	}
	return list;
}

void listen_free(struct kernel *kernel)
{
	table_free(kernel->listens);
}
