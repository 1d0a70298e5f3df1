/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The datapath is told which network namespace it serves, where the kernel has tcx (bpf/frame.h). It asks
 * packets for theirs by a function of the kernel's, whose number here and now goes into the programs.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/weft.skel.h"
#include "daemon/dp_private.h"
#include "daemon/tcx.h"

/* Of this process's network namespace; 0: the kernel does not say. */
static uint64_t netns_cookie(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (fd < 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
		cookie = 0;
	close(fd);
	return cookie;
}

/* The kernel's number for its function, or 0. */
static int32_t cast_id(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int32_t id = btf ? btf__find_by_name_kind(btf, "bpf_cast_to_kern_ctx", BTF_KIND_FUNC) : 0;

	btf__free(btf);
	return id > 0 ? id : 0;
}

static int program_patch(struct bpf_program *program, int32_t id)
{
	size_t count = bpf_program__insn_cnt(program);
	struct bpf_insn *insns = malloc(count * sizeof(*insns));
	int rc;

	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(program), count * sizeof(*insns));
	for (size_t i = 0; i < count; i++)
		if (insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].imm == WEFT_CAST_CALL) {
			insns[i].src_reg = BPF_PSEUDO_KFUNC_CALL;
			insns[i].imm = id;
		}
	rc = bpf_program__set_insns(program, insns, count);
	free(insns);
	return rc;
}

int dp_netns_prepare(struct weft *skeleton)
{
	struct bpf_program *program;
	uint64_t cookie = tcx_supported() ? netns_cookie() : 0;
	int32_t id = cookie ? cast_id() : 0;
	int rc = 0;

	skeleton->rodata->netns_cookie = id ? cookie : 0;
	if (!id) /* what calls it is never reached, and the verifier takes it out */
		return 0;
	bpf_object__for_each_program(program, skeleton->obj) if (!rc) rc =
		program_patch(program, id);
	return rc;
}
