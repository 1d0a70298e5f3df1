/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel.c offers to apply.c. */
#ifndef WEFT_DAEMON_KERNEL_PRIVATE_H
#define WEFT_DAEMON_KERNEL_PRIVATE_H

#include "daemon/kernel.h"

/* Loads the datapath unless it is there. */
int kernel_load(struct kernel *kernel, struct error *err);
/* A tunnel comes: there must be a splitter, if there can be one. */
void kernel_split(struct kernel *kernel);
/* Lets go of it when there are no objects, and of the splitter when there are no tunnels. */
void kernel_unload_idle(struct kernel *kernel);

#endif
