/* SPDX-License-Identifier: GPL-2.0-only */
/* What mends a drop, as it is typed. */
#include "cli/mend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/member.h"
#include "cli/packet.h"

char *mend_text(const json_t *drop, const char *port, const char *remote, const json_t *packet)
{
	char source[ADDR_STRLEN];
	const struct {
		const char *word, *name, *otherwise;
	} names[] = {
		{"TUNNEL", member_text(drop, "tunnel"), NULL},
		{"PORT", member_text(drop, "port"), port},
		{"BRIDGE", member_text(drop, "bridge"), NULL},
		{"REMOTE", member_text(drop, "remote"), remote},
		{"SOURCE", "", packet_source(packet, source)},
	};
	const char *mend = member_text(drop, "mend");
	char *text = NULL;
	size_t size;
	FILE *out = *mend ? open_memstream(&text, &size) : NULL;

	if (!out)
		return NULL;
	while (*mend) {
		const char *name = NULL;
		size_t length = 1;

		for (size_t i = 0; !name && i < sizeof(names) / sizeof(*names); i++) {
			if (strncmp(mend, names[i].word, strlen(names[i].word)) != 0)
				continue;
			name = *names[i].name ? names[i].name : names[i].otherwise;
			if (name)
				length = strlen(names[i].word);
		}
		if (name)
			fputs(name, out);
		else
			fputc(*mend, out);
		mend += length;
	}
	fclose(out);
	return text;
}
