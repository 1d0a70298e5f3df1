/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `weft probe from` share: the course, who watches, what was seen. */
#ifndef WEFT_CLI_PROBE_FROM_H
#define WEFT_CLI_PROBE_FROM_H

#include "abi/capture.h"
#include "cli/probe.h"
#include "cli/probe_frame.h"
#include "cli/probe_watch.h"
#include "cli/wire.h"
#include "lib/objects.h"

#define COURSE_HOSTS_MAX 5 /* this one, and those that are asked */
#define COURSE_SEEN_MAX	 65536
#define COURSE_PLACE	 160

/* Once a frame or an answer was met. */
struct sighting {
	unsigned int host; /* 0: this one */
	uint64_t time;	   /* ns by that host's clock */
	enum weft_point point;
	char place[COURSE_PLACE]; /* "vnet0", "vxlan0 to 192.0.2.1"; of a drop with its reason */
	int kind;		  /* SIGHT_* */
	uint16_t number;
	uint32_t length; /* bytes from its outermost Ethernet header on */
	uint16_t vlan;	 /* of the frame's tag; 0: none */
	uint8_t ecn, outer;
	int right; /* -1: not checked */
	uint8_t mac[6];
};

struct course {
	struct cli *cli;
	struct probe_options options;
	struct probe_course course;
	char port[NAME_LEN];
	char host[COURSE_HOSTS_MAX][ADDR_STRLEN];
	struct wire wire[COURSE_HOSTS_MAX]; /* of host 1 and on */
	unsigned int hosts;
	struct probe_watch *watch; /* of host 0 */
	uint16_t number;	   /* of the last frame */
	struct sighting *seen;
	size_t seen_count;
	json_t *report;
};

#define INJECT_LARGEST (9234 - PROBE_TAG) /* bytes of a frame without a tag that the API takes */

/* --- course.c: sends and watches ----------------------------------------------------------------- */

/* Starts watching at every host. */
int course_open(struct course *course, const struct weft_addr *at, uint16_t port,
		struct error *err);
void course_close(struct course *course);
/* "port-in" */
const char *course_point(enum weft_point point);
/* Sends a frame of `size` bytes and, if there is one, a tag, or a question, with the next number. */
int course_send(struct course *course, bool question, size_t size, struct error *err);
/* Asks everybody what was seen. */
int course_look(struct course *course, struct error *err);
/* The first sighting that fits, from index `from` on, or NULL. `point` WEFT_POINT_COUNT: any; `number` 0: any. */
const struct sighting *course_find(const struct course *course, size_t from, int kind,
				   enum weft_point point, uint16_t number);
/* Looks until there is one, or for so long. */
int course_wait(struct course *course, size_t from, int kind, enum weft_point point,
		uint16_t number, double seconds, const struct sighting **ret, struct error *err);

/* --- probe_source.c ---------------------------------------------------------------------------------- */

/*
 * Whose frames they are: a MAC that is known behind the port of port.show, or (`given`) the one that the course has. Refuses what the
 * bridge knows elsewhere, which would move.
 */
int course_source(struct course *course, const json_t *port, bool given, struct error *err);

/* --- probe_from.c ------------------------------------------------------------------------------------- */
int probe_from(struct cli *cli, struct words *words, struct error *err);
/* --- probe_from_text.c -------------------------------------------------------------------------------- */
void probe_from_print(const json_t *report);

#endif
