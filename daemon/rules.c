/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What objects demand of each other. A plan is judged while it is in place, and only by the objects
 * it touches and those that share a key with them, so that the work grows with
 * the plan and not with the model.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/model_private.h"
#include "lib/tunnel.h"

static bool entry_uses_vlans(const struct entry *entry)
{
	const struct tunnel *tunnel = entry->object;
	const struct port *port = entry->object;

	if (entry->noun == NOUN_PORT)
		return port->vlan || port->trunk.any;
	return entry->noun == NOUN_TUNNEL && (tunnel->vlan || tunnel->trunk.any);
}

static const char *entry_vlan_field(const struct entry *entry)
{
	if (entry->noun == NOUN_PORT)
		return ((const struct port *)entry->object)->vlan ? "vlan" : "trunk";
	return ((const struct tunnel *)entry->object)->vlan ? "vlan" : "trunk";
}

static struct index_item *bridge_members(const struct model *model, const char *name)
{
	char key[NAME_LEN] = "";

	memcpy(key, name, strnlen(name, NAME_LEN - 1));
	return index_first(&model->on_bridge, key, sizeof(key));
}

static int check_bridge_gone(const struct model *model, const char *name, struct error *err)
{
	const struct index_item *member = bridge_members(model, name);
	const struct entry *entry;

	if (!member)
		return 0;
	entry = member->owner;
	return error_set(err, -EBUSY, "bridge %s: %s %s is on it", name, schemas[entry->noun].noun,
			 entry->name);
}

static int check_bridge(const struct model *model, const struct bridge *bridge, struct error *err)
{
	const struct index_item *member;

	if (bridge->vlan_filtering)
		return 0;
	for (member = bridge_members(model, bridge->name); member; member = member->next) {
		const struct entry *entry = member->owner;

		if (entry_uses_vlans(entry))
			return error_set(err, -EBUSY,
					 "bridge %s: vlan_filtering: %s %s on it has %s",
					 bridge->name, schemas[entry->noun].noun, entry->name,
					 entry_vlan_field(entry));
	}
	return 0;
}

/* What ports and tunnels have in common. */
static int check_member(const struct model *model, const struct entry *entry, struct error *err)
{
	const char *noun = schemas[entry->noun].noun;
	const char *name = object_bridge(entry->noun, entry->object);
	enum noun other = entry->noun == NOUN_PORT ? NOUN_TUNNEL : NOUN_PORT;
	const struct bridge *bridge;

	if (model_find(model, other, entry->name))
		return error_set(err, -EEXIST, "%s %s: name: there is a %s of that name", noun,
				 entry->name, schemas[other].noun);
	if (!name[0]) {
		if (entry_uses_vlans(entry))
			return error_set(err, -EINVAL, "%s %s: %s: needs a bridge", noun,
					 entry->name, entry_vlan_field(entry));
		return 0;
	}
	bridge = model_find(model, NOUN_BRIDGE, name);
	if (!bridge)
		return error_set(err, -ENOENT, "%s %s: bridge: there is no bridge %s", noun,
				 entry->name, name);
	if (!bridge->vlan_filtering && entry_uses_vlans(entry))
		return error_set(err, -EINVAL, "%s %s: %s: bridge %s is without vlan_filtering",
				 noun, entry->name, entry_vlan_field(entry), name);
	return 0;
}

/* "id 10 on port 4789", "key 5" */
static const char *identity_text(const struct tunnel *tunnel, char text[48])
{
	const struct identity identity = tunnel_identity(tunnel);

	if (tunnel->type == TUNNEL_NVGRE)
		snprintf(text, 48, "id %u", identity.id);
	else if (!tunnel_is_gre(tunnel))
		snprintf(text, 48, "id %u on port %u", identity.id, identity.port);
	else if (identity.port == IDENTITY_KEY)
		snprintf(text, 48, "key %u", identity.id);
	else
		snprintf(text, 48, "%s key", identity.port == IDENTITY_ANY_KEY ? "any" : "no");
	return text;
}

/* " at local ADDRESS", or nothing */
static const char *local_text(const struct tunnel *tunnel, char text[ADDR_STRLEN + 16])
{
	char addr[ADDR_STRLEN];

	*text = '\0';
	if (!addr_is_any(&tunnel->local))
		snprintf(text, ADDR_STRLEN + 16, " at local %s", addr_format(&tunnel->local, addr));
	return text;
}

static const char *owner_name(const struct index_item *item)
{
	return ((const struct entry *)item->owner)->name;
}

static int check_identity(const struct entry *entry, struct error *err)
{
	const struct tunnel *tunnel = entry->object;
	char identity[48], local[ADDR_STRLEN + 16], addr[ADDR_STRLEN];

	identity_text(tunnel, identity);
	local_text(tunnel, local);
	for (size_t i = 0; i < entry->identities; i++) {
		const struct index_item *other = index_other(&entry->identity[i]);
		struct weft_addr remote = identity_remote(tunnel, i);

		if (!other)
			continue;
		if (tunnel->type != TUNNEL_GRETAP && tunnel->type != TUNNEL_GRE)
			return error_set(err, -EEXIST, "tunnel %s: id: %s%s is already tunnel %s",
					 entry->name, identity + strlen("id "), local,
					 owner_name(other));
		return error_set(err, -EEXIST,
				 "tunnel %s: remote: %s with %s%s is already tunnel %s",
				 entry->name, addr_format(&remote, addr), identity, local,
				 owner_name(other));
	}
	return 0;
}

static int check_tunnel(const struct model *model, const struct entry *entry, struct error *err)
{
	const struct tunnel *tunnel = entry->object;
	const struct listen_key taken = {tunnel->type == TUNNEL_VXLAN ? TUNNEL_GENEVE
								      : TUNNEL_VXLAN,
					 tunnel_dstport(tunnel)};
	char identity[48], addr[ADDR_STRLEN];
	const struct index_item *other;

	if (check_identity(entry, err) < 0)
		return err->code;
	other = tunnel_is_gre(tunnel) ? NULL : index_first(&model->listen, &taken, sizeof(taken));
	if (other)
		return error_set(err, -EEXIST,
				 "tunnel %s: dstport: %u is that of tunnel %s, of another type",
				 entry->name, taken.port, owner_name(other));
	other = index_other(&entry->group);
	if (other)
		return error_set(err, -EEXIST, "tunnel %s: group: %s with %s is already tunnel %s",
				 entry->name, addr_format(&tunnel->group, addr),
				 identity_text(tunnel, identity), owner_name(other));
	return 0;
}

static int check_change(const struct model *model, const struct change *change, struct error *err)
{
	const struct entry *entry;
	int result;

	if (!change->new)
		return 0;
	entry = model_entry(model, change->noun, object_name(change->new));
	if (change->noun == NOUN_BRIDGE)
		return check_bridge(model, entry->object, err);
	result = check_member(model, entry, err);
	if (result == 0 && change->noun == NOUN_TUNNEL)
		result = check_tunnel(model, entry, err);
	return result;
}

int model_check(const struct model *model, const struct plan *plan, struct error *err)
{
	int result = 0;

	for (size_t i = 0; i < plan->count && result == 0; i++)
		result = check_change(model, &plan->change[i], err);
	/* Last, so that a member that is in the plan too is blamed itself. */
	for (size_t i = 0; i < plan->count && result == 0; i++) {
		const struct change *change = &plan->change[i];

		if (change->noun == NOUN_BRIDGE && !change->new &&
		    !model_find(model, NOUN_BRIDGE, object_name(change->old)))
			result = check_bridge_gone(model, object_name(change->old), err);
	}
	return result;
}
