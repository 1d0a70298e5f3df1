/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * weftd from start to end: take the rundir, read the state file, take over the kernel side, put every
 * object back, serve, let go.
 */
#include "daemon/run.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api.h"
#include "daemon/http.h"
#include "daemon/log.h"
#include "daemon/monitor.h"
#include "daemon/notify.h"
#include "daemon/privilege.h"
#include "daemon/rundir.h"
#include "daemon/state.h"
#include "daemon/transaction.h"
#include "lib/config_entries.h"
#include "lib/yaml.h"

#define RUNDIR_DEFAULT "/run/weft"

struct options {
	const char *rundir;
	const char *config;  /* NULL: none */
	const char *metrics; /* where to serve them, NULL: nowhere */
};

static void usage(FILE *file)
{
	fputs("usage: weftd [--rundir DIR] [--config FILE] [--metrics [ADDRESS:]PORT]\n"
	      "\n"
	      "  --rundir DIR       where socket and state are (WEFT_RUNDIR, " RUNDIR_DEFAULT ")\n"
	      "  -c, --config FILE  apply this configuration (YAML) at start\n"
	      "  --metrics [ADDRESS:]PORT\n"
	      "                     serve Prometheus metrics over HTTP (ADDRESS: " HTTP_ADDRESS
	      ")\n"
	      "  -v, --verbose      log more\n"
	      "  --version, --help\n",
	      file);
}

/* 0: go on, else the exit status plus one. */
static int options_parse(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{"rundir", required_argument, NULL, 'r'},
		{"config", required_argument, NULL, 'c'},
		{"metrics", required_argument, NULL, 'm'},
		{"verbose", no_argument, NULL, 'v'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *rundir = getenv("WEFT_RUNDIR");
	int option;

	*options = (struct options){.rundir = rundir && rundir[0] ? rundir : RUNDIR_DEFAULT};
	while ((option = getopt_long(argc, argv, "c:vh", names, NULL)) != -1) {
		switch (option) {
		case 'r':
			options->rundir = optarg;
			break;
		case 'c':
			options->config = optarg;
			break;
		case 'm':
			options->metrics = optarg;
			break;
		case 'v':
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case 'V':
			puts("weftd " WEFT_VERSION);
			return 1;
		case 'h':
			usage(stdout);
			return 1;
		default:
			usage(stderr);
			return 3;
		}
	}
	if (optind == argc && options->rundir[0])
		return 0;
	fprintf(stderr, "weftd: \"%s\" is %s\n", optind < argc ? argv[optind] : "",
		optind < argc ? "one word too many" : "no directory for --rundir");
	usage(stderr);
	return 3;
}

/* --- What the kernel side says -------------------------------------------------------- */

static void kernel_said_fdb(void *arg, const char *what, json_t *entry)
{
	struct weftd *weftd = arg;
	json_t *params;

	if (!monitor_wanted(weftd->monitor, MONITOR_FDB))
		return;
	params = json_pack("{s:s, s:s}", "event", what, "noun", "fdb");
	json_object_update(params, entry);
	monitor_publish(weftd->monitor, MONITOR_FDB, params);
}

static bool kernel_may_say_fdb(void *arg)
{
	const struct weftd *weftd = arg;

	return monitor_wanted(weftd->monitor, MONITOR_FDB);
}

static void kernel_said_state(void *arg, json_t *event)
{
	const char *noun = json_string_value(json_object_get(event, "noun"));
	unsigned int bit = noun ? monitor_bit(noun) : 0;
	struct weftd *weftd = arg;
	json_t *params;

	/* What changed may be part of kernel_state(), too. */
	if (weftd->state)
		state_touch(weftd->state);
	/* A remote is a part of its tunnel. */
	bit = bit ? bit : MONITOR_TUNNEL;
	if (!monitor_wanted(weftd->monitor, bit))
		return;
	params = json_pack("{s:s}", "event", "state");
	json_object_update(params, event);
	monitor_publish(weftd->monitor, bit, params);
}

static void kernel_said_packet(void *arg, json_t *event)
{
	struct weftd *weftd = arg;

	monitor_publish(weftd->monitor, MONITOR_CONTROL, json_incref(event));
}

/* --- Start ---------------------------------------------------------------------------- */

static int file_read(const char *path, char **ret, size_t *ret_length, struct error *err)
{
	FILE *file = fopen(path, "re");
	size_t size = 65536, length = 0;
	char *text = malloc(size);

	if (!text)
		abort();
	if (!file) {
		free(text);
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	}
	while (!feof(file) && !ferror(file) && length <= YAML_SIZE_MAX) {
		length += fread(text + length, 1, size - length, file);
		if (length == size) {
			char *more = realloc(text, 2 * size);

			if (!more)
				abort();
			text = more;
			size *= 2;
		}
	}
	*ret = text;
	*ret_length = length;
	if (ferror(file)) {
		fclose(file);
		free(text);
		return error_set(err, -EIO, "%s: cannot be read", path);
	}
	fclose(file);
	return 0;
}

/* Applies what nobody asks the changes of; returns how many there were. */
static int config_apply_all(struct weftd *weftd, const struct config_request *request,
			    struct error *err)
{
	struct changes changes = {.list = json_array()};
	int result = transaction_config(weftd, request, &changes, err);

	json_decref(changes.list);
	return result < 0
		       ? result
		       : (int)(changes.objects + changes.added + changes.changed + changes.deleted);
}

static int config_text_apply(struct weftd *weftd, const char *text, size_t length,
			     struct error *err)
{
	char entry[ENTRY_LINE_TEXT];
	struct config_entries entries;
	json_t *config = NULL;
	struct stage *stage;
	int result = config_entries_split(text, length, &config, &entries, err);

	if (result < 0)
		return result;
	stage = stage_new();
	while (result == 0 && config_entries_next(&entries, entry, &length))
		result = stage_add(stage, entry, err);
	if (result == 0)
		result = config_apply_all(
			weftd, &(struct config_request){.config = config, .stage = stage}, err);
	stage_free(stage);
	json_decref(config);
	return result;
}

static int config_file_apply(struct weftd *weftd, const char *path, struct error *err)
{
	char *text = NULL;
	size_t length = 0;
	int result = file_read(path, &text, &length, err);

	if (result < 0)
		return result;
	result = config_text_apply(weftd, text, length, err);
	free(text);
	if (result < 0)
		error_prefix(err, "%s", path);
	else
		log_info("%s: %d changes", path, result);
	return result < 0 ? result : 0;
}

/*
 * Puts the objects of the state file back, one by one: what of the kernel's is there is taken over, and one
 * that cannot be put back (its UDP port has been taken by somebody else) does not take the others with it. It
 * is left out, and said so.
 */
static int replay(struct weftd *weftd, struct plan *plan, struct error *err)
{
	struct plan lost = {0};
	int result = model_stage(weftd->model, plan, err);

	if (result < 0)
		return error_prefix(err, "%s/" STATE_FILE, weftd->rundir);
	for (size_t i = 0; i < plan->count && result == 0; i++) {
		const struct change *change = &plan->change[i];
		struct error why = {0};

		if (kernel_apply(weftd->kernel, change, 1, true, &why) == 0)
			continue;
		log_error("%s; left out", why.line);
		result = plan_push(&lost, change->noun, change->new, NULL, err);
	}
	model_commit(weftd->model, plan);
	if (result == 0)
		result = model_stage(weftd->model, &lost, err);
	if (result == 0)
		model_commit(weftd->model, &lost);
	plan_free(&lost);
	return result < 0 ? result : kernel_settle(weftd->kernel, err);
}

/* What an earlier weftd had begun and could not end. */
static void pending_finish(struct weftd *weftd)
{
	json_t *config = state_pending_load(weftd->rundir);
	struct error err = {0};
	int result;

	state_pending_clear(weftd->state);
	if (!config)
		return;
	result = config_apply_all(weftd, &(struct config_request){.config = config}, &err);
	if (result < 0)
		log_error("%s/" PENDING_FILE ": %s", weftd->rundir, err.line);
	else
		log_info("finished what the last weftd was applying: %d changes", result);
	json_decref(config);
}

static int kernel_side_start(struct weftd *weftd, struct error *err)
{
	const struct kernel_callbacks callbacks = {.fdb = kernel_said_fdb,
						   .fdb_wanted = kernel_may_say_fdb,
						   .state = kernel_said_state,
						   .packet = kernel_said_packet,
						   .arg = weftd};
	struct plan plan = {0};
	json_t *kernel = NULL;
	int result = state_load(weftd->rundir, &plan, &kernel, err);

	if (result == 0)
		result = kernel_start(weftd->base, weftd->rundir, kernel, &callbacks,
				      &weftd->kernel, err);
	json_decref(kernel);
	/* Taking over an earlier datapath needs more privilege than all that comes after it. */
	if (result == 0)
		result = privilege_drop(err);
	if (result == 0)
		result = replay(weftd, &plan, err);
	plan_free(&plan);
	if (result == 0)
		result = state_save(weftd->state, err);
	if (result == 0)
		pending_finish(weftd);
	weftd->serving = true;
	return result;
}

/* --- Serving -------------------------------------------------------------------------- */

static void stop(evutil_socket_t fd, short events, void *arg)
{
	(void)fd, (void)events;
	event_base_loopbreak(arg);
}

static int serve(struct weftd *weftd, const char *config, struct error *err)
{
	struct event *term = evsignal_new(weftd->base, SIGTERM, stop, weftd->base);
	struct event *interrupt = evsignal_new(weftd->base, SIGINT, stop, weftd->base);
	struct event *watchdog = NULL;
	int result = 0;

	if (!term || !interrupt || event_add(term, NULL) < 0 || event_add(interrupt, NULL) < 0)
		result = error_set(err, -ENOMEM, "out of memory");
	if (result == 0 && config)
		result = config_file_apply(weftd, config, err);
	if (result == 0) {
		watchdog = notify_watchdog(weftd->base);
		fputs("weftd: ready\n", stderr);
		notify_send("READY=1");
		if (event_base_dispatch(weftd->base) < 0)
			result = error_set(err, -EIO, "event loop: %s", strerror(errno));
		notify_send("STOPPING=1");
	}
	if (watchdog)
		event_free(watchdog);
	if (interrupt)
		event_free(interrupt);
	if (term)
		event_free(term);
	return result;
}

static int weftd_serve(struct weftd *weftd, const struct options *options, struct error *err)
{
	struct http *http = NULL;
	struct api *api = NULL;
	int result;

	/* Before capabilities are dropped: its group is set here. Nobody is answered before the loop runs. */
	result = api_new(weftd, &api, err);
	if (result == 0)
		result = kernel_side_start(weftd, err);
	if (result == 0 && options->metrics)
		result = http_new(weftd->base, weftd->kernel, options->metrics, &http, err);
	if (result == 0)
		result = serve(weftd, options->config, err);
	http_free(http);
	api_free(api);
	/* The last state is written while the kernel side can still be asked for it. */
	state_free(weftd->state);
	weftd->state = NULL;
	if (weftd->kernel)
		kernel_stop(weftd->kernel);
	return result;
}

int weftd_run(int argc, char **argv)
{
	struct weftd weftd = {.started = time(NULL)};
	struct rundir *rundir = NULL;
	struct error err = {0};
	struct options options;
	int result;

	result = options_parse(argc, argv, &options);
	if (result > 0)
		return result - 1;
	signal(SIGPIPE, SIG_IGN);
	weftd.rundir = options.rundir;
	weftd.metrics = options.metrics;
	result = privilege_check(&err);
	if (result == 0)
		result = rundir_open(options.rundir, &rundir, &err);
	if (result == 0) {
		weftd.base = event_base_new();
		if (!weftd.base)
			abort();
		weftd.model = model_new();
		weftd.monitor = monitor_new();
		weftd.state = state_new(&weftd);
		result = weftd_serve(&weftd, &options, &err);
		monitor_free(weftd.monitor);
		model_free(weftd.model);
		event_base_free(weftd.base);
	}
	rundir_close(rundir);
	if (result < 0)
		log_error("%s", err.line);
	return result < 0 ? 1 : 0;
}
