/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transactions. The order is stage (model), apply (kernel), FDB, state file, commit: everything that
 * may refuse comes before what cannot, and each step can be taken back.
 */
#include "daemon/transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/entry.h"
#include "daemon/log.h"
#include "daemon/monitor.h"
#include "daemon/state.h"
#include "lib/tunnel.h"

/* The kernel as it was before `plan`. A kernel that refuses that is out of step until weftd starts again. */
static void kernel_revert(struct weftd *weftd, const struct plan *plan)
{
	struct plan reverse = plan_reverse(plan);
	struct error err = {0};

	if (plan->count &&
	    kernel_apply(weftd->kernel, reverse.change, reverse.count, false, &err) < 0)
		log_error("taking changes back: %s", err.line);
	free(reverse.change);
}

/* Applies a plan that is staged. */
static int plan_apply(struct weftd *weftd, const struct plan *plan, struct error *err)
{
	if (!plan->count)
		return 0;
	return kernel_apply(weftd->kernel, plan->change, plan->count, false, err);
}

/*
 * An entry is under a VLAN, or under none, and means nothing on a bridge that has become the other kind: the
 * entries of such a bridge go, static ones too.
 */
static int entries_drop_unfit(struct weftd *weftd, const struct plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct bridge *old = plan->change[i].old, *new = plan->change[i].new;
		struct fdb_filter filter = {0};
		int result;

		if (plan->change[i].noun != NOUN_BRIDGE || !old || !new ||
		    old->vlan_filtering == new->vlan_filtering)
			continue;
		memcpy(filter.bridge, new->name, NAME_LEN);
		result = kernel_fdb_flush(weftd->kernel, &filter, true, NULL, err);
		if (result < 0)
			return result;
	}
	return 0;
}

static void options_longest(void *arg, const struct fdb_spec *spec)
{
	size_t *longest = arg;

	if (spec->options && spec->options->len > *longest)
		*longest = spec->options->len;
}

/* The entries there are have room for their options in what tunnels become. */
static int entries_fit(struct weftd *weftd, const struct plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct tunnel *old = plan->change[i].old, *new = plan->change[i].new;
		struct fdb_filter filter = {};
		size_t options = 0; /* the longest of its entries, bytes */
		int result;

		if (plan->change[i].noun != NOUN_TUNNEL || !old || !new ||
		    tunnel_options_room(new) >= tunnel_options_room(old))
			continue;
		memcpy(filter.dev, new->name, NAME_LEN);
		result = kernel_fdb_each(weftd->kernel, &filter, options_longest, &options, err);
		if (result < 0)
			return result;
		if (options > tunnel_options_room(new))
			return error_set(err, -EBUSY,
					 "tunnel %s: %s: an FDB entry has options of %zu bytes",
					 new->name,
					 new->optmax == OPTMAX_AUTO ? "option" : "optmax", options);
	}
	return 0;
}

static void plan_finish(struct weftd *weftd, struct plan *plan)
{
	monitor_publish_plan(weftd->monitor, plan);
	model_commit(weftd->model, plan);
}

/*
 * The objects are as they were, but what was taken back may have other ids: the next weftd must find
 * those.
 */
static void plan_undone(struct weftd *weftd, const struct plan *plan)
{
	struct error err = {0};

	model_unstage(weftd->model, plan);
	if (plan->count && state_save(weftd->state, &err) < 0)
		log_error("%s", err.line);
}

int transaction_run(struct weftd *weftd, struct plan *plan, struct error *err)
{
	struct error ignored = {0};
	int result;

	if (!plan->count)
		return 0;
	result = model_stage(weftd->model, plan, err);
	if (result < 0)
		return result;
	result = entries_fit(weftd, plan, err);
	if (result < 0) {
		model_unstage(weftd->model, plan);
		return result;
	}
	result = plan_apply(weftd, plan, err);
	if (result == 0) {
		result = state_save(weftd->state, err);
		if (result < 0)
			kernel_revert(weftd, plan);
	}
	if (result < 0) {
		plan_undone(weftd, plan);
		return result;
	}
	if (entries_drop_unfit(weftd, plan, &ignored) < 0)
		log_error("%s", ignored.line);
	plan_finish(weftd, plan);
	return 0;
}

/* --- The whole configuration ---------------------------------------------------------- */

/* What a configuration does to the static entries. */
struct fdb_change {
	struct entry_list before; /* as found */
	struct entry_list wanted;
	struct entry_list set, del;
};

static void fdb_change_clear(struct fdb_change *fdb)
{
	entry_list_free(&fdb->before);
	entry_list_free(&fdb->wanted);
	entry_list_free(&fdb->set);
	entry_list_free(&fdb->del);
}

/* What makes the entries that are there now into `goal`: fills set and del. */
static int fdb_difference(struct weftd *weftd, struct fdb_change *fdb,
			  const struct entry_list *goal, struct error *err)
{
	struct entry_list now = {0};
	int result = entry_list_walk(weftd->kernel, weftd->model, &now, err);

	/* from nothing to the goal, as it was worked out before the objects came */
	if (result == 0 && !now.count && !fdb->before.count && goal == &fdb->wanted)
		return 0;
	entry_list_clear(&fdb->set);
	entry_list_clear(&fdb->del);
	if (result == 0)
		result = entry_diff(&now, goal, &fdb->set, &fdb->del, NULL, err);
	/* `del` has copies, not pointers into `now` */
	entry_list_free(&now);
	return result;
}

static int fdb_carry_out(struct weftd *weftd, const struct fdb_change *fdb, struct error *err)
{
	int result = 0;

	if (fdb->set.count)
		result = kernel_fdb_set(weftd->kernel, FDB_REPLACE, fdb->set.item, fdb->set.count,
					err);
	if (result >= 0 && fdb->del.count)
		result = kernel_fdb_del(weftd->kernel, fdb->del.item, fdb->del.count, err);
	return result < 0 ? result : 0;
}

static void fdb_revert(struct weftd *weftd, struct fdb_change *fdb)
{
	struct error err = {0};

	if (fdb_difference(weftd, fdb, &fdb->before, &err) < 0 ||
	    fdb_carry_out(weftd, fdb, &err) < 0)
		log_error("taking FDB changes back: %s", err.line);
}

/* The entries of section `fdb`, and those that were sent ahead of it. */
static int fdb_wanted(const struct weftd *weftd, const struct config_request *request,
		      struct fdb_change *fdb, struct error *err)
{
	const json_t *section = json_object_get(request->config, "fdb");
	int result = stage_entries(request->stage, weftd->model, &fdb->wanted, err);

	if (result == 0 && section && !json_is_null(section))
		result = entry_list_parse(weftd->model, section, ENTRY_CONFIG, &fdb->wanted, err);
	return result;
}

/* Everything that may refuse without having touched the kernel; leaves the plan staged if it succeeds. */
static int config_prepare(struct weftd *weftd, const struct config_request *request,
			  struct plan *plan, struct fdb_change *fdb, struct changes *changes,
			  struct error *err)
{
	int result = config_plan(weftd->model, request->config, plan, err);

	if (result == 0)
		result = entry_list_walk(weftd->kernel, weftd->model, &fdb->before, err);
	if (result == 0)
		result = model_stage(weftd->model, plan, err);
	if (result < 0)
		return result;
	for (size_t i = 0; i < plan->count; i++)
		json_array_append_new(changes->list, change_json(&plan->change[i]));
	changes->objects = plan->count;
	result = fdb_wanted(weftd, request, fdb, err);
	if (result == 0)
		result = entry_diff(&fdb->before, &fdb->wanted, &fdb->set, &fdb->del, changes, err);
	if (result < 0)
		model_unstage(weftd->model, plan);
	return result;
}

/* Applies what is prepared and staged; on failure the kernel and the model are as they were. */
static int config_carry_out(struct weftd *weftd, struct plan *plan, struct fdb_change *fdb,
			    struct error *err)
{
	int result = plan_apply(weftd, plan, err);

	if (result < 0) {
		plan_undone(weftd, plan);
		return result;
	}
	/* The objects took entries with them: those of what was deleted. */
	if (plan->count)
		result = entries_drop_unfit(weftd, plan, err);
	if (result == 0 && plan->count)
		result = fdb_difference(weftd, fdb, &fdb->wanted, err);
	if (result == 0)
		result = fdb_carry_out(weftd, fdb, err);
	if (result == 0 && plan->count)
		result = state_save(weftd->state, err);
	if (result == 0)
		return 0;
	kernel_revert(weftd, plan);
	plan_undone(weftd, plan);
	fdb_revert(weftd, fdb);
	return result;
}

/* The same; if it is broken off in the middle, the next weftd finishes it. */
static int config_commit(struct weftd *weftd, const struct config_request *request,
			 struct plan *plan, struct fdb_change *fdb, struct error *err)
{
	/* not while a start finishes one: what ended a weftd must not end the next one again and again */
	bool pending = weftd->serving && (fdb->before.count || fdb->wanted.count) &&
		       (plan->count || fdb->set.count || fdb->del.count);
	int result;

	if (pending && state_pending_save(weftd->state, request, err) < 0) {
		model_unstage(weftd->model, plan);
		return err->code;
	}
	result = config_carry_out(weftd, plan, fdb, err);
	if (pending)
		state_pending_clear(weftd->state);
	return result;
}

int transaction_config(struct weftd *weftd, const struct config_request *request,
		       struct changes *changes, struct error *err)
{
	struct fdb_change fdb = {0};
	struct plan plan = {0};
	int result = config_prepare(weftd, request, &plan, &fdb, changes, err);

	if (result == 0 && request->dry)
		model_unstage(weftd->model, &plan);
	else if (result == 0)
		result = config_commit(weftd, request, &plan, &fdb, err);
	if (result == 0 && !request->dry)
		plan_finish(weftd, &plan);
	plan_free(&plan);
	fdb_change_clear(&fdb);
	return result;
}
