/* SPDX-License-Identifier: GPL-2.0-only */
/* The rows of `weft top`: what there is, and how fast it counts. */
#ifndef WEFT_CLI_TOP_H
#define WEFT_CLI_TOP_H

#include "cli/cli.h"

enum top_noun { TOP_PORT, TOP_TUNNEL, TOP_REMOTE, TOP_DROP, TOP_NOUNS };
enum top_rate { TOP_RX_BYTES, TOP_TX_BYTES, TOP_DROPS, TOP_RX_PACKETS, TOP_TX_PACKETS, TOP_RATES };
enum top_sort { SORT_BYTES, SORT_PACKETS, SORT_DROPS, SORT_NAME, SORT_COUNT };

struct top_row {
	enum top_noun noun;
	/*
	 * A port's, a tunnel's; "TUNNEL REMOTE", "REASON PLACE". The rest of it is up to no one: a remote's own name has
	 * blanks in it, too.
	 */
	char *name;
	double rate[TOP_RATES]; /* a second; of what a noun does not count: 0 */
};

struct top_rows {
	struct top_row *row;
	size_t count;
	json_t *before; /* counters of the last look, by noun and name */
	double looked;	/* when that was; 0: never */
};

extern const char *const top_nouns[TOP_NOUNS];
extern const char *const top_sorts[SORT_COUNT];
extern const char *const top_rates[TOP_RATES]; /* as in the API */

/* Asks weftd and fills in what was counted since the last look, at first nothing. */
int top_look(struct cli *cli, struct top_rows *rows, struct error *err);
/* The most first, names from a to z. */
void top_sort(struct top_rows *rows, enum top_sort sort);
void top_free(struct top_rows *rows);

#endif
