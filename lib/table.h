/* SPDX-License-Identifier: GPL-2.0-only */
/* Hash tables of uthash whose items' handle is `hh`. */
#ifndef WEFT_LIB_TABLE_H
#define WEFT_LIB_TABLE_H

#include <stdlib.h>
#include <uthash.h>

/* Frees the table and its items, which own nothing else. `head` is NULL afterwards. */
#define table_free(head)                                                                           \
	do {                                                                                       \
		__typeof__(head) table_item, table_next;                                           \
		HASH_ITER (hh, head, table_item, table_next) {                                     \
			HASH_DEL(head, table_item);                                                \
			free(table_item);                                                          \
		}                                                                                  \
	} while (0)

#endif
