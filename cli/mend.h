/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WEFT_CLI_MEND_H
#define WEFT_CLI_MEND_H

#include <jansson.h>

/*
 * What mends a drop of the API (`mend`, abi/drops.h), with the names that its place has in place of the words that stand for
 * them. `port` and `remote` are for a place that has none, `packet` has what was dropped; NULL: not known. A new string; NULL:
 * there is no mend.
 */
char *mend_text(const json_t *drop, const char *port, const char *remote, const json_t *packet);

#endif
