/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose frames a course has: of its own host nobody's table is to change. */
#include <errno.h>
#include <string.h>

#include "cli/member.h"
#include "cli/probe_from.h"

#define ENTRIES_MAX 64 /* that are looked at, to see whether they have one MAC */

static int fdb_show(struct course *course, json_t *filter, uint16_t vlan, json_t **ret,
		    struct error *err)
{
	json_auto_t *reply = NULL;
	int code;

	if (vlan)
		json_object_set_new(filter, "vlan", json_integer(vlan));
	code = cli_call(course->cli, "fdb.show", filter, &reply, err);
	if (code == 0)
		*ret = json_incref(json_object_get(reply, "entries"));
	return code;
}

/* The VLAN that the bridge learns the frames' source in; 0: none, it does not keep VLANs apart, or takes no such frame. */
static int vlan_find(struct course *course, const json_t *port, uint16_t *ret, struct error *err)
{
	json_auto_t *bridges = NULL;
	const char *bridge = member_text(port, "bridge");
	json_int_t untagged = member_number(port, "vlan");
	int code = cli_call(course->cli, "bridge.show", json_pack("{s:s}", "name", bridge),
			    &bridges, err);

	*ret = 0;
	if (code == 0 &&
	    json_is_true(json_object_get(json_array_get(bridges, 0), "vlan_filtering")))
		*ret = course->course.vlan ? course->course.vlan : (uint16_t)untagged;
	return code;
}

/* A MAC that the bridge knows elsewhere would move here, and what is for it would get lost. */
static int source_check(struct course *course, const char *bridge, uint16_t vlan, struct error *err)
{
	json_auto_t *entries = NULL;
	char mac[MAC_STRLEN];
	json_t *entry;
	size_t i;
	int ret = fdb_show(course,
			   json_pack("{s:s, s:s}", "bridge", bridge, "mac",
				     mac_format(course->course.source, mac)),
			   vlan, &entries, err);

	json_array_foreach (entries, i, entry) {
		if (ret == 0 && strcmp(member_text(entry, "dev"), course->port) != 0)
			ret = error_set(err, -EEXIST,
					"source: %s is behind %.16s: frames from %s would move it",
					mac, member_text(entry, "dev"), course->port);
	}
	return ret;
}

static int entries_mac(const struct course *course, const json_t *entries, uint8_t ret[6],
		       struct error *err)
{
	const char *mac = member_text(json_array_get(entries, 0), "mac");
	json_t *entry;
	size_t i;

	json_array_foreach ((json_t *)entries, i, entry) {
		if (strcmp(member_text(entry, "mac"), mac) != 0)
			return error_set(
				err, -EINVAL,
				"source: several MACs are known behind %s; name one: source MAC",
				course->port);
	}
	if (mac_parse(mac, ret) < 0)
		return error_set(err, -EINVAL,
				 "source: no MACs are known behind %s; name one: source MAC",
				 course->port);
	return 0;
}

/* The only one that is known behind the port, in that VLAN or else in any; an internal port has its own. */
static int source_find(struct course *course, const json_t *port, uint16_t vlan, struct error *err)
{
	const char *own = member_text(json_object_get(port, "state"), "lladdr");
	uint16_t vlans[] = {vlan, 0};

	if (!strcmp(member_text(port, "type"), "internal"))
		return mac_parse(own, course->course.source) < 0
			       ? error_set(err, -EINVAL, "source: %s has no MAC", course->port)
			       : 0;
	for (size_t i = vlan ? 0 : 1;; i++) {
		json_auto_t *entries = NULL;
		int ret = fdb_show(course,
				   json_pack("{s:s, s:s, s:i}", "dev", course->port, "state",
					     "learned", "limit", ENTRIES_MAX),
				   vlans[i], &entries, err);

		if (ret < 0)
			return ret;
		if (json_array_size(entries) || i == 1)
			return entries_mac(course, entries, course->course.source, err);
	}
}

int course_source(struct course *course, const json_t *port, bool given, struct error *err)
{
	uint16_t vlan;
	int ret = vlan_find(course, port, &vlan, err);

	if (ret == 0 && !given)
		ret = source_find(course, port, vlan, err);
	return ret < 0 ? ret : source_check(course, member_text(port, "bridge"), vlan, err);
}
