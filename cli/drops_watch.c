/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft drops -w`: redrawn on a terminal; elsewhere a line for each counter that went up; JSON: a list each time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drops.h"
#include "cli/member.h"
#include "cli/output.h"
#include "cli/screen.h"
#include "cli/watch.h"

#define WIDE	    60 /* columns from which there is room for everything */
#define NARROW	    14 /* below that for reasons only */
#define NARROW_RATE 6
#define COUNTER_KEY 128

static const char *string_of(const json_t *row, const char *member)
{
	const char *text = json_string_value(json_object_get(row, member));

	return text ? text : "-";
}

/* Which counter a row is, for json_object_get(). */
static const char *counter_key(const json_t *row, char text[COUNTER_KEY])
{
	snprintf(text, COUNTER_KEY, "%s %s %s", string_of(row, "reason"), string_of(row, "port"),
		 string_of(row, "tunnel"));
	return text;
}

/* What each counter is, by its key; a new reference. */
static json_t *counters_of(const json_t *list)
{
	json_t *counters = json_object(), *row;
	char key[COUNTER_KEY];
	size_t i;

	json_array_foreach ((json_t *)list, i, row) {
		json_object_set(counters, counter_key(row, key), json_object_get(row, "packets"));
	}
	return counters;
}

/* Puts what was added since `before`, and how fast, beside each counter. NULL: nobody has looked before, and the rates are
 * weftd's. */
static void rates_set(json_t *list, const json_t *before, double elapsed)
{
	char key[COUNTER_KEY];
	json_t *row;
	size_t i;

	json_array_foreach (list, i, row) {
		json_int_t packets = member_number(row, "packets");
		json_int_t old = before ? member_number(before, counter_key(row, key)) : packets;
		/* a counter that is below what it was began anew */
		json_int_t more = packets >= old ? packets - old : packets;

		json_object_set_new(row, "more", json_integer(more));
		if (before && elapsed > 0)
			json_object_set_new(row, "rate", json_real((double)more / elapsed));
	}
}

static void row_write(FILE *out, const json_t *row, int columns)
{
	char rate[SCREEN_NUMBER], packets[SCREEN_NUMBER];
	int name = columns < NARROW ? columns : columns - 1 - NARROW_RATE;

	screen_number(json_real_value(json_object_get(row, "rate")), NARROW_RATE - 1, rate);
	screen_number((double)member_number(row, "packets"), 8, packets);
	if (columns < WIDE)
		fprintf(out, "%-*.*s %*s\n", name, name, string_of(row, "reason"), NARROW_RATE,
			rate);
	else
		fprintf(out, "%-13s %9s %9s  %-15s %s\n", string_of(row, "reason"), packets, rate,
			json_object_get(row, "tunnel") ? string_of(row, "tunnel")
						       : string_of(row, "port"),
			string_of(row, "cause"));
}

static void draw(const json_t *list)
{
	int columns, rows;
	char *text = NULL;
	size_t size, i;
	json_t *row;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	screen_size(&columns, &rows);
	if (columns < WIDE)
		fprintf(out, "%-*s %*s\n", columns - 1 - NARROW_RATE, "REASON", NARROW_RATE, "/S");
	else
		fprintf(out, "%-13s %9s %9s  %-15s %s\n", "REASON", "PACKETS", "RATE/S",
			"PORT OR TUNNEL", "CAUSE");
	json_array_foreach ((json_t *)list, i, row) {
		row_write(out, row, columns);
	}
	if (!json_array_size(list))
		fputs("nothing dropped\n", out);
	fclose(out);
	screen_draw(text);
	free(text);
}

static void lines_print(const json_t *list)
{
	char when[16], rate[SCREEN_NUMBER];
	json_t *row;
	size_t i;

	watch_time(when);
	json_array_foreach ((json_t *)list, i, row) {
		json_int_t more = member_number(row, "more");

		if (!more)
			continue;
		printf("%s %s +%" JSON_INTEGER_FORMAT " %s/s", when, string_of(row, "reason"), more,
		       screen_number(json_real_value(json_object_get(row, "rate")), 8, rate));
		if (json_object_get(row, "tunnel"))
			printf(" tunnel %s", string_of(row, "tunnel"));
		else if (json_object_get(row, "port"))
			printf(" port %s", string_of(row, "port"));
		putchar('\n');
	}
}

/* Waits; false: the user has enough. The screen is drawn again when its size changes. */
static bool watch_wait(const json_t *list, bool drawn, double seconds)
{
	double end = watch_clock() + seconds, left;
	int key;

	if (!drawn) {
		watch_pause(seconds);
		return true;
	}
	while ((left = end - watch_clock()) > 0) {
		key = screen_wait(left);
		if (key == 'q' || key == SCREEN_END)
			return false;
		if (key == SCREEN_RESIZED)
			draw(list);
	}
	return true;
}

int drops_watch(struct cli *cli, const json_t *reasons, double seconds, struct error *err)
{
	bool drawn = !cli->json && screen_possible(), more = true;
	json_t *before = NULL;
	double looked = 0;
	int ret = 0;

	while (ret == 0 && more) {
		json_auto_t *list = NULL;
		double now;

		ret = drops_list(cli, reasons, &list, err);
		if (ret < 0)
			break;
		/* a refusal comes before the screen is taken */
		if (drawn && !before)
			screen_open();
		now = watch_clock();
		rates_set(list, before, now - looked);
		json_decref(before);
		before = counters_of(list);
		looked = now;
		if (drawn)
			draw(list);
		else if (cli->json)
			output_json(cli, list);
		else
			lines_print(list);
		if (fflush(stdout) == EOF)
			ret = error_set(err, -errno, "cannot write the output: %s",
					strerror(errno));
		else
			more = watch_wait(list, drawn, seconds);
	}
	json_decref(before);
	screen_close();
	return ret;
}
