/* SPDX-License-Identifier: GPL-2.0-only */
/* FDB entries on their way between a client and the configuration. */
#include "daemon/stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* What stands behind the MACs of some entries. */
struct place {
	UT_hash_handle hh;
	uint32_t index;
	uint32_t len;
	char text[];
};

struct item {
	uint8_t mac[6];
	uint8_t pad[2];
	uint32_t place;
};

struct stage {
	struct item *item;
	size_t count, size;
	struct place *by_text;
	struct place **place; /* by index */
	size_t places, places_size;
	struct place *last; /* that was asked for */
	size_t bytes;
};

static size_t bytes_all; /* of all stages */

struct stage *stage_new(void)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		abort();
	return stage;
}

void stage_free(struct stage *stage)
{
	if (!stage)
		return;
	HASH_CLEAR(hh, stage->by_text);
	for (size_t i = 0; i < stage->places; i++)
		free(stage->place[i]);
	free(stage->place);
	free(stage->item);
	bytes_all -= stage->bytes;
	free(stage);
}

static int bytes_take(struct stage *stage, size_t bytes, struct error *err)
{
	if (bytes_all + bytes > STAGE_BYTES_MAX)
		return error_set(err, -ENOBUFS,
				 "fdb: this weftd holds too many entries for clients already");
	bytes_all += bytes;
	stage->bytes += bytes;
	return 0;
}

/* Room for one more in `*array` of items of `each` bytes. */
static int array_grow(struct stage *stage, void *array, size_t *size, size_t count, size_t each,
		      struct error *err)
{
	size_t more = *size ? *size : 64;
	void *grown;

	if (count < *size)
		return 0;
	if (bytes_take(stage, more * each, err) < 0)
		return err->code;
	grown = reallocarray(*(void **)array, *size + more, each);
	if (!grown)
		abort();
	*(void **)array = grown;
	*size += more;
	return 0;
}

static int place_find(struct stage *stage, const char *text, size_t len, struct place **ret,
		      struct error *err)
{
	struct place *place = stage->last;

	/* neighbours in a file lead to the same place more often than not */
	if (!place || place->len != len || memcmp(place->text, text, len))
		HASH_FIND(hh, stage->by_text, text, len, place);
	if (!place) {
		if (array_grow(stage, &stage->place, &stage->places_size, stage->places,
			       sizeof(*stage->place), err) < 0 ||
		    bytes_take(stage, sizeof(*place) + len + 1, err) < 0)
			return err->code;
		place = calloc(1, sizeof(*place) + len + 1);
		if (!place)
			abort();
		memcpy(place->text, text, len);
		place->len = (uint32_t)len;
		place->index = (uint32_t)stage->places;
		stage->place[stage->places++] = place;
		HASH_ADD_KEYPTR(hh, stage->by_text, place->text, len, place);
	}
	stage->last = place;
	*ret = place;
	return 0;
}

int stage_add(struct stage *stage, const char *text, struct error *err)
{
	size_t len = strlen(text), mac_len = strcspn(text, " ");
	char mac[MAC_STRLEN];
	struct place *place = NULL;
	struct item item = {};

	if (len >= ENTRY_WORDS_MAX)
		return error_set(err, -EINVAL, "fdb: an entry longer than %d bytes",
				 ENTRY_WORDS_MAX - 1);
	if (mac_len >= sizeof(mac))
		return error_set(err, -EINVAL, "fdb %.17s: mac: is no MAC address", text);
	memcpy(mac, text, mac_len);
	mac[mac_len] = '\0';
	if (mac_parse(mac, item.mac) < 0)
		return error_set(err, -EINVAL, "fdb %s: mac: is no MAC address", mac);
	if (stage->count == STAGE_ENTRIES_MAX)
		return error_set(err, -E2BIG, "fdb: more than %u entries", STAGE_ENTRIES_MAX);
	if (place_find(stage, text + mac_len, len - mac_len, &place, err) < 0 ||
	    array_grow(stage, &stage->item, &stage->size, stage->count, sizeof(item), err) < 0)
		return err->code;
	item.place = place->index;
	stage->item[stage->count++] = item;
	return 0;
}

size_t stage_count(const struct stage *stage)
{
	return stage ? stage->count : 0;
}

void stage_text(const struct stage *stage, size_t index, char text[ENTRY_WORDS_MAX])
{
	const struct item *item = &stage->item[index];

	mac_format(item->mac, text);
	strcpy(text + MAC_STRLEN - 1, stage->place[item->place]->text);
}

/* An entry of each place, to be copied with another MAC: MACs that mean something are not among its users. */
struct sample {
	bool made;
	struct fdb_spec spec;
};

static int entry_make(const struct stage *stage, const struct model *model, size_t index,
		      struct fdb_spec *ret, struct error *err)
{
	char text[ENTRY_WORDS_MAX];
	json_t *json;
	int result;

	stage_text(stage, index, text);
	json = entry_words_json(text, err);
	if (!json)
		return err->code;
	result = entry_parse(model, json, ENTRY_CONFIG, ret, err);
	json_decref(json);
	return result;
}

static int entry_append(const struct stage *stage, const struct model *model, size_t index,
			struct sample *samples, struct entry_list *list, struct error *err)
{
	const struct item *item = &stage->item[index];
	struct sample *sample = &samples[item->place];
	struct fdb_spec spec;

	if (mac_is_zero(item->mac) || mac_is_multicast(item->mac)) {
		if (entry_make(stage, model, index, &spec, err) < 0)
			return err->code;
		entry_list_config(model, list, &spec);
		options_release(spec.options);
		return 0;
	}
	if (!sample->made && entry_make(stage, model, index, &sample->spec, err) < 0)
		return err->code;
	sample->made = true;
	memcpy(sample->spec.mac, item->mac, sizeof(item->mac));
	entry_list_push(list, &sample->spec);
	return 0;
}

int stage_entries(const struct stage *stage, const struct model *model, struct entry_list *list,
		  struct error *err)
{
	struct sample *samples;
	int result = 0;

	if (!stage_count(stage))
		return 0;
	samples = calloc(stage->places, sizeof(*samples));
	if (!samples)
		abort();
	entry_list_reserve(list, list->count + stage->count);
	for (size_t i = 0; i < stage->count && result == 0; i++)
		result = entry_append(stage, model, i, samples, list, err);
	for (size_t i = 0; i < stage->places; i++)
		options_release(samples[i].spec.options);
	free(samples);
	return result;
}
