/* SPDX-License-Identifier: GPL-2.0-only */
/* weftd from its command line to its end. */
#ifndef WEFT_DAEMON_RUN_H
#define WEFT_DAEMON_RUN_H

/* Returns the exit status: 0, 1 for what could not be done, 2 for a wrong command line. */
int weftd_run(int argc, char **argv);

#endif
