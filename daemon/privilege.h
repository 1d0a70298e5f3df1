/* SPDX-License-Identifier: GPL-2.0-only */
/* What weftd is allowed to do: as little as it needs. */
#ifndef WEFT_DAEMON_PRIVILEGE_H
#define WEFT_DAEMON_PRIVILEGE_H

#include "lib/error.h"

/* Whether this process and this kernel can do what weftd is for; says what is missing. */
int privilege_check(struct error *err);

/*
 * Gives up all capabilities but those that the running weftd needs, for good: no_new_privs is set too.
 * To be called when the datapath of an earlier weftd has been adopted, which takes more.
 */
int privilege_drop(struct error *err);

#endif
