/* SPDX-License-Identifier: GPL-2.0-only */
/* Which devices carry the underlay program, as devices, addresses and next hops come and go. */
#include "daemon/hook.h"
#include "daemon/underlay.h"
#include "host.h"

static struct nexthops *nexthops;
static struct underlay *underlay;
static int prog_fd;

static void start(struct host *host)
{
	host_setup(host);
	prog_fd = program(1);
	assert_done(host, nexthops_new(host->netlink, host->base, &nexthops, &host->err));
	assert_done(host, underlay_new(host->netlink, nexthops, host->base, &underlay, &host->err));
	run("ip link add a0 type veth peer name a1; ip link set a0 up; ip link set a1 up");
	run("ip link add b0 type veth peer name b1; ip link set b0 up; ip link set b1 up");
	run("ip addr add 192.0.2.1/24 dev a0");
	turn(host, 50);
	assert_done(host, underlay_start(underlay, prog_fd, &host->err));
}

static void stop(struct host *host)
{
	close(prog_fd);
	underlay_free(underlay);
	nexthops_free(nexthops);
	host_teardown(host);
}

static bool on(struct host *host, const char *dev)
{
	const struct link *link;
	bool attached;

	assert_int_equal(link_refresh(host->netlink, dev, 0), 0);
	link = link_by_name(host->netlink, dev);
	attached = hook_query(host->netlink, link->ifindex, HOOK_INGRESS) > 0;
	assert_int_equal(attached, underlay_has(underlay, link->ifindex));
	return attached;
}

static void count(void *arg, const char *name, uint32_t ifindex, const char *problem)
{
	(void)name;
	(void)ifindex;
	assert_null(problem);
	(*(int *)arg)++;
}

static void devices_with_addresses_are_taken(void **state)
{
	struct host host;
	int members = 0;
	int other;

	(void)state;
	start(&host);
	assert_true(on(&host, "lo"));
	assert_true(on(&host, "a0"));
	/* these have link-local addresses only */
	assert_false(on(&host, "a1"));
	assert_false(on(&host, "b0"));
	run("ip addr add 198.51.100.1/24 dev b0");
	turn(&host, 50);
	assert_true(on(&host, "b0"));
	run("ip addr del 192.0.2.1/24 dev a0");
	turn(&host, 50);
	assert_false(on(&host, "a0"));
	assert_false(says("tc qdisc show dev a0", "clsact"));
	/* a new build's program */
	other = program(2);
	assert_done(&host, underlay_start(underlay, other, &host.err));
	assert_int_equal(hook_query(host.netlink, 1, HOOK_INGRESS), program_id(other));
	close(other);
	/* taken off by somebody, and put there again */
	assert_done(&host, hook_detach(host.netlink, 1, HOOK_INGRESS, &host.err));
	netlink_filter_lost(host.netlink, 1);
	assert_true(on(&host, "lo"));
	/* a device that comes */
	run("ip link add c0 type bridge; ip addr add 203.0.113.1/24 dev c0; ip link set c0 up");
	turn(&host, 50);
	assert_true(on(&host, "c0"));
	run("ip link del b0");
	turn(&host, 50);
	underlay_walk(underlay, count, &members);
	assert_int_equal(members, 2);
	underlay_stop(underlay);
	assert_false(says("tc qdisc show", "clsact"));
	stop(&host);
}

static void tunnels_and_next_hops_name_devices(void **state)
{
	struct nexthop_key key = {.addr = address("2001:db8:1::1")};
	struct nexthop_user *user;
	struct nexthop now;
	struct host host;

	(void)state;
	start(&host);
	assert_done(&host, underlay_hold(underlay, "b0", &host.err));
	assert_done(&host, underlay_hold(underlay, "b0", &host.err));
	assert_done(&host, underlay_hold(underlay, "later", &host.err));
	assert_true(on(&host, "b0"));
	underlay_release(underlay, "b0");
	assert_true(on(&host, "b0"));
	underlay_release(underlay, "b0");
	assert_false(on(&host, "b0"));
	run("ip link set b0 down; ip link set b0 name later; ip link set later up");
	turn(&host, 50);
	assert_true(on(&host, "later"));
	run("ip link set later down; ip link set later name b0; ip link set b0 up");
	turn(&host, 50);
	assert_false(on(&host, "b0"));
	/* a route by a device without addresses */
	run("ip -6 route add 2001:db8:1::/48 via fe80::2 dev b0");
	turn(&host, 50);
	assert_done(&host, nexthop_track(nexthops, &key, NULL, NULL, &now, &user, &host.err));
	turn(&host, 20);
	assert_true(on(&host, "b0"));
	nexthop_untrack(user);
	turn(&host, 20);
	assert_false(on(&host, "b0"));
	stop(&host);
}

static void ports_and_our_own_devices_are_left(void **state)
{
	struct host host;
	uint32_t ifindex;

	(void)state;
	start(&host);
	ifindex = link_by_name(host.netlink, "a0")->ifindex;
	assert_done(&host, underlay_exclude(underlay, ifindex, &host.err));
	assert_false(on(&host, "a0"));
	run("ip addr add 192.0.2.9/24 dev a0");
	turn(&host, 50);
	assert_false(on(&host, "a0"));
	underlay_include(underlay, ifindex);
	assert_true(on(&host, "a0"));
	run("ip link set b0 alias 'weft: x'; ip addr add 198.51.100.1/24 dev b0");
	turn(&host, 50);
	assert_false(on(&host, "b0"));
	stop(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_with_addresses_are_taken),
		cmocka_unit_test(tunnels_and_next_hops_name_devices),
		cmocka_unit_test(ports_and_our_own_devices_are_left),
	};

	return cmocka_run_group_tests_name("host_underlay", tests, NULL, NULL);
}
