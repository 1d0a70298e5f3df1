/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports held and groups joined by a process that outlives weftd. */
#include "daemon/holder.h"
#include "host.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct holder *holder;
static char rundir[64];
static char lost[ERROR_LINE];

static void on_lost(void *arg, const struct error *err)
{
	(void)arg;
	snprintf(lost, sizeof(lost), "%s", err->line);
}

static void start(struct host *host)
{
	host_setup(host);
	snprintf(rundir, sizeof(rundir), "/tmp/weft-holder-XXXXXX");
	assert_non_null(mkdtemp(rundir));
	assert_done(host, holder_new(host->base, host->netlink, rundir, &holder, &host->err));
	holder_watch(holder, on_lost, NULL);
	lost[0] = 0;
}

static bool socket_there(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/holder.sock", rundir);
	return access(path, F_OK) == 0;
}

/* Everything is released: neither the process nor its socket stays. */
static void stop(struct host *host)
{
	for (int i = 0; i < 100 && (socket_there() || holder_pid(holder)); i++)
		turn(host, 20);
	assert_false(socket_there());
	assert_int_equal(holder_pid(holder), 0);
	holder_free(holder);
	assert_int_equal(rmdir(rundir), 0);
	host_teardown(host);
}

/* Binds a UDP port; -1: somebody has it. */
static int bind_port(int family, uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	rc = family == AF_INET ? bind(fd, (struct sockaddr *)&v4, sizeof(v4))
			       : bind(fd, (struct sockaddr *)&v6, sizeof(v6));
	if (rc) {
		close(fd);
		return -1;
	}
	return fd;
}

static void a_port_is_held_and_released(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4789)};
	struct stat status;
	char path[128];
	struct host host;
	int fd;

	(void)state;
	start(&host);
	assert_int_equal(holder_pid(holder), 0);
	assert_false(socket_there());
	assert_done(&host, holder_port_hold(holder, 4789, &host.err));
	assert_done(&host, holder_port_hold(holder, 4789, &host.err));
	assert_true(holder_pid(holder) > 0);
	snprintf(path, sizeof(path), "%s/holder.sock", rundir);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(bind_port(AF_INET, 4789), -1);
	assert_int_equal(bind_port(AF_INET6, 4789), -1);
	/* no ICMP error comes back */
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send(fd, "x", 1, 0), 1);
	close(fd);
	/* what it may do and what it is called */
	snprintf(path, sizeof(path), "cat /proc/%d/status /proc/%d/comm", holder_pid(holder),
		 holder_pid(holder));
	assert_true(says(path, "weft-holder"));
	assert_true(says(path, "CapEff:\t0000000000002400"));
	assert_true(says(path, "NoNewPrivs:\t1"));
	snprintf(path, sizeof(path), "ls -l /proc/%d/fd", holder_pid(holder));
	assert_false(says(path, "netlink"));
	holder_port_release(holder, 4789);
	assert_int_equal(bind_port(AF_INET, 4789), -1);
	holder_port_release(holder, 4789);
	fd = bind_port(AF_INET, 4789);
	assert_true(fd >= 0);
	close(fd);
	stop(&host);
}

static void a_conflict_names_who_has_the_port(void **state)
{
	char want[ERROR_LINE];
	struct host host;
	int fd;

	(void)state;
	start(&host);
	run("ip link add vx0 type vxlan id 7 dstport 4789 local 127.0.0.1 && ip link set vx0 up");
	turn(&host, 50);
	assert_int_equal(holder_port_hold(holder, 4789, &host.err), -EADDRINUSE);
	assert_string_equal(host.err.line, "dstport: 4789 is held by vxlan device vx0");
	memset(&host.err, 0, sizeof(host.err));
	run("ip link del vx0");
	fd = bind_port(AF_INET, 5000);
	assert_int_equal(holder_port_hold(holder, 5000, &host.err), -EADDRINUSE);
	snprintf(want, sizeof(want), "dstport: 5000 is held by process test-host_holde (pid %d)",
		 getpid());
	assert_string_equal(host.err.line, want);
	close(fd);
	memset(&host.err, 0, sizeof(host.err));
	/* IPv6 alone */
	run("echo 1 > /proc/sys/net/ipv6/bindv6only");
	fd = bind_port(AF_INET6, 5001);
	assert_true(fd >= 0);
	assert_int_equal(holder_port_hold(holder, 5001, &host.err), -EADDRINUSE);
	close(fd);
	fd = bind_port(AF_INET, 5001);
	assert_true(fd >= 0);
	close(fd);
	stop(&host);
}

static void groups_are_joined_and_left(void **state)
{
	struct weft_addr group = address("239.1.1.1"), group6 = address("ff05::77"), many;
	struct host host;
	uint32_t ifindex;
	char text[32];

	(void)state;
	start(&host);
	run("ip link add a0 type veth peer name a1; ip link set a0 up; ip link set a1 up");
	turn(&host, 50);
	ifindex = link_by_name(host.netlink, "a0")->ifindex;
	assert_done(&host, holder_join(holder, &group, ifindex, &host.err));
	assert_done(&host, holder_join(holder, &group6, ifindex, &host.err));
	assert_true(says("cat /proc/self/net/igmp", "010101EF"));
	assert_true(says("cat /proc/self/net/igmp6", "ff050000000000000000000000000077"));
	/* more than one socket may have */
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "239.2.0.%d", i + 1);
		many = address(text);
		assert_done(&host, holder_join(holder, &many, ifindex, &host.err));
	}
	assert_true(says("cat /proc/self/net/igmp", "640002EF"));
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "239.2.0.%d", i + 1);
		many = address(text);
		holder_leave(holder, &many, ifindex);
	}
	assert_false(says("cat /proc/self/net/igmp", "0002EF"));
	holder_leave(holder, &group6, ifindex);
	/* the device goes, and another takes its name */
	run("ip link del a0; ip link add a0 type veth peer name a1; ip link set a0 up");
	turn(&host, 50);
	holder_leave(holder, &group, ifindex);
	ifindex = link_by_name(host.netlink, "a0")->ifindex;
	assert_done(&host, holder_join(holder, &group, ifindex, &host.err));
	assert_true(says("cat /proc/self/net/igmp", "010101EF"));
	holder_leave(holder, &group, ifindex);
	assert_int_equal(holder_join(holder, &group, 4711, &host.err), -ENODEV);
	assert_non_null(strstr(host.err.line, "group: 239.1.1.1 cannot be joined on "));
	stop(&host);
}

/* weftd's part, in a process that is killed in the middle of it. */
static void hold_and_die(void)
{
	struct host host = {.base = event_base_new()};
	struct weft_addr group = address("239.1.1.1");

	if (netlink_new(host.base, &host.netlink, &host.err) ||
	    holder_new(host.base, host.netlink, rundir, &holder, &host.err) ||
	    holder_port_hold(holder, 4789, &host.err) ||
	    holder_port_hold(holder, 4790, &host.err) ||
	    holder_join(holder, &group, link_by_name(host.netlink, "a0")->ifindex, &host.err))
		_exit(1);
	kill(getpid(), SIGKILL);
}

static void counted(void *arg, const struct holder_item *item)
{
	(void)item;
	(*(int *)arg)++;
}

static void what_is_held_outlives_weftd(void **state)
{
	struct weft_addr group = address("239.1.1.1");
	struct host host;
	int status, count = 0;
	uint32_t ifindex;
	pid_t child;

	(void)state;
	start(&host);
	run("ip link add a0 type veth peer name a1; ip link set a0 up");
	holder_free(holder);
	child = fork();
	if (child == 0)
		hold_and_die();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(bind_port(AF_INET, 4789), -1);
	assert_true(says("cat /proc/self/net/igmp", "010101EF"));
	/* the next weftd */
	turn(&host, 50);
	ifindex = link_by_name(host.netlink, "a0")->ifindex;
	assert_done(&host, holder_new(host.base, host.netlink, rundir, &holder, &host.err));
	holder_list(holder, counted, &count);
	assert_int_equal(count, 3);
	assert_done(&host, holder_port_hold(holder, 4789, &host.err));
	holder_settle(holder);
	count = 0;
	holder_list(holder, counted, &count);
	assert_int_equal(count, 1);
	assert_false(says("cat /proc/self/net/igmp", "010101EF"));
	close(bind_port(AF_INET, 4790));
	assert_int_equal(bind_port(AF_INET, 4789), -1);
	holder_leave(holder, &group, ifindex);
	holder_port_release(holder, 4789);
	stop(&host);
}

static void a_killed_holder_is_started_again(void **state)
{
	struct weft_addr group = address("239.1.1.1");
	struct host host;
	uint32_t ifindex;
	int first, fd;

	(void)state;
	start(&host);
	run("ip link add a0 type veth peer name a1; ip link set a0 up");
	turn(&host, 50);
	ifindex = link_by_name(host.netlink, "a0")->ifindex;
	assert_done(&host, holder_port_hold(holder, 4789, &host.err));
	assert_done(&host, holder_port_hold(holder, 4790, &host.err));
	assert_done(&host, holder_join(holder, &group, ifindex, &host.err));
	first = holder_pid(holder);
	kill(first, SIGKILL);
	for (int i = 0; i < 150 && (!holder_pid(holder) || holder_pid(holder) == first); i++)
		turn(&host, 20);
	assert_true(holder_pid(holder) > 0);
	assert_int_not_equal(holder_pid(holder), first);
	assert_int_equal(bind_port(AF_INET, 4789), -1);
	assert_true(says("cat /proc/self/net/igmp", "010101EF"));
	assert_string_equal(lost, "");
	/* noticed in the middle of a request, too; and somebody was faster to take a port */
	first = holder_pid(holder);
	kill(first, SIGKILL);
	usleep(50000);
	fd = bind_port(AF_INET, 4790);
	assert_true(fd >= 0);
	assert_done(&host, holder_port_hold(holder, 4791, &host.err));
	assert_int_equal(bind_port(AF_INET, 4789), -1);
	assert_int_equal(bind_port(AF_INET, 4791), -1);
	assert_non_null(strstr(lost, "dstport: 4790 is held by "));
	close(fd);
	holder_leave(holder, &group, ifindex);
	holder_port_release(holder, 4789);
	holder_port_release(holder, 4790);
	holder_port_release(holder, 4791);
	stop(&host);
}

static void what_is_no_holder_is_refused(void **state)
{
	struct holder *other = NULL;
	struct host host;

	(void)state;
	start(&host);
	assert_int_equal(holder_new(host.base, host.netlink, "/nonexistent/dir", &other, &host.err),
			 -ENOENT);
	assert_string_equal(host.err.line, "rundir: /nonexistent/dir: No such file or directory");
	memset(&host.err, 0, sizeof(host.err));
	assert_done(&host, holder_port_hold(holder, 4789, &host.err));
	/* a weftd of another namespace in the same directory */
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(holder_new(host.base, host.netlink, rundir, &other, &host.err), -EXDEV);
	assert_non_null(strstr(host.err.line, "is in another network namespace"));
	holder_port_release(holder, 4789);
	stop(&host);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_is_held_and_released),
		cmocka_unit_test(a_conflict_names_who_has_the_port),
		cmocka_unit_test(groups_are_joined_and_left),
		cmocka_unit_test(what_is_held_outlives_weftd),
		cmocka_unit_test(a_killed_holder_is_started_again),
		cmocka_unit_test(what_is_no_holder_is_refused),
	};

	holder_main(argc, argv);
	return cmocka_run_group_tests_name("host_holder", tests, NULL, NULL);
}
