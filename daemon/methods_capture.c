/* SPDX-License-Identifier: GPL-2.0-only */
/* The methods of captures. A connection has one at most, which ends with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api.h"
#include "daemon/capture.h"
#include "daemon/methods.h"

#define RING_DEFAULT (4u << 20)

static int params_points(const struct call *call, uint32_t *ret, struct error *err)
{
	static const char *const names[] = {
#define WEFT_POINT(name, string, what) string,
		WEFT_POINTS(WEFT_POINT)
#undef WEFT_POINT
	};
	const json_t *list = json_object_get(call->params, "points"), *item;
	size_t i;

	*ret = list ? 0 : (1u << WEFT_POINT_COUNT) - 1;
	if (list && (!json_is_array(list) || !json_array_size(list)))
		return error_set(err, -EINVAL, "points: is no list of at least one");
	json_array_foreach (list, i, item) {
		const char *name = json_string_value(item);
		uint32_t point = 0;

		while (point < WEFT_POINT_COUNT && (!name || strcmp(name, names[point])))
			point++;
		if (point == WEFT_POINT_COUNT)
			return error_set(err, -EINVAL, "points: item %zu is no point", i);
		*ret |= 1u << point;
	}
	return 0;
}

static bool insn_read(const json_t *item, struct weft_capture_insn *ret)
{
	static const json_int_t most[] = {UINT16_MAX, UINT8_MAX, UINT8_MAX, UINT32_MAX};
	json_int_t field[4];

	if (!json_is_array(item) || json_array_size(item) != 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		const json_t *value = json_array_get(item, i);

		field[i] = json_integer_value(value);
		if (!json_is_integer(value) || field[i] < 0 || field[i] > most[i])
			return false;
	}
	*ret = (struct weft_capture_insn){.code = (uint16_t)field[0],
					  .jt = (uint8_t)field[1],
					  .jf = (uint8_t)field[2],
					  .k = (uint32_t)field[3]};
	return true;
}

static int params_filter(const struct call *call, struct capture_spec *spec, struct error *err)
{
	const json_t *list = json_object_get(call->params, "filter"), *item;
	size_t i;

	if (list && (!json_is_array(list) || json_array_size(list) > WEFT_CAPTURE_FILTER))
		return error_set(err, -EINVAL, "filter: is no list of %d instructions at most",
				 WEFT_CAPTURE_FILTER);
	json_array_foreach (list, i, item) {
		if (!insn_read(item, &spec->filter.insn[i]))
			return error_set(err, -EINVAL,
					 "filter: item %zu is no instruction [code, jt, jf, k]", i);
	}
	spec->filter_length = (uint32_t)json_array_size(list);
	return 0;
}

static int params_spec(const struct call *call, struct capture_spec *spec, struct error *err)
{
	static const char *const keys[] = {"points", "port",   "tunnel", "snap",
					   "outer",  "buffer", "filter", NULL};
	const json_t *outer = json_object_get(call->params, "outer");
	size_t snap = WEFT_CAPTURE_BYTES, ring = RING_DEFAULT;
	int r = params_only(call, keys, err);

	*spec = (struct capture_spec){0};
	if (r == 0)
		r = params_points(call, &spec->points, err);
	if (r == 0)
		r = params_string(call, "port", &spec->port, err);
	if (r == 0)
		r = params_string(call, "tunnel", &spec->tunnel, err);
	if (r == 0)
		r = params_number(call, "snap", 1, WEFT_CAPTURE_BYTES, &snap, err);
	if (r == 0)
		r = params_number(call, "buffer", WEFT_CAPTURE_RING_MIN, WEFT_CAPTURE_RING_MAX,
				  &ring, err);
	spec->snap = (uint32_t)snap;
	spec->ring = (uint32_t)ring;
	if (r == 0 && (spec->ring & (spec->ring - 1)))
		r = error_set(err, -EINVAL, "buffer: is no power of two");
	if (r == 0 && outer && !json_is_boolean(outer))
		r = error_set(err, -EINVAL, "outer: is neither true nor false");
	spec->outer = json_is_true(outer);
	return r == 0 ? params_filter(call, spec, err) : r;
}

int method_capture_open(struct call *call, struct error *err)
{
	struct capture_spec spec;
	int fd, number, r = params_spec(call, &spec, err);

	if (r == 0 && client_capture(call->client) >= 0)
		r = error_set(err, -EBUSY, "capture: this connection has one already");
	if (r < 0)
		return r;
	spec.reader = client_pid(call->client);
	number = kernel_capture_open(call->weftd->kernel, &spec, &fd, err);
	if (number < 0)
		return number;
	r = client_capture_begin(call->client, number, fd, err);
	if (r < 0) {
		kernel_capture_close(call->weftd->kernel, number);
		return r;
	}
	call->result = kernel_capture_state(call->weftd->kernel, number);
	return 0;
}

int method_capture_state(struct call *call, struct error *err)
{
	static const char *const keys[] = {NULL};
	int number, r = params_only(call, keys, err);

	if (r < 0)
		return r;
	number = client_capture(call->client);
	if (number >= 0)
		call->result = kernel_capture_state(call->weftd->kernel, number);
	return call->result ? 0
			    : error_set(err, -ENOENT, "capture: this connection has none any more");
}
