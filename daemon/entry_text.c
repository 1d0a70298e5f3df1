/* SPDX-License-Identifier: GPL-2.0-only */
/* FDB entries as lines of words. */
#include "daemon/entry_text.h"

#include <stdio.h>
#include <string.h>

static size_t word_add(char *text, size_t used, const char *key, const char *value)
{
	size_t key_len = strlen(key), value_len = strlen(value);

	if (used + key_len + value_len + 3 > ENTRY_WORDS_MAX)
		return used;
	text[used++] = ' ';
	memcpy(text + used, key, key_len);
	used += key_len;
	text[used++] = ' ';
	memcpy(text + used, value, value_len + 1);
	return used + value_len;
}

static size_t options_add(char *text, size_t used, const struct options_set *set)
{
	json_t *list = options_json(set);
	char words[ENTRY_WORDS_MAX] = "";
	size_t len = 0, i;
	json_t *item;

	json_array_foreach (list, i, item)
		if (len < sizeof(words))
			len += (size_t)snprintf(words + len, sizeof(words) - len, "%s%s",
						i ? "," : "", json_string_value(item));
	json_decref(list);
	return word_add(text, used, "option", words);
}

size_t entry_text_write(const struct fdb_spec *spec, char text[ENTRY_WORDS_MAX])
{
	char word[ADDR_STRLEN];
	size_t used = MAC_STRLEN - 1;

	mac_format(spec->mac, text);
	used = word_add(text, used, "dev", spec->dev);
	if (!addr_is_any(&spec->dst))
		used = word_add(text, used, "dst", addr_format(&spec->dst, word));
	if (spec->vni != FDB_VNI_TUNNEL) {
		snprintf(word, sizeof(word), "%u", spec->vni);
		used = word_add(text, used, "vni", word);
	}
	if (spec->vlan) {
		snprintf(word, sizeof(word), "%u", spec->vlan);
		used = word_add(text, used, "vlan", word);
	}
	if (spec->options)
		used = options_add(text, used, spec->options);
	return used;
}
