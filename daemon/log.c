/* SPDX-License-Identifier: GPL-2.0-only */
/* The log: one write(2) per line, so that lines of several processes do not mix. */
#include "daemon/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static enum log_level threshold = LOG_LEVEL_INFO;

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "info";
}

void log_set_level(enum log_level level)
{
	threshold = level;
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	int used, more;
	va_list args;

	if (level > threshold)
		return;
	if (getenv("JOURNAL_STREAM"))
		used = snprintf(line, sizeof(line), "<%d>weftd: ", (int)level);
	else
		used = snprintf(line, sizeof(line), "weftd: %s: ", level_name(level));

	va_start(args, format);
	more = vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
	va_end(args);
	if (more < 0)
		return;
	used += more;
	if ((size_t)used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	for (char *c = line; c < line + used; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	line[used++] = '\n';
	/* Nobody to tell when stderr is gone. */
	if (write(STDERR_FILENO, line, (size_t)used) < 0)
		return;
}
