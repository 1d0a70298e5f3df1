/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of what touches the host's network: each test has a network namespace of its own, a loop and a
 * netlink. Without the privilege to make one the test is skipped.
 */
#ifndef WEFT_TESTS_UNIT_HOST_H
#define WEFT_TESTS_UNIT_HOST_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <event2/event.h>
#include <linux/bpf.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/netlink.h"
#include "lib/addr.h"

struct host {
	struct event_base *base;
	struct netlink *netlink;
	struct error err;
};

/* A shell command that must succeed. */
__attribute__((format(printf, 1, 2))) static inline void run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* What a shell command says: true if `text` is in it. */
static inline bool says(const char *command, const char *text)
{
	char output[16384];
	FILE *pipe = popen(command, "r");
	size_t length;

	assert_non_null(pipe);
	length = fread(output, 1, sizeof(output) - 1, pipe);
	output[length] = 0;
	pclose(pipe);
	return strstr(output, text) != NULL;
}

static inline void host_setup(struct host *host)
{
	memset(host, 0, sizeof(*host));
	if (unshare(CLONE_NEWNET)) {
		print_message("skipped: no network namespace of its own: %s\n", strerror(errno));
		skip();
	}
	run("ip link set lo up");
	host->base = event_base_new();
	assert_non_null(host->base);
	if (netlink_new(host->base, &host->netlink, &host->err))
		fail_msg("%s", host->err.line);
}

static inline void host_teardown(struct host *host)
{
	netlink_free(host->netlink);
	event_base_free(host->base);
}

/* Runs the loop for so many milliseconds. */
static inline void turn(struct host *host, int milliseconds)
{
	struct timeval timeout = {milliseconds / 1000, milliseconds % 1000 * 1000};

	event_base_loopexit(host->base, &timeout);
	event_base_dispatch(host->base);
}

#define assert_done(host, call)                                                                    \
	do {                                                                                       \
		int done_rc = (call);                                                              \
		if (done_rc)                                                                       \
			fail_msg("%s: %d %s", #call, done_rc, (host)->err.line);                   \
	} while (0)

static inline struct weft_addr address(const char *text)
{
	struct weft_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* A program that leaves every packet to the next one; its number tells it from others. */
static inline int program(int number)
{
	struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = number},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "test", "GPL", code, 3, NULL);

	if (fd < 0) {
		print_message("skipped: no BPF program can be loaded: %s\n", strerror(errno));
		skip();
	}
	return fd;
}

static inline uint32_t program_id(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
	return info.id;
}

#endif
