/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs a command and takes its output for JSON. */
#include "cli/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOOL_OUTPUT (64u << 20)

extern char **environ;

/* Everything a process writes to `fd`, to be freed. */
static char *output_read(int fd)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	char some[4096];
	ssize_t count;

	if (!out)
		return NULL;
	while ((count = read(fd, some, sizeof(some))) > 0 || (count < 0 && errno == EINTR))
		if (count > 0 && (size_t)ftell(out) < TOOL_OUTPUT)
			fwrite(some, 1, (size_t)count, out);
	fclose(out);
	return text;
}

json_t *tool_json(const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int ends[2], result, status = -1;
	char *text = NULL;
	json_t *json = NULL;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	result = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (result == 0) {
		text = output_read(ends[0]);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	if (text && result == 0 && status == 0)
		json = *text ? json_loads(text, 0, NULL) : json_array();
	free(text);
	return json;
}
