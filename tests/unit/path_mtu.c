/* SPDX-License-Identifier: GPL-2.0-only */
/* Path MTUs: what is kept when a slot is written again, and what ICMP errors lower. The map is memory here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include <cmocka.h>

#include "daemon/live.h"
#include "daemon/log.h"
#include "daemon/template.h"
#include "lib/tunnel.h"

#define REMOTES 8

static struct weft_remote slots[REMOTES];
static uint32_t tick;

/* --- what is stood in for ---------------------------------------------------------------------- */

int dp_get(const struct dp *dp, enum dp_map map, const void *key, void *value)
{
	(void)dp;
	assert_int_equal(map, DP_REMOTES);
	memcpy(value, &slots[*(const uint32_t *)key], sizeof(*slots));
	return 0;
}

int dp_put(const struct dp *dp, enum dp_map map, const void *key, const void *value)
{
	(void)dp;
	assert_int_equal(map, DP_REMOTES);
	memcpy(&slots[*(const uint32_t *)key], value, sizeof(*slots));
	return 0;
}

uint32_t dp_tick(void)
{
	return tick;
}

int remote_write(struct kernel *kernel, struct live_remote *remote, struct error *err)
{
	struct template_spec spec = {.source = remote->hop.source,
				     .destination = remote->key.addr,
				     .v6 = !addr_is_v4(&remote->key.addr),
				     .vni = remote->key.vni};
	struct weft_remote slot = {.tunnel = remote->tunnel->id, .ifindex = remote->hop.ifindex};

	(void)err;
	template_write(remote->tunnel->config, &spec, &slot);
	path_mtu_fill(kernel, remote, &slot);
	return dp_put(kernel->dp, DP_REMOTES, &remote->id, &slot);
}

/* --- fixture -------------------------------------------------------------------------------------- */

struct host {
	struct kernel kernel;
	struct live_remote *by_id[WEFT_REMOTES_MAX];
	struct live_remote remote[REMOTES];
	struct live_tunnel vxlan, geneve, gre;
	struct tunnel *config[3];
	unsigned int told; /* events for whoever watches */
	char *last;
};

static struct weft_addr address(const char *text)
{
	struct weft_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void told(void *arg, json_t *event)
{
	struct host *host = arg;

	host->told++;
	free(host->last);
	host->last = json_dumps(event, JSON_COMPACT);
}

static void tunnel_is(struct host *host, struct live_tunnel *tunnel, uint32_t id,
		      enum tunnel_type type)
{
	struct tunnel *config = object_new(NOUN_TUNNEL, "t", NULL);

	config->type = type;
	config->id = type == TUNNEL_GRETAP ? UINT32_MAX : 7;
	strcpy(tunnel->name, tunnel_is_gre(config) ? "gre0" : "t0");
	tunnel->id = id;
	tunnel->config = host->config[id - 1] = config;
}

static struct live_remote *remote_is(struct host *host, uint32_t id, struct live_tunnel *tunnel,
				     const char *addr, uint32_t vni)
{
	struct live_remote *remote = &host->remote[id];
	bool v6 = strchr(addr, ':');

	remote->id = id;
	remote->kernel = &host->kernel;
	remote->tunnel = tunnel;
	remote->owners = OWNER_CONFIG;
	remote->key = (struct remote_key){.tunnel = tunnel->id, .vni = vni, .addr = address(addr)};
	remote->hop = (struct nexthop){.state = NEXTHOP_RESOLVED,
				       .ifindex = 2,
				       .mtu = 1500,
				       .source = address(v6 ? "2001:db8::1" : "192.0.2.1"),
				       .gateway = address(v6 ? "fe80::1" : "192.0.2.254")};
	DL_PREPEND2(tunnel->remote_list, remote, tunnel_prev, tunnel_next);
	host->by_id[id] = remote;
	HASH_ADD(hh, host->kernel.remotes, key, sizeof(remote->key), remote);
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[id].mtu, 1500);
	return remote;
}

static int start(void **state)
{
	struct host *host = calloc(1, sizeof(*host));

	memset(slots, 0, sizeof(slots));
	tick = 0xfffffff0; /* ticks wrap */
	log_set_level(LOG_LEVEL_ERROR);
	host->kernel.base = event_base_new();
	host->kernel.remote_by_id = host->by_id;
	host->kernel.callbacks = (struct kernel_callbacks){.state = told, .arg = host};
	tunnel_is(host, &host->vxlan, 1, TUNNEL_VXLAN);
	tunnel_is(host, &host->geneve, 2, TUNNEL_GENEVE);
	tunnel_is(host, &host->gre, 3, TUNNEL_GRETAP);
	*state = host;
	return 0;
}

static int stop(void **state)
{
	struct host *host = *state;

	path_mtu_stop(&host->kernel);
	HASH_CLEAR(hh, host->kernel.remotes);
	event_base_free(host->kernel.base);
	for (int i = 0; i < 3; i++)
		object_free(NOUN_TUNNEL, host->config[i]);
	free(host->last);
	free(host);
	return 0;
}

/* As the datapath does it. */
static void learned(const struct live_remote *remote, uint16_t mtu)
{
	slots[remote->id].path_mtu = slots[remote->id].mtu = mtu;
	slots[remote->id].path_tick = tick;
}

static struct weft_path_mtu_event error_of(const struct live_remote *remote, uint16_t mtu)
{
	return (struct weft_path_mtu_event){.type = WEFT_EVENT_PATH_MTU,
					    .tick = tick,
					    .mtu = mtu,
					    .port = 4789,
					    .source = remote->hop.source,
					    .destination = remote->key.addr};
}

/* --- a slot that is written again -------------------------------------------------------------------- */

static void it_is_kept(void **state)
{
	struct host *host = *state;
	struct live_remote *remote = remote_is(host, 1, &host->vxlan, "192.0.2.2", 7);
	uint32_t expires;

	assert_int_equal(path_mtu_get(&host->kernel, remote, &expires), 0);
	learned(remote, 1400);
	tick += WEFT_TICKS(100);
	remote->hop.state = NEXTHOP_UNREACHABLE;
	remote->hop.ethernet[0] = 2;
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].path_mtu, 1400);
	assert_int_equal(slots[1].mtu, 1400);
	assert_int_equal(slots[1].hop_mtu, 1500);
	assert_int_equal(path_mtu_get(&host->kernel, remote, &expires), 1400);
	assert_in_range(expires, 499, 500);
	/* another weftd, which knows what stands in the slot and no more */
	remote->written = false;
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].mtu, 1400);
}

static void it_expires(void **state)
{
	struct host *host = *state;
	struct live_remote *remote = remote_is(host, 1, &host->vxlan, "192.0.2.2", 7);
	uint32_t expires;

	learned(remote, 1400);
	tick += WEFT_TICKS(600) - 1;
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].mtu, 1400);
	assert_int_equal(path_mtu_get(&host->kernel, remote, &expires), 1400);
	tick++;
	assert_int_equal(path_mtu_get(&host->kernel, remote, &expires), 0);
	path_mtu_sweep(&host->kernel);
	assert_int_equal(slots[1].mtu, 1500);
	assert_int_equal(slots[1].path_mtu, 0);
	/* the field works at once */
	learned(remote, 1400);
	tick += WEFT_TICKS(10);
	host->config[0]->mtu_expires = 10;
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].mtu, 1500);
}

static void another_way(struct nexthop *hop, int i)
{
	switch (i) {
	case 0:
		hop->ifindex = 3;
		break;
	case 1:
		hop->mtu = 1499;
		break;
	case 2:
		hop->source = address("192.0.2.9");
		break;
	case 3:
		hop->gateway = address("192.0.2.253");
		break;
	}
}

static void another_way_forgets_it(void **state)
{
	struct host *host = *state;
	struct live_remote *remote = remote_is(host, 1, &host->vxlan, "192.0.2.2", 7);

	for (int i = 0; i < 4; i++) {
		learned(remote, 1400);
		another_way(&remote->hop, i);
		remote_write(&host->kernel, remote, NULL);
		assert_int_equal(slots[1].path_mtu, 0);
		assert_int_equal(slots[1].mtu, remote->hop.mtu);
	}
	/* the slot was another remote's */
	learned(remote, 1400);
	slots[1].addr = address("192.0.2.3");
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].path_mtu, 0);
}

/* What other options may take is off both MTUs, and a jumbo next hop fits 16 bits. */
static void bounds_of_a_slot(void **state)
{
	struct host *host = *state;
	struct live_remote *remote = remote_is(host, 1, &host->geneve, "192.0.2.2", 7);

	host->config[1]->optmax = 64;
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].mtu_kept, 64);
	assert_int_equal(slots[1].mtu, 1436);
	slots[1].path_mtu = 1400;
	slots[1].path_tick = tick;
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].mtu, 1336);
	remote->hop.mtu = 65536;
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].hop_mtu, 65535);
	assert_int_equal(slots[1].mtu, 65535 - 64);
	remote->hop.mtu = 0;
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].mtu, 0);
	remote->owners = OWNER_PROTOTYPE;
	remote_write(&host->kernel, remote, NULL);
	assert_int_equal(slots[1].hop_mtu, 1500);
}

/* --- errors ------------------------------------------------------------------------------------------- */

static void siblings_are_lowered(void **state)
{
	struct host *host = *state;
	struct live_remote *remote = remote_is(host, 1, &host->vxlan, "192.0.2.2", 7);
	struct weft_path_mtu_event error = error_of(remote, 1400);

	remote_is(host, 2, &host->vxlan, "192.0.2.2", 8); /* a VNI of its own */
	remote_is(host, 3, &host->vxlan, "192.0.2.3", 7);
	remote_is(host, 4, &host->geneve, "192.0.2.2", 7);
	learned(remote, 1400);
	error.remote = 1;
	path_mtu_event(&host->kernel, &error);
	assert_int_equal(slots[1].mtu, 1400);
	assert_int_equal(slots[2].mtu, 1400);
	assert_int_equal(slots[2].path_mtu, 1400);
	assert_int_equal(slots[2].path_tick, tick);
	assert_int_equal(slots[3].mtu, 1500);
	assert_int_equal(slots[4].mtu, 1500);
	assert_int_equal(host->told, 1);
	assert_string_equal(host->last,
			    "{\"event\":\"path_mtu\",\"noun\":\"tunnel\",\"name\":\"t0\","
			    "\"remote\":\"192.0.2.2\",\"path_mtu\":1400}");
	/* weftd wrote the slot at the moment in which the datapath did */
	slots[1].path_mtu = 0;
	slots[1].mtu = 1500;
	path_mtu_event(&host->kernel, &error);
	assert_int_equal(slots[1].mtu, 1400);
}

static void nothing_is_raised(void **state)
{
	struct host *host = *state;
	struct live_remote *remote = remote_is(host, 1, &host->vxlan, "192.0.2.2", 7);
	struct live_remote *six = remote_is(host, 2, &host->vxlan, "2001:db8::2", 7);
	struct weft_path_mtu_event error = error_of(remote, 1450);

	learned(remote, 1400);
	error.remote = 1;
	path_mtu_event(&host->kernel, &error);
	assert_int_equal(slots[1].mtu, 1400);
	assert_int_equal(host->told, 0);
	error.mtu = 67;
	path_mtu_event(&host->kernel, &error);
	assert_int_equal(slots[1].mtu, 1400);
	error.mtu = 68;
	path_mtu_event(&host->kernel, &error);
	assert_int_equal(slots[1].mtu, 68);
	error = error_of(six, 1279);
	error.remote = 2;
	path_mtu_event(&host->kernel, &error);
	assert_int_equal(slots[2].mtu, 1500);
	error.mtu = 1280;
	path_mtu_event(&host->kernel, &error);
	assert_int_equal(slots[2].mtu, 1280);
	/* an id that is nobody's, or somebody else's by now */
	error = error_of(remote, 60000);
	error.remote = 5;
	path_mtu_event(&host->kernel, &error);
	error.remote = WEFT_REMOTES_MAX;
	path_mtu_event(&host->kernel, &error);
	error = error_of(six, 1280);
	error.remote = 1;
	path_mtu_event(&host->kernel, &error);
	assert_int_equal(slots[1].mtu, 68);
}

/* Turns of the loop until the walk is over. */
static void walk(struct host *host)
{
	event_base_dispatch(host->kernel.base);
}

static void quotes_without_a_tunnel(void **state)
{
	struct host *host = *state;
	struct live_remote *remote = remote_is(host, 1, &host->vxlan, "192.0.2.2", 7);
	struct live_remote *gre = remote_is(host, 2, &host->gre, "192.0.2.2", 0);
	struct live_remote *elsewhere = remote_is(host, 3, &host->vxlan, "192.0.2.2", 9);
	struct weft_path_mtu_event error = error_of(remote, 1400);

	remote_is(host, 4, &host->vxlan, "192.0.2.3", 7);
	elsewhere->hop.source = address("192.0.2.8");
	remote_write(&host->kernel, elsewhere, NULL);
	path_mtu_event(&host->kernel, &error);
	error.mtu = 1300;
	path_mtu_event(&host->kernel, &error);
	error.mtu = 1350;
	path_mtu_event(&host->kernel, &error);
	assert_int_equal(slots[1].mtu, 1500);
	walk(host);
	assert_int_equal(slots[1].mtu, 1300);
	assert_int_equal(slots[gre->id].mtu, 1500);
	assert_int_equal(slots[elsewhere->id].mtu, 1500);
	assert_int_equal(slots[4].mtu, 1500);
	assert_int_equal(host->told, 1);
	error.port = 0;
	path_mtu_event(&host->kernel, &error);
	walk(host);
	assert_int_equal(slots[gre->id].mtu, 1350);
	assert_int_equal(slots[1].mtu, 1300);
	error.port = 6081;
	error.mtu = 1200;
	path_mtu_event(&host->kernel, &error);
	walk(host);
	assert_int_equal(slots[1].mtu, 1300);
	assert_int_equal(slots[gre->id].mtu, 1350);
}

/* A flood of them costs one walk and a bounded list; what had no place comes again. */
static void many_quotes(void **state)
{
	struct host *host = *state;
	struct live_remote *remote = remote_is(host, 1, &host->vxlan, "192.0.2.2", 7);
	struct weft_path_mtu_event error = error_of(remote, 1400);

	for (uint32_t i = 0; i < 1000; i++) {
		error.destination.word[3] = htonl(0x0a000000 | i);
		path_mtu_event(&host->kernel, &error);
	}
	error.destination = remote->key.addr;
	path_mtu_event(&host->kernel, &error);
	walk(host);
	assert_int_equal(slots[1].mtu, 1500);
	path_mtu_event(&host->kernel, &error);
	walk(host);
	assert_int_equal(slots[1].mtu, 1400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_kept, start, stop),
		cmocka_unit_test_setup_teardown(it_expires, start, stop),
		cmocka_unit_test_setup_teardown(another_way_forgets_it, start, stop),
		cmocka_unit_test_setup_teardown(bounds_of_a_slot, start, stop),
		cmocka_unit_test_setup_teardown(siblings_are_lowered, start, stop),
		cmocka_unit_test_setup_teardown(nothing_is_raised, start, stop),
		cmocka_unit_test_setup_teardown(quotes_without_a_tunnel, start, stop),
		cmocka_unit_test_setup_teardown(many_quotes, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
