/* SPDX-License-Identifier: GPL-2.0-only */
/* Subscribers and what they are sent. */
#include "daemon/monitor.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/rpc.h"

struct subscriber {
	struct subscriber *prev, *next;
	struct monitor *monitor;
	unsigned int objects;
	monitor_send send;
	void *arg;
	unsigned long long lost;
};

struct monitor {
	struct subscriber *subscribers;
};

unsigned int monitor_bit(const char *noun)
{
	for (enum noun i = 0; i < NOUN_COUNT; i++)
		if (!strcmp(noun, schemas[i].noun))
			return 1u << i;
	if (!strcmp(noun, "control"))
		return MONITOR_CONTROL;
	return strcmp(noun, "fdb") ? 0 : MONITOR_FDB;
}

struct monitor *monitor_new(void)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor)
		abort();
	return monitor;
}

void monitor_free(struct monitor *monitor)
{
	struct subscriber *subscriber, *next;

	if (!monitor)
		return;
	DL_FOREACH_SAFE(monitor->subscribers, subscriber, next)
	monitor_unsubscribe(subscriber);
	free(monitor);
}

struct subscriber *monitor_subscribe(struct monitor *monitor, unsigned int objects,
				     monitor_send send, void *arg)
{
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (!subscriber)
		abort();
	*subscriber = (struct subscriber){
		.monitor = monitor, .objects = objects, .send = send, .arg = arg};
	DL_APPEND(monitor->subscribers, subscriber);
	return subscriber;
}

void monitor_unsubscribe(struct subscriber *subscriber)
{
	if (!subscriber)
		return;
	DL_DELETE(subscriber->monitor->subscribers, subscriber);
	free(subscriber);
}

/* One line, to be freed; takes the reference to `params`. */
static char *notification(json_t *params, size_t *ret_length)
{
	json_t *message = rpc_notification_new("event", params);
	char *line = message ? rpc_line_new(message, ret_length) : NULL;

	json_decref(message);
	return line;
}

void monitor_caught_up(struct subscriber *subscriber)
{
	size_t length;
	char *line;

	if (!subscriber->lost)
		return;
	line = notification(
		json_pack("{s:s, s:I}", "event", "lost", "count", (json_int_t)subscriber->lost),
		&length);
	if (line && subscriber->send(subscriber->arg, line, length))
		subscriber->lost = 0;
	free(line);
}

bool monitor_wanted(const struct monitor *monitor, unsigned int objects)
{
	const struct subscriber *subscriber;

	DL_FOREACH (monitor->subscribers, subscriber)
		if (subscriber->objects & objects)
			return true;
	return false;
}

void monitor_publish(struct monitor *monitor, unsigned int objects, json_t *params)
{
	struct subscriber *subscriber, *next;
	size_t length;
	char *line;

	if (!monitor_wanted(monitor, objects)) {
		json_decref(params);
		return;
	}
	line = notification(params, &length);
	if (!line)
		return;
	DL_FOREACH_SAFE(monitor->subscribers, subscriber, next)
	{
		if (!(subscriber->objects & objects))
			continue;
		/* What was lost is said before anything newer. */
		if (subscriber->lost || !subscriber->send(subscriber->arg, line, length))
			subscriber->lost++;
	}
	free(line);
}

json_t *change_json(const struct change *change)
{
	const struct schema *schema = &schemas[change->noun];
	const char *op = change->old ? change->new ? "change" : "delete" : "add";
	const char *name = object_name(change->new ? change->new : change->old);
	json_t *json = json_pack("{s:s, s:s, s:s}", "op", op, "noun", schema->noun, "name", name);
	json_t *old, *new, *fields;
	uint64_t differ;

	if (!change->old || !change->new)
		return json;
	differ = object_diff(change->noun, change->old, change->new);
	old = object_json(change->noun, change->old, true);
	new = object_json(change->noun, change->new, true);
	fields = json_object();
	for (size_t i = 0; i < schema->count; i++) {
		const char *field = schema->field[i].name;

		if (differ & 1ULL << i)
			json_object_set_new(fields, field,
					    json_pack("{s:O?, s:O?}", "old",
						      json_object_get(old, field), "new",
						      json_object_get(new, field)));
	}
	json_object_set_new(json, "fields", fields);
	json_decref(old);
	json_decref(new);
	return json;
}

void monitor_publish_plan(struct monitor *monitor, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct change *change = &plan->change[i];
		json_t *params;

		if (!monitor_wanted(monitor, 1u << change->noun))
			continue;
		params = change_json(change);
		json_object_set(params, "event", json_object_get(params, "op"));
		json_object_del(params, "op");
		if (!change->old)
			json_object_set_new(params, "object",
					    object_json(change->noun, change->new, false));
		monitor_publish(monitor, 1u << change->noun, params);
	}
}
