/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GRE held by weft-holder: the host says nothing about it, and what came in fragments comes again by `lo`, whole.
 * In place of the datapath a program marks what comes in by v0.
 */
#include "daemon/holder.h"
#include "daemon/holder_protocol.h"
#include "daemon/hook.h"
#include "host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define DEADLINE 10000 /* ms until what must come has not come */
#define MTU	 1500

struct rig {
	struct host host;
	struct holder *holder;
	char rundir[64];
	int far;  /* a packet socket on v1, in another namespace */
	int lo;	  /* one that sees what comes by lo with the mark */
	int mark; /* program */
	int near_ns, far_ns;
};

static int marker(void)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = WEFT_FRAGMENT_MARK},
		{.code = BPF_STX | BPF_MEM | BPF_W,
		 .dst_reg = 1,
		 .src_reg = 2,
		 .off = offsetof(struct __sk_buff, mark)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = -1 /* TC_ACT_UNSPEC */},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "test", "GPL", code,
			       sizeof(code) / sizeof(*code), NULL);

	if (fd < 0)
		fail_msg("BPF program: %s", strerror(errno));
	return fd;
}

static int packet_socket(const char *dev, uint16_t protocol)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(protocol),
				 .sll_ifindex = (int)if_nametoindex(dev)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* What comes in by lo with the mark, and nothing else. */
static int lo_socket(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_MARK)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WEFT_FRAGMENT_MARK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(*code), .filter = code};
	int fd = packet_socket("lo", ETH_P_ALL);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), 0);
	return fd;
}

static void ns_enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

static void rig_setup(struct rig *rig)
{
	pid_t here;

	memset(rig, 0, sizeof(*rig));
	host_setup(&rig->host);
	close(program(1));
	rig->near_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	here = fork(); /* it stays in this namespace, for ip(8) to find it by */
	if (here == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	rig->far_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	run("ip link add v1 type veth peer name v0 netns %d", here);
	run("ip link set lo up; ip link set v1 address 02:00:00:00:00:02 up");
	run("ip addr add 10.0.0.2/24 dev v1; ip addr add fd00::2/64 dev v1 nodad");
	rig->far = packet_socket("v1", 0);
	ns_enter(rig->near_ns);
	kill(here, SIGKILL);
	waitpid(here, NULL, 0);
	run("ip link set v0 address 02:00:00:00:00:01 up");
	run("ip addr add 10.0.0.1/24 dev v0; ip addr add fd00::1/64 dev v0 nodad");
	turn(&rig->host, 50);
	rig->mark = marker();
	rig->lo = lo_socket();
	snprintf(rig->rundir, sizeof(rig->rundir), "/tmp/weft-holder-XXXXXX");
	assert_non_null(mkdtemp(rig->rundir));
	assert_done(&rig->host, holder_new(rig->host.base, rig->host.netlink, rig->rundir,
					   &rig->holder, &rig->host.err));
}

static void rig_teardown(struct rig *rig)
{
	for (int i = 0; i < 100 && holder_pid(rig->holder); i++)
		turn(&rig->host, 20);
	assert_int_equal(holder_pid(rig->holder), 0);
	holder_free(rig->holder);
	assert_int_equal(rmdir(rig->rundir), 0);
	close(rig->far);
	close(rig->lo);
	close(rig->mark);
	close(rig->near_ns);
	close(rig->far_ns);
	host_teardown(&rig->host);
}

static void rig_mark(struct rig *rig)
{
	assert_done(&rig->host,
		    hook_attach(rig->host.netlink, link_by_name(rig->host.netlink, "v0")->ifindex,
				HOOK_INGRESS, rig->mark, "test", &rig->host.err));
}

/* --- packets ------------------------------------------------------------------------------- */

struct packet {
	bool v6;
	int size; /* of what follows the IP header */
	uint8_t seed;
	uint8_t tos;	  /* of each fragment */
	uint8_t tos_last; /* but for the last one */
};

static uint8_t payload_byte(const struct packet *packet, int i)
{
	return (uint8_t)(packet->seed + i * 7 + (i >> 8));
}

static uint16_t sum(const void *bytes, size_t length)
{
	uint32_t total = 0;

	for (size_t i = 0; i < length; i += 2)
		total += (uint32_t)((const uint8_t *)bytes)[i] << 8 |
			 ((const uint8_t *)bytes)[i + 1];
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons((uint16_t)~total);
}

static size_t header_v4(uint8_t *bytes, const struct packet *packet, int offset, int size)
{
	bool last = offset + size == packet->size;
	struct iphdr header = {.version = 4,
			       .ihl = 5,
			       .tos = last ? packet->tos_last : packet->tos,
			       .tot_len = htons((uint16_t)(sizeof(header) + (size_t)size)),
			       .id = htons(packet->seed),
			       .frag_off = htons((uint16_t)(offset / 8 | (last ? 0 : IP_MF))),
			       .ttl = 61,
			       .protocol = IPPROTO_GRE,
			       .saddr = inet_addr("10.0.0.2"),
			       .daddr = inet_addr("10.0.0.1")};

	header.check = sum(&header, sizeof(header));
	memcpy(bytes, &header, sizeof(header));
	return sizeof(header);
}

static size_t header_v6(uint8_t *bytes, const struct packet *packet, int offset, int size)
{
	bool last = offset + size == packet->size, whole = last && !offset;
	struct ip6_frag fragment = {.ip6f_nxt = IPPROTO_GRE, .ip6f_ident = packet->seed};
	struct ip6_hdr header = {.ip6_nxt = whole ? IPPROTO_GRE : IPPROTO_FRAGMENT, .ip6_hlim = 61};
	size_t extra = whole ? 0 : sizeof(fragment);

	header.ip6_flow =
		htonl(6U << 28 | (uint32_t)(last ? packet->tos_last : packet->tos) << 20 | 0x12345);
	header.ip6_plen = htons((uint16_t)((size_t)size + extra));
	fragment.ip6f_offlg = htons((uint16_t)(offset | !last));
	inet_pton(AF_INET6, "fd00::2", &header.ip6_src);
	inet_pton(AF_INET6, "fd00::1", &header.ip6_dst);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &fragment, extra);
	return sizeof(header) + extra;
}

/* In as many fragments as it takes. */
static void packet_send(struct rig *rig, const struct packet *packet)
{
	const int most = (MTU - 48) & ~7;
	uint8_t frame[ETH_HLEN + MTU] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint16_t type = htons(packet->v6 ? ETH_P_IPV6 : ETH_P_IP);

	memcpy(frame + 2 * ETH_ALEN, &type, sizeof(type));
	for (int offset = 0; offset < packet->size; offset += most) {
		int size = packet->size - offset < most ? packet->size - offset : most;
		size_t length = ETH_HLEN;

		length += packet->v6 ? header_v6(frame + length, packet, offset, size)
				     : header_v4(frame + length, packet, offset, size);
		for (int i = 0; i < size; i++)
			frame[length++] = payload_byte(packet, offset + i);
		assert_int_equal(send(rig->far, frame, length, 0), length);
	}
}

static uint8_t frame[ETH_HLEN + 40 + 65536];

/* The next packet by lo: its payload, and how long it is. */
static const uint8_t *lo_receive(struct rig *rig, bool *v6, uint8_t *tos, size_t *length)
{
	static const uint8_t nobody[2 * ETH_ALEN];
	struct pollfd polled = {.fd = rig->lo, .events = POLLIN};
	struct ip6_hdr header6;
	struct iphdr header;
	char text[64];
	ssize_t got;

	if (poll(&polled, 1, DEADLINE) != 1)
		fail_msg("nothing came by lo");
	got = recv(rig->lo, frame, sizeof(frame), MSG_TRUNC);
	assert_memory_equal(frame, nobody, sizeof(nobody));
	*v6 = frame[12] == ETH_P_IPV6 >> 8;
	memcpy(&header, frame + ETH_HLEN, sizeof(header));
	memcpy(&header6, frame + ETH_HLEN, sizeof(header6));
	if (!*v6) {
		assert_int_equal(frame[12] << 8 | frame[13], ETH_P_IP);
		assert_int_equal(header.version, 4);
		assert_int_equal(header.ihl, 5);
		assert_int_equal(ntohs(header.tot_len), got - ETH_HLEN);
		assert_int_equal(header.frag_off, 0);
		assert_int_equal(header.ttl, 61);
		assert_int_equal(header.protocol, IPPROTO_GRE);
		assert_int_equal(sum(&header, sizeof(header)), 0);
		assert_int_equal(header.saddr, inet_addr("10.0.0.2"));
		assert_int_equal(header.daddr, inet_addr("10.0.0.1"));
		*tos = header.tos;
		*length = (size_t)got - ETH_HLEN - sizeof(header);
		return frame + ETH_HLEN + sizeof(header);
	}
	assert_int_equal(frame[12] << 8 | frame[13], ETH_P_IPV6);
	assert_int_equal(ntohl(header6.ip6_flow) >> 28, 6);
	assert_int_equal(ntohs(header6.ip6_plen), (size_t)got - ETH_HLEN - sizeof(header6));
	assert_int_equal(header6.ip6_nxt, IPPROTO_GRE);
	assert_int_equal(header6.ip6_hlim, 61);
	assert_string_equal(inet_ntop(AF_INET6, &header6.ip6_src, text, sizeof(text)), "fd00::2");
	assert_string_equal(inet_ntop(AF_INET6, &header6.ip6_dst, text, sizeof(text)), "fd00::1");
	*tos = (uint8_t)(ntohl(header6.ip6_flow) >> 20);
	*length = (size_t)got - ETH_HLEN - sizeof(header6);
	return frame + ETH_HLEN + sizeof(header6);
}

static void lo_expect(struct rig *rig, const struct packet *packet, uint8_t tos)
{
	const uint8_t *payload;
	uint8_t got_tos;
	size_t length;
	bool v6;

	payload = lo_receive(rig, &v6, &got_tos, &length);
	assert_int_equal(v6, packet->v6);
	assert_int_equal(length, packet->size);
	assert_int_equal(got_tos, tos);
	for (int i = 0; i < packet->size; i++)
		if (payload[i] != payload_byte(packet, i))
			fail_msg("byte %d of the payload is %02x, not %02x", i, payload[i],
				 payload_byte(packet, i));
}

/* --- tests --------------------------------------------------------------------------------- */

/*
 * Whole packets that no tunnel took. What the host says to them it has said when it answers a later ping. A host whose
 * kernel has GRE loaded has an answer of its own, held or not.
 */
static void gre_gets_no_icmp_error(void **state)
{
	struct packet v4 = {.size = 100}, v6 = {.v6 = true, .size = 100};
	struct rig rig;

	(void)state;
	if (access("/sys/module/gre", F_OK) == 0) {
		print_message("skipped: the kernel itself takes GRE\n");
		skip();
	}
	rig_setup(&rig);
	for (int held = 1; held >= 0; held--) {
		if (held)
			assert_done(&rig.host, holder_gre_hold(rig.holder, &rig.host.err));
		packet_send(&rig, &v4);
		packet_send(&rig, &v6);
		ns_enter(rig.far_ns);
		run("ping -c 1 -W 5 10.0.0.1 >/dev/null && ping -c 1 -W 5 fd00::1 >/dev/null");
		ns_enter(rig.near_ns);
		assert_int_equal(says("cat /proc/self/net/snmp", "OutType3"), !held);
		assert_int_equal(says("cat /proc/self/net/snmp6", "Icmp6OutType4"), !held);
		if (held)
			holder_gre_release(rig.holder);
		turn(&rig.host, 50);
	}
	rig_teardown(&rig);
}

static void fragments_come_back_whole(void **state)
{
	static const int sizes[] = {1600, 3001, 20000, 65515};
	struct rig rig;

	(void)state;
	rig_setup(&rig);
	rig_mark(&rig);
	assert_done(&rig.host, holder_gre_hold(rig.holder, &rig.host.err));
	/* each is the next one: what no tunnel took of those before has not come again */
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
		struct packet packet = {.v6 = i & 1,
					.size = sizes[i / 2],
					.seed = (uint8_t)(i + 1),
					.tos = 0x28,
					.tos_last = 0x28};

		if (packet.v6 && packet.size > 65000)
			packet.size = 65496; /* the MTU of lo, less a header */
		packet_send(&rig, &packet);
		lo_expect(&rig, &packet, 0x28);
	}
	holder_gre_release(rig.holder);
	rig_teardown(&rig);
}

/* RFC 3168 5.3: one mark of congestion is enough for the whole. */
static void congestion_marks_are_kept(void **state)
{
	struct rig rig;

	(void)state;
	rig_setup(&rig);
	rig_mark(&rig);
	assert_done(&rig.host, holder_gre_hold(rig.holder, &rig.host.err));
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet packet = {.v6 = v6, .size = 4000, .seed = 9};

		packet.tos = 0x2a;
		packet.tos_last = 0x2b;
		packet_send(&rig, &packet);
		lo_expect(&rig, &packet, 0x2b);
		/* CE and Not-ECT do not go together: dropped by the stack; the next one comes */
		packet.seed = 10;
		packet.tos = 0x28;
		packet_send(&rig, &packet);
		packet.seed = 11;
		packet.tos_last = packet.tos = 0x2a;
		packet_send(&rig, &packet);
		lo_expect(&rig, &packet, 0x2a);
	}
	holder_gre_release(rig.holder);
	rig_teardown(&rig);
}

/* Not those of other tunnels of the host, and not what came whole. */
static void only_marked_packets_come_back(void **state)
{
	struct packet unmarked = {.size = 3000, .seed = 1, .tos = 2, .tos_last = 2};
	struct packet marked = {.size = 3000, .seed = 2, .tos = 4, .tos_last = 4};
	struct rig rig;

	(void)state;
	rig_setup(&rig);
	assert_done(&rig.host, holder_gre_hold(rig.holder, &rig.host.err));
	for (int v6 = 0; v6 < 2; v6++) {
		unmarked.v6 = marked.v6 = v6;
		packet_send(&rig, &unmarked);
	}
	rig_mark(&rig);
	for (int v6 = 0; v6 < 2; v6++) {
		marked.v6 = v6;
		packet_send(&rig, &marked);
		lo_expect(&rig, &marked, 4);
	}
	holder_gre_release(rig.holder);
	rig_teardown(&rig);
}

/* More than it has room for while it does not run: they are lost, and later ones are not. */
static void too_many_are_lost(void **state)
{
	struct packet packet = {.size = 8000, .seed = 1}, later = {.size = 3000, .seed = 2};
	int count = 0, room = 1 << 28, pid;
	struct pollfd polled;
	size_t length = 0;
	struct rig rig;
	uint8_t tos;
	bool v6;

	(void)state;
	rig_setup(&rig);
	rig_mark(&rig);
	assert_int_equal(setsockopt(rig.lo, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	assert_done(&rig.host, holder_gre_hold(rig.holder, &rig.host.err));
	pid = holder_pid(rig.holder);
	kill(pid, SIGSTOP);
	for (int i = 0; i < 2000; i++) {
		packet.seed = (uint8_t)(i % 250 + 3);
		packet_send(&rig, &packet);
	}
	kill(pid, SIGCONT);
	polled = (struct pollfd){.fd = rig.lo, .events = POLLIN};
	for (int i = 0; i < 100 && length != 3000; i++) {
		packet_send(&rig, &later);
		while (length != 3000 && poll(&polled, 1, 100) == 1) {
			lo_receive(&rig, &v6, &tos, &length);
			count++;
		}
	}
	assert_int_equal(length, 3000);
	assert_in_range(count, 2, 2000);
	holder_gre_release(rig.holder);
	rig_teardown(&rig);
}

static void listed(void *arg, const struct holder_item *item)
{
	int *protocols = arg;

	*protocols += item->protocol == IPPROTO_GRE && !item->port && !item->ifindex;
}

/* Without a weftd it goes on; the next one finds it, and lets it go. */
static void it_outlives_weftd(void **state)
{
	struct packet packet = {.size = 3000, .seed = 1};
	struct rig rig;
	int pid, protocols = 0;

	(void)state;
	rig_setup(&rig);
	rig_mark(&rig);
	assert_done(&rig.host, holder_gre_hold(rig.holder, &rig.host.err));
	assert_done(&rig.host, holder_port_hold(rig.holder, 4789, &rig.host.err));
	pid = holder_pid(rig.holder);
	holder_free(rig.holder);
	packet_send(&rig, &packet);
	lo_expect(&rig, &packet, 0);
	assert_done(&rig.host, holder_new(rig.host.base, rig.host.netlink, rig.rundir, &rig.holder,
					  &rig.host.err));
	assert_int_equal(holder_pid(rig.holder), pid);
	holder_list(rig.holder, listed, &protocols);
	assert_int_equal(protocols, 1);
	assert_done(&rig.host, holder_gre_hold(rig.holder, &rig.host.err));
	/* counted */
	assert_done(&rig.host, holder_gre_hold(rig.holder, &rig.host.err));
	holder_gre_release(rig.holder);
	holder_settle(rig.holder);
	packet.seed = 2;
	packet_send(&rig, &packet);
	lo_expect(&rig, &packet, 0);
	/* killed: another one takes over */
	kill(pid, SIGKILL);
	for (int i = 0; i < 150 && (!holder_pid(rig.holder) || holder_pid(rig.holder) == pid); i++)
		turn(&rig.host, 20);
	packet.seed = 3;
	packet_send(&rig, &packet);
	lo_expect(&rig, &packet, 0);
	holder_gre_release(rig.holder);
	rig_teardown(&rig);
}

/* A holder of an earlier weft: it has a port, and knows nothing of protocols. Ends when it is told to. */
static void holder_of_old(const struct rig *rig, int ready)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct holder_request request;
	struct holder_answer answer;
	struct sockaddr_in udp = {.sin_family = AF_INET, .sin_port = htons(4790)};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0), port = socket(AF_INET, SOCK_DGRAM, 0),
	    fd;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/" HOLDER_SOCKET, rig->rundir);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    bind(port, (struct sockaddr *)&udp, sizeof(udp)) || write(ready, "", 1) != 1)
		_exit(1);
	fd = accept(listener, NULL, NULL);
	while (recv(fd, &request, sizeof(request), 0) == sizeof(request)) {
		memset(&answer, 0, sizeof(answer));
		answer.magic = HOLDER_MAGIC;
		answer.pid = getpid();
		answer.netns = holder_netns();
		if (request.operation == HOLDER_LIST) {
			answer.more = 1;
			answer.item.port = 4790;
			send(fd, &answer, sizeof(answer), 0);
			memset(&answer.item, 0, sizeof(answer.item));
			answer.more = 0;
		}
		if (request.operation > HOLDER_LIST)
			answer.result = -EOPNOTSUPP;
		send(fd, &answer, sizeof(answer), 0);
	}
	_exit(2);
}

static void an_older_holder_makes_way(void **state)
{
	struct packet packet = {.size = 3000, .seed = 1};
	int ready[2], status;
	struct rig rig;
	pid_t old;
	char byte;

	(void)state;
	rig_setup(&rig);
	rig_mark(&rig);
	holder_free(rig.holder);
	assert_int_equal(pipe(ready), 0);
	old = fork();
	if (old == 0)
		holder_of_old(&rig, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_done(&rig.host, holder_new(rig.host.base, rig.host.netlink, rig.rundir, &rig.holder,
					  &rig.host.err));
	assert_int_equal(holder_pid(rig.holder), old);
	assert_done(&rig.host, holder_port_hold(rig.holder, 4790, &rig.host.err));
	assert_int_equal(holder_pid(rig.holder), old);
	assert_done(&rig.host, holder_gre_hold(rig.holder, &rig.host.err));
	assert_int_equal(waitpid(old, &status, 0), old);
	assert_true(WIFSIGNALED(status));
	assert_true(holder_pid(rig.holder) > 0 && holder_pid(rig.holder) != old);
	/* it has what the old one had, and GRE */
	assert_true(says("cat /proc/self/net/udp", ":12B6 "));
	packet_send(&rig, &packet);
	lo_expect(&rig, &packet, 0);
	holder_gre_release(rig.holder);
	holder_port_release(rig.holder, 4790);
	rig_teardown(&rig);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gre_gets_no_icmp_error),
		cmocka_unit_test(fragments_come_back_whole),
		cmocka_unit_test(congestion_marks_are_kept),
		cmocka_unit_test(only_marked_packets_come_back),
		cmocka_unit_test(too_many_are_lost),
		cmocka_unit_test(it_outlives_weftd),
		cmocka_unit_test(an_older_holder_makes_way),
	};

	holder_main(argc, argv);
	return cmocka_run_group_tests_name("host_reassembly", tests, NULL, NULL);
}
