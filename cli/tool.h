/* SPDX-License-Identifier: GPL-2.0-only */
/* Other commands whose output is JSON: ip(8), tc(8), iperf3(1). */
#ifndef WEFT_CLI_TOOL_H
#define WEFT_CLI_TOOL_H

#include <jansson.h>

/* What a command that writes JSON says, a new reference; NULL: it is not there, or refuses. */
json_t *tool_json(const char *const argv[]);

#endif
