/* SPDX-License-Identifier: GPL-2.0-only */
/* What `weft bench` found: medians, ratios and how far they spread; as a table, as JSON, as a picture. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/output.h"
#include "cli/watch.h"

const char *const bench_paths[BENCH_PATHS] = {"underlay", "overlay"};

const struct bench_unit bench_units[BENCH_METRICS] = {
	[BENCH_THROUGHPUT] = {"throughput", "Gbit/s", "TCP, one stream", 1e9, false},
	[BENCH_CPU] = {"cpu", "s/GB", "CPU of both hosts", 1, true},
	[BENCH_PACKETS] = {"packets", "1000/s", "UDP, 64 bytes", 1e3, false},
	[BENCH_P50] = {"p50", "us", "round trip, median", 1, true},
	[BENCH_P99] = {"p99", "us", "round trip, 99 of 100", 1, true},
	[BENCH_CONNECTIONS] = {"connections", "1000/s", "TCP connections", 1e3, false},
};

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), watch_compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void bench_summarize(const struct bench *bench, enum bench_metric metric, struct bench_summary *ret)
{
	double values[BENCH_ROUNDS_MAX] = {}, ratios[BENCH_ROUNDS_MAX] = {};
	size_t rounds = bench->rounds;

	for (int path = 0; path < BENCH_PATHS; path++) {
		memcpy(values, bench->value[metric][path], sizeof(values));
		ret->median[path] = median(values, rounds);
	}
	for (size_t i = 0; i < rounds; i++) {
		double under = bench->value[metric][BENCH_UNDERLAY][i];

		ratios[i] = under > 0 ? bench->value[metric][BENCH_OVERLAY][i] / under : 0;
	}
	ret->ratio = median(ratios, rounds);
	ret->ratio_least = ratios[0];
	ret->ratio_most = ratios[rounds - 1];
}

json_t *bench_json(const struct bench *bench)
{
	json_t *summary = json_array(), *rounds = json_array();
	char under[ADDR_STRLEN], over[ADDR_STRLEN];

	for (int m = 0; m < BENCH_METRICS; m++) {
		struct bench_summary s;

		bench_summarize(bench, m, &s);
		json_array_append_new(summary, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:b}",
							 "metric", bench_units[m].name, "underlay",
							 s.median[BENCH_UNDERLAY], "overlay",
							 s.median[BENCH_OVERLAY], "ratio", s.ratio,
							 "ratio_least", s.ratio_least, "ratio_most",
							 s.ratio_most, "less_is_better",
							 bench_units[m].less_is_better));
	}
	for (size_t i = 0; i < bench->rounds; i++)
		for (int path = 0; path < BENCH_PATHS; path++) {
			json_t *round = json_pack("{s:I, s:s}", "round", (json_int_t)i + 1, "path",
						  bench_paths[path]);

			for (int m = 0; m < BENCH_METRICS; m++)
				json_object_set_new(round, bench_units[m].name,
						    json_real(bench->value[m][path][i]));
			json_array_append_new(rounds, round);
		}
	return json_pack("{s:s, s:s, s:s, s:f, s:o, s:o}", "tunnel", bench->tunnel, "underlay",
			 addr_format(&bench->there[BENCH_UNDERLAY], under), "overlay",
			 addr_format(&bench->there[BENCH_OVERLAY], over), "seconds", bench->seconds,
			 "summary", summary, "rounds", rounds);
}

void bench_print(const struct bench *bench)
{
	static const struct column columns[] = {{"METRIC", "metric"},
						{"UNIT", "unit"},
						{"UNDERLAY", "underlay"},
						{"OVERLAY", "overlay"},
						{"RATIO", "ratio"},
						{"SPREAD", "spread"},
						{}};
	json_auto_t *rows = json_array();

	for (int m = 0; m < BENCH_METRICS; m++) {
		const struct bench_unit *unit = &bench_units[m];
		char text[4][32];
		struct bench_summary s;

		bench_summarize(bench, m, &s);
		snprintf(text[0], sizeof(*text), "%.3f", s.median[BENCH_UNDERLAY] / unit->scale);
		snprintf(text[1], sizeof(*text), "%.3f", s.median[BENCH_OVERLAY] / unit->scale);
		snprintf(text[2], sizeof(*text), "%.2f", s.ratio);
		snprintf(text[3], sizeof(*text), "%.2f to %.2f", s.ratio_least, s.ratio_most);
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "metric",
						      unit->text, "unit", unit->unit, "underlay",
						      text[0], "overlay", text[1], "ratio", text[2],
						      "spread", text[3]));
	}
	output_table(columns, rows);
}

/* --- The picture --------------------------------------------------------------------------------------- */

#define LEFT  170
#define WIDTH 420 /* of the scale, which ends at `most` */
#define ROW   34
#define TOP   44

static void row_plot(FILE *out, const struct bench_unit *unit, const struct bench_summary *s, int y,
		     double pixels)
{
	bool good = unit->less_is_better ? s->ratio <= 1 : s->ratio >= 1;

	fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", LEFT - 8, y + 15,
		unit->text);
	fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"20\" fill=\"%s\"/>\n", LEFT,
		y, s->ratio * pixels, good ? "#3a7d44" : "#b07d2b");
	fprintf(out,
		"<path d=\"M%.1f %dH%.1fM%.1f %dv8M%.1f %dv8\" stroke=\"#222\" fill=\"none\"/>\n",
		LEFT + s->ratio_least * pixels, y + 10, LEFT + s->ratio_most * pixels,
		LEFT + s->ratio_least * pixels, y + 6, LEFT + s->ratio_most * pixels, y + 6);
	fprintf(out, "<text x=\"%d\" y=\"%d\">%.2f (%.2f to %.2f %s)</text>\n", LEFT + WIDTH + 8,
		y + 15, s->ratio, s->median[BENCH_UNDERLAY] / unit->scale,
		s->median[BENCH_OVERLAY] / unit->scale, unit->unit);
}

static void plot_write(FILE *out, const struct bench *bench)
{
	struct bench_summary s[BENCH_METRICS];
	double most = 1.2, pixels;
	int height = TOP + BENCH_METRICS * ROW + 10;

	for (int m = 0; m < BENCH_METRICS; m++) {
		bench_summarize(bench, m, &s[m]);
		most = s[m].ratio_most > most ? s[m].ratio_most : most;
	}
	pixels = WIDTH / most;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
		"<text x=\"10\" y=\"22\" font-size=\"15\">overlay to underlay, tunnel %s, %lu "
		"rounds</text>\n",
		LEFT + WIDTH + 230, height, bench->tunnel, bench->rounds);
	for (int m = 0; m < BENCH_METRICS; m++)
		row_plot(out, &bench_units[m], &s[m], TOP + m * ROW, pixels);
	fprintf(out,
		"<path d=\"M%.1f %dV%d\" stroke=\"#222\" stroke-dasharray=\"4 3\"/>\n"
		"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">1</text>\n</svg>\n",
		LEFT + pixels, TOP - 4, height - 10, LEFT + pixels, TOP - 8);
}

static int plot_open(const struct bench *bench, const char *mode, FILE **ret, struct error *err)
{
	*ret = fopen(bench->plot, mode);
	return *ret ? 0
		    : error_set(err, -errno, "--plot: %.200s: %s", bench->plot, strerror(errno));
}

int bench_plot_check(const struct bench *bench, struct error *err)
{
	FILE *out;
	int ret = plot_open(bench, "ae", &out, err);

	if (ret == 0)
		fclose(out);
	return ret;
}

int bench_plot(const struct bench *bench, struct error *err)
{
	FILE *out;
	bool failed;

	if (plot_open(bench, "we", &out, err) < 0)
		return err->code;
	plot_write(out, bench);
	failed = ferror(out);
	if (fclose(out) == EOF || failed)
		return error_set(err, -EIO, "--plot: %.200s: cannot write: %s", bench->plot,
				 strerror(errno));
	return 0;
}
