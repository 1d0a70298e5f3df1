/* SPDX-License-Identifier: GPL-2.0-only */
/* Two looks at the counters make rates. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/member.h"
#include "cli/top.h"
#include "cli/watch.h"

const char *const top_nouns[TOP_NOUNS] = {"port", "tunnel", "remote", "drop"};
const char *const top_sorts[SORT_COUNT] = {"bytes", "packets", "drops", "name"};
const char *const top_rates[TOP_RATES] = {"rx_bytes", "tx_bytes", "drops", "rx_packets",
					  "tx_packets"};

struct look {
	struct top_rows *rows;
	json_t *counters; /* of this look */
	double elapsed;	  /* since the last one; 0: there was none */
	size_t size;	  /* rows allocated */
};

static struct top_row *row_new(struct look *look)
{
	struct top_rows *rows = look->rows;

	if (rows->count == look->size) {
		look->size = look->size ? 2 * look->size : 64;
		rows->row = reallocarray(rows->row, look->size, sizeof(*rows->row));
		if (!rows->row)
			abort();
	}
	return &rows->row[rows->count++];
}

static double rate_of(const struct look *look, json_int_t now, json_int_t before)
{
	/* a counter that is below what it was began anew */
	json_int_t more = now >= before ? now - before : now;

	return look->elapsed > 0 ? (double)more / look->elapsed : 0;
}

static json_int_t counter_of(const json_t *counters, enum top_rate rate)
{
	return member_number(counters, top_rates[rate]);
}

/* `counters` has members as the API's; the name's two parts have a blank between them. */
static void row_add(struct look *look, enum top_noun noun, const char *name, const char *more,
		    const json_t *counters)
{
	struct top_row *row = row_new(look);
	const json_t *before;
	char *key = NULL;

	if (asprintf(&row->name, "%s%s%s", name, *more ? " " : "", more) < 0 ||
	    asprintf(&key, "%s %s", top_nouns[noun], row->name) < 0)
		abort();
	row->noun = noun;
	before = json_object_get(look->rows->before, key);
	/* what was not there before has counted from 0 */
	for (int i = 0; i < TOP_RATES; i++)
		row->rate[i] = rate_of(look, counter_of(counters, i), counter_of(before, i));
	json_object_set(look->counters, key, (json_t *)counters);
	free(key);
}

static void stats_add(struct look *look, const json_t *stats)
{
	json_t *counters, *remote;
	const char *name, *address;

	json_object_foreach (json_object_get(stats, "ports"), name, counters) {
		row_add(look, TOP_PORT, name, "", counters);
	}
	json_object_foreach (json_object_get(stats, "tunnels"), name, counters) {
		row_add(look, TOP_TUNNEL, name, "", counters);
		json_object_foreach (json_object_get(counters, "remotes"), address, remote) {
			row_add(look, TOP_REMOTE, name, address, remote);
		}
	}
}

static void drops_add(struct look *look, const json_t *drops)
{
	json_t *drop;
	size_t i;

	json_array_foreach ((json_t *)drops, i, drop) {
		const char *tunnel = json_string_value(json_object_get(drop, "tunnel"));
		const char *port = json_string_value(json_object_get(drop, "port"));
		json_auto_t *counters =
			json_pack("{s:O}", top_rates[TOP_DROPS], json_object_get(drop, "packets"));

		row_add(look, TOP_DROP, json_string_value(json_object_get(drop, "reason")),
			tunnel ? tunnel
			: port ? port
			       : "",
			counters);
	}
}

static void rows_clear(struct top_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->row[i].name);
	free(rows->row);
	rows->row = NULL;
	rows->count = 0;
}

int top_look(struct cli *cli, struct top_rows *rows, struct error *err)
{
	json_auto_t *stats = NULL, *drops = NULL;
	struct look look = {.rows = rows};
	double now;
	int ret = cli_call(cli, "stats", NULL, &stats, err);

	if (ret == 0)
		ret = cli_call(cli, "drops", NULL, &drops, err);
	if (ret < 0)
		return ret;
	now = watch_clock();
	if (rows->before)
		look.elapsed = now - rows->looked;
	rows_clear(rows);
	look.counters = json_object();
	stats_add(&look, stats);
	drops_add(&look, drops);
	json_decref(rows->before);
	rows->before = look.counters;
	rows->looked = now;
	return 0;
}

void top_free(struct top_rows *rows)
{
	rows_clear(rows);
	json_decref(rows->before);
	rows->before = NULL;
}

/* --- Order ------------------------------------------------------------------------------------------- */

static double weight(const struct top_row *row, enum top_sort sort)
{
	switch (sort) {
	case SORT_BYTES:
		return row->rate[TOP_RX_BYTES] + row->rate[TOP_TX_BYTES];
	case SORT_PACKETS:
		return row->rate[TOP_RX_PACKETS] + row->rate[TOP_TX_PACKETS];
	case SORT_DROPS:
		return row->rate[TOP_DROPS];
	default:
		return 0;
	}
}

static int row_compare(const void *a, const void *b, void *arg)
{
	const struct top_row *one = a, *two = b;
	enum top_sort sort = *(const enum top_sort *)arg;
	double more = weight(two, sort) - weight(one, sort);

	if (more > 0 || more < 0)
		return more > 0 ? 1 : -1;
	return one->noun != two->noun ? (int)one->noun - (int)two->noun
				      : strcmp(one->name, two->name);
}

void top_sort(struct top_rows *rows, enum top_sort sort)
{
	if (rows->count)
		qsort_r(rows->row, rows->count, sizeof(*rows->row), row_compare, &sort);
}
