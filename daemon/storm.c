/* SPDX-License-Identifier: GPL-2.0-only */
/* Storm limits of a port or tunnel: packets a second become what the datapath counts with (abi/datapath.h). */
#include "daemon/storm.h"

#define SECOND 1000000000ULL

bool storm_limited(const struct storm *storm)
{
	return storm->broadcast || storm->unknown || storm->multicast;
}

/* What was taken stays taken, so that setting a limit again does not let a second burst through. */
static void bucket_set(struct weft_storm_bucket *bucket, uint32_t rate)
{
	bucket->gap = rate ? (SECOND + rate - 1) / rate : 0;
	bucket->depth = rate ? bucket->gap * (rate - 1) : 0;
	if (!rate)
		bucket->until = 0;
}

int storm_write(const struct dp *dp, uint32_t member, const struct storm *storm)
{
	struct weft_storm limits = {};

	if (!storm_limited(storm))
		return dp_delete_storm(dp, &member);
	dp_get_storm(dp, &member, &limits);
	bucket_set(&limits.bucket[WEFT_STORM_BROADCAST], storm->broadcast);
	bucket_set(&limits.bucket[WEFT_STORM_UNKNOWN], storm->unknown);
	bucket_set(&limits.bucket[WEFT_STORM_MULTICAST], storm->multicast);
	return dp_put_storm(dp, &member, &limits);
}
