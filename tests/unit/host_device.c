/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices of weft's own, and programs on hooks beside other people's. */
#include "daemon/device.h"
#include "daemon/clsact.h"
#include "daemon/hook.h"
#include "daemon/tcx.h"
#include "host.h"

static const struct device_spec spec = {.name = "w0", .alias = "port of br0", .mtu = 1450};

static void a_device_is_made_and_deleted(void **state)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct device_spec other = spec;
	struct host host;
	uint32_t ifindex, again;

	(void)state;
	host_setup(&host);
	assert_done(&host, device_create(host.netlink, &spec, &ifindex, &host.err));
	assert_true(says("ip -d link show w0", "BROADCAST,MULTICAST,UP"));
	assert_false(says("ip link show w0", "NOARP"));
	assert_true(says("ip link show w0", "mtu 1450"));
	assert_true(says("ip link show w0", "alias weft: port of br0"));
	assert_true(says("ip addr show w0", "inet6 fe80:"));
	assert_int_equal(link_by_name(host.netlink, "w0")->ifindex, ifindex);
	assert_true(link_by_name(host.netlink, "w0")->flags & IFF_UP);
	/* taken up again, with what is new */
	run("ip link set w0 down");
	other.mtu = 1300;
	other.lladdr = mac;
	assert_done(&host, device_create(host.netlink, &other, &again, &host.err));
	assert_true(says("ip link show w0", "mtu 1300"));
	assert_true(says("ip link show w0", "02:00:00:00:00:09"));
	ifindex = again;
	run("ip link set w0 down");
	assert_done(&host, device_create(host.netlink, &other, &again, &host.err));
	assert_int_equal(again, ifindex);
	assert_true(says("ip link show w0", "MULTICAST,UP"));
	assert_done(&host, device_mtu_set(host.netlink, ifindex, 9000, &host.err));
	assert_int_equal(link_by_name(host.netlink, "w0")->mtu, 9000);
	assert_int_not_equal(device_mtu_set(host.netlink, ifindex, 0xffffffff, &host.err), 0);
	assert_non_null(strstr(host.err.line, "mtu: 4294967295: "));
	assert_done(&host, device_delete(host.netlink, ifindex, &host.err));
	assert_false(says("ip link", "w0"));
	assert_null(link_by_name(host.netlink, "w0"));
	assert_null(link_by_index(host.netlink, ifindex));
	assert_done(&host, device_delete(host.netlink, ifindex, &host.err));
	host_teardown(&host);
}

static void other_peoples_devices_stay(void **state)
{
	struct host host;
	uint32_t ifindex;

	(void)state;
	host_setup(&host);
	run("ip link add w0 type bridge; ip link add ifb0 type ifb");
	assert_int_equal(device_create(host.netlink, &spec, &ifindex, &host.err), -EEXIST);
	assert_string_equal(host.err.line, "device w0: exists and was not made by weft");
	memset(&host.err, 0, sizeof(host.err));
	ifindex = link_by_name(host.netlink, "w0")->ifindex;
	assert_int_equal(device_delete(host.netlink, ifindex, &host.err), -EPERM);
	assert_true(says("ip link", "w0"));
	/* an idle one, of the kind that weft makes */
	run("ip link del w0");
	turn(&host, 50);
	assert_done(&host, device_create(host.netlink, &spec, &ifindex, &host.err));
	assert_true(says("ip link", "ifb0"));
	host_teardown(&host);
}

static void addresses_change_by_difference(void **state)
{
	struct prefix first[2] = {{address("10.0.0.1"), 24}, {address("2001:db8::1"), 64}};
	struct prefix second[2] = {{address("10.0.0.1"), 24}, {address("10.0.0.2"), 24}};
	struct prefix_list old = {first, 2}, new = {second, 2};
	struct host host;
	uint32_t ifindex;

	(void)state;
	host_setup(&host);
	assert_done(&host, device_create(host.netlink, &spec, &ifindex, &host.err));
	assert_done(&host, device_addresses_set(host.netlink, ifindex, NULL, &old, &host.err));
	assert_done(&host, device_addresses_set(host.netlink, ifindex, NULL, &old, &host.err));
	assert_true(says("ip addr show w0", "inet 10.0.0.1/24 brd 10.0.0.255"));
	assert_true(says("ip addr show w0", "2001:db8::1/64"));
	run("ip addr add 10.9.9.9/32 dev w0");
	assert_done(&host, device_addresses_set(host.netlink, ifindex, &old, &new, &host.err));
	assert_true(says("ip addr show w0", "10.0.0.1/24"));
	assert_true(says("ip addr show w0", "10.0.0.2/24"));
	assert_true(says("ip addr show w0", "10.9.9.9/32"));
	assert_false(says("ip addr show w0", "2001:db8::1/64"));
	/* the first of a subnet, which the kernel deletes the others with */
	new.item = second + 1;
	new.count = 1;
	old.item = second;
	assert_done(&host, device_addresses_set(host.netlink, ifindex, &old, &new, &host.err));
	assert_false(says("ip addr show w0", "10.0.0.1/24"));
	assert_true(says("ip addr show w0", "10.0.0.2/24"));
	new.item = second;
	new.count = 2;
	old.item = first;
	second[1].len = 33;
	assert_int_not_equal(device_addresses_set(host.netlink, ifindex, &old, &new, &host.err), 0);
	assert_non_null(strstr(host.err.line, "address: 10.0.0.2/33: "));
	host_teardown(&host);
}

static void many_are_deleted_at_once(void **state)
{
	struct device_spec one = spec;
	struct host host;
	uint32_t ifindex, again;
	char name[IFNAMSIZ];

	(void)state;
	host_setup(&host);
	run("ip link add theirs type ifb");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		one.name = name;
		assert_done(&host, device_create(host.netlink, &one, &ifindex, &host.err));
		assert_done(&host, device_doom(host.netlink, ifindex, &host.err));
	}
	turn(&host, 20);
	assert_int_equal(
		device_doom(host.netlink, link_by_name(host.netlink, "theirs")->ifindex, NULL),
		-EPERM);
	/* taken up again in between: it is a new one, and stays */
	assert_done(&host, device_create(host.netlink, &one, &again, &host.err));
	assert_int_not_equal(ifindex, again);
	assert_done(&host, devices_reap(host.netlink, &host.err));
	assert_done(&host, devices_reap(host.netlink, &host.err));
	turn(&host, 50);
	for (int i = 0; i < 19; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		assert_null(link_by_name(host.netlink, name));
	}
	assert_int_equal(link_by_name(host.netlink, "w19")->ifindex, again);
	assert_non_null(link_by_name(host.netlink, "theirs"));
	host_teardown(&host);
}

/* --- hooks ------------------------------------------------------------------------------------ */

struct walk {
	int count;
	uint32_t ids[8];
};

static void walked(void *arg, uint32_t ifindex, enum hook hook, uint32_t prog_id)
{
	struct walk *walk = arg;

	(void)ifindex;
	(void)hook;
	assert_in_range(walk->count, 0, 7);
	walk->ids[walk->count++] = prog_id;
}

/* Whatever it is by which programs are attached. */
struct attaching {
	int (*attach)(struct netlink *netlink, uint32_t ifindex, enum hook hook, int prog_fd,
		      const char *name, struct error *err);
	int (*detach)(struct netlink *netlink, uint32_t ifindex, enum hook hook, struct error *err);
	int64_t (*query)(struct netlink *netlink, uint32_t ifindex, enum hook hook);
	int (*walk)(struct netlink *netlink, hook_each *each, void *arg, struct error *err);
	bool by_clsact;
};

static void check_attaching(const struct attaching *by)
{
	struct walk walk = {0};
	struct host host;
	int one, two;

	host_setup(&host);
	one = program(1);
	two = program(2);
	assert_int_equal(by->query(host.netlink, 1, HOOK_INGRESS), 0);
	assert_done(&host, by->attach(host.netlink, 1, HOOK_INGRESS, one, "weft", &host.err));
	assert_int_equal(by->query(host.netlink, 1, HOOK_INGRESS), program_id(one));
	assert_int_equal(by->query(host.netlink, 1, HOOK_EGRESS), 0);
	assert_done(&host, by->attach(host.netlink, 1, HOOK_INGRESS, two, "weft", &host.err));
	assert_int_equal(by->query(host.netlink, 1, HOOK_INGRESS), program_id(two));
	assert_done(&host, by->attach(host.netlink, 1, HOOK_EGRESS, one, "weft", &host.err));
	assert_done(&host, by->walk(host.netlink, walked, &walk, &host.err));
	assert_int_equal(walk.count, 2);
	assert_int_equal(walk.ids[0], program_id(two));
	assert_int_equal(walk.ids[1], program_id(one));
	assert_done(&host, by->detach(host.netlink, 1, HOOK_INGRESS, &host.err));
	if (by->by_clsact)
		assert_true(says("tc qdisc show dev lo", "clsact"));
	assert_done(&host, by->detach(host.netlink, 1, HOOK_EGRESS, &host.err));
	assert_int_equal(by->query(host.netlink, 1, HOOK_INGRESS), 0);
	assert_int_equal(by->query(host.netlink, 1, HOOK_EGRESS), 0);
	assert_false(says("tc qdisc show dev lo", "clsact"));
	assert_done(&host, by->detach(host.netlink, 1, HOOK_EGRESS, &host.err));
	assert_int_equal(by->attach(host.netlink, 4711, HOOK_INGRESS, one, "weft", &host.err),
			 -ENODEV);
	assert_done(&host, by->detach(host.netlink, 4711, HOOK_INGRESS, NULL));
	hook_stop();
	close(one);
	close(two);
	host_teardown(&host);
}

static void a_program_is_attached_replaced_and_detached(void **state)
{
	(void)state;
	check_attaching(
		&(struct attaching){hook_attach, hook_detach, hook_query, hook_walk, false});
}

static void a_filter_brings_its_qdisc_and_takes_it_along(void **state)
{
	(void)state;
	check_attaching(
		&(struct attaching){clsact_attach, clsact_detach, clsact_query, clsact_walk, true});
}

static void without_tcx_skip(struct host *host)
{
	if (tcx_supported())
		return;
	host_teardown(host);
	skip();
}

/* What a weftd left that knew clsact only. */
static void filters_of_an_earlier_weftd_are_taken_over(void **state)
{
	struct walk walk = {0};
	struct host host;
	int one, two;

	(void)state;
	host_setup(&host);
	without_tcx_skip(&host);
	one = program(1);
	two = program(2);
	assert_done(&host, clsact_attach(host.netlink, 1, HOOK_INGRESS, one, "weft", &host.err));
	assert_done(&host, clsact_attach(host.netlink, 1, HOOK_EGRESS, one, "weft", &host.err));
	assert_done(&host, hook_start(host.netlink, &host.err));
	assert_int_equal(hook_query(host.netlink, 1, HOOK_INGRESS), program_id(one));
	assert_done(&host, hook_attach(host.netlink, 1, HOOK_INGRESS, two, "weft", &host.err));
	assert_int_equal(hook_query(host.netlink, 1, HOOK_INGRESS), program_id(two));
	assert_false(says("tc filter show dev lo ingress", "weft"));
	assert_done(&host, hook_walk(host.netlink, walked, &walk, &host.err));
	assert_int_equal(walk.count, 2);
	assert_done(&host, hook_detach(host.netlink, 1, HOOK_EGRESS, &host.err));
	assert_false(says("tc qdisc show dev lo", "clsact"));
	hook_settle();
	assert_done(&host, hook_detach(host.netlink, 1, HOOK_INGRESS, &host.err));
	assert_int_equal(hook_query(host.netlink, 1, HOOK_INGRESS), 0);
	hook_stop();
	close(one);
	close(two);
	host_teardown(&host);
}

static void lost_count(void *arg, uint32_t ifindex)
{
	assert_int_equal(ifindex, 1);
	++*(int *)arg;
}

/* Theirs, `fd`, is at the ingress hook of `lo` beside `count` - 1 others. */
static void assert_theirs(int fd, uint32_t count)
{
	uint32_t ids[8] = {0}, found = 8;

	assert_int_equal(bpf_prog_query(1, (enum bpf_attach_type)46, 0, NULL, ids, &found), 0);
	assert_int_equal(found, count);
	assert_int_equal(ids[0], program_id(fd));
}

static void other_peoples_programs_stay_and_ours_comes_back(void **state)
{
	LIBBPF_OPTS(bpf_prog_attach_opts, options);
	struct netlink_listener listener = {.filter = lost_count};
	struct host host;
	int one, two, theirs, lost = 0;

	(void)state;
	host_setup(&host);
	without_tcx_skip(&host);
	listener.arg = &lost;
	netlink_listen(host.netlink, &listener);
	one = program(1);
	two = program(2);
	theirs = program(0);
	assert_int_equal(bpf_prog_attach_opts(theirs, 1, (enum bpf_attach_type)46, &options), 0);
	assert_int_equal(hook_query(host.netlink, 1, HOOK_INGRESS), 0);
	assert_done(&host, hook_attach(host.netlink, 1, HOOK_INGRESS, one, "weft", &host.err));
	assert_theirs(theirs, 2);
	assert_done(&host, hook_attach(host.netlink, 1, HOOK_INGRESS, two, "weft", &host.err));
	assert_theirs(theirs, 2);
	hook_watch(host.netlink);
	assert_int_equal(lost, 0);
	assert_int_equal(bpf_prog_detach2(two, 1, (enum bpf_attach_type)46), 0);
	hook_watch(host.netlink);
	assert_int_equal(lost, 1);
	assert_done(&host, hook_attach(host.netlink, 1, HOOK_INGRESS, two, "weft", &host.err));
	assert_done(&host, hook_detach(host.netlink, 1, HOOK_INGRESS, &host.err));
	assert_theirs(theirs, 1);
	hook_watch(host.netlink);
	assert_int_equal(lost, 1);
	netlink_unlisten(host.netlink, &listener);
	hook_stop();
	close(one);
	close(two);
	close(theirs);
	host_teardown(&host);
}

static void other_peoples_filters_stay(void **state)
{
	struct host host;
	int one, fd;

	(void)state;
	host_setup(&host);
	one = program(1);
	/* their qdisc: it stays when our filter goes */
	run("tc qdisc add dev lo clsact");
	assert_done(&host, clsact_attach(host.netlink, 1, HOOK_INGRESS, one, "weft", &host.err));
	assert_done(&host, clsact_detach(host.netlink, 1, HOOK_INGRESS, &host.err));
	assert_true(says("tc qdisc show dev lo", "clsact"));
	run("tc qdisc del dev lo clsact");
	/* our qdisc, their filter: it stays as well, with the filter */
	assert_done(&host, clsact_attach(host.netlink, 1, HOOK_EGRESS, one, "weft", &host.err));
	run("tc filter add dev lo ingress prio 7 protocol ip u32 match u32 0 0 flowid 1:1");
	fd = dup(one);
	assert_true(fd >= 0);
	{
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_EGRESS);
		LIBBPF_OPTS(bpf_tc_opts, theirs, .prog_fd = fd, .handle = 1, .priority = 1);

		assert_int_equal(bpf_tc_attach(&hook, &theirs), 0);
	}
	assert_done(&host, clsact_detach(host.netlink, 1, HOOK_EGRESS, &host.err));
	assert_true(says("tc filter show dev lo ingress", "pref 7"));
	assert_true(says("tc filter show dev lo egress", "pref 1 bpf"));
	assert_false(says("tc filter show dev lo egress", "pref 119"));
	close(fd);
	close(one);
	host_teardown(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_made_and_deleted),
		cmocka_unit_test(other_peoples_devices_stay),
		cmocka_unit_test(addresses_change_by_difference),
		cmocka_unit_test(many_are_deleted_at_once),
		cmocka_unit_test(a_program_is_attached_replaced_and_detached),
		cmocka_unit_test(a_filter_brings_its_qdisc_and_takes_it_along),
		cmocka_unit_test(other_peoples_filters_stay),
		cmocka_unit_test(filters_of_an_earlier_weftd_are_taken_over),
		cmocka_unit_test(other_peoples_programs_stay_and_ours_comes_back),
	};

	return cmocka_run_group_tests_name("host_device", tests, NULL, NULL);
}
