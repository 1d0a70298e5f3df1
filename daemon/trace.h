/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft trace`: what the datapath would do with a packet, without doing it. */
#ifndef WEFT_DAEMON_TRACE_H
#define WEFT_DAEMON_TRACE_H

#include "daemon/kernel.h"

/* Frees the tracing instance, if there is one. */
void trace_stop(struct kernel *kernel);

#endif
