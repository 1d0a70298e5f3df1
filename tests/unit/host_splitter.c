/* SPDX-License-Identifier: GPL-2.0-only */
/* The pair of devices that cuts super-packets: made, found again, put right; and what it does with packets. */
#include "daemon/splitter.h"
#include "daemon/device.h"
#include "daemon/hook.h"
#include "host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define CB(i) ((int16_t)(offsetof(struct __sk_buff, cb) + 4 * (i)))

static void skip_without_macvlan(struct host *host)
{
	if (system("ip link add probe0 type ifb && ip link add probe1 link probe0 type macvlan") ==
	    0) {
		run("ip link del probe0");
		turn(host, 50);
		return;
	}
	print_message("skipped: this kernel makes no macvlan\n");
	skip();
}

static uint32_t start(struct host *host, int prog)
{
	uint32_t ifindex = 0;

	assert_done(host, splitter_start(host->netlink, prog, &ifindex, &host->err));
	assert_int_equal(link_by_name(host->netlink, "weft-cut")->ifindex, ifindex);
	return ifindex;
}

static uint32_t index_of(struct host *host, const char *name)
{
	const struct link *link = link_by_name(host->netlink, name);

	return link ? link->ifindex : 0;
}

/* --- the devices --------------------------------------------------------------------------- */

static void it_is_made_quietly_and_goes(void **state)
{
	struct host host;
	uint32_t lower;
	int one;

	(void)state;
	host_setup(&host);
	skip_without_macvlan(&host);
	one = program(1);
	/* a router greets its groups, if it may */
	run("for f in all default; do echo 1 >/proc/sys/net/ipv6/conf/$f/forwarding; done");
	run("ip link add other type ifb");
	run("ip link add macvlan0 link other type macvlan");
	assert_false(splitter_found(host.netlink));
	start(&host, one);
	assert_true(splitter_found(host.netlink));
	lower = index_of(&host, "weft-split");
	assert_int_equal(hook_query(host.netlink, lower, HOOK_EGRESS), program_id(one));
	assert_int_equal(link_by_name(host.netlink, "weft-cut")->peer, lower);
	for (int i = 0; i < 2; i++) {
		const struct link *link = link_by_name(host.netlink, i ? "weft-cut" : "weft-split");

		assert_string_equal(link->alias, "weft: splitter");
		assert_true(device_is_splitter(link));
		assert_int_equal(link->flags & (IFF_UP | IFF_NOARP | IFF_MULTICAST | IFF_PROMISC),
				 IFF_UP | IFF_NOARP);
	}
	assert_true(says("ip -d link show weft-cut", "gso_max_segs 1 "));
	assert_false(says("ip -d link show weft-cut", "gso_max_size 65536 "));
	assert_true(says("ip -d link show weft-split", "promiscuity 0 "));
	/* nothing to be spoken to by, and nothing said */
	assert_false(says("ip addr show", "fe80:"));
	assert_false(says("cat /proc/self/net/igmp6", "weft-"));
	assert_false(says("ls /proc/sys/net/ipv6/conf", "weft-"));
	assert_false(says("ip route show table all", "weft-"));
	splitter_stop(host.netlink);
	assert_false(says("ip link", "weft"));
	assert_true(says("ip link", "macvlan0@other"));
	assert_false(splitter_found(host.netlink));
	splitter_stop(host.netlink);
	close(one);
	host_teardown(&host);
}

static void it_is_taken_up_again(void **state)
{
	struct host host;
	uint32_t upper, lower;
	int one, two;

	(void)state;
	host_setup(&host);
	skip_without_macvlan(&host);
	one = program(1);
	two = program(2);
	upper = start(&host, one);
	lower = index_of(&host, "weft-split");
	/* the next weftd: the same devices, its own program */
	assert_int_equal(start(&host, two), upper);
	assert_int_equal(index_of(&host, "weft-split"), lower);
	assert_int_equal(hook_query(host.netlink, lower, HOOK_EGRESS), program_id(two));
	/* renamed by somebody */
	run("ip link set weft-cut down; ip link set weft-cut name elsewhere");
	turn(&host, 50);
	assert_done(&host, splitter_start(host.netlink, two, &lower, &host.err));
	assert_int_equal(lower, upper);
	assert_true(link_by_name(host.netlink, "elsewhere")->flags & IFF_UP);
	assert_false(says("ip link", "weft-cut"));
	/* what nobody's tunnels need any more is left over by a weftd that died: gone as well */
	splitter_stop(host.netlink);
	assert_false(says("ip link", "weft: splitter"));
	close(one);
	close(two);
	host_teardown(&host);
}

static int hurt;

static void on_link(void *arg, enum link_event event, const struct link *link,
		    const struct link *old)
{
	(void)arg;
	hurt += splitter_hurt(event, link, old);
}

static void it_is_put_right(void **state)
{
	struct netlink_listener listener = {.link = on_link};
	struct host host;
	uint32_t upper, lower;
	int one;

	(void)state;
	host_setup(&host);
	skip_without_macvlan(&host);
	netlink_listen(host.netlink, &listener);
	one = program(1);
	upper = start(&host, one);
	lower = index_of(&host, "weft-split");
	hurt = 0;
	turn(&host, 50);
	assert_int_equal(hurt, 0);
	run("ip link set weft-split down");
	turn(&host, 50);
	assert_true(hurt > 0);
	assert_int_equal(start(&host, one), upper);
	assert_true(link_by_name(host.netlink, "weft-split")->flags & IFF_UP);
	turn(&host, 50);
	hurt = 0;
	run("ip link del weft-cut");
	turn(&host, 50);
	assert_true(hurt > 0);
	assert_int_not_equal(start(&host, one), upper);
	assert_int_equal(index_of(&host, "weft-split"), lower);
	turn(&host, 50);
	hurt = 0;
	/* unheard of yet: the upper one goes along */
	run("ip link del weft-split");
	upper = start(&host, one);
	assert_int_not_equal(index_of(&host, "weft-split"), lower);
	lower = index_of(&host, "weft-split");
	assert_int_equal(link_by_index(host.netlink, upper)->peer, lower);
	turn(&host, 50);
	assert_true(hurt > 0);
	/* the filter */
	assert_false(splitter_unhooked(host.netlink, lower));
	assert_done(&host, hook_detach(host.netlink, lower, HOOK_EGRESS, &host.err));
	assert_true(splitter_unhooked(host.netlink, lower));
	assert_false(splitter_unhooked(host.netlink, upper));
	assert_int_equal(start(&host, one), upper);
	assert_int_equal(hook_query(host.netlink, lower, HOOK_EGRESS), program_id(one));
	splitter_stop(host.netlink);
	close(one);
	host_teardown(&host);
}

static void names_are_respected(void **state)
{
	struct device_spec port = {.name = "weft-cut", .alias = "port of br0", .mtu = 1450};
	struct host host;
	uint32_t ifindex;
	int one;

	(void)state;
	host_setup(&host);
	skip_without_macvlan(&host);
	one = program(1);
	/* somebody else's, a port of weft's: neither is taken, and no half stays */
	run("ip link add weft-cut type bridge");
	assert_int_equal(splitter_start(host.netlink, one, &ifindex, &host.err), -EEXIST);
	assert_string_equal(host.err.line,
			    "splitter: device weft-cut: exists and was not made by weft");
	assert_false(says("ip link", "weft-split"));
	run("ip link del weft-cut");
	memset(&host.err, 0, sizeof(host.err));
	assert_done(&host, device_create(host.netlink, &port, &ifindex, &host.err));
	assert_int_equal(splitter_start(host.netlink, one, &ifindex, &host.err), -EEXIST);
	assert_string_equal(host.err.line,
			    "splitter: device weft-cut: weft has one of that name already");
	assert_true(says("ip link show weft-cut", "weft: port of br0"));
	memset(&host.err, 0, sizeof(host.err));
	assert_done(&host, device_delete(host.netlink, index_of(&host, "weft-cut"), &host.err));
	/* and the other way round */
	ifindex = start(&host, one);
	assert_int_equal(device_create(host.netlink, &port, &ifindex, &host.err), -EEXIST);
	assert_string_equal(host.err.line, "device weft-cut: weft has one of that name already");
	splitter_stop(host.netlink);
	close(one);
	host_teardown(&host);
}

/* --- packets ------------------------------------------------------------------------------- */

/* What came to the lower device. */
struct count {
	uint64_t packets, uncut, strange, bytes;
};

static int load(const struct bpf_insn *code, size_t count)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "test", "GPL", code, count, NULL);

	if (fd < 0)
		fail_msg("BPF program: %s", strerror(errno));
	return fd;
}

/* Sends everything to `ifindex`, with a control block. */
static int redirector(uint32_t ifindex)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 0x1111},
		{.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 2, .off = CB(0)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 0x5555},
		{.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 2, .off = CB(4)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = (int)ifindex},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return load(code, sizeof(code) / sizeof(*code));
}

#define SKB(member)   ((int16_t)offsetof(struct __sk_buff, member))
#define COUNT(member) ((int16_t)offsetof(struct count, member))
#define LOAD(reg, from)                                                                            \
	{                                                                                          \
		.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (reg), .src_reg = 6, .off = (from)   \
	}
#define ADD(member, reg)                                                                           \
	{                                                                                          \
		.code = BPF_STX | BPF_XADD | BPF_DW, .dst_reg = 7, .src_reg = (reg),               \
		.off = COUNT(member)                                                               \
	}
#define JUMP_IF(op, reg, value, over)                                                              \
	{                                                                                          \
		.code = BPF_JMP | (op) | BPF_K, .dst_reg = (reg), .imm = (value), .off = (over)    \
	}

/* Counts what it sees in the map's only value, and drops it. */
static int counter(int map)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1},
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = 7,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = map},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 8, .imm = 1},
		ADD(packets, 8),
		LOAD(1, SKB(gso_size)),
		JUMP_IF(BPF_JEQ, 1, 0, 1),
		ADD(uncut, 8),
		LOAD(1, CB(0)),
		LOAD(2, CB(4)),
		JUMP_IF(BPF_JNE, 1, 0x1111, 1),
		JUMP_IF(BPF_JEQ, 2, 0x5555, 1),
		ADD(strange, 8),
		LOAD(1, SKB(len)),
		ADD(bytes, 1),
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 2 /* TC_ACT_SHOT */},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return load(code, sizeof(code) / sizeof(*code));
}

struct rig {
	struct host host;
	int map, programs[2];
};

static void rig_setup(struct rig *rig)
{
	uint32_t upper;

	host_setup(&rig->host);
	close(program(1));
	skip_without_macvlan(&rig->host);
	rig->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "count", 4, sizeof(struct count), 1, NULL);
	assert_true(rig->map >= 0);
	rig->programs[0] = counter(rig->map);
	upper = start(&rig->host, rig->programs[0]);
	rig->programs[1] = redirector(upper);
	run("for f in all default; do echo 1 >/proc/sys/net/ipv6/conf/$f/disable_ipv6; done");
}

/* What comes in by the device goes to the splitter. */
static void rig_hook(struct rig *rig, const char *dev)
{
	turn(&rig->host, 50);
	assert_done(&rig->host,
		    hook_attach(rig->host.netlink, index_of(&rig->host, dev), HOOK_INGRESS,
				rig->programs[1], "test", &rig->host.err));
}

/* Waits for as many packets as there must be, and takes the counts. */
static struct count rig_count(struct rig *rig, uint64_t packets)
{
	const struct count none = {0};
	struct count count = {0};
	uint32_t zero = 0;

	for (int i = 0; i < 500 && count.packets < packets; i++) {
		assert_int_equal(bpf_map_lookup_elem(rig->map, &zero, &count), 0);
		usleep(10000);
	}
	assert_int_equal(bpf_map_update_elem(rig->map, &zero, &none, 0), 0);
	return count;
}

static void rig_teardown(struct rig *rig)
{
	splitter_stop(rig->host.netlink);
	close(rig->programs[0]);
	close(rig->programs[1]);
	close(rig->map);
	host_teardown(&rig->host);
}

static void super_packets_are_cut(void **state)
{
	static const struct {
		int size, segment, packets;
	} some[] = {
		{50000, 1000, 50}, {100, 10, 10}, {1000, 1000, 1}, {999, 500, 2}, {64, 0, 1},
	};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	static char payload[50000];
	struct count count;
	struct rig rig;
	int fd;

	(void)state;
	rig_setup(&rig);
	run("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up");
	run("ip addr add 10.0.0.1/24 dev v0");
	run("ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent");
	rig_hook(&rig, "v1");
	inet_pton(AF_INET, "10.0.0.2", &to.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	rig_count(&rig, 0);
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++) {
		assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &some[i].segment,
					    sizeof(some[i].segment)),
				 0);
		assert_int_equal(sendto(fd, payload, (size_t)some[i].size, 0,
					(struct sockaddr *)&to, sizeof(to)),
				 some[i].size);
		count = rig_count(&rig, (uint64_t)some[i].packets);
		assert_int_equal(count.packets, some[i].packets);
		assert_int_equal(count.bytes, some[i].size + 42 * some[i].packets);
		assert_int_equal(count.uncut, 0);
		assert_int_equal(count.strange, 0);
	}
	close(fd);
	rig_teardown(&rig);
}

/* A VM's super-packet, as it comes out of a TAP: nobody has counted its segments. */
static void super_packets_of_a_vm_are_cut(void **state)
{
	struct {
		struct virtio_net_hdr virtio;
		uint8_t ethernet[14], ip[20], tcp[20], payload[20000];
	} __attribute__((packed)) frame = {
		.virtio = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			   .hdr_len = 54,
			   .gso_size = 1000,
			   .csum_start = 34,
			   .csum_offset = 16},
		.ethernet = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, ETH_P_IP >> 8, ETH_P_IP & 0xff},
		.ip = {0x45, 0, 20040 >> 8, 20040 & 0xff, 0, 0, 0x40, 0, 64, 6, 0, 0, 10,
		       0,    0, 1,	    10,		  0, 0, 2},
		.tcp = {0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10},
	};
	struct ifreq request = {.ifr_name = "tap0",
				.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	struct count count;
	struct rig rig;
	int fd;

	(void)state;
	rig_setup(&rig);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request)) {
		print_message("skipped: no TAP can be made: %s\n", strerror(errno));
		skip();
	}
	run("ip link set tap0 up");
	rig_hook(&rig, "tap0");
	rig_count(&rig, 0);
	assert_int_equal(write(fd, &frame, sizeof(frame)), sizeof(frame));
	count = rig_count(&rig, 20);
	assert_int_equal(count.packets, 20);
	assert_int_equal(count.bytes, 20000 + 54 * 20);
	assert_int_equal(count.uncut, 0);
	assert_int_equal(count.strange, 0);
	close(fd);
	rig_teardown(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_made_quietly_and_goes),
		cmocka_unit_test(it_is_taken_up_again),
		cmocka_unit_test(it_is_put_right),
		cmocka_unit_test(names_are_respected),
		cmocka_unit_test(super_packets_are_cut),
		cmocka_unit_test(super_packets_of_a_vm_are_cut),
	};

	return cmocka_run_group_tests_name("host_splitter", tests, NULL, NULL);
}
