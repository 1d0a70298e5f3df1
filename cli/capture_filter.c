/* SPDX-License-Identifier: GPL-2.0-only */
/* Filters: libpcap compiles them. */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "cli/capture.h"

int capture_filter_compile(const char *text, struct weft_capture_insn **ret, size_t *ret_length,
			   struct error *err)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, WEFT_CAPTURE_BYTES);
	struct bpf_program program;
	int r = 0;

	*ret = NULL;
	*ret_length = 0;
	if (!pcap)
		return error_set(err, -ENOMEM, "out of memory");
	if (!text[strspn(text, " \t\n")]) {
		pcap_close(pcap);
		return 0;
	}
	if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		r = error_set(err, -EINVAL, "filter \"%.64s\": %s", text, pcap_geterr(pcap));
		pcap_close(pcap);
		return r;
	}
	if (program.bf_len > WEFT_CAPTURE_FILTER)
		r = error_set(err, -E2BIG, "filter: takes %u instructions, and %u are the most",
			      program.bf_len, WEFT_CAPTURE_FILTER);
	if (r == 0) {
		*ret = calloc(program.bf_len, sizeof(**ret));
		if (!*ret)
			r = error_set(err, -ENOMEM, "out of memory");
	}
	for (u_int i = 0; r == 0 && i < program.bf_len; i++)
		(*ret)[i] = (struct weft_capture_insn){.code = program.bf_insns[i].code,
						       .jt = program.bf_insns[i].jt,
						       .jf = program.bf_insns[i].jf,
						       .k = program.bf_insns[i].k};
	if (r == 0)
		*ret_length = program.bf_len;
	pcap_freecode(&program);
	pcap_close(pcap);
	return r;
}
