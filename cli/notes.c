/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft notes`: what was odd and delivered. */
#include "cli/cli.h"
#include "cli/output.h"

int notes_run(struct cli *cli, struct words *words, struct error *err)
{
	static const struct column columns[] = {
		{"NOTE", "note"},
		{"PACKETS", "packets"},
		{"TUNNEL", "tunnel"},
		{"MEANING", "meaning"},
		{},
	};
	json_auto_t *list = NULL;
	int ret = words_end(words, err);

	if (ret == 0)
		ret = cli_call(cli, "notes", NULL, &list, err);
	if (ret < 0)
		return ret;
	if (cli->json)
		output_json(cli, list);
	else
		output_table(columns, list);
	return 0;
}
