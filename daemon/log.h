/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log: lines `weftd: level: text` on stderr. Under systemd (JOURNAL_STREAM is set) each line begins with
 * the priority as sd-daemon(3) has it, `<3>`, and without the level's name.
 *
 * A line is one line: control characters in what is logged become '?', so that no
 * name or message from outside can forge another line.
 */
#ifndef WEFT_DAEMON_LOG_H
#define WEFT_DAEMON_LOG_H

#include <stdarg.h>

/* The numbers are those of syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* What is less urgent than this is not written. Default: LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
