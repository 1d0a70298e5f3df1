/* SPDX-License-Identifier: GPL-2.0-only */
/* weftd-fake as a child, and its socket. */
#include "tests/unit/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

const char *process_program;

int process_setup(void **state)
{
	struct process *process = calloc(1, sizeof(*process));

	assert_non_null(process);
	process->stderr_fd = -1;
	strcpy(process->rundir, "/tmp/weft-unit-XXXXXX");
	assert_non_null(mkdtemp(process->rundir));
	strcat(process->rundir, "/run");
	*state = process;
	return 0;
}

void process_path(const struct process *process, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", process->rundir, name);
}

int process_teardown(void **state)
{
	static const char *const files[] = {
		"state.json", "state.json.new", "weft.sock", "weftd.lock", ".", ".."};
	struct process *process = *state;
	char path[128];

	if (process->pid)
		process_stop(process, SIGKILL);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		process_path(process, files[i], path);
		unlink(path);
	}
	assert_true(rmdir(process->rundir) == 0 || errno == ENOENT);
	*strrchr(process->rundir, '/') = '\0';
	assert_int_equal(rmdir(process->rundir), 0);
	free(process);
	return 0;
}

void process_start(struct process *process, const char *option, const char *value)
{
	int pipe_fds[2];

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	process->pid = fork();
	assert_true(process->pid >= 0);
	if (process->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pipe_fds[1], STDERR_FILENO);
		execl(process_program, "weftd", "--rundir", process->rundir, option, value, NULL);
		_exit(127);
	}
	close(pipe_fds[1]);
	process->stderr_fd = pipe_fds[0];
}

static bool readable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, PROCESS_WAIT_MS) > 0;
}

void process_line(struct process *process, char line[512])
{
	size_t length = 0;

	while (length < 511) {
		if (!readable(process->stderr_fd))
			fail_msg("weftd says nothing");
		if (read(process->stderr_fd, line + length, 1) != 1 || line[length] == '\n')
			break;
		length++;
	}
	line[length] = '\0';
}

void process_start_ready(struct process *process)
{
	char line[512];

	process_start(process, NULL, NULL);
	process_line(process, line);
	assert_string_equal(line, "weftd: ready");
}

int process_stop(struct process *process, int signal)
{
	int status;

	if (signal)
		kill(process->pid, signal);
	assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
	process->pid = 0;
	close(process->stderr_fd);
	process->stderr_fd = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* --- Connections ---------------------------------------------------------------------- */

void peer_open(struct peer *peer, const struct process *process)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*peer = (struct peer){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/weft.sock", process->rundir);
	if (connect(peer->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("%s: %s", address.sun_path, strerror(errno));
}

void peer_close(struct peer *peer)
{
	close(peer->fd);
	free(peer->buffer);
	*peer = (struct peer){.fd = -1};
}

bool peer_send(struct peer *peer, const char *text, size_t length)
{
	while (length) {
		ssize_t n = send(peer->fd, text, length, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		length -= (size_t)n;
	}
	return true;
}

json_t *peer_receive(struct peer *peer)
{
	char *end;

	while (!(end = peer->length ? memchr(peer->buffer, '\n', peer->length) : NULL)) {
		ssize_t n;

		if (peer->size - peer->length < 65536) {
			peer->size += 65536 + peer->size;
			peer->buffer = realloc(peer->buffer, peer->size);
			assert_non_null(peer->buffer);
		}
		if (!readable(peer->fd))
			fail_msg("weftd does not answer");
		n = read(peer->fd, peer->buffer + peer->length, peer->size - peer->length);
		if (n <= 0)
			return NULL;
		peer->length += (size_t)n;
	}

	size_t length = (size_t)(end - peer->buffer);
	json_t *json = json_loadb(peer->buffer, length, 0, NULL);

	assert_non_null(json);
	memmove(peer->buffer, end + 1, peer->length - length - 1);
	peer->length -= length + 1;
	return json;
}

json_t *peer_call(struct peer *peer, const char *method, const char *params)
{
	char *line = NULL;
	json_t *reply;
	int length = asprintf(&line, "{'jsonrpc':'2.0','id':1,'method':'%s','params':%s}\n", method,
			      params);

	assert_true(length > 0);
	for (char *c = line; *c; c++)
		if (*c == '\'')
			*c = '"';
	assert_true(peer_send(peer, line, (size_t)length));
	free(line);
	reply = peer_receive(peer);
	assert_non_null(reply);
	return reply;
}

const char *reply_message(json_t *reply, char message[512])
{
	const char *text =
		json_string_value(json_object_get(json_object_get(reply, "error"), "message"));

	snprintf(message, 512, "%s", text ? text : "");
	json_decref(reply);
	return message;
}
