/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft drops`: what was dropped, where, and what usually causes it. */
#include "cli/cli.h"
#include "cli/output.h"

int drops_run(struct cli *cli, struct words *words, struct error *err)
{
	static const struct column columns[] = {
		{"REASON", "reason"}, {"PACKETS", "packets"}, {"PORT", "port"},
		{"TUNNEL", "tunnel"}, {"CAUSE", "cause"},     {},
	};
	json_auto_t *drops = NULL;
	int ret = words_end(words, err);

	if (ret == 0)
		ret = cli_call(cli, "drops", NULL, &drops, err);
	if (ret < 0)
		return ret;
	if (cli->json)
		output_json(cli, drops);
	else
		output_table(columns, drops);
	return 0;
}
