/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel side that keeps everything in memory and sees to it that it is called as daemon/kernel.h says.
 * Linked into a test it takes the place of the real one.
 */
#ifndef WEFT_TESTS_FAKE_KERNEL_H
#define WEFT_TESTS_FAKE_KERNEL_H

#include "daemon/kernel.h"

/* A port or tunnel of this name is refused: what only the kernel can tell. */
#define FAKE_REFUSED_NAME "refused"

struct fake_stats {
	size_t applies; /* calls of kernel_apply() that succeeded */
	size_t changes; /* in all of these */
	size_t replayed;
	size_t fdb_sets, fdb_dels; /* entries */
	size_t settles;
};
extern struct fake_stats fake_stats;

/* An entry for this MAC is refused when it is to be set, or deleted. All zero: none is. */
extern uint8_t fake_refused_mac[6];

struct kernel *fake_kernel_new(void);
void fake_kernel_free(struct kernel *kernel);
size_t fake_kernel_objects(const struct kernel *kernel, enum noun noun);
size_t fake_kernel_entries(const struct kernel *kernel);
/* Adds an entry that was not configured, and tells the callbacks. */
void fake_kernel_learn(struct kernel *kernel, const char *bridge, const char *dev,
		       const uint8_t mac[6]);

#endif
