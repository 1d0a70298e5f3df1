/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft port ...` */
#include "cli/object.h"

static int port_usage(struct cli *cli, struct words *words, struct error *err);

static int port_add(struct cli *cli, struct words *words, struct error *err)
{
	return object_add(NOUN_PORT, cli, words, err);
}

static int port_set(struct cli *cli, struct words *words, struct error *err)
{
	return object_set(NOUN_PORT, cli, words, err);
}

static int port_del(struct cli *cli, struct words *words, struct error *err)
{
	return object_del(NOUN_PORT, cli, words, err);
}

static int port_show(struct cli *cli, struct words *words, struct error *err)
{
	static const struct column columns[] = {
		{"NAME", "name"},
		{"BRIDGE", "bridge"},
		{"TYPE", "type"},
		{"VLAN", "vlan"},
		{"TRUNK", "trunk"},
		{"MTU", "state/mtu"},
		{"PEER-MTU", "state/mtu_peer"},
		{"OVERLAY-MTU", "state/mtu_overlay"},
		{"STATE", "state/state"},
		{},
	};

	return object_show(NOUN_PORT, columns, cli, words, err);
}

static const struct command port_commands[] = {
	{"show", "list", port_show, "[NAME]", "all of them, or everything about one"},
	{"add", NULL, port_add, "NAME FIELDS", "make one"},
	{"set", "change", port_set, "NAME FIELDS", "change the fields named"},
	{"del", "delete", port_del, "NAME", "take the device off its bridge"},
	{"help", "--help", port_usage, "", "print this"},
	{},
};

static int port_usage(struct cli *cli, struct words *words, struct error *err)
{
	(void)cli;
	object_usage(NOUN_PORT, port_commands);
	return words_end(words, err);
}

int port_run(struct cli *cli, struct words *words, struct error *err)
{
	return command_run(port_commands, "port", 0, cli, words, err);
}
