/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WEFT_DAEMON_STORM_H
#define WEFT_DAEMON_STORM_H

#include "daemon/dp.h"
#include "lib/objects.h"

/* Is there any limit? Then its port or tunnel has the flag WEFT_STORM. */
bool storm_limited(const struct storm *storm);
/* Writes or removes what map `storms` has of a member, which is a key as those of `trunks` are. */
int storm_write(const struct dp *dp, uint32_t member, const struct storm *storm);

#endif
