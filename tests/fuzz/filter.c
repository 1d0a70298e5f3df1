/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A capture's filter, judged by weftd and by the kernel (SO_ATTACH_FILTER). What the kernel takes weftd takes, and the other way
 * round, but for what the datapath gives a meaning to and the kernel does not. And how far into a packet it looks.
 */
#include <linux/filter.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool kernel_takes(const struct weft_capture_filter *filter, uint32_t length)
{
	static int fd = -1;
	struct sock_filter code[WEFT_CAPTURE_FILTER];
	struct sock_fprog program = {.len = (uint16_t)length, .filter = code};

	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	for (uint32_t i = 0; i < length; i++)
		code[i] = (struct sock_filter){filter->insn[i].code, filter->insn[i].jt,
					       filter->insn[i].jf, filter->insn[i].k};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

/* Shifts by 32 and more give 0, -A has no operand, memory begins as 0, and there are no offsets with a special meaning. */
static bool insn_is_ours_alone(const struct weft_capture_insn *insn)
{
	switch (insn->code) {
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return insn->k >= 32;
	case BPF_ALU | BPF_NEG | BPF_X:
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
		return true;
	default:
		return BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_ABS &&
		       insn->k >= (uint32_t)SKF_AD_OFF;
	}
}

/* With so much of a packet as it is said to look at it finds the same as with the whole; the packet is the input itself. */
static void reach_check(const struct weft_capture_filter *filter, uint32_t length,
			const uint8_t *packet, uint32_t size)
{
	/* the same layout, by another name */
	const struct bpf_insn *program = (const void *)filter->insn;
	uint32_t reach = capture_filter_reach(filter, length);

	if (bpf_filter(program, packet, size, reach < size ? reach : size) !=
	    bpf_filter(program, packet, size, size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weft_capture_filter filter = {};
	uint32_t length = (uint32_t)(size / sizeof(filter.insn[0]));
	bool ours = false, kernels;
	struct error err = {};
	int rc;

	if (!length || length > WEFT_CAPTURE_FILTER)
		return 0;
	memcpy(filter.insn, data, length * sizeof(filter.insn[0]));
	for (uint32_t i = 0; i < length; i++)
		ours = ours || insn_is_ours_alone(&filter.insn[i]);
	rc = capture_filter_check(&filter, length, &err);
	kernels = kernel_takes(&filter, length);
	if ((rc < 0) != !!*err.line || (kernels && rc < 0) || (!kernels && rc == 0 && !ours))
		abort();
	/* libpcap's interpreter ends the process where it meets what is ours alone */
	if (kernels && !ours)
		reach_check(&filter, length, data, (uint32_t)size);
	return 0;
}
