/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft drops`: what was dropped, where, how fast, what usually causes it, and the last packet of each reason. */
#include "cli/drops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/drops.h"
#include "cli/member.h"
#include "cli/output.h"
#include "cli/packet.h"
#include "cli/watch.h"

static const char *const names[] = {
#define WEFT_DROP(name, string, cause, mend) string,
	WEFT_DROPS(WEFT_DROP)
#undef WEFT_DROP
		NULL,
};

/* --- The list ---------------------------------------------------------------------------------- */

static int row_compare(const void *a, const void *b)
{
	static const char *const members[] = {"reason", "tunnel", "port"};
	json_t *one = *(json_t *const *)a, *two = *(json_t *const *)b;
	json_int_t more = member_number(two, "packets") - member_number(one, "packets");

	for (size_t i = 0; !more && i < sizeof(members) / sizeof(*members); i++) {
		const char *first = json_string_value(json_object_get(one, members[i]));
		const char *second = json_string_value(json_object_get(two, members[i]));

		more = strcmp(first ? first : "", second ? second : "");
	}
	return more < 0 ? -1 : more > 0;
}

static bool reason_wanted(const json_t *reasons, const json_t *row)
{
	const json_t *reason, *wanted = json_object_get(row, "reason");
	size_t i;

	json_array_foreach ((json_t *)reasons, i, reason) {
		if (json_equal(reason, wanted))
			return true;
	}
	return !json_array_size(reasons);
}

int drops_list(struct cli *cli, const json_t *reasons, json_t **ret, struct error *err)
{
	json_auto_t *all = NULL;
	json_t **rows, *row;
	size_t i, count = 0;
	int code = cli_call(cli, "drops", NULL, &all, err);

	if (code < 0)
		return code;
	rows = calloc(json_array_size(all) + 1, sizeof(json_t *));
	if (!rows)
		return error_set(err, -ENOMEM, "out of memory");
	json_array_foreach (all, i, row) {
		if (reason_wanted(reasons, row))
			rows[count++] = row;
	}
	qsort(rows, count, sizeof(*rows), row_compare);
	*ret = json_array();
	for (i = 0; i < count; i++)
		json_array_append(*ret, rows[i]);
	free(rows);
	return 0;
}

/* --- The last packets ---------------------------------------------------------------------------- */

static void packet_print(const json_t *last, const json_t *listen)
{
	char *text = packet_last_text(last, listen);

	for (char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		printf("    %s\n", line);
	free(text);
}

static void last_print(const json_t *row, const json_t *listen)
{
	static const char *const places[] = {"port", "tunnel"};
	const json_t *last = json_object_get(row, "last");
	const char *dev = json_string_value(json_object_get(last, "dev"));
	const json_t *segment = json_object_get(last, "segment");

	printf("\nlast %s", json_string_value(json_object_get(row, "reason")));
	for (size_t i = 0; i < 2; i++) {
		const char *place = json_string_value(json_object_get(row, places[i]));

		if (place)
			printf(" of %s %s", places[i], place);
	}
	printf(", %.1f s ago", json_real_value(json_object_get(last, "ago")));
	if (dev)
		printf(", at %s", dev);
	printf(", %" JSON_INTEGER_FORMAT " bytes", member_number(last, "length"));
	if (segment)
		printf(", in segments of %" JSON_INTEGER_FORMAT, json_integer_value(segment));
	printf(":\n");
	packet_print(last, listen);
}

/* --- The command --------------------------------------------------------------------------------- */

static int words_read(struct words *words, json_t *reasons, double *ret_seconds, struct error *err)
{
	const char *word;
	int ret = 0;

	*ret_seconds = 0;
	while (ret == 0 && words_peek(words)) {
		if (words_match(words, "-w")) {
			ret = watch_seconds(words, "-w", ret_seconds, err);
			continue;
		}
		word = words_take(words);
		if (!word_in(word, names))
			return error_set(err, WORDS_USAGE,
					 "\"%.64s\" is not a reason; weft-drops(8) lists them",
					 word);
		json_array_append_new(reasons, json_string(word));
	}
	return ret;
}

static void drops_print(const json_t *list, const json_t *status)
{
	static const struct column columns[] = {
		{"REASON", "reason"},
		{"PACKETS", "packets"},
		{"RATE/S", "rate"},
		{"PORT", "port"},
		{"TUNNEL", "tunnel"},
		{"CAUSE", "cause"},
		{},
	};
	json_t *row;
	size_t i;

	output_table(columns, list);
	json_array_foreach ((json_t *)list, i, row) {
		if (json_object_get(row, "last"))
			last_print(row, json_object_get(status, "listen"));
	}
}

int drops_run(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *list = NULL, *reasons = json_array(), *status = NULL;
	double seconds;
	int ret = words_read(words, reasons, &seconds, err);

	if (ret == 0 && seconds > 0)
		return drops_watch(cli, reasons, seconds, err);
	if (ret == 0)
		ret = drops_list(cli, reasons, &list, err);
	if (ret == 0 && !cli->json)
		ret = cli_call(cli, "status", NULL, &status, err);
	if (ret < 0)
		return ret;
	if (cli->json)
		output_json(cli, list);
	else
		drops_print(list, status);
	return 0;
}
