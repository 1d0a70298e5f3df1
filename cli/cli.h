/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the command share: the options, the connection, the tables of commands. */
#ifndef WEFT_CLI_CLI_H
#define WEFT_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/words.h"
#include "lib/error.h"
#include "lib/rpc_client.h"

struct cli {
	const char *rundir;
	bool json, pretty;
	int status;		   /* the exit status of what was done, if it is not 0 */
	struct rpc_client *client; /* connected by the first cli_call() */
};

/* A word that begins a command line or follows a noun. Returns 0 or a negative errno with `err`. */
struct command {
	const char *name;
	const char *alias; /* another word for it, or NULL */
	int (*run)(struct cli *cli, struct words *words, struct error *err);
	const char *words; /* what may follow, for the usage */
	const char *help;
};

/* Runs what the next word names in `table` (ends with a NULL name), by default its `initial`th. */
int command_run(const struct command *table, const char *noun, size_t initial, struct cli *cli,
		struct words *words, struct error *err);
/* Lines "NOUN NAME WORDS" with their help. */
void command_usage(const struct command *table, const char *noun);

/* Whether the word asks for help: as people write it elsewhere, too. */
bool help_wanted(const char *word);
/* All that there is to say of a command without a table of its own. */
void help_print(const struct command *command);

/* Connects, unless that has been done. */
int cli_connect(struct cli *cli, struct error *err);
/* One call of the API. `params` is taken over, *ret is a new reference. */
int cli_call(struct cli *cli, const char *method, json_t *params, json_t **ret, struct error *err);
/* The next notification after `monitor`, a new reference. */
int cli_next(struct cli *cli, json_t **ret, struct error *err);

int bridge_run(struct cli *cli, struct words *words, struct error *err);
int port_run(struct cli *cli, struct words *words, struct error *err);
int tunnel_run(struct cli *cli, struct words *words, struct error *err);
int fdb_run(struct cli *cli, struct words *words, struct error *err);
int config_apply(struct cli *cli, struct words *words, struct error *err);
int config_diff(struct cli *cli, struct words *words, struct error *err);
int config_save(struct cli *cli, struct words *words, struct error *err);
int status_run(struct cli *cli, struct words *words, struct error *err);
int stats_run(struct cli *cli, struct words *words, struct error *err);
int drops_run(struct cli *cli, struct words *words, struct error *err);
int notes_run(struct cli *cli, struct words *words, struct error *err);
int capture_run(struct cli *cli, struct words *words, struct error *err);
int trace_run(struct cli *cli, struct words *words, struct error *err);
int top_run(struct cli *cli, struct words *words, struct error *err);
int doctor_run(struct cli *cli, struct words *words, struct error *err);
int bench_run(struct cli *cli, struct words *words, struct error *err);
int probe_run(struct cli *cli, struct words *words, struct error *err);
int monitor_run(struct cli *cli, struct words *words, struct error *err);
/* Prints events of the objects in `list` (taken over; NULL: of all) until weftd goes. */
int monitor_objects(struct cli *cli, json_t *list, struct error *err);

#endif
