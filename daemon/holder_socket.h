/* SPDX-License-Identifier: GPL-2.0-only */
/* The sockets of weft-holder: ports bound, protocols received and groups joined. */
#ifndef WEFT_DAEMON_HOLDER_SOCKET_H
#define WEFT_DAEMON_HOLDER_SOCKET_H

#include <poll.h>
#include <stdbool.h>

#include "daemon/holder.h"

struct held;

/* All of these: 0 or negative errno. */
int held_port_hold(uint16_t port);
int held_port_release(uint16_t port);
int held_protocol_hold(uint16_t protocol);
int held_protocol_release(uint16_t protocol);
int held_join(const struct weft_addr *group, uint32_t ifindex);
int held_leave(const struct weft_addr *group, uint32_t ifindex);
bool held_nothing(void);
/* What packets come by: fills `polled` and returns how many. They are served after poll() with the same. */
#define HELD_POLLED_MAX 2
int held_poll(struct pollfd polled[HELD_POLLED_MAX]);
void held_serve(const struct pollfd *polled, int count);
/* Everything held: NULL starts, NULL ends. */
const struct held *held_next(const struct held *held);
const struct holder_item *held_item(const struct held *held);

#endif
