/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft probe -s`: what other hosts may ask of this one for `weft probe from`. */
#ifndef WEFT_CLI_PROBE_SERVER_H
#define WEFT_CLI_PROBE_SERVER_H

#include "cli/cli.h"
#include "cli/probe_frame.h"

#define PROBE_PORT     7474 /* TCP */
#define PROBE_PROTOCOL 1

/* "source", "destination"?, "token", "target"? of a course; -EINVAL if they make none. */
int probe_course_parse(const json_t *json, struct probe_course *ret);
json_t *probe_course_json(const struct probe_course *course);

/* Until it is interrupted. */
int probe_serve(struct cli *cli, struct words *words, struct error *err);

#endif
