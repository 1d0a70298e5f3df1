/* SPDX-License-Identifier: GPL-2.0-only */
/* The caches of links and addresses, and what listeners hear. */
#include "host.h"

#include <linux/if_arp.h>

static struct {
	int added, changed, renamed, removed, addr_added, addr_removed, routes, neighbours;
	struct link last, old;
	struct neighbour neighbour;
} heard;

static void on_link(void *arg, enum link_event event, const struct link *link,
		    const struct link *old)
{
	(void)arg;
	heard.last = *link;
	if (old)
		heard.old = *old;
	heard.added += event == LINK_ADDED;
	heard.changed += event == LINK_CHANGED;
	heard.renamed += event == LINK_RENAMED;
	heard.removed += event == LINK_REMOVED;
}

static void on_addr(void *arg, bool added, uint32_t ifindex, const struct weft_addr *addr)
{
	(void)arg;
	(void)ifindex;
	(void)addr;
	heard.addr_added += added;
	heard.addr_removed += !added;
}

static void on_route(void *arg, const struct route_event *event)
{
	(void)arg;
	(void)event;
	heard.routes++;
}

static void on_neighbour(void *arg, const struct neighbour *neighbour)
{
	(void)arg;
	heard.neighbours++;
	heard.neighbour = *neighbour;
}

static struct netlink_listener listener = {
	.link = on_link, .addr = on_addr, .route = on_route, .neighbour = on_neighbour};

static void start(struct host *host)
{
	host_setup(host);
	memset(&heard, 0, sizeof(heard));
	netlink_listen(host->netlink, &listener);
}

static void links_come_change_and_go(void **state)
{
	struct host host;
	const struct link *link;

	(void)state;
	start(&host);
	assert_non_null(link_by_name(host.netlink, "lo"));
	run("ip link add a0 type veth peer name b0");
	turn(&host, 50);
	assert_int_equal(heard.added, 2);
	link = link_by_name(host.netlink, "a0");
	assert_non_null(link);
	assert_string_equal(link->kind, "veth");
	assert_int_equal(link->type, ARPHRD_ETHER);
	assert_false(link->peer_netns);
	assert_int_equal(link->peer, link_by_name(host.netlink, "b0")->ifindex);
	assert_ptr_equal(link_by_index(host.netlink, link->ifindex), link);

	run("ip link set a0 mtu 1400 alias 'weft: x' up");
	turn(&host, 50);
	assert_true(heard.changed > 0);
	link = link_by_name(host.netlink, "a0");
	assert_int_equal(link->mtu, 1400);
	assert_true(link->ours);
	assert_true(link->flags & IFF_UP);

	run("ip link set b0 name c0");
	turn(&host, 50);
	assert_int_equal(heard.renamed, 1);
	assert_string_equal(heard.old.name, "b0");
	assert_null(link_by_name(host.netlink, "b0"));
	assert_non_null(link_by_name(host.netlink, "c0"));

	run("ip link add br0 type bridge; ip link set c0 master br0");
	turn(&host, 50);
	assert_int_equal(link_by_name(host.netlink, "c0")->master,
			 link_by_name(host.netlink, "br0")->ifindex);
	run("ip link set c0 nomaster");
	turn(&host, 50);
	assert_int_equal(heard.removed, 0);
	assert_int_equal(link_by_name(host.netlink, "c0")->master, 0);

	run("ip link del a0");
	turn(&host, 50);
	assert_int_equal(heard.removed, 2);
	assert_null(link_by_name(host.netlink, "c0"));
	host_teardown(&host);
}

static void names_may_be_swapped(void **state)
{
	struct host host;
	uint32_t a, b;

	(void)state;
	start(&host);
	run("ip link add a0 type veth peer name b0");
	turn(&host, 50);
	a = link_by_name(host.netlink, "a0")->ifindex;
	b = link_by_name(host.netlink, "b0")->ifindex;
	run("ip link set a0 name t0; ip link set b0 name a0; ip link set t0 name b0");
	/* ahead of the events, which then tell of older states */
	assert_int_equal(link_refresh(host.netlink, NULL, b), 0);
	assert_int_equal(link_by_name(host.netlink, "a0")->ifindex, b);
	turn(&host, 50);
	assert_int_equal(link_by_name(host.netlink, "a0")->ifindex, b);
	assert_int_equal(link_by_name(host.netlink, "b0")->ifindex, a);
	assert_null(link_by_name(host.netlink, "t0"));
	host_teardown(&host);
}

static void a_refresh_is_told_from_the_loop(void **state)
{
	struct host host;

	(void)state;
	start(&host);
	run("ip link add br0 type bridge");
	assert_int_equal(link_refresh(host.netlink, "br0", 0), 0);
	assert_non_null(link_by_name(host.netlink, "br0"));
	assert_int_equal(heard.added, 0);
	turn(&host, 50);
	assert_int_equal(heard.added, 1);
	assert_int_equal(link_refresh(host.netlink, "nothing", 0), -ENODEV);
	host_teardown(&host);
}

static void other_namespaces_peers_are_known(void **state)
{
	char name[32];
	struct host host;

	(void)state;
	start(&host);
	snprintf(name, sizeof(name), "wefthost%d", getpid());
	run("ip netns add %s", name);
	run("ip link add a0 type veth peer name b0 netns %s; ip link set a0 up", name);
	turn(&host, 50);
	assert_true(link_by_name(host.netlink, "a0")->peer_netns);
	run("ip netns del %s", name);
	turn(&host, 300);
	assert_null(link_by_name(host.netlink, "a0"));
	host_teardown(&host);
}

static void walked(void *arg, const struct weft_addr *addr, uint32_t ifindex)
{
	(void)addr;
	(void)ifindex;
	(*(int *)arg)++;
}

static void addresses_are_kept(void **state)
{
	struct weft_addr one = address("192.0.2.1"), found;
	struct host host;
	uint32_t ifindex;
	int count = 0;

	(void)state;
	start(&host);
	run("ip link add a0 type veth peer name b0");
	run("ip addr add 192.0.2.1/24 dev a0; ip addr add 192.0.2.1/16 dev a0");
	run("ip addr add 2001:db8::1/64 dev a0 nodad");
	turn(&host, 50);
	ifindex = link_by_name(host.netlink, "a0")->ifindex;
	assert_int_equal(address_device(host.netlink, &one), ifindex);
	assert_true(address_on_device(host.netlink, ifindex));
	assert_int_equal(heard.addr_added, 2);
	assert_true(address_of_device(host.netlink, ifindex, AF_INET6, &found));
	one = address("2001:db8::1");
	assert_true(addr_equal(&found, &one));
	address_walk(host.netlink, walked, &count);
	assert_true(count >= 3);
	one = address("192.0.2.1");
	run("ip addr del 192.0.2.1/24 dev a0");
	turn(&host, 50);
	assert_int_equal(address_device(host.netlink, &one), ifindex);
	assert_int_equal(heard.addr_removed, 0);
	run("ip link del a0");
	turn(&host, 50);
	assert_int_equal(address_device(host.netlink, &one), 0);
	assert_false(address_on_device(host.netlink, ifindex));
	assert_int_equal(heard.addr_removed, 2);
	host_teardown(&host);
}

static void routes_and_neighbours_are_told(void **state)
{
	struct host host;

	(void)state;
	start(&host);
	run("ip link add a0 type veth peer name b0; ip link set a0 up; ip link set b0 up");
	run("ip addr add 192.0.2.1/24 dev a0");
	turn(&host, 50);
	heard.routes = 0;
	run("ip route add 198.51.100.0/24 via 192.0.2.2");
	run("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev a0");
	turn(&host, 50);
	assert_int_equal(heard.routes, 1);
	assert_true(heard.neighbours > 0);
	assert_int_equal(heard.neighbour.lladdr[5], 2);
	host_teardown(&host);
}

static void lost_events_are_made_up_for(void **state)
{
	struct host host;
	int count = 0;

	(void)state;
	start(&host);
	run("ip link add a0 type veth peer name b0");
	turn(&host, 50);
	/* more than the socket takes: a flood of changes that nobody reads, then a device that comes and one that goes */
	run("for i in $(seq 40); do for j in $(seq 200); do echo link set a0 mtu $((1000 + j)); "
	    "done; done > /tmp/weft-host-%d; ip -batch /tmp/weft-host-%d; rm /tmp/weft-host-%d",
	    getpid(), getpid(), getpid());
	run("ip link del a0; ip link add br7 type bridge; ip addr add 192.0.2.7/24 dev br7");
	turn(&host, 500);
	assert_null(link_by_name(host.netlink, "a0"));
	assert_non_null(link_by_name(host.netlink, "br7"));
	assert_int_equal(heard.removed, 2);
	assert_int_equal(heard.addr_added, 1);
	address_walk(host.netlink, walked, &count);
	assert_true(count >= 2);
	host_teardown(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_come_change_and_go),
		cmocka_unit_test(names_may_be_swapped),
		cmocka_unit_test(a_refresh_is_told_from_the_loop),
		cmocka_unit_test(other_namespaces_peers_are_known),
		cmocka_unit_test(addresses_are_kept),
		cmocka_unit_test(routes_and_neighbours_are_told),
		cmocka_unit_test(lost_events_are_made_up_for),
	};

	return cmocka_run_group_tests_name("host_netlink", tests, NULL, NULL);
}
