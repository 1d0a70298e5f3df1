/* SPDX-License-Identifier: GPL-2.0-only */
/* What `weft drops` and `weft drops -w` share. */
#ifndef WEFT_CLI_DROPS_H
#define WEFT_CLI_DROPS_H

#include "cli/cli.h"

/*
 * The drops of the API, those of the reasons in `reasons` only (strings; none: of all), what was dropped most first.
 * *ret is a new reference.
 */
int drops_list(struct cli *cli, const json_t *reasons, json_t **ret, struct error *err);
/* Shows them again every `seconds` until the user has enough, or weftd goes. */
int drops_watch(struct cli *cli, const json_t *reasons, double seconds, struct error *err);

#endif
