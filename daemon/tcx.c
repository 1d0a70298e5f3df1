/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/tcx.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

/* of enum bpf_attach_type; the headers that weft is built with may be older */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS  47

#define LOOPBACK_IFINDEX 1
#define PROGRAMS_MAX	 64  /* BPF_MPROG_MAX: more than that no hook has */
#define WATCH_EACH	 512 /* hooks that are looked at in one call */
#define NAME_PREFIX	 "weft_"

/* One of ours. To replace it or to take it off needs a descriptor, which by id only CAP_SYS_ADMIN gets. */
struct program {
	uint32_t id;
	int fd;
	bool given; /* by a caller of tcx_attach() */
	UT_hash_handle hh;
};

/* What this process has attached. */
struct attached {
	struct {
		uint32_t ifindex;
		uint32_t hook;
	} key;
	UT_hash_handle hh;
};

/* Of the process, as are descriptors and privileges. */
static struct program *programs;
static struct attached *attachments;
static uint32_t watch_start; /* how many of them, from the first, have been looked at */

static enum bpf_attach_type attach_type(enum hook hook)
{
	return (enum bpf_attach_type)(hook == HOOK_INGRESS ? ATTACH_TCX_INGRESS
							   : ATTACH_TCX_EGRESS);
}

bool tcx_supported(void)
{
	static int supported = -1;
	uint32_t count = 0;
	int rc;

	if (supported < 0) {
		rc = bpf_prog_query(LOOPBACK_IFINDEX, attach_type(HOOK_INGRESS), 0, NULL, NULL,
				    &count);
		/* a kernel without it: -EINVAL */
		supported = !rc || rc == -ENOENT || rc == -ENOSPC;
	}
	return supported;
}

/* --- programs of ours ------------------------------------------------------------------------ */

static int program_add(uint32_t id, int fd, bool given, struct program **ret)
{
	struct program *program = calloc(1, sizeof(*program));

	if (!program)
		return -ENOMEM;
	program->id = id;
	program->fd = fd;
	program->given = given;
	HASH_ADD(hh, programs, id, sizeof(program->id), program);
	*ret = program;
	return 0;
}

static void program_remove(struct program *program)
{
	HASH_DEL(programs, program);
	close(program->fd);
	free(program);
}

/* The program, if it is one of ours. */
static struct program *program_find(uint32_t id)
{
	struct program *program;
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	int fd;

	HASH_FIND(hh, programs, &id, sizeof(id), program);
	if (program)
		return program;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return NULL;
	if (!bpf_obj_get_info_by_fd(fd, &info, &size) && info.type == BPF_PROG_TYPE_SCHED_CLS &&
	    !strncmp(info.name, NAME_PREFIX, strlen(NAME_PREFIX)) &&
	    !program_add(id, fd, false, &program))
		return program;
	close(fd);
	return NULL;
}

/* Of a caller, which keeps its own descriptor. */
static int program_give(int prog_fd, struct program **ret)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	int fd, rc = bpf_obj_get_info_by_fd(prog_fd, &info, &size);

	if (rc)
		return rc;
	HASH_FIND(hh, programs, &info.id, sizeof(info.id), *ret);
	if (*ret) {
		(*ret)->given = true;
		return 0;
	}
	fd = dup(prog_fd);
	if (fd < 0)
		return -errno;
	rc = program_add(info.id, fd, true, ret);
	if (rc)
		close(fd);
	return rc;
}

/* --- hooks ------------------------------------------------------------------------------------- */

/* `ret`: ours at the hook, NULL: none; `ret_before` (may be NULL): how many are called before it, or are there. */
static int hook_look(uint32_t ifindex, enum hook hook, struct program **ret,
		     unsigned int *ret_before)
{
	uint32_t ids[PROGRAMS_MAX] = {}, count = PROGRAMS_MAX, i;
	int rc = bpf_prog_query((int)ifindex, attach_type(hook), 0, NULL, ids, &count);

	*ret = NULL;
	if (ret_before)
		*ret_before = 0;
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	for (i = 0; i < count && i < PROGRAMS_MAX && !*ret; i++)
		*ret = program_find(ids[i]);
	if (ret_before)
		*ret_before = *ret ? i - 1 : i;
	return 0;
}

static int hook_find(uint32_t ifindex, enum hook hook, struct program **ret)
{
	return hook_look(ifindex, hook, ret, NULL);
}

static struct attached *attached_find(uint32_t ifindex, enum hook hook)
{
	struct attached *attached, wanted = {.key = {ifindex, hook}};

	HASH_FIND(hh, attachments, &wanted.key, sizeof(wanted.key), attached);
	return attached;
}

static void attached_remove(struct attached *attached)
{
	HASH_DEL(attachments, attached);
	free(attached);
}

static int attached_add(uint32_t ifindex, enum hook hook)
{
	struct attached *attached;

	if (attached_find(ifindex, hook))
		return 0;
	attached = calloc(1, sizeof(*attached));
	if (!attached)
		return -ENOMEM;
	attached->key.ifindex = ifindex;
	attached->key.hook = hook;
	HASH_ADD(hh, attachments, key, sizeof(attached->key), attached);
	return 0;
}

int tcx_attach(uint32_t ifindex, enum hook hook, int prog_fd, struct error *err)
{
	LIBBPF_OPTS(bpf_prog_attach_opts, options);
	struct program *program, *old = NULL;
	int rc = program_give(prog_fd, &program);

	if (!rc)
		rc = hook_find(ifindex, hook, &old);
	if (!rc)
		rc = attached_add(ifindex, hook);
	if (!rc && old != program) {
		if (old) {
			options.flags = BPF_F_REPLACE;
			options.replace_prog_fd = old->fd;
		}
		rc = bpf_prog_attach_opts(program->fd, (int)ifindex, attach_type(hook), &options);
	}
	return rc ? error_set(err, rc, "tcx: %s", strerror(-rc)) : 0;
}

int tcx_detach(uint32_t ifindex, enum hook hook, struct error *err)
{
	struct attached *attached = attached_find(ifindex, hook);
	struct program *program;
	int rc = hook_find(ifindex, hook, &program);

	if (attached)
		attached_remove(attached);
	if (!rc && program)
		rc = bpf_prog_detach2(program->fd, (int)ifindex, attach_type(hook));
	if (rc && rc != -ENOENT && rc != -ENODEV)
		return error_set(err, rc, "tcx: %s", strerror(-rc));
	return 0;
}

int64_t tcx_query(uint32_t ifindex, enum hook hook)
{
	struct program *program;
	int rc = hook_find(ifindex, hook, &program);

	if (rc)
		return rc == -ENODEV ? 0 : rc;
	return program ? (int64_t)program->id : 0;
}

unsigned int tcx_others(uint32_t ifindex, enum hook hook)
{
	struct program *program;
	unsigned int before;

	hook_look(ifindex, hook, &program, &before);
	return before;
}

void tcx_walk(struct netlink *netlink, hook_each *each, void *arg)
{
	for (const struct link *link = link_next(netlink, NULL); link;
	     link = link_next(netlink, link))
		for (enum hook hook = HOOK_INGRESS; hook <= HOOK_EGRESS; hook++) {
			int64_t id = tcx_query(link->ifindex, hook);

			if (id > 0)
				each(arg, link->ifindex, hook, (uint32_t)id);
		}
}

void tcx_watch(struct netlink *netlink)
{
	struct attached *attached, *next;
	uint32_t lost[WATCH_EACH], count = 0, place = 0, end = watch_start + WATCH_EACH;
	struct program *program;
	int rc;

	HASH_ITER (hh, attachments, attached, next) {
		if (place++ < watch_start)
			continue;
		if (place > end)
			break;
		rc = hook_find(attached->key.ifindex, (enum hook)attached->key.hook, &program);
		if (rc == -ENODEV)
			attached_remove(attached);
		else if (!rc && !program)
			lost[count++] = attached->key.ifindex;
	}
	watch_start = attached ? end : 0;
	for (uint32_t i = 0; i < count; i++)
		netlink_filter_lost(netlink, lost[i]);
}

void tcx_settle(void)
{
	struct program *program, *next;

	HASH_ITER (hh, programs, program, next)
		if (!program->given)
			program_remove(program);
}

void tcx_forget(void)
{
	struct attached *attached, *after;
	struct program *program, *next;

	HASH_ITER (hh, programs, program, next)
		program_remove(program);
	HASH_ITER (hh, attachments, attached, after)
		attached_remove(attached);
	watch_start = 0;
}
