/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft top`: ports, tunnels, remotes and drops by how busy they are; on the terminal, or in batches for scripts. */
#include "cli/top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/screen.h"
#include "cli/watch.h"

#define COLUMN	   7  /* characters of a rate and the blank before it */
#define NAME_LEAST 6  /* what the name keeps */
#define NOUN_ROOM  24 /* a name of that many has its noun before it */
#define NOUN_WIDTH 6
#define HEAD_LINES 2
#define COUNT_MAX  1000000

struct options {
	bool batch;
	unsigned long count; /* 0: no end */
	double seconds;
};

/* What the user has chosen. */
struct view {
	enum top_sort sort;
	int noun;     /* enum top_noun; TOP_NOUNS: all of them */
	size_t first; /* row at the top */
};

static const char *const heads[TOP_RATES] = {"IN b/s", "OUT", "DROP/S", "PKT/S", "OUT"};

/* --- The picture --------------------------------------------------------------------------------------- */

static bool row_shown(const struct view *view, const struct top_row *row)
{
	return view->noun == TOP_NOUNS || (int)row->noun == view->noun;
}

static void row_write(FILE *out, const struct top_row *row, int name, int rates)
{
	char number[SCREEN_NUMBER];

	if (name >= NOUN_ROOM)
		fprintf(out, "%-*s %-*.*s", NOUN_WIDTH, top_nouns[row->noun], name - NOUN_WIDTH - 1,
			name - NOUN_WIDTH - 1, row->name);
	else
		fprintf(out, "%-*.*s", name, name, row->name);
	for (int i = 0; i < rates; i++) {
		bool bits = i == TOP_RX_BYTES || i == TOP_TX_BYTES;
		bool counted = row->noun != TOP_DROP ? row->noun != TOP_REMOTE || i != TOP_DROPS
						     : i == TOP_DROPS;

		fprintf(out, " %*s", COLUMN - 1,
			counted ? screen_number(row->rate[i] * (bits ? 8 : 1), COLUMN - 2, number)
				: "-");
	}
	fputc('\n', out);
}

static void draw(const struct top_rows *rows, struct view *view)
{
	int columns, lines, rates, name;
	size_t shown = 0, room, size;
	char *text = NULL, when[16];
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	screen_size(&columns, &lines);
	rates = columns < NAME_LEAST + COLUMN ? 0 : (columns - NAME_LEAST) / COLUMN;
	rates = rates > TOP_RATES ? TOP_RATES : rates;
	name = columns - rates * COLUMN;
	for (size_t i = 0; i < rows->count; i++)
		shown += row_shown(view, &rows->row[i]);
	room = lines > HEAD_LINES ? (size_t)(lines - HEAD_LINES) : 0;
	if (view->first + room > shown)
		view->first = shown > room ? shown - room : 0;
	fprintf(out, "%s %zu %s by %s  [q]uit [s]ort [v]iew [j]down [k]up\n", watch_time(when),
		shown, view->noun == TOP_NOUNS ? "all" : top_nouns[view->noun],
		top_sorts[view->sort]);
	fprintf(out, "%-*.*s", name, name, "NAME");
	for (int i = 0; i < rates; i++)
		fprintf(out, " %*s", COLUMN - 1, heads[i]);
	fputc('\n', out);
	shown = 0;
	for (size_t i = 0; i < rows->count; i++)
		if (row_shown(view, &rows->row[i]) && shown++ >= view->first &&
		    shown <= view->first + room)
			row_write(out, &rows->row[i], name, rates);
	fclose(out);
	screen_draw(text);
	free(text);
}

/* False: the user has enough. */
static bool key_do(int key, struct view *view, const struct top_rows *rows)
{
	switch (key) {
	case 'q':
	case SCREEN_END:
		return false;
	case 's':
		view->sort = (view->sort + 1) % SORT_COUNT;
		break;
	case 'v':
		view->noun = view->noun == TOP_NOUNS ? 0 : view->noun + 1;
		view->first = 0;
		break;
	case 'j':
		view->first += view->first < rows->count;
		break;
	case 'k':
		view->first -= view->first > 0;
		break;
	default:
		break;
	}
	return true;
}

static int top_live(struct cli *cli, const struct options *options, struct error *err)
{
	struct view view = {.noun = TOP_NOUNS};
	struct top_rows rows = {};
	/* a refusal comes before the screen is taken */
	int ret = top_look(cli, &rows, err);
	unsigned long looks = 0;
	bool more = ret == 0;

	if (more)
		screen_open();
	while (ret == 0 && more) {
		double end = rows.looked + options->seconds, left;

		top_sort(&rows, view.sort);
		draw(&rows, &view);
		while (more && (left = end - watch_clock()) > 0) {
			int key = screen_wait(left);

			if (key == SCREEN_TIMEOUT)
				break;
			more = key_do(key, &view, &rows);
			top_sort(&rows, view.sort);
			if (more)
				draw(&rows, &view);
		}
		if (options->count && ++looks > options->count)
			more = false;
		if (more)
			ret = top_look(cli, &rows, err);
	}
	screen_close();
	top_free(&rows);
	return ret;
}

/* --- Batches --------------------------------------------------------------------------------------------- */

static json_t *rows_json(const struct top_rows *rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows->count; i++) {
		const struct top_row *row = &rows->row[i];
		json_t *json =
			json_pack("{s:s, s:s}", "noun", top_nouns[row->noun], "name", row->name);

		for (int r = 0; r < TOP_RATES; r++)
			if (row->noun == TOP_DROP ? r == TOP_DROPS
						  : row->noun != TOP_REMOTE || r != TOP_DROPS)
				json_object_set_new(json, top_rates[r], json_real(row->rate[r]));
		json_array_append_new(list, json);
	}
	return list;
}

static void batch_print(struct cli *cli, const struct top_rows *rows)
{
	static const struct column columns[] = {
		{"NOUN", "noun"},
		{"NAME", "name"},
		{"RX-PACKETS/S", "rx_packets"},
		{"RX-BYTES/S", "rx_bytes"},
		{"TX-PACKETS/S", "tx_packets"},
		{"TX-BYTES/S", "tx_bytes"},
		{"DROPS/S", "drops"},
		{},
	};
	json_auto_t *list = rows_json(rows);
	char when[16];

	if (cli->json) {
		output_json(cli, list);
		return;
	}
	printf("%s\n", watch_time(when));
	output_table(columns, list);
}

static int top_batch(struct cli *cli, const struct options *options, struct error *err)
{
	struct top_rows rows = {};
	int ret = top_look(cli, &rows, err);

	for (unsigned long i = 0; ret == 0 && (!options->count || i < options->count); i++) {
		watch_pause(options->seconds);
		ret = top_look(cli, &rows, err);
		if (ret < 0)
			break;
		top_sort(&rows, SORT_BYTES);
		batch_print(cli, &rows);
		if (fflush(stdout) == EOF)
			ret = error_set(err, -errno, "cannot write the output: %s",
					strerror(errno));
	}
	top_free(&rows);
	return ret;
}

/* --- The command ------------------------------------------------------------------------------------------ */

static int options_read(struct words *words, struct options *options, struct error *err)
{
	int ret = 0;

	*options = (struct options){.seconds = WATCH_SECONDS};
	while (ret == 0 && words_peek(words)) {
		if (words_match(words, "-b"))
			options->batch = true;
		else if (words_match(words, "-n"))
			ret = words_number(words, "-n", COUNT_MAX, &options->count, err);
		else if (words_match(words, "-w"))
			ret = watch_seconds(words, "-w", &options->seconds, err);
		else
			return words_end(words, err);
	}
	return ret;
}

int top_run(struct cli *cli, struct words *words, struct error *err)
{
	struct options options;
	int ret = options_read(words, &options, err);

	if (ret < 0)
		return ret;
	if (options.batch || cli->json)
		return top_batch(cli, &options, err);
	if (!screen_possible())
		return error_set(err, -ENOTTY,
				 "top: standard output is no terminal that can be drawn on; -b "
				 "prints lines");
	return top_live(cli, &options, err);
}
