/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of captures. */
#include "daemon/dp_capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/weft.skel.h"
#include "daemon/dp_private.h"

struct dp_capture {
	struct dp *dp;
	uint32_t points[WEFT_CAPTURES_MAX]; /* of each slot */
};

/* Scratch memory for each CPU, as the datapath wants it. Its fd. */
static int scratch_make(const struct dp *dp)
{
	const struct bpf_map_create_opts opts = {.sz = sizeof(opts), .map_flags = BPF_F_INNER_MAP};

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "weft_scratch", sizeof(uint32_t),
			      WEFT_CAPTURE_SCRATCH, (uint32_t)dp->cpus_end, &opts);
}

int dp_capture_load(struct dp *dp, struct dp_capture **ret, struct error *err)
{
	struct dp_capture *capture = calloc(1, sizeof(*capture));
	uint32_t zero = 0;
	int r, fd;

	if (!capture)
		return error_set(err, -ENOMEM, "out of memory");
	capture->dp = dp;
	r = fd = scratch_make(dp);
	if (r >= 0) {
		r = bpf_map_update_elem(bpf_map__fd(dp->skeleton->maps.capture_scratches), &zero,
					&fd, 0);
		close(fd);
	}
	if (r < 0) {
		free(capture);
		return error_set(err, r, "capture: no memory in the datapath: %s", strerror(-r));
	}
	*ret = capture;
	return 0;
}

void dp_capture_free(struct dp_capture *capture)
{
	uint32_t zero = 0;

	if (!capture)
		return;
	capture->dp->skeleton->bss->capture_points = 0;
	bpf_map_delete_elem(bpf_map__fd(capture->dp->skeleton->maps.capture_scratches), &zero);
	free(capture);
}

static void points_write(struct dp_capture *capture)
{
	uint32_t points = 0;

	for (uint32_t i = 0; i < WEFT_CAPTURES_MAX; i++)
		points |= capture->points[i];
	capture->dp->skeleton->bss->capture_points = points;
}

static int slot_write(struct dp_capture *capture, uint32_t slot, const struct weft_capture *what,
		      const struct weft_capture_filter *filter, int ring)
{
	const struct weft *skeleton = capture->dp->skeleton;
	struct weft_capture_count *zero = calloc((size_t)capture->dp->cpus, sizeof(*zero));
	int r;

	if (!zero)
		return -ENOMEM;
	r = bpf_map_update_elem(bpf_map__fd(skeleton->maps.capture_counts), &slot, zero, 0);
	free(zero);
	if (r == 0)
		r = bpf_map_update_elem(bpf_map__fd(skeleton->maps.capture_rings), &slot, &ring, 0);
	if (r == 0)
		r = bpf_map_update_elem(bpf_map__fd(skeleton->maps.capture_filters), &slot, filter,
					0);
	/* last of all: from here on it is at work */
	if (r == 0)
		r = bpf_map_update_elem(bpf_map__fd(skeleton->maps.capture_slots), &slot, what, 0);
	return r;
}

int dp_capture_begin(struct dp_capture *capture, uint32_t slot, const struct weft_capture *what,
		     const struct weft_capture_filter *filter, uint32_t ring, struct error *err)
{
	int r, fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "weft_capture", 0, 0, ring, NULL);

	if (fd < 0)
		return error_set(err, fd, "capture: no ring of %u bytes: %s", ring, strerror(-fd));
	r = slot_write(capture, slot, what, filter, fd);
	if (r < 0) {
		dp_capture_end(capture, slot);
		close(fd);
		return error_set(err, r, "capture: the maps cannot be written: %s", strerror(-r));
	}
	capture->points[slot] = what->points;
	points_write(capture);
	return fd;
}

void dp_capture_end(struct dp_capture *capture, uint32_t slot)
{
	const struct weft *skeleton = capture->dp->skeleton;
	const struct weft_capture none = {0};

	capture->points[slot] = 0;
	points_write(capture);
	bpf_map_update_elem(bpf_map__fd(skeleton->maps.capture_slots), &slot, &none, 0);
	bpf_map_delete_elem(bpf_map__fd(skeleton->maps.capture_rings), &slot);
}

int dp_capture_count(const struct dp_capture *capture, uint32_t slot,
		     struct weft_capture_count *ret)
{
	struct weft_capture_count *values = calloc((size_t)capture->dp->cpus, sizeof(*values));
	int r;

	*ret = (struct weft_capture_count){0};
	if (!values)
		return -ENOMEM;
	r = bpf_map_lookup_elem(bpf_map__fd(capture->dp->skeleton->maps.capture_counts), &slot,
				values);
	for (int cpu = 0; r == 0 && cpu < capture->dp->cpus; cpu++) {
		for (int point = 0; point < WEFT_POINT_COUNT; point++) {
			ret->matched[point] += values[cpu].matched[point];
			ret->lost[point] += values[cpu].lost[point];
		}
	}
	free(values);
	return r;
}
