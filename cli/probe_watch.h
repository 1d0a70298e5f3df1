/* SPDX-License-Identifier: GPL-2.0-only */
/* Where frames of a course are met on this host: a capture session at all points that keeps nothing else. */
#ifndef WEFT_CLI_PROBE_WATCH_H
#define WEFT_CLI_PROBE_WATCH_H

#include "cli/cli.h"
#include "cli/probe_frame.h"

struct probe_watch;

int probe_watch_open(struct cli *cli, const struct probe_course *course, struct probe_watch **ret,
		     struct error *err);
void probe_watch_close(struct probe_watch *watch);
/*
 * Appends what was met since the last time to `list`, objects with "time" (ns, of this host's clock), "point", "port"?, "tunnel"?,
 * "remote"?, "reason"? (of a drop), "vlan"? (of its tag), "kind", "number", "length", "ecn", "outer", "right" (null: not checked), "mac"? (who answers).
 */
int probe_watch_take(struct probe_watch *watch, json_t *list, struct error *err);

#endif
