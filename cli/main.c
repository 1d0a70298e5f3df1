/* SPDX-License-Identifier: GPL-2.0-only */
/* The command: options, and the table of what may follow them. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define RUNDIR_DEFAULT "/run/weft"

enum { STATUS_OK, STATUS_REFUSED, STATUS_USAGE };

static const struct command commands[] = {
	{"bridge", NULL, bridge_run, "add|set|del|show ...", "virtual switches: weft-bridge(8)"},
	{"port", NULL, port_run, "add|set|del|show ...", "devices on bridges: weft-port(8)"},
	{"tunnel", NULL, tunnel_run, "add|set|del|show ...",
	 "VXLAN, GENEVE, GRE and NVGRE tunnels: weft-tunnel(8)"},
	{"fdb", NULL, fdb_run, "add|append|replace|del|get|show|flush|monitor ...",
	 "MAC addresses and where they are: weft-fdb(8)"},
	{"apply", NULL, config_apply, "[-v] FILE|-",
	 "make the configuration what FILE says: weft-config(8)"},
	{"diff", NULL, config_diff, "[-v] FILE|-", "print what apply would change"},
	{"save", NULL, config_save, "", "print the configuration as YAML"},
	{"status", NULL, status_run, "", "what weftd and the datapath are up to"},
	{"stats", NULL, stats_run, "", "counters of ports, tunnels and remotes: weft-stats(8)"},
	{"drops", NULL, drops_run, "[-w [SECONDS]] [REASON]...",
	 "what was dropped and why: weft-drops(8)"},
	{"notes", NULL, notes_run, "", "what was odd and delivered: weft-drops(8)"},
	{"capture", NULL, capture_run, "[OPTIONS] [FILTER]",
	 "packets as they pass or are dropped, live: weft-capture(8)"},
	{"top", NULL, top_run, "[-b] [-n COUNT] [-w SECONDS]",
	 "rates of ports, tunnels, remotes and drops, live: weft-top(8)"},
	{"trace", NULL, trace_run,
	 "[-r FILE [-n N]] in PORT|underlay [DEVICE] [from ADDR ...] [PACKET]",
	 "what would become of a packet: weft-trace(8)"},
	{"doctor", NULL, doctor_run, "", "what is wrong, and what mends it: weft-doctor(8)"},
	{"probe", NULL, probe_run, "remote|tunnel|from|-s ...",
	 "really send, and say what arrives: weft-probe(8)"},
	{"bench", NULL, bench_run, "-s | REMOTE|TUNNEL ...",
	 "overlay against underlay, between two hosts: weft-bench(8)"},
	{"monitor", NULL, monitor_run, "[bridge|port|tunnel|fdb]...",
	 "print what changes, as it does: weft-monitor(8)"},
	{},
};

static void usage_print(FILE *to)
{
	fputs("usage: weft [-j] [-p] [--rundir DIR] COMMAND ...\n\n"
	      "  -j, --json        print JSON\n"
	      "  -p, --pretty      print JSON on many lines\n"
	      "      --rundir DIR  where weftd's socket is (WEFT_RUNDIR, else " RUNDIR_DEFAULT ")\n"
	      "  -V, --version     print the version\n"
	      "  -h, --help        print this; weft COMMAND -h says more\n\n",
	      to);
	for (const struct command *command = commands; command->name; command++)
		fprintf(to, "  %-8s %s\n", command->name, command->help);
}

void command_usage(const struct command *table, const char *noun)
{
	printf("usage:\n");
	for (const struct command *command = table; command->name; command++)
		printf("  weft %s%s%s %s\n      %s\n", noun, *noun ? " " : "", command->name,
		       command->words, command->help);
}

static const struct command *command_find(const struct command *table, const char *word)
{
	for (const struct command *command = table; command->name; command++)
		if (!strcmp(word, command->name) ||
		    (command->alias && !strcmp(word, command->alias)))
			return command;
	return NULL;
}

int command_run(const struct command *table, const char *noun, size_t initial, struct cli *cli,
		struct words *words, struct error *err)
{
	const char *word = words_take(words);
	const struct command *command = word ? command_find(table, word) : &table[initial];

	if (!command)
		return error_set(err, WORDS_USAGE,
				 "%s: \"%.64s\" is not a command; try weft %s help", noun, word,
				 noun);
	return command->run(cli, words, err);
}

int cli_connect(struct cli *cli, struct error *err)
{
	return cli->client ? 0 : rpc_connect(cli->rundir, &cli->client, err);
}

int cli_call(struct cli *cli, const char *method, json_t *params, json_t **ret, struct error *err)
{
	int code = cli_connect(cli, err);

	if (code < 0) {
		json_decref(params);
		return code;
	}
	return rpc_call(cli->client, method, params, ret, err);
}

int cli_next(struct cli *cli, json_t **ret, struct error *err)
{
	return rpc_next(cli->client, ret, err);
}

/*
 * Options end at the first word, so that `remote - ADDRESS` and the like stay words.
 * Returns -1 to go on, or the exit status.
 */
static int options_read(int argc, char **argv, struct cli *cli)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},	  {"pretty", no_argument, NULL, 'p'},
		{"rundir", required_argument, NULL, 'r'}, {"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},	  {},
	};
	int option;

	while ((option = getopt_long(argc, argv, "+jpVh", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			cli->json = true;
			break;
		case 'p':
			cli->pretty = true;
			break;
		case 'r':
			cli->rundir = optarg;
			break;
		case 'V':
			puts("weft " WEFT_VERSION);
			return STATUS_OK;
		case 'h':
			usage_print(stdout);
			return STATUS_OK;
		default:
			return STATUS_USAGE;
		}
	}
	return -1;
}

/* What people put behind the command, where it is a word like any other. */
static void option_hint(const struct words *words, struct error *err)
{
	static const char *const options[] = {"-j", "--json", "-p", "--pretty", NULL};
	struct error told = *err;

	for (int i = 0; i < words->count; i++)
		if (word_in(words->word[i], options)) {
			*err = (struct error){};
			error_set(err, told.code, "%s; %s stands before the command: weft %s ...",
				  told.line, words->word[i], words->word[i]);
			return;
		}
}

static int command_line_run(struct cli *cli, struct words *words, struct error *err)
{
	const char *word = words_take(words);
	const struct command *command = command_find(commands, word);

	/* what have a table of their own, which has `help` */
	static const char *const nouns[] = {"bridge", "port",  "tunnel", "fdb",
					    "probe",  "bench", NULL};
	static char help[] = "help";
	struct words given;
	int ret;

	if (!strcmp(word, "help")) {
		usage_print(stdout);
		return 0;
	}
	if (!command)
		return error_set(err, WORDS_USAGE, "\"%.64s\" is not a command; try weft --help",
				 word);
	if (help_wanted(words_peek(words))) {
		words->word[0] = help;
		if (!word_in(command->name, nouns)) {
			help_print(command);
			return 0;
		}
	}
	given = *words;
	ret = command->run(cli, words, err);
	if (ret < 0)
		option_hint(&given, err);
	return ret;
}

int main(int argc, char **argv)
{
	const char *rundir = getenv("WEFT_RUNDIR");
	struct cli cli = {.rundir = rundir && *rundir ? rundir : RUNDIR_DEFAULT};
	struct error err = {};
	struct words words;
	int ret = options_read(argc, argv, &cli);

	if (ret >= 0)
		return ret;
	if (optind == argc) {
		usage_print(stderr);
		return STATUS_USAGE;
	}
	words = (struct words){argv + optind, argc - optind};
	ret = command_line_run(&cli, &words, &err);
	rpc_close(cli.client);
	if (fflush(stdout) == EOF || ferror(stdout))
		ret = error_set(&err, -EIO, "cannot write the output: %s", strerror(errno));
	if (ret < 0)
		fprintf(stderr, "weft: %s\n", err.line);
	return ret == WORDS_USAGE ? STATUS_USAGE : ret < 0 ? STATUS_REFUSED : cli.status;
}
