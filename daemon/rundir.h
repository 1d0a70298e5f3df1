/* SPDX-License-Identifier: GPL-2.0-only */
/* The directory a weftd lives in, and the lock that makes it the only one there. */
#ifndef WEFT_DAEMON_RUNDIR_H
#define WEFT_DAEMON_RUNDIR_H

#include "lib/error.h"

struct rundir;

/* Makes the directory (0755; not its parents) unless it is there, and locks it. -EBUSY names the weftd that has it. */
int rundir_open(const char *path, struct rundir **ret, struct error *err);
/* Unlocks it, and removes it if it was made here and is empty. */
void rundir_close(struct rundir *rundir);

#endif
