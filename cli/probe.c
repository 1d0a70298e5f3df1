/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft probe`: really sends, towards a remote VTEP or through the overlay, and says what arrived. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/member.h"
#include "cli/output.h"
#include "cli/probe_from.h"
#include "cli/probe_server.h"
#include "cli/watch.h"
#include "cli/wrap.h"

#define REMOTES_MAX 256

void probe_options_default(struct probe_options *options)
{
	*options = (struct probe_options){
		.count = 5, .interval = 0.2, .patience = 1, .ports = 8, .hops = 30};
}

bool probe_option_read(struct words *words, struct probe_options *options, int *ret,
		       struct error *err)
{
	if (words_match(words, "count"))
		*ret = words_number(words, "count", 1000, &options->count, err);
	else if (words_match(words, "interval"))
		*ret = words_seconds(words, "interval", 0.01, 60, &options->interval, err);
	else if (words_match(words, "timeout"))
		*ret = words_seconds(words, "timeout", 0.05, 10, &options->patience, err);
	else
		return false;
	return true;
}

static int options_read(struct words *words, struct probe_options *options, const char **via,
			struct error *err)
{
	int ret = 0;

	probe_options_default(options);
	while (ret == 0 && words_peek(words)) {
		if (words_match(words, "ports"))
			ret = words_number(words, "ports", PROBE_PORTS_MAX, &options->ports, err);
		else if (words_match(words, "hops"))
			ret = words_number(words, "hops", PROBE_HOPS_MAX, &options->hops, err);
		else if (via && words_match(words, "via"))
			ret = words_value(words, "via", via, err);
		else if (!probe_option_read(words, options, &ret, err))
			return words_end(words, err);
	}
	return ret;
}

static void report_say(struct cli *cli, json_t *reports, json_t *report)
{
	if (probe_bad(report))
		cli->status = PROBE_STATUS_FOUND;
	if (cli->json)
		json_array_append(reports, report);
	else
		probe_print(report);
}

static int remote_run(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *tunnels = NULL, *report = NULL, *reports = json_array();
	struct probe_target target = {};
	struct probe_options options;
	const char *word, *via = NULL;
	struct error unheard = {};
	int ret = words_value(words, "remote", &word, err);

	if (ret < 0)
		return ret;
	if (addr_parse(word, &target.remote) < 0 || addr_is_any(&target.remote) ||
	    addr_is_multicast(&target.remote))
		return error_set(err, -EINVAL, "remote: %.64s is not the address of a host", word);
	ret = options_read(words, &options, &via, err);
	/* without weftd there is no tunnel, and all the rest can be asked */
	if (ret == 0)
		ret = cli_call(cli, "tunnel.show", NULL, &tunnels, via ? err : &unheard);
	if (ret == 0)
		ret = target_find(&target, tunnels, via, err);
	else if (!via && unheard.code)
		ret = 0;
	if (ret == 0)
		ret = probe_remote(&target, &options, &report, err);
	if (ret == 0)
		report_say(cli, reports, report);
	if (ret == 0 && cli->json)
		output_json(cli, reports);
	target_free(&target);
	return ret;
}

/* Each remote that a tunnel has. */
static int tunnel_probe(struct cli *cli, const json_t *tunnel, const struct probe_options *options,
			json_t *reports, struct error *err)
{
	const json_t *state = json_object_get(tunnel, "state");
	json_t *remote;
	size_t i;

	json_array_foreach (json_object_get(state, "remotes"), i, remote) {
		json_auto_t *report = NULL;
		struct probe_target target = {};
		int ret = 0;

		if (i == REMOTES_MAX)
			break;
		if (addr_parse(member_text(remote, "addr"), &target.remote) < 0 ||
		    addr_is_any(&target.remote) || addr_is_multicast(&target.remote))
			continue;
		ret = target_take(&target, tunnel, err);
		if (ret == 0)
			ret = probe_remote(&target, options, &report, err);
		if (ret == 0)
			report_say(cli, reports, report);
		target_free(&target);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int tunnel_run_probe(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *tunnels = NULL, *reports = json_array();
	struct probe_options options;
	const char *name;
	int ret = words_value(words, "tunnel", &name, err);

	if (ret == 0)
		ret = options_read(words, &options, NULL, err);
	if (ret == 0)
		ret = cli_call(cli, "tunnel.show", json_pack("{s:s}", "name", name), &tunnels, err);
	if (ret == 0)
		ret = tunnel_probe(cli, json_array_get(tunnels, 0), &options, reports, err);
	if (ret == 0 && cli->json)
		output_json(cli, reports);
	return ret;
}

static int help_run(struct cli *cli, struct words *words, struct error *err);

static const struct command commands[] = {
	{"remote", NULL, remote_run, "ADDRESS [via TUNNEL] [OPTIONS]",
	 "the way to a remote VTEP, which need not know of it"},
	{"tunnel", NULL, tunnel_run_probe, "NAME [OPTIONS]", "the way to each remote of a tunnel"},
	{"from", NULL, probe_from,
	 "PORT to MAC|ADDRESS [vlan N] [source MAC] [at HOST]... [OPTIONS]",
	 "frames from a port, hop by hop; at: hosts that run weft probe -s"},
	{"-s", NULL, probe_serve, "[ADDRESS] [port PORT]", "what other hosts ask of this one"},
	{"help", NULL, help_run, "", "print this"},
	{},
};

static int help_run(struct cli *cli, struct words *words, struct error *err)
{
	int ret = words_end(words, err);

	(void)cli;
	if (ret < 0)
		return ret;
	command_usage(commands, "probe");
	puts("OPTIONS\n"
	     "  count N           echoes or frames, 1 to 1000 (5)\n"
	     "  interval SECONDS  between two of them, 0.01 to 60 (0.2)\n"
	     "  timeout SECONDS   until a probe counts as lost, 0.05 to 10 (1)\n"
	     "  via TUNNEL        of remote: by whose headers\n"
	     "  source MAC        of from: whose frames; known behind the port, or to nobody\n"
	     "  vlan N            of from: with a tag of that VLAN, 1 to 4094\n"
	     "  at HOST           of from: who watches, too; port PORT: its TCP port (7474)\n"
	     "  ports N           source ports whose paths are looked for, 1 to 256 (8)\n"
	     "  hops N            the longest way, 1 to 64 (30)");
	return 0;
}

int probe_run(struct cli *cli, struct words *words, struct error *err)
{
	if (!words_peek(words))
		return error_set(err, WORDS_USAGE, "probe: what? try weft probe help");
	wrap_begin(cli);
	return command_run(commands, "probe", 0, cli, words, err);
}
