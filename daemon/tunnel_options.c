/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The GENEVE options that a tunnel knows when it receives them: those it sends, those it accepts, those it
 * demands (RFC 8926 3.5).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/tunnel_private.h"
#include "lib/tunnel.h"

#define SLOT_NONE 32

uint32_t tunnel_required(const struct tunnel *config)
{
	return config->match.count >= 32 ? UINT32_MAX : (1u << config->match.count) - 1;
}

static struct weft_option_key option_key(const struct live_tunnel *tunnel,
					 const struct geneve_option *option)
{
	return (struct weft_option_key){
		.tunnel = tunnel->id, .class = option->class, .type = option->type};
}

static int list_write(struct kernel *kernel, const struct live_tunnel *tunnel,
		      const struct option_list *list, bool match)
{
	int r = 0;

	for (size_t i = 0; i < list->count && r >= 0; i++) {
		struct weft_option_key key = option_key(tunnel, &list->item[i]);
		struct weft_option known = {.len = list->item[i].len, .slot = SLOT_NONE};

		if (match) {
			known.match = 1;
			known.slot = (uint8_t)i;
			memcpy(known.data, list->item[i].data, known.len);
		}
		r = dp_put_known_option(kernel->dp, &key, &known);
	}
	return r;
}

static bool list_has(const struct option_list *list, const struct weft_option_key *key)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->item[i].class == key->class && list->item[i].type == key->type)
			return true;
	return false;
}

/* Forgets what is not among `config`; NULL: everything. */
static void options_forget(struct kernel *kernel, struct live_tunnel *tunnel,
			   const struct tunnel *config)
{
	size_t kept = 0;

	for (size_t i = 0; i < tunnel->known_count; i++) {
		struct weft_option_key key = tunnel->known[i];

		if (config && (list_has(&config->option, &key) || list_has(&config->accept, &key) ||
			       list_has(&config->match, &key)))
			tunnel->known[kept++] = key;
		else
			dp_delete_known_option(kernel->dp, &key);
	}
	tunnel->known_count = kept;
}

/* Notes what is in the map, so that it can be taken out. */
static int options_note(struct live_tunnel *tunnel, const struct option_list *list)
{
	struct weft_option_key *known =
		reallocarray(tunnel->known, tunnel->known_count + list->count + 1, sizeof(*known));

	if (!known)
		return -ENOMEM;
	tunnel->known = known;
	for (size_t i = 0; i < list->count; i++)
		known[tunnel->known_count++] = option_key(tunnel, &list->item[i]);
	return 0;
}

int tunnel_options_write(struct kernel *kernel, struct live_tunnel *tunnel)
{
	const struct tunnel *config = tunnel->config;
	const struct option_list *const lists[] = {&config->option, &config->accept,
						   &config->match};
	int r = 0;

	options_forget(kernel, tunnel, config);
	tunnel->known_count = 0;
	for (int i = 0; i < 3 && r >= 0; i++) {
		r = options_note(tunnel, lists[i]);
		/* what is demanded comes last: it says more than that the option is known */
		if (r >= 0)
			r = list_write(kernel, tunnel, lists[i], i == 2);
	}
	return r;
}

void tunnel_options_delete(struct kernel *kernel, struct live_tunnel *tunnel)
{
	options_forget(kernel, tunnel, NULL);
	free(tunnel->known);
	tunnel->known = NULL;
}
