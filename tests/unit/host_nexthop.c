/* SPDX-License-Identifier: GPL-2.0-only */
/* Next hops: routes, neighbours and devices that change under them. */
#include "daemon/nexthop.h"
#include "host.h"

#include <time.h>

/* Another host, 192.0.2.2 (02:00:00:00:00:02) behind u0, in a namespace of its own. */
static char other[32];

static struct nexthops *nexthops;
static struct nexthop heard;
static int calls;

static void on_change(void *arg, const struct nexthop *nexthop)
{
	(void)arg;
	heard = *nexthop;
	calls++;
}

/* What a failed test left. */
static int clean(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "ip netns del %s 2>/dev/null", other);
	return other[0] && system(command) ? 0 : 0;
}

static void start(struct host *host)
{
	host_setup(host);
	clean(NULL);
	snprintf(other, sizeof(other), "wefthop%d", getpid());
	run("ip netns add %s", other);
	run("ip link add u0 address 02:00:00:00:00:01 type veth peer name u1 netns %s", other);
	run("ip -n %s link set u1 address 02:00:00:00:00:02 up", other);
	run("ip -n %s addr add 192.0.2.2/24 dev u1", other);
	run("ip -n %s -6 addr add 2001:db8::2/64 dev u1 nodad", other);
	run("ip link set u0 up; ip addr add 192.0.2.1/24 dev u0");
	run("ip -6 addr add 2001:db8::1/64 dev u0 nodad");
	assert_done(host, nexthops_new(host->netlink, host->base, &nexthops, &host->err));
	calls = 0;
	turn(host, 20);
}

static void stop(struct host *host)
{
	nexthops_free(nexthops);
	host_teardown(host);
	clean(NULL);
}

static struct nexthop_user *track(struct host *host, const char *addr, const char *dev,
				  const char *local, struct nexthop *ret)
{
	struct nexthop_key key = {.addr = address(addr)};
	struct nexthop_user *user;

	if (dev)
		snprintf(key.dev, sizeof(key.dev), "%s", dev);
	if (local)
		key.local = address(local);
	assert_done(host, nexthop_track(nexthops, &key, on_change, NULL, ret, &user, &host->err));
	return user;
}

/* Until the user's state is as wanted, or six seconds: a question that is lost is asked again after one. */
static void await(struct host *host, const struct nexthop_user *user, enum nexthop_state state)
{
	for (int i = 0; i < 300 && nexthop_get(user)->state != state; i++)
		turn(host, 20);
	assert_int_equal(nexthop_get(user)->state, state);
}

static void on_link_neighbours_are_resolved(void **state)
{
	static const uint8_t want[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
	struct nexthop_user *user, *again;
	struct nexthop now;
	struct host host;

	(void)state;
	start(&host);
	user = track(&host, "192.0.2.2", NULL, NULL, &now);
	assert_int_equal(now.ifindex, link_by_name(host.netlink, "u0")->ifindex);
	assert_int_equal(now.mtu, 1500);
	assert_false(now.local);
	assert_true(addr_equal(&now.source,
			       &(struct weft_addr){{0, 0, htonl(0xffff), htonl(0xc0000201)}}));
	await(&host, user, NEXTHOP_RESOLVED);
	assert_memory_equal(nexthop_get(user)->ethernet, want, 14);
	assert_true(says("ip neigh show 192.0.2.2", "managed"));
	assert_true(nexthops_use(nexthops, now.ifindex));
	/* shared */
	again = track(&host, "192.0.2.2", NULL, NULL, &now);
	assert_int_equal(now.state, NEXTHOP_RESOLVED);
	nexthop_untrack(user);
	assert_true(says("ip neigh show 192.0.2.2", "managed"));
	nexthop_untrack(again);
	assert_false(says("ip neigh", "192.0.2.2"));
	assert_false(nexthops_use(nexthops, now.ifindex));
	/* IPv6 */
	user = track(&host, "2001:db8::2", "u0", NULL, &now);
	await(&host, user, NEXTHOP_RESOLVED);
	assert_memory_equal(nexthop_get(user)->ethernet, "\2\0\0\0\0\2\2\0\0\0\0\1\x86\xdd", 14);
	nexthop_untrack(user);
	stop(&host);
}

static void a_neighbour_that_changes_or_goes_is_followed(void **state)
{
	struct nexthop_user *user;
	struct nexthop now;
	struct host host;

	(void)state;
	start(&host);
	user = track(&host, "192.0.2.2", NULL, NULL, &now);
	await(&host, user, NEXTHOP_RESOLVED);
	run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:22 dev u0 nud reachable");
	turn(&host, 50);
	assert_int_equal(nexthop_get(user)->ethernet[5], 0x22);
	/* deleted by somebody: asked for again, and answered by the other host */
	run("ip neigh del 192.0.2.2 dev u0");
	turn(&host, 20);
	await(&host, user, NEXTHOP_RESOLVED);
	assert_int_equal(nexthop_get(user)->ethernet[5], 2);
	/* a permanent one is respected, and left when we are done */
	run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:33 dev u0 nud permanent");
	turn(&host, 50);
	assert_int_equal(nexthop_get(user)->ethernet[5], 0x33);
	nexthop_untrack(user);
	assert_true(says("ip neigh show 192.0.2.2", "PERMANENT"));
	user = track(&host, "192.0.2.2", NULL, NULL, &now);
	assert_int_equal(now.state, NEXTHOP_RESOLVED);
	assert_false(says("ip neigh show 192.0.2.2", "managed"));
	nexthop_untrack(user);
	assert_true(says("ip neigh show 192.0.2.2", "PERMANENT"));
	/* nobody there */
	user = track(&host, "192.0.2.77", NULL, NULL, &now);
	assert_int_equal(now.state, NEXTHOP_RESOLVING);
	for (int i = 0; i < 250 && nexthop_get(user)->state == NEXTHOP_RESOLVING; i++)
		turn(&host, 20);
	assert_int_equal(nexthop_get(user)->state, NEXTHOP_UNREACHABLE);
	nexthop_untrack(user);
	assert_false(says("ip neigh", "192.0.2.77"));
	stop(&host);
}

static void a_neighbour_that_was_there_stays(void **state)
{
	struct nexthop_user *user;
	struct nexthop now;
	struct host host;

	(void)state;
	start(&host);
	run("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev u0 nud reachable");
	user = track(&host, "192.0.2.2", NULL, NULL, &now);
	assert_int_equal(now.state, NEXTHOP_RESOLVED);
	assert_true(says("ip neigh show 192.0.2.2", "managed"));
	nexthop_untrack(user);
	assert_true(says("ip neigh show 192.0.2.2", "02:00:00:00:00:02"));
	assert_false(says("ip neigh show 192.0.2.2", "managed"));
	/* somebody else's managed one */
	run("ip neigh replace 192.0.2.2 dev u0 managed");
	user = track(&host, "192.0.2.2", NULL, NULL, &now);
	nexthop_untrack(user);
	assert_true(says("ip neigh show 192.0.2.2", "managed"));
	stop(&host);
}

static void an_earlier_weftds_neighbours_are_taken_up_or_given_up(void **state)
{
	struct nexthop_user *user;
	struct nexthop now;
	struct host host;

	(void)state;
	start(&host);
	run("ip -n %s addr add 192.0.2.3/24 dev u1", other);
	track(&host, "192.0.2.2", NULL, NULL, &now);
	await(&host, track(&host, "192.0.2.3", NULL, NULL, &now), NEXTHOP_RESOLVED);
	nexthops_free(nexthops);
	assert_true(says("ip neigh show 192.0.2.3", "managed"));
	assert_done(&host, nexthops_new(host.netlink, host.base, &nexthops, &host.err));
	user = track(&host, "192.0.2.2", NULL, NULL, &now);
	nexthops_settle(nexthops);
	assert_true(says("ip neigh show 192.0.2.2", "managed"));
	assert_false(says("ip neigh", "192.0.2.3"));
	nexthop_untrack(user);
	assert_false(says("ip neigh", "192.0.2.2"));
	stop(&host);
}

static void routes_are_followed(void **state)
{
	struct nexthop_user *user;
	struct nexthop now;
	struct host host;

	(void)state;
	start(&host);
	run("ip -n %s addr add 192.0.2.3/24 dev u1", other);
	user = track(&host, "198.51.100.9", NULL, NULL, &now);
	assert_int_equal(now.state, NEXTHOP_NO_ROUTE);
	assert_int_equal(now.ifindex, 0);
	run("ip route add 198.51.100.0/24 via 192.0.2.2 mtu 1300");
	turn(&host, 20);
	await(&host, user, NEXTHOP_RESOLVED);
	assert_int_equal(nexthop_get(user)->mtu, 1300);
	run("ip route add 198.51.100.9/32 via 192.0.2.3");
	turn(&host, 20);
	assert_int_equal(nexthop_get(user)->gateway.word[3], htonl(0xc0000203));
	await(&host, user, NEXTHOP_RESOLVED);
	assert_false(says("ip neigh show 192.0.2.2", "managed"));
	/* the kernel does not tell of the routes that go with a device */
	calls = 0;
	run("ip link set u0 down");
	await(&host, user, NEXTHOP_NO_ROUTE);
	assert_true(calls > 0);
	assert_int_equal(heard.state, NEXTHOP_NO_ROUTE);
	run("ip link set u0 up; ip route add default via 192.0.2.2");
	await(&host, user, NEXTHOP_RESOLVED);
	run("ip link set u0 mtu 1400");
	turn(&host, 50);
	assert_int_equal(nexthop_get(user)->mtu, 1400);
	/* an unrelated route is no news */
	calls = 0;
	run("ip route add 203.0.113.0/24 via 192.0.2.2");
	turn(&host, 50);
	assert_int_equal(calls, 0);
	/* by a rule and another table */
	run("ip route add default via 192.0.2.3 table 77; ip rule add to 198.51.100.9 table 77");
	turn(&host, 50);
	assert_int_equal(nexthop_get(user)->gateway.word[3], htonl(0xc0000203));
	run("ip link del u0");
	await(&host, user, NEXTHOP_NO_ROUTE);
	nexthop_untrack(user);
	stop(&host);
}

static void a_named_device_may_come_and_go(void **state)
{
	struct nexthop_user *user, *group;
	struct nexthop now;
	struct host host;

	(void)state;
	start(&host);
	user = track(&host, "192.0.2.2", "eth7", NULL, &now);
	group = track(&host, "239.1.1.1", "eth7", NULL, &now);
	assert_int_equal(now.state, NEXTHOP_NO_ROUTE);
	run("ip link set u0 down; ip link set u0 name eth7; ip link set eth7 up");
	await(&host, user, NEXTHOP_RESOLVED);
	await(&host, group, NEXTHOP_RESOLVED);
	assert_memory_equal(nexthop_get(group)->ethernet,
			    "\x01\x00\x5e\x01\x01\x01\x02\x00\x00\x00\x00\x01\x08\x00", 14);
	assert_int_equal(nexthop_get(group)->source.word[3], htonl(0xc0000201));
	run("ip link set eth7 down; ip link set eth7 name u0; ip link set u0 up");
	await(&host, user, NEXTHOP_NO_ROUTE);
	await(&host, group, NEXTHOP_NO_ROUTE);
	nexthop_untrack(user);
	nexthop_untrack(group);
	stop(&host);
}

static void this_host_itself_is_by_lo(void **state)
{
	struct nexthop_user *user;
	struct nexthop now;
	struct host host;

	(void)state;
	start(&host);
	user = track(&host, "192.0.2.1", NULL, NULL, &now);
	assert_int_equal(now.state, NEXTHOP_RESOLVED);
	assert_true(now.local);
	assert_int_equal(now.ifindex, 1);
	nexthop_untrack(user);
	user = track(&host, "2001:db8::1", NULL, NULL, &now);
	assert_true(now.local);
	assert_int_equal(now.ifindex, 1);
	nexthop_untrack(user);
	/* an address becomes this host's, and a local that is not there has no route */
	user = track(&host, "192.0.2.8", NULL, NULL, &now);
	assert_false(now.local);
	run("ip addr add 192.0.2.8/24 dev u0");
	turn(&host, 50);
	assert_true(nexthop_get(user)->local);
	nexthop_untrack(user);
	user = track(&host, "192.0.2.2", NULL, "192.0.2.9", &now);
	assert_int_equal(now.state, NEXTHOP_NO_ROUTE);
	run("ip addr add 192.0.2.9/24 dev u0");
	await(&host, user, NEXTHOP_RESOLVED);
	assert_int_equal(nexthop_get(user)->source.word[3], htonl(0xc0000209));
	nexthop_untrack(user);
	stop(&host);
}

static void a_thousand_are_cheap(void **state)
{
	static struct nexthop_user *users[1000];
	struct timespec before, after;
	struct nexthop now;
	struct host host;
	char text[32];

	(void)state;
	start(&host);
	run("ip route add default via 192.0.2.2");
	turn(&host, 50);
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "198.51.%d.%d", i / 250, i % 250 + 1);
		users[i] = track(&host, text, NULL, NULL, &now);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	print_message("1000 remotes: %ld us\n", (after.tv_sec - before.tv_sec) * 1000000 +
							(after.tv_nsec - before.tv_nsec) / 1000);
	await(&host, users[999], NEXTHOP_RESOLVED);
	calls = 0;
	run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:22 dev u0 nud reachable");
	turn(&host, 50);
	assert_int_equal(calls, 1000);
	for (int i = 0; i < 1000; i++)
		nexthop_untrack(users[i]);
	stop(&host);
}

/* A callback that gives up every user, itself among them. */
static struct nexthop_user *victims[3];

static void on_change_untrack(void *arg, const struct nexthop *nexthop)
{
	(void)arg;
	if (nexthop->ethernet[5] != 0x22)
		return;
	calls++;
	for (int i = 0; i < 3; i++) {
		nexthop_untrack(victims[i]);
		victims[i] = NULL;
	}
}

static void a_callback_may_untrack(void **state)
{
	struct nexthop_key key = {.addr = address("192.0.2.2")};
	struct nexthop now;
	struct host host;

	(void)state;
	start(&host);
	for (int i = 0; i < 3; i++)
		assert_done(&host, nexthop_track(nexthops, &key, on_change_untrack, NULL, &now,
						 &victims[i], &host.err));
	await(&host, victims[0], NEXTHOP_RESOLVED);
	calls = 0;
	run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:22 dev u0 nud reachable");
	turn(&host, 50);
	assert_int_equal(calls, 1);
	stop(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_link_neighbours_are_resolved),
		cmocka_unit_test(a_neighbour_that_changes_or_goes_is_followed),
		cmocka_unit_test(a_neighbour_that_was_there_stays),
		cmocka_unit_test(an_earlier_weftds_neighbours_are_taken_up_or_given_up),
		cmocka_unit_test(routes_are_followed),
		cmocka_unit_test(a_named_device_may_come_and_go),
		cmocka_unit_test(this_host_itself_is_by_lo),
		cmocka_unit_test(a_thousand_are_cheap),
		cmocka_unit_test(a_callback_may_untrack),
	};

	return cmocka_run_group_tests_name("host_nexthop", tests, NULL, clean);
}
