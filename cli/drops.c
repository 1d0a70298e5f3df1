/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft drops`: what was dropped, where, and what usually causes it; `weft notes`: what was odd and delivered. */
#include "cli/cli.h"
#include "cli/output.h"

static int list_run(struct cli *cli, const char *method, const struct column *columns,
		    struct words *words, struct error *err)
{
	json_auto_t *list = NULL;
	int ret = words_end(words, err);

	if (ret == 0)
		ret = cli_call(cli, method, NULL, &list, err);
	if (ret < 0)
		return ret;
	if (cli->json)
		output_json(cli, list);
	else
		output_table(columns, list);
	return 0;
}

int drops_run(struct cli *cli, struct words *words, struct error *err)
{
	static const struct column columns[] = {
		{"REASON", "reason"}, {"PACKETS", "packets"}, {"PORT", "port"},
		{"TUNNEL", "tunnel"}, {"CAUSE", "cause"},     {},
	};

	return list_run(cli, "drops", columns, words, err);
}

int notes_run(struct cli *cli, struct words *words, struct error *err)
{
	static const struct column columns[] = {
		{"NOTE", "note"},
		{"PACKETS", "packets"},
		{"TUNNEL", "tunnel"},
		{"MEANING", "meaning"},
		{},
	};

	return list_run(cli, "notes", columns, words, err);
}
