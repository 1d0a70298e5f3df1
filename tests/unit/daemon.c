/* SPDX-License-Identifier: GPL-2.0-only */
/* weftd as a process: its options, its rundir, its end, and its end at a bad moment. */
#include "tests/unit/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void test_one_per_rundir(void **state)
{
	struct process *process = *state, second = *process;
	char line[512], wanted[512];

	process_start_ready(process);
	process_start(&second, NULL, NULL);
	process_line(&second, line);
	snprintf(wanted, sizeof(wanted),
		 "weftd: error: rundir: %s: another weftd runs there (pid %d)", process->rundir,
		 (int)process->pid);
	assert_string_equal(line, wanted);
	assert_int_equal(process_stop(&second, 0), 1);
	/* the first one is not disturbed */
	struct peer peer;

	peer_open(&peer, process);
	json_decref(peer_call(&peer, "status", "{}"));
	peer_close(&peer);
	assert_int_equal(process_stop(process, SIGTERM), 0);
	/* it made the directory, and nothing in it is needed any more */
	assert_int_not_equal(access(process->rundir, F_OK), 0);
}

static void test_options(void **state)
{
	struct process *process = *state;
	char line[512];

	process_start(process, "--nonsense", NULL);
	process_line(process, line);
	assert_int_equal(process_stop(process, 0), 2);
	process_start(process, "operand", NULL);
	assert_int_equal(process_stop(process, 0), 2);
	process_start(process, "--version", NULL);
	assert_int_equal(process_stop(process, 0), 0);
	process_start(process, "--config", "/nowhere/at.all");
	process_line(process, line);
	assert_string_equal(line, "weftd: error: /nowhere/at.all: No such file or directory");
	assert_int_equal(process_stop(process, 0), 1);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_config(void **state)
{
	struct process *process = *state;
	char path[128], line[512], wanted[512];
	struct peer peer;
	json_t *reply;

	process_path(process, "../conf.yaml", path);
	*strstr(path, "/run/") = '\0';
	strcat(path, "/conf.yaml");
	write_file(path, "bridges:\n  br0: { ageing: 7 }\n  br1:\n");
	process_start(process, "-c", path);
	snprintf(wanted, sizeof(wanted), "weftd: info: %s: 2 changes", path);
	process_line(process, line);
	assert_string_equal(line, wanted);
	process_line(process, line);
	assert_string_equal(line, "weftd: ready");
	peer_open(&peer, process);
	reply = peer_call(&peer, "bridge.show", "{}");
	assert_int_equal(json_array_size(json_object_get(reply, "result")), 2);
	json_decref(reply);
	peer_close(&peer);
	assert_int_equal(process_stop(process, SIGINT), 0);

	/* a file that is refused: nothing is changed */
	write_file(path, "bridges:\n  br0: { aging: 7 }\n");
	process_start(process, "-c", path);
	process_line(process, line);
	snprintf(wanted, sizeof(wanted),
		 "weftd: error: %s: bridge br0: aging: is not a field of a bridge", path);
	assert_string_equal(line, wanted);
	assert_int_equal(process_stop(process, 0), 1);
	process_start_ready(process);
	peer_open(&peer, process);
	reply = peer_call(&peer, "bridge.show", "{}");
	assert_int_equal(json_array_size(json_object_get(reply, "result")), 2);
	json_decref(reply);
	peer_close(&peer);
	unlink(path);
}

/* A weftd that was killed has left this state, whose path is given. */
static void state_left(struct process *process, char path[128], const char *text)
{
	process_start_ready(process);
	assert_int_equal(process_stop(process, SIGKILL), -SIGKILL);
	process_path(process, "state.json", path);
	write_file(path, text);
}

static void test_broken_state(void **state)
{
	struct process *process = *state;
	char path[128], line[512], wanted[512];

	state_left(process, path, "{\"version\":1,");
	process_start(process, NULL, NULL);
	process_line(process, line);
	snprintf(wanted, sizeof(wanted), "weftd: error: %s: not a state file of this weftd", path);
	assert_memory_equal(line, wanted, strlen(wanted));
	assert_int_equal(process_stop(process, 0), 1);
	/* it is left for whoever wants to mend it */
	assert_int_equal(access(path, F_OK), 0);
}

/* One object that cannot be put back does not keep weftd down, nor the others. */
static void test_left_out(void **state)
{
	struct process *process = *state;
	char path[128], line[512];
	struct peer peer;
	json_t *reply;

	state_left(process, path,
		   "{\"version\":1,\"bridges\":{\"br0\":{}},\"ports\":{\"p0\":{\"bridge\":"
		   "\"br0\"},\"refused\":{\"bridge\":\"br0\"}},\"tunnels\":{}}");
	process_start(process, NULL, NULL);
	process_line(process, line);
	assert_string_equal(line, "weftd: error: port refused: there is no such device; left out");
	process_line(process, line);
	assert_string_equal(line, "weftd: ready");
	peer_open(&peer, process);
	reply = peer_call(&peer, "port.show", "{}");
	assert_int_equal(json_array_size(json_object_get(reply, "result")), 1);
	json_decref(reply);
	peer_close(&peer);
}

/* A configuration that was being carried out is finished, and once only. */
static void test_pending(void **state)
{
	struct process *process = *state;
	char path[128], line[512];
	struct peer peer;
	json_t *reply;

	state_left(process, path,
		   "{\"version\":1,\"bridges\":{\"br0\":{}},\"ports\":{},\"tunnels\":{}}");
	process_path(process, "pending.json", path);
	write_file(path, "{\"bridges\":{\"br1\":{}},\"ports\":{\"p0\":{\"bridge\":\"br1\"}},"
			 "\"fdb\":[{\"mac\":\"02:00:00:00:00:01\",\"dev\":\"p0\"}]}");
	process_start(process, NULL, NULL);
	process_line(process, line);
	assert_string_equal(line,
			    "weftd: info: finished what the last weftd was applying: 4 changes");
	process_line(process, line);
	assert_string_equal(line, "weftd: ready");
	assert_int_not_equal(access(path, F_OK), 0);
	peer_open(&peer, process);
	reply = peer_call(&peer, "fdb.get", "{'mac': '02:00:00:00:00:01', 'dev': 'p0'}");
	assert_non_null(json_object_get(reply, "result"));
	json_decref(reply);
	peer_close(&peer);
	assert_int_equal(process_stop(process, SIGTERM), 0);

	/* one that is refused is not tried for ever */
	write_file(path, "{\"bridges\":7}");
	process_start(process, NULL, NULL);
	process_line(process, line);
	assert_non_null(strstr(line, "pending.json: bridges: "));
	process_line(process, line);
	assert_string_equal(line, "weftd: ready");
	assert_int_not_equal(access(path, F_OK), 0);
}

static void test_too_long_rundir(void **state)
{
	struct process *process = *state, far = *process;
	char path[256], line[512];

	(void)process;
	memset(path, 'd', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	process_start(&far, "--rundir", path);
	process_line(&far, line);
	assert_memory_equal(line, "weftd: error: ", 14);
	assert_int_equal(process_stop(&far, 0), 1);
	rmdir(path);
}

static int notify_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval wait = {.tv_sec = PROCESS_WAIT_MS / 1000};

	strcpy(address.sun_path + 1, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(sizeof(address.sun_family) + 1 + strlen(name))),
			 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

static void notify_expect(int fd, const char *wanted)
{
	char message[64];
	ssize_t length = recv(fd, message, sizeof(message) - 1, 0);

	assert_true(length > 0);
	message[length] = '\0';
	assert_string_equal(message, wanted);
}

static void test_notify(void **state)
{
	struct process *process = *state;
	char name[64], variable[65];
	int fd;

	snprintf(name, sizeof(name), "weft-unit-%d", (int)getpid());
	snprintf(variable, sizeof(variable), "@%s", name);
	fd = notify_socket(name);
	setenv("NOTIFY_SOCKET", variable, 1);
	setenv("WATCHDOG_USEC", "200000", 1);
	process_start_ready(process);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	notify_expect(fd, "READY=1");
	notify_expect(fd, "WATCHDOG=1");
	notify_expect(fd, "WATCHDOG=1");
	assert_int_equal(process_stop(process, SIGTERM), 0);
	for (;;) {
		char message[64] = "";

		assert_true(recv(fd, message, sizeof(message) - 1, 0) > 0);
		if (strcmp(message, "WATCHDOG=1")) {
			assert_string_equal(message, "STOPPING=1");
			break;
		}
	}
	close(fd);
}

static void test_journal(void **state)
{
	struct process *process = *state, second = *process;
	char line[512];

	process_start_ready(process);
	setenv("JOURNAL_STREAM", "1:2", 1);
	process_start(&second, NULL, NULL);
	unsetenv("JOURNAL_STREAM");
	process_line(&second, line);
	assert_memory_equal(line, "<3>weftd: rundir: ", 18);
	assert_int_equal(process_stop(&second, 0), 1);
}

/* Killed at any moment: the next one has what was answered, and at most the one change that was not. */
static void test_killed(void **state)
{
	struct process *process = *state;
	size_t answered = 0;
	unsigned int seed = 1;

	for (int round = 0; round < 20; round++) {
		struct peer peer;
		json_t *reply;
		size_t there;
		char params[128];

		process_start_ready(process);
		peer_open(&peer, process);
		reply = peer_call(&peer, "bridge.show", "{}");
		there = json_array_size(json_object_get(reply, "result"));
		json_decref(reply);
		assert_in_range(there, answered, answered + 1);
		answered = there;
		for (int i = rand_r(&seed) % 30; i > 0; i--) {
			snprintf(params, sizeof(params), "{'name': 'br%zu'}", answered++);
			json_decref(peer_call(&peer, "bridge.add", params));
		}
		snprintf(params, sizeof(params),
			 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.add\",\"params\":"
			 "{\"name\":\"br%zu\"}}\n",
			 answered);
		peer_send(&peer, params, strlen(params));
		usleep((useconds_t)(rand_r(&seed) % 400));
		assert_int_equal(process_stop(process, SIGKILL), -SIGKILL);
		peer_close(&peer);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, process_setup, process_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_per_rundir), TEST(test_options),	       TEST(test_config),
		TEST(test_broken_state),   TEST(test_left_out),	       TEST(test_pending),
		TEST(test_notify),	   TEST(test_too_long_rundir), TEST(test_journal),
		TEST(test_killed),
	};

	if (argc < 2)
		return 2;
	process_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
