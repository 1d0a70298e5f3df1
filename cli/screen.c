/* SPDX-License-Identifier: GPL-2.0-only */
/* The terminal, taken over and given back. */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ENTER	     "\033[?1049h\033[?25l\033[H\033[2J"
#define LEAVE	     "\033[?25h\033[?1049l"
#define SIZE_COLUMNS 80 /* where nobody says */
#define SIZE_ROWS    24

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

static struct {
	volatile sig_atomic_t on, resized;
	bool registered, keys;
	struct termios before;
} screen;

/* Only calls that a signal handler may make. */
static void put(const char *text, size_t length)
{
	while (length) {
		ssize_t done = write(STDOUT_FILENO, text, length);

		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			text += done;
			length -= (size_t)done;
		}
	}
}

static void enter(void)
{
	struct termios raw = screen.before;

	if (screen.keys) {
		raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	put(ENTER, sizeof(ENTER) - 1);
	screen.on = 1;
}

static void leave(void)
{
	if (!screen.on)
		return;
	screen.on = 0;
	put(LEAVE, sizeof(LEAVE) - 1);
	if (screen.keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
}

/* The signal does what it does, to a terminal that is as it was. SA_RESETHAND has the default back. */
static void signal_end(int number)
{
	leave();
	raise(number);
}

static void signal_stop(int number)
{
	int error = errno;

	leave();
	(void)number;
	raise(SIGSTOP);
	/* continued */
	enter();
	screen.resized = 1;
	errno = error;
}

static void signal_resize(int number)
{
	(void)number;
	screen.resized = 1;
}

bool screen_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

void screen_open(void)
{
	struct sigaction action = {.sa_handler = signal_end, .sa_flags = (int)SA_RESETHAND};

	screen.keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen.before) == 0;
	if (!screen.registered)
		atexit(screen_close);
	screen.registered = true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigaction(ends[i], &action, NULL);
	action.sa_flags = 0;
	action.sa_handler = signal_stop;
	sigaction(SIGTSTP, &action, NULL);
	action.sa_handler = signal_resize;
	sigaction(SIGWINCH, &action, NULL);
	enter();
}

void screen_close(void)
{
	leave();
}

void screen_size(int *ret_columns, int *ret_rows)
{
	struct winsize size = {};

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*ret_columns = size.ws_col ? size.ws_col : SIZE_COLUMNS;
	*ret_rows = size.ws_row ? size.ws_row : SIZE_ROWS;
}

/* Copies one line, `columns` characters of it at most. A byte above 0x7f that goes on a character takes no room. */
static void line_write(FILE *out, const char *line, size_t length, int columns)
{
	int column = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)line[i];

		column += (byte & 0xc0) != 0x80;
		if (column > columns)
			break;
		fputc(byte < ' ' || byte == 0x7f ? '?' : byte, out);
	}
}

void screen_draw(const char *text)
{
	int columns, rows;
	char *drawn = NULL;
	size_t size;
	FILE *out = open_memstream(&drawn, &size);

	if (!out)
		return;
	screen_size(&columns, &rows);
	fputs("\033[H", out);
	for (int row = 0; *text && row < rows; row++) {
		size_t length = strcspn(text, "\n");

		if (row)
			fputs("\r\n", out);
		line_write(out, text, length, columns);
		/* not behind the last column, where some terminals have the cursor on its last character */
		fputs(length < (size_t)columns ? "\033[K" : "", out);
		text += length + (text[length] == '\n');
	}
	fputs("\033[J", out);
	fclose(out);
	put(drawn, size);
	free(drawn);
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int screen_wait(double seconds)
{
	int64_t end = milliseconds() + (int64_t)(seconds * 1000);
	struct pollfd input = {.fd = screen.keys ? STDIN_FILENO : -1, .events = POLLIN};

	for (;;) {
		int64_t left = end - milliseconds();
		unsigned char key;
		int ready;

		if (screen.resized) {
			screen.resized = 0;
			return SCREEN_RESIZED;
		}
		ready = poll(&input, 1, left > 0 ? (int)left : 0);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return SCREEN_TIMEOUT;
		if (read(STDIN_FILENO, &key, 1) != 1)
			return SCREEN_END;
		if (key)
			return key;
	}
}

const char *screen_number(double number, int width, char text[SCREEN_NUMBER])
{
	static const char units[] = " kMGTPE";
	size_t unit = 0;

	if (number < 0)
		number = 0;
	/* what would be rounded up to one digit more counts as that */
	while (unit + 2 < sizeof(units) && number >= (unit || width < 6 ? 999.5 : 99999.5)) {
		number /= 1000;
		unit++;
	}
	snprintf(text, SCREEN_NUMBER,
		 number < 9.95 && (unit || number > (double)(int)number) ? "%.1f" : "%.0f", number);
	if (unit)
		strncat(text, &units[unit], 1);
	return text;
}
