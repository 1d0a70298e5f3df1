/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft tunnel ...` */
#include "cli/object.h"

static int tunnel_usage(struct cli *cli, struct words *words, struct error *err);

static int tunnel_add(struct cli *cli, struct words *words, struct error *err)
{
	return object_add(NOUN_TUNNEL, cli, words, err);
}

static int tunnel_set(struct cli *cli, struct words *words, struct error *err)
{
	return object_set(NOUN_TUNNEL, cli, words, err);
}

static int tunnel_del(struct cli *cli, struct words *words, struct error *err)
{
	return object_del(NOUN_TUNNEL, cli, words, err);
}

static int tunnel_show(struct cli *cli, struct words *words, struct error *err)
{
	static const struct column columns[] = {
		{"NAME", "name"},
		{"BRIDGE", "bridge"},
		{"TYPE", "type"},
		{"ID", "id"},
		{"LOCAL", "local"},
		{"REMOTE", "remote"},
		{"GROUP", "group"},
		{"DEV", "dev"},
		{"DSTPORT", "dstport"},
		{"KEY", "key"},
		{"MTU", "state/mtu"},
		{"ENTRIES", "state/entries"},
		{},
	};

	return object_show(NOUN_TUNNEL, columns, cli, words, err);
}

static const struct command tunnel_commands[] = {
	{"show", "list", tunnel_show, "[NAME]", "all of them, or everything about one"},
	{"add", NULL, tunnel_add, "NAME FIELDS", "make one"},
	{"set", "change", tunnel_set, "NAME FIELDS", "change the fields named"},
	{"del", "delete", tunnel_del, "NAME", "remove it and what was learned from it"},
	{"help", "--help", tunnel_usage, "", "print this"},
	{},
};

static int tunnel_usage(struct cli *cli, struct words *words, struct error *err)
{
	(void)cli;
	object_usage(NOUN_TUNNEL, tunnel_commands);
	return words_end(words, err);
}

int tunnel_run(struct cli *cli, struct words *words, struct error *err)
{
	return command_run(tunnel_commands, "tunnel", 0, cli, words, err);
}
