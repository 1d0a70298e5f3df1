/* SPDX-License-Identifier: GPL-2.0-only */
/* The tracing instance of the datapath: loading and running it. */
#include "daemon/dp_trace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/weft.skel.h"
#include "daemon/dp_private.h"

#define PRIVATE_EVENTS 4096 /* bytes of a ring that nobody reads */

/* What says what is to be done. All other maps are of one load of the programs. */
static const enum dp_map shared[] = {
	DP_CONTROL,   DP_BRIDGES,	DP_DEVICES, DP_PORTS,  DP_TUNNELS, DP_REMOTES, DP_OPTIONS,
	DP_SEQUENCES, DP_KNOWN_OPTIONS, DP_PEERS,   DP_PATHS,  DP_VNIS,	   DP_LISTEN,  DP_ADDRESSES,
	DP_FDB,	      DP_FDB_COUNTS,	DP_FLOOD,   DP_TRUNKS, DP_STORMS,  DP_SPARES,
};

struct dp_tracer {
	struct weft *skeleton;
	struct ring_buffer *ring;
	int program[DP_HOOK_COUNT];
	uint32_t live[DP_HOOK_COUNT]; /* ids of what they are compared with */
	dp_trace_told told;	      /* during a run */
	void *arg;
};

static int record_told(void *data, void *record, size_t size)
{
	const struct dp_tracer *tracer = data;

	if (tracer->told && size >= sizeof(struct weft_trace))
		tracer->told(tracer->arg, record,
			     size >= sizeof(struct weft_trace_packet) ? record : NULL);
	return 0;
}

/* What of the skeleton is another in a trace. */
static int tracer_prepare(struct dp_tracer *tracer, const struct dp *dp)
{
	struct weft *skeleton = tracer->skeleton;
	int r;

	*skeleton->rodata = *dp->skeleton->rodata;
	skeleton->rodata->tracing = 1;
	r = dp_netns_prepare(skeleton);
	for (size_t i = 0; r >= 0 && i < sizeof(shared) / sizeof(*shared); i++)
		r = bpf_map__reuse_fd(
			bpf_object__find_map_by_name(skeleton->obj, dp_map_name(shared[i])),
			dp->fd[shared[i]]);
	if (r >= 0)
		r = bpf_map__set_max_entries(skeleton->maps.traces, WEFT_TRACE_RING_LARGE);
	if (r >= 0)
		r = bpf_map__set_max_entries(skeleton->maps.events, PRIVATE_EVENTS);
	/* ids that are not there are not counted */
	if (r >= 0)
		r = bpf_map__set_max_entries(skeleton->maps.port_stats, 1);
	return r < 0 ? r : bpf_map__set_max_entries(skeleton->maps.remote_stats, 1);
}

static int program_info(int fd, struct bpf_prog_info *ret)
{
	uint32_t size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &size);
}

/* A trace is worth something only if it is of the programs that packets meet. */
static int tags_compare(struct dp_tracer *tracer, const struct dp *dp, struct error *err)
{
	const int live[DP_HOOK_COUNT] = {dp->port, dp->underlay, dp->split, dp->collect};

	for (int hook = 0; hook < DP_HOOK_COUNT; hook++) {
		struct bpf_prog_info one, two;
		int r = program_info(live[hook], &one);

		if (r >= 0)
			r = program_info(tracer->program[hook], &two);
		if (r < 0)
			return error_set(err, r, "trace: the programs cannot be compared: %s",
					 strerror(-r));
		tracer->live[hook] = one.id;
		if (memcmp(one.tag, two.tag, sizeof(one.tag)))
			return error_set(
				err, -EPROTO,
				"trace: the datapath that runs is another than this weftd's");
	}
	return 0;
}

int dp_tracer_check(const struct dp_tracer *tracer, enum dp_hook hook, uint32_t prog_id,
		    struct error *err)
{
	struct bpf_prog_info there, traced;
	int fd, r;

	if (prog_id == tracer->live[hook])
		return 0; /* they have been compared */
	/* without CAP_SYS_ADMIN it cannot be looked at, and may be any */
	fd = bpf_prog_get_fd_by_id(prog_id);
	r = fd < 0 ? fd : program_info(fd, &there);
	if (fd >= 0)
		close(fd);
	if (r >= 0)
		r = program_info(tracer->program[hook], &traced);
	if (r < 0 || memcmp(there.tag, traced.tag, sizeof(there.tag)))
		return error_set(err, -EPROTO,
				 "trace: program %u there is another than this weftd's", prog_id);
	return 0;
}

int dp_tracer_new(const struct dp *dp, struct dp_tracer **ret, struct error *err)
{
	struct dp_tracer *tracer = calloc(1, sizeof(*tracer));
	int r;

	if (!tracer)
		return error_set(err, -ENOMEM, "out of memory");
	tracer->skeleton = weft__open();
	r = tracer->skeleton ? tracer_prepare(tracer, dp) : -errno;
	if (r >= 0)
		r = weft__load(tracer->skeleton);
	if (r >= 0) {
		tracer->ring = ring_buffer__new(bpf_map__fd(tracer->skeleton->maps.traces),
						record_told, tracer, NULL);
		r = tracer->ring ? 0 : -errno;
	}
	if (r < 0) {
		dp_tracer_free(tracer);
		return error_set(err, r, "trace: the kernel refused the programs: %s",
				 strerror(-r));
	}
	tracer->program[DP_HOOK_PORT] = bpf_program__fd(tracer->skeleton->progs.weft_port);
	tracer->program[DP_HOOK_UNDERLAY] = bpf_program__fd(tracer->skeleton->progs.weft_underlay);
	tracer->program[DP_HOOK_SPLIT] = bpf_program__fd(tracer->skeleton->progs.weft_split);
	tracer->program[DP_HOOK_COLLECT] = bpf_program__fd(tracer->skeleton->progs.weft_collect);
	r = tags_compare(tracer, dp, err);
	if (r < 0) {
		dp_tracer_free(tracer);
		return r;
	}
	*ret = tracer;
	return 0;
}

void dp_tracer_free(struct dp_tracer *tracer)
{
	if (!tracer)
		return;
	ring_buffer__free(tracer->ring);
	weft__destroy(tracer->skeleton);
	free(tracer);
}

uint64_t dp_tracer_lost(const struct dp_tracer *tracer, const struct dp *dp)
{
	return dp_count(dp, bpf_map__fd(tracer->skeleton->maps.events_lost));
}

int dp_tracer_run(struct dp_tracer *tracer, enum dp_hook hook, const struct dp_trace_input *input,
		  dp_trace_told told, void *arg, uint32_t *ret_verdict, struct error *err)
{
	struct __sk_buff context = {.mark = input->mark,
				    .priority = input->priority,
				    .ifindex = input->ifindex,
				    .gso_size = input->segment};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = input->bytes, .data_size_in = input->len,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);
	int r;

	memcpy(context.cb, input->cb, sizeof(context.cb));
	r = bpf_prog_test_run_opts(tracer->program[hook], &options);
	tracer->told = told;
	tracer->arg = arg;
	/* also of a run that failed: what it said is not the next one's */
	ring_buffer__consume(tracer->ring);
	tracer->told = NULL;
	if (r < 0)
		return error_set(err, r, "trace: the kernel does not take the packet: %s",
				 strerror(-r));
	*ret_verdict = options.retval;
	return 0;
}
