/* SPDX-License-Identifier: GPL-2.0-only */
/* One clear line about what was refused: printable ASCII only, whatever the input was made of. */
#include "lib/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What is quoted from an input must not break the line, the terminal or the reply's UTF-8. */
static void line_sanitize(char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < 0x20 || (unsigned char)*line > 0x7e)
			*line = '?';
}

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err || err->code)
		return code;
	va_start(args, format);
	vsnprintf(err->line, sizeof(err->line), format, args);
	va_end(args);
	line_sanitize(err->line);
	err->code = code;
	return code;
}

int error_prefix(struct error *err, const char *format, ...)
{
	char rest[ERROR_LINE];
	va_list args;
	size_t len;

	if (!err)
		return 0;
	if (!err->code)
		return 0;
	memcpy(rest, err->line, sizeof(rest));
	va_start(args, format);
	vsnprintf(err->line, sizeof(err->line), format, args);
	va_end(args);
	len = strlen(err->line);
	snprintf(err->line + len, sizeof(err->line) - len, ": %s", rest);
	line_sanitize(err->line);
	return err->code;
}
