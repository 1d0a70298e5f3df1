/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft bridge ...` */
#include "cli/object.h"

static int bridge_usage(struct cli *cli, struct words *words, struct error *err);

static int bridge_add(struct cli *cli, struct words *words, struct error *err)
{
	return object_add(NOUN_BRIDGE, cli, words, err);
}

static int bridge_set(struct cli *cli, struct words *words, struct error *err)
{
	return object_set(NOUN_BRIDGE, cli, words, err);
}

static int bridge_del(struct cli *cli, struct words *words, struct error *err)
{
	return object_del(NOUN_BRIDGE, cli, words, err);
}

static int bridge_show(struct cli *cli, struct words *words, struct error *err)
{
	static const struct column columns[] = {
		{"NAME", "name"},
		{"AGEING", "ageing"},
		{"MAXADDRESS", "maxaddress"},
		{"VLAN-AWARE", "vlan_filtering"},
		{"PORTS", "state/ports#"},
		{"TUNNELS", "state/tunnels#"},
		{"ENTRIES", "state/entries"},
		{},
	};

	return object_show(NOUN_BRIDGE, columns, cli, words, err);
}

static const struct command bridge_commands[] = {
	{"show", "list", bridge_show, "[NAME]", "all of them, or everything about one"},
	{"add", NULL, bridge_add, "NAME FIELDS", "make one"},
	{"set", "change", bridge_set, "NAME FIELDS", "change the fields named"},
	{"del", "delete", bridge_del, "NAME", "remove it; it must have no ports and tunnels"},
	{"help", "--help", bridge_usage, "", "print this"},
	{},
};

static int bridge_usage(struct cli *cli, struct words *words, struct error *err)
{
	(void)cli;
	object_usage(NOUN_BRIDGE, bridge_commands);
	return words_end(words, err);
}

int bridge_run(struct cli *cli, struct words *words, struct error *err)
{
	return command_run(bridge_commands, "bridge", 0, cli, words, err);
}
