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

int watch_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int words_number(struct words *words, const char *of, unsigned long most, unsigned long *ret,
		 struct error *err)
{
	const char *word;
	char *end;
	int code = words_value(words, of, &word, err);

	if (code < 0)
		return code;
	*ret = strtoul(word, &end, 10);
	if (!isdigit((unsigned char)*word) || *end || !*ret || *ret > most)
		return error_set(err, -EINVAL, "%s: %.32s is not a number, 1 to %lu", of, word,
				 most);
	return 0;
}

int words_seconds(struct words *words, const char *of, double least, double most, double *ret,
		  struct error *err)
{
	const char *word;
	char *end;
	int code = words_value(words, of, &word, err);

	if (code < 0)
		return code;
	*ret = strtod(word, &end);
	/* "nan" is no number of seconds, either */
	if (!isdigit((unsigned char)*word) || *end || !(*ret >= least && *ret <= most))
		return error_set(err, -EINVAL, "%s: %.32s is not a number of seconds, %g to %g", of,
				 word, least, most);
	return 0;
}

int watch_seconds(struct words *words, const char *of, double *ret, struct error *err)
{
	const char *word = words_peek(words);

	*ret = WATCH_SECONDS;
	if (!word || !isdigit((unsigned char)*word))
		return 0;
	return words_seconds(words, of, SECONDS_MIN, SECONDS_MAX, ret, err);
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
