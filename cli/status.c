/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft status`: what weftd and the datapath are up to. */
#include "cli/cli.h"
#include "cli/output.h"

int status_run(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *status = NULL;
	int ret = words_end(words, err);

	if (ret == 0)
		ret = cli_call(cli, "status", NULL, &status, err);
	if (ret < 0)
		return ret;
	if (cli->json)
		output_json(cli, status);
	else
		output_tree(status, 0);
	return 0;
}
