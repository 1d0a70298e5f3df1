/* SPDX-License-Identifier: GPL-2.0-only */
/* What lib/object_check.c and tunnel_check.c share. Each refuses with a line that begins with the field's name. */
#ifndef WEFT_LIB_OBJECT_CHECK_H
#define WEFT_LIB_OBJECT_CHECK_H

#include "lib/schema.h"

int tunnel_check(const struct tunnel *tunnel, struct error *err);

/* `vlan` cannot be in the trunk too. */
int vlans_check(uint32_t vlan, const struct vlan_set *trunk, struct error *err);
/* None of the fields of a device that weft makes may be set. `owner` says what has one. */
int no_device_check(const struct prefix_list *address, const uint8_t *lladdr, uint32_t mtu,
		    const char *owner, struct error *err);

#endif
