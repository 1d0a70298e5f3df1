/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames that enter at a port without anybody having sent them: `weft probe from PORT`. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <time.h>

#include "daemon/live.h"
#include "daemon/port_private.h"

#define BURST	64 /* frames at once */
#define DROPPED 1  /* NET_XMIT_DROP, NET_RX_DROP (linux/netdevice.h), which no error is */

/* A bucket of INJECT_RATE tokens a second. */
static bool inject_allowed(struct inject_limit *limit)
{
	struct timespec time;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &time);
	now = (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
	limit->tokens += (double)(now - limit->since) * INJECT_RATE / 1e6;
	limit->since = now;
	if (limit->tokens > BURST)
		limit->tokens = BURST;
	if (limit->tokens < 1)
		return false;
	limit->tokens--;
	return true;
}

int kernel_inject(struct kernel *kernel, const char *name, const uint8_t *frame, size_t count,
		  size_t length, struct error *err)
{
	const struct live_port *port = port_find(kernel, name);
	struct __sk_buff context = {};
	struct bpf_test_run_opts run = {.sz = sizeof(run),
					.data_in = frame,
					.data_size_in = (uint32_t)count,
					.ctx_in = &context,
					.ctx_size_in = sizeof(context),
					.repeat = 1};
	int r;

	if (!port || !kernel->dp || !port->ifindex)
		return error_set(err, -ENODEV, "port %s: its device is gone", name);
	if (!port->up)
		return error_set(err, -ENETDOWN, "port %s: its device is down", name);
	if (!inject_allowed(&kernel->inject))
		return error_set(err, -EAGAIN, "inject: more than %d frames a second", INJECT_RATE);
	context.cb[0] = port->ifindex;
	context.cb[1] = port_is_internal(port) ? 0 : BPF_F_INGRESS;
	context.cb[2] = (uint32_t)length;
	r = bpf_prog_test_run_opts(dp_program_inject(kernel->dp), &run);
	/* what is sent by an internal port comes back with the datapath's verdict, which has counted it */
	if (r == 0 && !(port_is_internal(port) && run.retval == DROPPED))
		r = -(int)run.retval;
	return r < 0 ? error_set(err, r, "port %s: the frame was not taken: %s", name, strerror(-r))
		     : 0;
}
