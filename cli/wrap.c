/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the command's lines and the terminal. */
#include "cli/wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/screen.h"

#define HANG 2 /* columns more than the line itself is indented */

static struct {
	FILE *terminal;
	char *line; /* what has no newline yet */
	size_t length;
} wrap;

/* How many columns it takes. A byte above 0x7f that goes on a character takes no room. */
static size_t width_of(const char *text, size_t length)
{
	size_t width = 0;

	for (size_t i = 0; i < length; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

/* How far in a line begins whose first word has that width: `indent`, or what leaves room. */
static size_t indent_of(size_t indent, size_t width, size_t columns)
{
	if (indent + width <= columns)
		return indent;
	return width < columns ? columns - width : 0;
}

static void word_write(FILE *out, size_t blanks, const char *word, size_t length)
{
	fprintf(out, "%*s", (int)blanks, "");
	fwrite(word, 1, length, out);
}

static void line_break(FILE *out, const char *line, size_t columns)
{
	size_t indent = strspn(line, " "), at = 0;

	if (indent > columns / 4)
		indent = columns / 4;
	for (bool first = true; *line; first = false) {
		size_t blanks = strspn(line, " "), length = strcspn(line + blanks, " ");
		const char *word = line + blanks;
		size_t width = width_of(word, length);

		line = word + length;
		if (!length)
			break;
		if (!first && at + blanks + width > columns) {
			putc('\n', out);
			at = 0;
		}
		if (!at)
			blanks = indent_of(first ? indent : indent + HANG, width, columns);
		word_write(out, blanks, word, length);
		at += blanks + width;
	}
}

static void line_write(FILE *out, const char *line)
{
	int columns, rows;

	screen_size(&columns, &rows);
	if (width_of(line, strlen(line)) <= (size_t)columns)
		fputs(line, out);
	else
		line_break(out, line, (size_t)columns);
	putc('\n', out);
}

/* Bytes of `stdout`, cut anywhere. */
static ssize_t bytes_take(void *cookie, const char *bytes, size_t size)
{
	char *line = realloc(wrap.line, wrap.length + size + 1), *newline;

	(void)cookie;
	if (!line)
		return 0;
	wrap.line = line;
	memcpy(line + wrap.length, bytes, size);
	wrap.length += size;
	line[wrap.length] = '\0';
	while ((newline = strchr(line, '\n'))) {
		*newline = '\0';
		line_write(wrap.terminal, line);
		line = newline + 1;
	}
	wrap.length = strlen(line);
	memmove(wrap.line, line, wrap.length + 1);
	return fflush(wrap.terminal) == EOF ? 0 : (ssize_t)size;
}

void wrap_begin(const struct cli *cli)
{
	static const cookie_io_functions_t calls = {.write = bytes_take};
	FILE *wrapped;

	if (cli->json || wrap.terminal || !isatty(STDOUT_FILENO))
		return;
	wrapped = fopencookie(NULL, "w", calls);
	if (!wrapped)
		return;
	setvbuf(wrapped, NULL, _IOLBF, 0);
	wrap.terminal = stdout;
	stdout = wrapped;
}
