/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft stats`: counters of ports and tunnels, and of each tunnel's remotes below it. */
#include "cli/cli.h"
#include "cli/output.h"

/* Appends the counters with a name beside them to `rows`. */
static void row_add(json_t *rows, const char *noun, const char *name, const json_t *counters)
{
	json_t *row = json_pack("{s:s, s:s}", "noun", noun, "name", name);

	json_object_update_missing(row, (json_t *)counters);
	json_array_append_new(rows, row);
}

static json_t *rows_of(const json_t *stats)
{
	json_t *rows = json_array(), *counters, *remote;
	const char *name, *address;

	json_object_foreach (json_object_get(stats, "ports"), name, counters) {
		row_add(rows, "port", name, counters);
	}
	json_object_foreach (json_object_get(stats, "tunnels"), name, counters) {
		row_add(rows, "tunnel", name, counters);
		json_object_foreach (json_object_get(counters, "remotes"), address, remote) {
			row_add(rows, "  remote", address, remote);
		}
	}
	return rows;
}

int stats_run(struct cli *cli, struct words *words, struct error *err)
{
	static const struct column columns[] = {
		{"NOUN", "noun"},
		{"NAME", "name"},
		{"RX-PACKETS", "rx_packets"},
		{"RX-BYTES", "rx_bytes"},
		{"TX-PACKETS", "tx_packets"},
		{"TX-BYTES", "tx_bytes"},
		{"DROPS", "drops"},
		{},
	};
	json_auto_t *stats = NULL, *rows = NULL;
	int ret = words_end(words, err);

	if (ret == 0)
		ret = cli_call(cli, "stats", NULL, &stats, err);
	if (ret < 0)
		return ret;
	if (cli->json) {
		output_json(cli, stats);
		return 0;
	}
	rows = rows_of(stats);
	output_table(columns, rows);
	return 0;
}
