/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `weft trace` share. */
#ifndef WEFT_CLI_TRACE_H
#define WEFT_CLI_TRACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "lib/packet_make.h"

/* A packet as it is to be traced: "port" or "dev" of the API, and what goes in there. */
struct trace_point {
	const char *port; /* NULL: underlay */
	const char *dev;  /* NULL: weftd finds it */
};

/*
 * A frame from a description; MACs that it does not say are looked up, for `port`, which may be NULL. With `bare` nobody
 * will look at its Ethernet header, and they are left 0.
 */
int trace_frame(struct cli *cli, const char *port, bool bare, const char *text,
		uint8_t bytes[PACKET_MAX], uint32_t *ret_len, uint32_t *ret_segment,
		struct error *err);
/* The description that is left, in one word or many, as a new string; WORDS_USAGE if there is none behind `after`. */
int trace_description(struct words *words, const char *after, char **ret, struct error *err);
/* `from ADDR [to ADDR] TYPE FIELDS... INNER` */
int trace_outer(struct cli *cli, struct words *words, uint8_t bytes[PACKET_MAX], uint32_t *ret_len,
		uint32_t *ret_segment, struct error *err);
/* The `number`th packet of a capture file, from 1. */
int trace_file(const char *path, uint32_t number, uint8_t bytes[PACKET_MAX], uint32_t *ret_len,
	       struct error *err);
/* The steps in words. `listen` is that of the status. */
void trace_print(const json_t *trace, const json_t *listen);

#endif
