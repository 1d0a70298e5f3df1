/* SPDX-License-Identifier: GPL-2.0-only */
/* Loading and taking over the datapath. Access to its maps is in dp_map.c. */
#include "daemon/dp_private.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "bpf/weft.skel.h"
#include "daemon/log.h"

#define KERNEL_DECAP_L3	 (1u << 0) /* bpf/frame.h */
#define PROGRAM_MAPS_MAX 64

static const char *const map_names[DP_MAP_COUNT] = {
	[DP_CONTROL] = "control",
	[DP_BRIDGES] = "bridges",
	[DP_DEVICES] = "devices",
	[DP_PORTS] = "ports",
	[DP_TUNNELS] = "tunnels",
	[DP_REMOTES] = "remotes",
	[DP_SPARES] = "spares",
	[DP_OPTIONS] = "options",
	[DP_SEQUENCES] = "sequences",
	[DP_KNOWN_OPTIONS] = "known_options",
	[DP_SEEN_OPTIONS] = "seen_options",
	[DP_PEERS] = "peers",
	[DP_PATHS] = "paths",
	[DP_VNIS] = "vnis",
	[DP_LISTEN] = "listen",
	[DP_ADDRESSES] = "addresses",
	[DP_FDB] = "fdb",
	[DP_FDB_COUNTS] = "fdb_counts",
	[DP_FLOOD] = "flood",
	[DP_TRUNKS] = "trunks",
	[DP_STORMS] = "storms",
	[DP_PORT_STATS] = "port_stats",
	[DP_REMOTE_STATS] = "remote_stats",
	[DP_DROPS] = "drops",
	[DP_NOTES] = "notes",
	[DP_EVENTS] = "events",
	[DP_EVENTS_LOST] = "events_lost",
	[DP_LAST_DROPS] = "last_drops",
};

/* Came after the ABI version did: made where the running datapath has none. */
static bool map_is_new(const char *name)
{
	return !strcmp(name, map_names[DP_LAST_DROPS]) || !strcmp(name, map_names[DP_PATHS]) ||
	       !strcmp(name, map_names[DP_STORMS]);
}

const char *dp_map_name(enum dp_map map)
{
	return map_names[map];
}

static int libbpf_print(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text = NULL;

	(void)level;
	if (vasprintf(&text, format, args) < 0)
		return 0;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		log_debug("libbpf: %s", line);
	free(text);
	return 0;
}

/* Does this kernel have BPF_F_ADJ_ROOM_DECAP_L3_*? Its own types say so, whatever its version. */
static bool kernel_has_decap_l3(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = false;

	if (!btf)
		return false;
	for (uint32_t id = 1; !found && id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		uint32_t count = btf_vlen(type);

		if (btf_is_enum(type)) {
			for (uint32_t i = 0; !found && i < count; i++)
				found = !strcmp(
					btf__name_by_offset(btf, btf_enum(type)[i].name_off),
					"BPF_F_ADJ_ROOM_DECAP_L3_IPV4");
		} else if (btf_is_enum64(type)) {
			for (uint32_t i = 0; !found && i < count; i++)
				found = !strcmp(
					btf__name_by_offset(btf, btf_enum64(type)[i].name_off),
					"BPF_F_ADJ_ROOM_DECAP_L3_IPV4");
		}
	}
	btf__free(btf);
	return found;
}

static int dp_open(struct dp **ret, struct error *err)
{
	struct dp *dp;
	int r;

	libbpf_set_print(libbpf_print);
	dp = calloc(1, sizeof(*dp));
	if (!dp)
		return error_set(err, -ENOMEM, "out of memory");
	dp->skeleton = weft__open();
	dp->cpus = libbpf_num_possible_cpus();
	if (!dp->skeleton || dp->cpus < 1) {
		r = -errno;
		dp_free(dp);
		return error_set(err, r, "datapath: cannot be opened: %s", strerror(-r));
	}
	for (int i = 0; i < DP_MAP_COUNT; i++)
		dp->fd[i] = -1;
	dp->decap_l3 = kernel_has_decap_l3();
	dp->skeleton->rodata->kernel_features = dp->decap_l3 ? KERNEL_DECAP_L3 : 0;
	r = dp_netns_prepare(dp->skeleton);
	if (r >= 0)
		r = dp_stats_prepare(dp);
	if (r < 0) {
		dp_free(dp);
		return error_set(err, r, "datapath: %s", strerror(-r));
	}
	if (getrandom((void *)dp->skeleton->rodata->defer_token,
		      sizeof(dp->skeleton->rodata->defer_token),
		      0) != sizeof(dp->skeleton->rodata->defer_token)) {
		dp_free(dp);
		return error_set(err, -EIO, "datapath: no random numbers");
	}
	*ret = dp;
	return 0;
}

/*
 * Loads the programs and binds every map to both, so that either one leads the next weftd to all
 * of them, and keeps them.
 */
static int dp_finish(struct dp *dp, struct error *err)
{
	int r = weft__load(dp->skeleton);

	if (r < 0)
		return error_set(err, r, "datapath: the kernel refused the programs: %s",
				 r == -EPERM ? "no privilege (CAP_BPF and CAP_NET_ADMIN)"
					     : strerror(-r));
	dp->port = bpf_program__fd(dp->skeleton->progs.weft_port);
	dp->underlay = bpf_program__fd(dp->skeleton->progs.weft_underlay);
	dp->split = bpf_program__fd(dp->skeleton->progs.weft_split);
	dp->collect = bpf_program__fd(dp->skeleton->progs.weft_collect);
	dp->inject = bpf_program__fd(dp->skeleton->progs.weft_inject);
	for (int i = 0; i < DP_MAP_COUNT; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(dp->skeleton->obj, map_names[i]);

		if (!map)
			return error_set(err, -EPROTO, "datapath: it has no map %s", map_names[i]);
		dp->fd[i] = bpf_map__fd(map);
		dp->key_size[i] = bpf_map__key_size(map);
		dp->value_size[i] = bpf_map__value_size(map);
		r = bpf_prog_bind_map(dp->port, dp->fd[i], NULL);
		if (r >= 0 || r == -EEXIST)
			r = bpf_prog_bind_map(dp->underlay, dp->fd[i], NULL);
		if (r < 0 && r != -EEXIST)
			return error_set(err, r, "datapath: map %s cannot be bound: %s",
					 map_names[i], strerror(-r));
	}
	r = dp_stats_open(dp);
	return r < 0 ? error_set(err, r, "datapath: statistics cannot be mapped: %s", strerror(-r))
		     : 0;
}

int dp_load(struct dp **ret, struct error *err)
{
	struct weft_control control = {.magic = WEFT_ABI_MAGIC, .version = WEFT_ABI_VERSION};
	struct dp *dp = NULL;
	uint32_t zero = 0;
	int r = dp_open(&dp, err);

	if (r < 0)
		return r;
	r = dp_finish(dp, err);
	if (r >= 0) {
		r = dp_put_control(dp, &zero, &control);
		if (r < 0)
			error_set(err, r, "datapath: map control: %s", strerror(-r));
	}
	if (r < 0) {
		dp_free(dp);
		return r;
	}
	*ret = dp;
	return 0;
}

/* The map of the running datapath takes the place of the one that loading would make. */
static int map_reuse(struct dp *dp, const char *name, int fd, const struct bpf_map_info *info,
		     struct error *err)
{
	struct bpf_map *map = bpf_object__find_map_by_name(dp->skeleton->obj, name);
	int r;

	if (!map)
		return 0; /* .rodata and the like belong to one load of the programs */
	if (info->type != bpf_map__type(map) || info->key_size != bpf_map__key_size(map) ||
	    info->value_size != bpf_map__value_size(map) ||
	    info->max_entries != bpf_map__max_entries(map))
		return error_set(err, -EPROTO,
				 "datapath: the running one's map %s has another layout", name);
	r = bpf_map__reuse_fd(map, fd);
	if (r < 0)
		return error_set(err, r, "datapath: map %s cannot be taken over: %s", name,
				 strerror(-r));
	return 1;
}

static int control_check(int fd, struct error *err)
{
	struct weft_control control = {};
	uint32_t zero = 0;
	int r = bpf_map_lookup_elem(fd, &zero, &control);

	if (r < 0)
		return error_set(err, r, "datapath: map control: %s", strerror(-r));
	if (control.magic != WEFT_ABI_MAGIC || control.version != WEFT_ABI_VERSION)
		return error_set(err, -EPROTO,
				 "datapath: the running one has layout %u, this weftd has %u",
				 control.version, WEFT_ABI_VERSION);
	return 0;
}

static bool name_is_ours(const char *name)
{
	for (int i = 0; i < DP_MAP_COUNT; i++)
		if (!strcmp(name, map_names[i]))
			return true;
	return false;
}

/* How many maps a running datapath must have. */
static int maps_required(void)
{
	int count = 0;

	for (int i = 0; i < DP_MAP_COUNT; i++)
		count += !map_is_new(map_names[i]);
	return count;
}

static int maps_reuse(struct dp *dp, const uint32_t *ids, uint32_t count, struct error *err)
{
	int found = 0, r = 0;

	for (uint32_t i = 0; r >= 0 && i < count; i++) {
		struct bpf_map_info info = {};
		uint32_t size = sizeof(info);
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			return error_set(err, fd, "datapath: map %u of the running one: %s", ids[i],
					 strerror(-fd));
		r = bpf_obj_get_info_by_fd(fd, &info, &size);
		if (r >= 0 && !strcmp(info.name, "control"))
			r = control_check(fd, err);
		if (r >= 0 && name_is_ours(info.name))
			r = map_reuse(dp, info.name, fd, &info, err);
		if (r > 0 && !map_is_new(info.name))
			found++;
		close(fd);
	}
	if (r >= 0 && found != maps_required())
		return error_set(err, -EPROTO, "datapath: the running one has %d maps out of %d",
				 found, maps_required());
	return r < 0 ? error_set(err, r, "datapath: %s", strerror(-r)) : 0;
}

int dp_adopt(uint32_t prog_id, struct dp **ret, struct error *err)
{
	uint32_t ids[PROGRAM_MAPS_MAX], size;
	struct bpf_prog_info info = {};
	struct dp *dp = NULL;
	int fd, r;

	r = dp_open(&dp, err);
	if (r < 0)
		return r;
	fd = bpf_prog_get_fd_by_id(prog_id);
	if (fd < 0) {
		dp_free(dp);
		return error_set(err, fd, "datapath: running program %u: %s", prog_id,
				 strerror(-fd));
	}
	info.nr_map_ids = PROGRAM_MAPS_MAX;
	info.map_ids = (uintptr_t)ids;
	size = sizeof(info);
	r = bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	if (r < 0 || info.nr_map_ids > PROGRAM_MAPS_MAX)
		r = error_set(err, r < 0 ? r : -EPROTO, "datapath: running program %u: %s", prog_id,
			      strerror(r < 0 ? -r : EPROTO));
	if (r >= 0)
		r = maps_reuse(dp, ids, info.nr_map_ids, err);
	if (r >= 0)
		r = dp_finish(dp, err);
	if (r < 0) {
		dp_free(dp);
		return r;
	}
	*ret = dp;
	return 0;
}

void dp_free(struct dp *dp)
{
	if (!dp)
		return;
	dp_stats_close(dp);
	weft__destroy(dp->skeleton);
	free(dp);
}

int dp_program_port(const struct dp *dp)
{
	return dp->port;
}

int dp_program_underlay(const struct dp *dp)
{
	return dp->underlay;
}

int dp_program_split(const struct dp *dp)
{
	return dp->split;
}

int dp_program_collect(const struct dp *dp)
{
	return dp->collect;
}

int dp_program_inject(const struct dp *dp)
{
	return dp->inject;
}

void dp_collects(const struct dp *dp, uint64_t *ret_handed, uint64_t *ret_back)
{
	struct weft_collects *values = calloc((size_t)dp->cpus, sizeof(*values));
	uint32_t zero = 0;

	*ret_handed = *ret_back = 0;
	if (values && !bpf_map_lookup_elem(bpf_map__fd(dp->skeleton->maps.collects), &zero, values))
		for (int cpu = 0; cpu < dp->cpus; cpu++) {
			*ret_handed += values[cpu].handed;
			*ret_back += values[cpu].back;
		}
	free(values);
}

bool dp_has_decap_l3(const struct dp *dp)
{
	return dp->decap_l3;
}

int dp_cpus(const struct dp *dp)
{
	return dp->cpus;
}
