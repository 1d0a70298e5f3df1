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

/* daemon/tunnel_options.c: map `known_options`, by what the configuration knows and demands. */
int tunnel_options_write(struct kernel *kernel, struct live_tunnel *tunnel);
void tunnel_options_delete(struct kernel *kernel, struct live_tunnel *tunnel);
/* The `required` of the slot: a bit for each option demanded. */
uint32_t tunnel_required(const struct tunnel *config);

#endif
