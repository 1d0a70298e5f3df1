/* SPDX-License-Identifier: GPL-2.0-only */
/* Clocks, and how often to look. */
#include "cli/watch.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define SECONDS_MIN 0.1
#define SECONDS_MAX 3600

double watch_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void watch_pause(double seconds)
{
	struct timespec pause = {.tv_sec = (time_t)seconds};

	pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
	nanosleep(&pause, NULL);
}

int watch_seconds(struct words *words, const char *of, double *ret, struct error *err)
{
	const char *word = words_peek(words);
	char *end;

	*ret = WATCH_SECONDS;
	if (!word || !isdigit((unsigned char)*word))
		return 0;
	words_take(words);
	*ret = strtod(word, &end);
	if (*end || *ret < SECONDS_MIN || *ret > SECONDS_MAX)
		return error_set(err, -EINVAL, "%s: %.32s is not a number of seconds, %g to %d", of,
				 word, SECONDS_MIN, SECONDS_MAX);
	return 0;
}

const char *watch_time(char text[16])
{
	time_t now = time(NULL);
	struct tm tm;

	text[0] = '\0';
	if (localtime_r(&now, &tm))
		strftime(text, 16, "%T", &tm);
	return text;
}
