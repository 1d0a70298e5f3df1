/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing capture files (draft-ietf-opsawg-pcapng): one section, an interface per point, in the order of enum weft_point.
 * What was written before a write fails is a whole file: a block of which only a part found room is taken off again.
 */
#ifndef WEFT_CLI_PCAPNG_H
#define WEFT_CLI_PCAPNG_H

#include <stdint.h>

#include "lib/capture_client.h"

struct pcapng;

/* To `path`, which is made or emptied, or to standard output ("-"). The header is written with the first packets. */
int pcapng_open(const char *path, uint32_t snap, struct pcapng **ret, struct error *err);
/* `time`: ns since 1970. `comment`: NULL or "": none. -EPIPE: nobody reads any more. */
int pcapng_packet(struct pcapng *file, const struct weft_captured *record, const uint8_t *bytes,
		  uint64_t time, const char *comment, struct error *err);
/* What was lost, for the end of the file: WEFT_POINT_COUNT counts. */
int pcapng_statistics(struct pcapng *file, const struct capture_count *count, uint64_t time,
		      struct error *err);
/* Writes out what is kept in memory. */
int pcapng_flush(struct pcapng *file, struct error *err);
int pcapng_fd(const struct pcapng *file);
void pcapng_close(struct pcapng *file);

#endif
