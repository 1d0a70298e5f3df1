/* SPDX-License-Identifier: GPL-2.0-only */
/* What tunnel.c and tunnel_set.c share. */
#ifndef WEFT_DAEMON_TUNNEL_PRIVATE_H
#define WEFT_DAEMON_TUNNEL_PRIVATE_H

#include "daemon/live.h"

/* Underlay device, UDP port, VNI and group of the configuration. After a failure tunnel_release() gives
 * back what was had. */
int tunnel_hold(struct kernel *kernel, struct live_tunnel *tunnel, bool replay, struct error *err);
void tunnel_release(struct kernel *kernel, struct live_tunnel *tunnel);
/* Makes the configured remotes be the tunnel's; nothing is disowned after a failure. */
int tunnel_remotes_apply(struct kernel *kernel, struct live_tunnel *tunnel, struct error *err);

#endif
