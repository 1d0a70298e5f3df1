/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft monitor`: events as weftd tells them, a line each, until it goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "lib/schema.h"

/* "learn fdb MAC bridge br0 ...": the event, the noun and the name, then the rest by name. */
static void event_print(const json_t *event)
{
	static const char *const first[] = {"event", "noun", "name", "mac", NULL};
	const char *key, *between = "";
	json_t *value;

	for (size_t i = 0; first[i]; i++) {
		value = json_object_get(event, first[i]);
		if (value) {
			char *text = output_text(value);

			printf("%s%s", between, text);
			between = " ";
			free(text);
		}
	}
	json_object_foreach ((json_t *)event, key, value) {
		bool fields = !strcmp(key, "fields");
		char *text = word_in(key, first) || fields ? NULL : output_text(value);

		if (text)
			printf(" %s %s", key, text);
		free(text);
		if (fields)
			fputs(": ", stdout);
		if (fields)
			output_changes(value);
	}
	putchar('\n');
}

int monitor_objects(struct cli *cli, json_t *list, struct error *err)
{
	json_t *params = list ? json_pack("{s:o}", "objects", list) : NULL;
	int ret = cli_call(cli, "monitor", params, NULL, err);

	while (ret == 0) {
		json_auto_t *event = NULL;

		ret = cli_next(cli, &event, err);
		if (ret == 0 && cli->json)
			output_json(cli, event);
		else if (ret == 0)
			event_print(event);
		if (fflush(stdout) == EOF)
			ret = error_set(err, -errno, "cannot write the output: %s",
					strerror(errno));
	}
	return ret;
}

int monitor_run(struct cli *cli, struct words *words, struct error *err)
{
	static const char *const nouns[] = {"bridge", "port", "tunnel", "fdb", "control", NULL};
	json_t *list = words_peek(words) ? json_array() : NULL;
	const char *word;

	while ((word = words_take(words))) {
		if (!word_in(word, nouns)) {
			json_decref(list);
			return error_set(err, WORDS_USAGE,
					 "\"%.64s\" is none of: bridge port tunnel fdb control",
					 word);
		}
		json_array_append_new(list, json_string(word));
	}
	return monitor_objects(cli, list, err);
}
