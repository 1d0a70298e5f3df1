/* SPDX-License-Identifier: GPL-2.0-only */
/* FDB entries: JSON to struct fdb_spec and back. */
#include "daemon/entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/entry_text.h"
#include "lib/field.h"
#include "lib/tunnel.h"

void entry_list_clear(struct entry_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		options_release(list->item[i].options);
	list->count = 0;
}

void entry_list_free(struct entry_list *list)
{
	entry_list_clear(list);
	free(list->item);
	*list = (struct entry_list){0};
}

void entry_list_reserve(struct entry_list *list, size_t count)
{
	if (count <= list->size)
		return;
	list->size = count;
	list->item = reallocarray(list->item, list->size, sizeof(*list->item));
	if (!list->item)
		abort();
}

void entry_list_push(struct entry_list *list, const struct fdb_spec *spec)
{
	if (list->count == list->size)
		entry_list_reserve(list, list->size ? 2 * list->size : 16);
	list->item[list->count++] = *spec;
	options_hold(spec->options);
}

/* --- Members of an entry -------------------------------------------------------------- */

static int parse_name(const char *key, const char *name, char ret[NAME_LEN], struct error *err)
{
	if (!name)
		return error_set(err, -EINVAL, "%s: is no string", key);
	if (field_name_check(key, name, err) < 0)
		return err->code;
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

static int parse_mac(const char *text, uint8_t ret[6], struct error *err)
{
	if (!text || mac_parse(text, ret) < 0)
		return error_set(err, -EINVAL, "mac: is no MAC address");
	return 0;
}

static int parse_addr(const char *key, const char *text, struct weft_addr *ret, struct error *err)
{
	if (!text || addr_parse(text, ret) < 0)
		return error_set(err, -EINVAL, "%s: is no IP address", key);
	return 0;
}

static int parse_number(const char *key, const json_t *json, uint32_t max, uint32_t *ret,
			struct error *err)
{
	json_int_t value = json_integer_value(json);

	if (!json_is_integer(json) || value < 0 || value > max)
		return error_set(err, -EINVAL, "%s: is no number of 0 to %u", key, max);
	*ret = (uint32_t)value;
	return 0;
}

static int parse_member(const char *key, const json_t *json, struct fdb_spec *spec,
			struct error *err)
{
	const char *text = json_string_value(json);

	if (!strcmp(key, "mac"))
		return parse_mac(text, spec->mac, err);
	if (!strcmp(key, "dev"))
		return parse_name(key, text, spec->dev, err);
	if (!strcmp(key, "bridge"))
		return parse_name(key, text, spec->bridge, err);
	if (!strcmp(key, "dst"))
		return parse_addr(key, text, &spec->dst, err);
	if (!strcmp(key, "vni"))
		return parse_number(key, json, 0xffffff, &spec->vni, err);
	if (!strcmp(key, "vlan"))
		return parse_number(key, json, 4094, &spec->vlan, err);
	if (!strcmp(key, "option"))
		return options_from_json(json, &spec->options, err);
	if (!strcmp(key, "dynamic") && json_is_boolean(json)) {
		spec->dynamic = json_is_true(json);
		return 0;
	}
	if (!strcmp(key, "dynamic"))
		return error_set(err, -EINVAL, "dynamic: is neither true nor false");
	return error_set(err, -EINVAL, "%.32s: is no member of an FDB entry", key);
}

static int parse_members(const json_t *json, struct fdb_spec *spec, struct error *err)
{
	const char *key;
	json_t *value;

	*spec = (struct fdb_spec){.vni = FDB_VNI_TUNNEL};
	if (!json_is_object(json))
		return error_set(err, -EINVAL, "is no object");
	json_object_foreach ((json_t *)json, key, value) {
		if (json_is_null(value))
			continue;
		if (parse_member(key, value, spec, err) < 0)
			return err->code;
	}
	if (!json_is_string(json_object_get(json, "mac")))
		return error_set(err, -EINVAL, "mac: is missing");
	return 0;
}

/* --- What the model knows of it ------------------------------------------------------- */

static int resolve_bridge(const struct model *model, enum noun noun, const void *object,
			  enum entry_use use, struct fdb_spec *spec, struct error *err)
{
	const char *name = object ? object_bridge(noun, object) : spec->bridge;
	const struct bridge *bridge = model_find(model, NOUN_BRIDGE, name);
	const struct tunnel *tunnel = object;
	const struct port *port = object;

	if (!bridge && name[0])
		return error_set(err, -ENOENT, "bridge: there is no bridge %s", name);
	if (spec->bridge[0] && strcmp(spec->bridge, name))
		return error_set(err, -EINVAL, "bridge: %s is not on bridge %s", spec->dev,
				 spec->bridge);
	memcpy(spec->bridge, name, strnlen(name, NAME_LEN - 1) + 1);
	if (spec->vlan && !(bridge && bridge->vlan_filtering))
		return error_set(err, -EINVAL, "vlan: %s%s is without vlan_filtering",
				 bridge ? "bridge " : "", bridge ? name : spec->dev);
	if (spec->vlan || !bridge || !bridge->vlan_filtering ||
	    (noun == NOUN_TUNNEL && mac_is_zero(spec->mac)))
		return 0;
	if (object)
		spec->vlan = noun == NOUN_PORT ? port->vlan : tunnel->vlan;
	if (!spec->vlan && use != ENTRY_KEY)
		return error_set(err, -EINVAL, "vlan: is missing; bridge %s keeps VLANs apart",
				 name);
	return 0;
}

static int resolve_port(const struct fdb_spec *spec, struct error *err)
{
	if (!addr_is_any(&spec->dst))
		return error_set(err, -EINVAL, "dst: %s is a port and has no remotes", spec->dev);
	if (spec->vni != FDB_VNI_TUNNEL)
		return error_set(err, -EINVAL, "vni: %s is a port and has none", spec->dev);
	if (spec->options)
		return error_set(err, -EINVAL, "option: %s is a port and sends none", spec->dev);
	if (mac_is_zero(spec->mac))
		return error_set(err, -EINVAL, "mac: all zero is for tunnels, and %s is a port",
				 spec->dev);
	return 0;
}

/* The overlay's MTU leaves room for so many options and no more (RFC 8926 4.4.1). */
static int resolve_options(const struct tunnel *tunnel, enum entry_use use,
			   const struct fdb_spec *spec, struct error *err)
{
	if (!spec->options || use == ENTRY_DEL || use == ENTRY_KEY)
		return 0;
	if (tunnel->type != TUNNEL_GENEVE)
		return error_set(err, -EINVAL, "option: is only for tunnels of type geneve");
	if (spec->options->len > tunnel_options_room(tunnel))
		return error_set(err, -EINVAL,
				 "option: %u bytes, and tunnel %s has room for %zu; see its optmax",
				 spec->options->len, spec->dev, tunnel_options_room(tunnel));
	return 0;
}

/* A packet to another remote of the tunnel may be of another network there. */
static int resolve_vni(const struct tunnel *tunnel, struct fdb_spec *spec, struct error *err)
{
	if (spec->vni == FDB_VNI_TUNNEL)
		return 0;
	if (tunnel->type == TUNNEL_GRETAP)
		return error_set(err, -EINVAL, "vni: tunnel %s has a key and no VNI", spec->dev);
	if (tunnel->type == TUNNEL_NVGRE && (spec->vni < VSID_MIN || spec->vni > VSID_MAX))
		return error_set(err, -EINVAL, "vni: %u is not for use (RFC 7637 3.4: %u to %u)",
				 spec->vni, VSID_MIN, VSID_MAX);
	if (spec->vni == tunnel->id)
		spec->vni = FDB_VNI_TUNNEL;
	return 0;
}

static int resolve_tunnel(const struct tunnel *tunnel, enum entry_use use, struct fdb_spec *spec,
			  struct error *err)
{
	if (tunnel_is_l3(tunnel))
		return error_set(err, -EINVAL, "dev: tunnel %s carries no Ethernet", spec->dev);
	if (resolve_options(tunnel, use, spec, err) < 0 || resolve_vni(tunnel, spec, err) < 0)
		return err->code;
	/* wherever it leads, there is one entry of a MAC */
	if (!addr_is_any(&spec->dst) || (use == ENTRY_DEL && !mac_is_zero(spec->mac)))
		return 0;
	if (!addr_is_any(&tunnel->group))
		spec->dst = tunnel->group;
	else if (tunnel->remote.count == 1)
		spec->dst = tunnel->remote.item[0];
	else if (use == ENTRY_SET || use == ENTRY_CONFIG)
		return error_set(err, -EINVAL,
				 "dst: is missing, and tunnel %s has not exactly one remote",
				 spec->dev);
	return 0;
}

/* Makes the same entry look the same, however it was written. */
static int entry_resolve(const struct model *model, enum entry_use use, struct fdb_spec *spec,
			 struct error *err)
{
	const void *object = NULL;
	enum noun noun = NOUN_PORT;
	int result;

	if (spec->dev[0]) {
		object = model_device(model, spec->dev, &noun);
		if (!object)
			return error_set(err, -ENOENT, "dev: there is no port or tunnel %s",
					 spec->dev);
	} else if (use != ENTRY_KEY || !spec->bridge[0]) {
		return error_set(err, -EINVAL, "dev: is missing");
	}
	if (mac_is_multicast(spec->mac))
		return error_set(err, -EINVAL, "mac: is a group address");
	if (use == ENTRY_CONFIG && spec->dynamic)
		return error_set(err, -EINVAL, "dynamic: entries of a file are static");
	result = resolve_bridge(model, noun, object, use, spec, err);
	if (result < 0 || !object)
		return result;
	return noun == NOUN_PORT ? resolve_port(spec, err) : resolve_tunnel(object, use, spec, err);
}

int entry_parse(const struct model *model, const json_t *json, enum entry_use use,
		struct fdb_spec *ret, struct error *err)
{
	const char *mac = json_string_value(json_object_get(json, "mac"));
	int result = parse_members(json, ret, err);

	if (result == 0)
		result = entry_resolve(model, use, ret, err);
	if (result < 0) {
		options_release(ret->options);
		ret->options = NULL;
		error_prefix(err, mac ? "fdb %.17s" : "fdb", mac);
	}
	return result;
}

/*
 * Where a tunnel floods because its `remote` or `group` says so is no entry of its own, unless it
 * is told to do so in another way.
 */
static bool entry_is_remote(const struct model *model, const struct fdb_spec *spec)
{
	const struct tunnel *tunnel;

	if (!mac_is_zero(spec->mac) || spec->options)
		return false;
	tunnel = model_find(model, NOUN_TUNNEL, spec->dev);
	if (!tunnel)
		return false;
	for (size_t i = 0; i < tunnel->remote.count; i++)
		if (addr_equal(&tunnel->remote.item[i], &spec->dst))
			return true;
	return addr_equal(&tunnel->group, &spec->dst);
}

void entry_list_config(const struct model *model, struct entry_list *list,
		       const struct fdb_spec *spec)
{
	if (!entry_is_remote(model, spec))
		entry_list_push(list, spec);
}

/* An item of a list: an object, or its words. */
static int item_parse(const struct model *model, const json_t *item, enum entry_use use,
		      struct fdb_spec *ret, struct error *err)
{
	json_t *json;
	int result;

	if (!json_is_string(item))
		return entry_parse(model, item, use, ret, err);
	json = entry_words_json(json_string_value(item), err);
	if (!json)
		return err->code;
	result = entry_parse(model, json, use, ret, err);
	json_decref(json);
	return result;
}

int entry_list_parse(const struct model *model, const json_t *json, enum entry_use use,
		     struct entry_list *list, struct error *err)
{
	struct fdb_spec spec;
	const json_t *item;
	size_t i;

	if (!json_is_array(json))
		return error_set(err, -EINVAL, "fdb: is no list of entries");
	json_array_foreach (json, i, item) {
		int result = item_parse(model, item, use, &spec, err);

		if (result < 0)
			return result;
		if (use == ENTRY_CONFIG)
			entry_list_config(model, list, &spec);
		else
			entry_list_push(list, &spec);
		options_release(spec.options);
	}
	return 0;
}

int entry_filter_parse(const struct model *model, const json_t *json, struct fdb_filter *ret,
		       struct error *err)
{
	static const char *const keys[] = {"bridge", "dev", "vlan", "mac", "dst"};
	struct fdb_spec spec = {0};
	enum noun noun;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const json_t *value = json_object_get(json, keys[i]);

		if (!value || json_is_null(value))
			continue;
		if (parse_member(keys[i], value, &spec, err) < 0)
			return err->code;
	}
	if (spec.bridge[0] && !model_find(model, NOUN_BRIDGE, spec.bridge))
		return error_set(err, -ENOENT, "bridge: there is no bridge %s", spec.bridge);
	if (spec.dev[0] && !model_device(model, spec.dev, &noun))
		return error_set(err, -ENOENT, "dev: there is no port or tunnel %s", spec.dev);
	*ret = (struct fdb_filter){
		.vlan = spec.vlan,
		.dst = spec.dst,
		.mac_set = json_is_string(json_object_get(json, "mac")),
	};
	memcpy(ret->bridge, spec.bridge, NAME_LEN);
	memcpy(ret->dev, spec.dev, NAME_LEN);
	memcpy(ret->mac, spec.mac, sizeof(ret->mac));
	return 0;
}

/* --- What is there -------------------------------------------------------------------- */

struct walk {
	const struct model *model;
	struct entry_list *list;
};

static void walk_item(void *arg, const struct fdb_spec *spec)
{
	const struct walk *walk = arg;

	entry_list_config(walk->model, walk->list, spec);
}

int entry_list_walk(struct kernel *kernel, const struct model *model, struct entry_list *list,
		    struct error *err)
{
	const struct fdb_filter filter = {.no_learned = true};
	struct walk walk = {model, list};

	return kernel_fdb_each(kernel, &filter, walk_item, &walk, err);
}

json_t *entry_json(const struct fdb_spec *spec)
{
	char mac[MAC_STRLEN], dst[ADDR_STRLEN];
	json_t *json = json_object();

	json_object_set_new_nocheck(json, "mac", json_string_nocheck(mac_format(spec->mac, mac)));
	json_object_set_new_nocheck(json, "dev", json_string(spec->dev));
	if (!addr_is_any(&spec->dst))
		json_object_set_new_nocheck(json, "dst",
					    json_string_nocheck(addr_format(&spec->dst, dst)));
	if (spec->vni != FDB_VNI_TUNNEL)
		json_object_set_new_nocheck(json, "vni", json_integer(spec->vni));
	if (spec->vlan)
		json_object_set_new_nocheck(json, "vlan", json_integer(spec->vlan));
	if (spec->options)
		json_object_set_new_nocheck(json, "option", options_json(spec->options));
	return json;
}
