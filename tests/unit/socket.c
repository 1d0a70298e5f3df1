/* SPDX-License-Identifier: GPL-2.0-only */
/* The API's socket: what clients may send, and what becomes of those that do not behave. */
#include "tests/unit/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* weftd is there and answers. */
static void assert_alive(const struct process *process)
{
	struct peer peer;
	json_t *reply;

	peer_open(&peer, process);
	reply = peer_call(&peer, "status", "{}");
	assert_non_null(json_object_get(reply, "result"));
	json_decref(reply);
	peer_close(&peer);
}

static void test_lines(void **state)
{
	static const struct {
		const char *line;
		size_t length; /* 0: that of the string */
		int code;
	} lines[] = {
		{"x", 0, -32700},
		{"{", 0, -32700},
		{"\"\\", 0, -32700},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"", 0, -32700},
		{"{\"a\":1,\"a\":2}", 0, -32700},
		{"{\"a\0b\":1}", 9, -32700},
		{"\xff\xfe\x00\x01", 4, -32700},
		{"{\"method\":\"\xc3\x28\"}", 0, -32700},
		{"{\"id\": 1e999}", 0, -32700},
		{"{\"id\": 99999999999999999999}", 0, -32700},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\u0000\"}", 0, -32700},
		{"[]", 0, -32600},
		{"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}]", 0, -32600},
		{"{}", 0, -32600},
		{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"status\"}", 0, -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"status\"}", 0, -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", 0, -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"x\":1}", 0, -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"params\":[]}", 0, -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", 0, -32601},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Status\"}", 0, -32601},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"params\":{\"x\":1}}", 0,
		 -32602},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.add\",\"params\":{\"name\":[]}"
		 "}",
		 0, -32602},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.del\",\"params\":{\"name\":"
		 "\"b\"}}",
		 0, 1},
	};
	static const char silent[] = "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}\n";
	struct process *process = *state;
	struct peer peer;

	process_start_ready(process);
	peer_open(&peer, process);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		size_t length = lines[i].length ? lines[i].length : strlen(lines[i].line);
		json_t *reply, *error;

		/* lines without anything in them are no requests */
		assert_true(peer_send(&peer, "\r\n\n", 3));
		assert_true(peer_send(&peer, lines[i].line, length));
		assert_true(peer_send(&peer, "\n", 1));
		reply = peer_receive(&peer);
		assert_non_null(reply);
		error = json_object_get(reply, "error");
		if (json_integer_value(json_object_get(error, "code")) != lines[i].code)
			fail_msg("%s: %s", lines[i].line, json_dumps(reply, 0));
		assert_true(json_string_length(json_object_get(error, "message")) > 5);
		json_decref(reply);
	}
	/* a notification is not answered */
	assert_true(peer_send(&peer, silent, sizeof(silent) - 1));
	json_decref(peer_call(&peer, "status", "{}"));
	peer_close(&peer);
}

static void test_deep(void **state)
{
	struct process *process = *state;
	const size_t depth = 1000000;
	char *text = malloc(depth + 1), message[512];
	struct peer peer;

	assert_non_null(text);
	process_start_ready(process);
	peer_open(&peer, process);
	for (const char *c = "[{"; *c; c++) {
		memset(text, *c, depth);
		text[depth] = '\n';
		assert_true(peer_send(&peer, text, depth + 1));
		reply_message(peer_receive(&peer), message);
		assert_memory_equal(message, "message: is not JSON: ", 22);
	}
	free(text);
	peer_close(&peer);
	assert_alive(process);
}

static void test_long_line(void **state)
{
	struct process *process = *state;
	const size_t size = 1 << 20;
	char *text = malloc(size), message[512] = "";
	struct peer peer;
	json_t *reply;

	assert_non_null(text);
	memset(text, ' ', size);
	process_start_ready(process);
	peer_open(&peer, process);
	for (int i = 0; i < 66 && peer_send(&peer, text, size); i++)
		;
	reply = peer_receive(&peer);
	/* closed while there was more to send, the reply may be gone with the connection */
	if (reply)
		assert_string_equal(reply_message(reply, message), "message: longer than 64 MiB");
	assert_null(peer_receive(&peer));
	free(text);
	peer_close(&peer);
	assert_alive(process);
}

static void test_cut_off(void **state)
{
	static const char status[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n";
	struct process *process = *state;
	char message[512];
	struct peer peer;

	process_start_ready(process);
	peer_open(&peer, process);
	assert_true(peer_send(&peer, "{\"jsonrpc\":\"2.0\",\"id\":1,\"met", 28));
	shutdown(peer.fd, SHUT_WR);
	assert_string_equal(reply_message(peer_receive(&peer), message),
			    "message: ends before its newline");
	assert_null(peer_receive(&peer));
	peer_close(&peer);

	/* a request and the end at once: there is an answer all the same */
	peer_open(&peer, process);
	assert_true(peer_send(&peer, status, sizeof(status) - 1));
	shutdown(peer.fd, SHUT_WR);
	assert_string_equal(reply_message(peer_receive(&peer), message), "");
	assert_null(peer_receive(&peer));
	peer_close(&peer);
	assert_alive(process);
}

static void test_many_clients(void **state)
{
	struct process *process = *state;
	struct peer peers[300];
	json_t *reply;

	process_start_ready(process);
	for (size_t i = 0; i < 300; i++)
		peer_open(&peers[i], process);
	json_decref(peer_call(&peers[255], "status", "{}"));
	for (size_t i = 0; i < 44; i++)
		peer_close(&peers[i]);
	/* those beyond the limit have waited until some left */
	reply = peer_call(&peers[299], "status", "{}");
	assert_non_null(json_object_get(reply, "result"));
	json_decref(reply);
	for (size_t i = 44; i < 300; i++)
		peer_close(&peers[i]);
	assert_alive(process);
}

/* One who asks and does not read is not served on, and the others are. */
static void test_slow_reader(void **state)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bridge.show\"}\n";
	struct process *process = *state;
	struct peer slow, quick;
	struct timeval wait = {.tv_usec = 300000};
	size_t sent = 0, received = 0;
	char name[64];
	json_t *reply;

	process_start_ready(process);
	peer_open(&quick, process);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "{'name': 'br%d'}", i);
		json_decref(peer_call(&quick, "bridge.add", name));
	}
	peer_open(&slow, process);
	setsockopt(slow.fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	while (sent < 100000 &&
	       send(slow.fd, line, sizeof(line) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(line) - 1)
		sent++;
	/* it came to a standstill long before a gigabyte of replies was made */
	assert_in_range(sent, 1, 99999);
	json_decref(peer_call(&quick, "status", "{}"));
	for (; received < sent; received++) {
		reply = peer_receive(&slow);
		assert_non_null(reply);
		assert_int_equal(json_array_size(json_object_get(reply, "result")), 200);
		json_decref(reply);
	}
	peer_close(&slow);
	peer_close(&quick);
}

static void test_monitor(void **state)
{
	struct process *process = *state;
	struct peer watcher, doer;
	json_t *reply, *event, *params;

	process_start_ready(process);
	peer_open(&watcher, process);
	peer_open(&doer, process);
	reply = peer_call(&watcher, "monitor", "{'objects': ['bridge', 'fdb']}");
	assert_true(json_is_true(json_object_get(reply, "result")));
	json_decref(reply);
	json_decref(peer_call(&doer, "bridge.add", "{'name': 'br0'}"));
	json_decref(peer_call(&doer, "port.add", "{'name': 'p0', 'bridge': 'br0'}"));
	json_decref(peer_call(&doer, "fdb.add", "{'mac': '02:00:00:00:00:01', 'dev': 'p0'}"));
	json_decref(peer_call(&doer, "bridge.set", "{'name': 'br0', 'ageing': 5}"));
	event = peer_receive(&watcher);
	assert_string_equal(json_string_value(json_object_get(event, "method")), "event");
	params = json_object_get(event, "params");
	assert_string_equal(json_string_value(json_object_get(params, "event")), "add");
	assert_string_equal(json_string_value(json_object_get(params, "name")), "br0");
	json_decref(event);
	event = peer_receive(&watcher);
	params = json_object_get(event, "params");
	assert_string_equal(json_string_value(json_object_get(params, "noun")), "fdb");
	assert_string_equal(json_string_value(json_object_get(params, "dev")), "p0");
	json_decref(event);
	event = peer_receive(&watcher);
	params = json_object_get(event, "params");
	assert_string_equal(json_string_value(json_object_get(params, "event")), "change");
	assert_int_equal(
		json_integer_value(json_object_get(
			json_object_get(json_object_get(params, "fields"), "ageing"), "new")),
		5);
	json_decref(event);
	peer_close(&watcher);
	peer_close(&doer);
	assert_alive(process);
}

static void test_monitor_slow(void **state)
{
	struct process *process = *state;
	struct peer watcher, doer;
	json_int_t events = 0, lost = 0;
	const int count = 20000;

	process_start_ready(process);
	peer_open(&watcher, process);
	peer_open(&doer, process);
	json_decref(peer_call(&watcher, "monitor", "{}"));
	json_decref(peer_call(&doer, "bridge.add", "{'name': 'br0'}"));
	for (int i = 1; i < count; i++)
		json_decref(peer_call(&doer, "bridge.set",
				      i % 2 ? "{'name': 'br0', 'ageing': 5}"
					    : "{'name': 'br0', 'ageing': 6}"));
	while (events + lost < count) {
		json_t *event = peer_receive(&watcher);
		json_t *params = json_object_get(event, "params");
		const char *what = json_string_value(json_object_get(params, "event"));

		if (!strcmp(what, "lost"))
			lost += json_integer_value(json_object_get(params, "count"));
		else
			events++;
		json_decref(event);
	}
	assert_int_equal(events + lost, count);
	assert_true(lost > 0);
	/* from here on it is told again */
	json_decref(peer_call(&doer, "bridge.del", "{'name': 'br0'}"));
	json_decref(peer_receive(&watcher));
	peer_close(&watcher);
	peer_close(&doer);
}

static void test_modes(void **state)
{
	struct process *process = *state;
	char path[128];
	struct stat stat_buf;

	process_start_ready(process);
	assert_int_equal(stat(process->rundir, &stat_buf), 0);
	assert_int_equal(stat_buf.st_mode & 07777, 0755);
	process_path(process, "weft.sock", path);
	assert_int_equal(stat(path, &stat_buf), 0);
	assert_true(S_ISSOCK(stat_buf.st_mode));
	/* nobody but root, and group weft where there is one */
	assert_int_equal(stat_buf.st_mode & 0117, 0);
	assert_int_equal(process_stop(process, SIGTERM), 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void assert_result(struct peer *peer, const char *method, const char *params,
			  const char *wanted)
{
	json_t *reply = peer_call(peer, method, params), *json = json_loads(wanted, 0, NULL);

	assert_non_null(json);
	if (!json_equal(json_object_get(reply, "result"), json))
		fail_msg("%s: %s", method, json_dumps(reply, 0));
	json_decref(json);
	json_decref(reply);
}

static void assert_error(struct peer *peer, const char *method, const char *params,
			 const char *line)
{
	json_t *reply = peer_call(peer, method, params);

	assert_string_equal(
		json_string_value(json_object_get(json_object_get(reply, "error"), "message")),
		line);
	json_decref(reply);
}

#define STAGED_CONFIG                                                                              \
	"\"config\":{\"bridges\":{\"b\":{}},\"tunnels\":{\"t\":{\"bridge\":\"b\",\"id\":1,"        \
	"\"remote\":[\"192.0.2.1\",\"192.0.2.2\"]}},"                                              \
	"\"fdb\":[{\"mac\":\"02:00:00:00:00:01\",\"dev\":\"t\",\"dst\":\"192.0.2.1\"}]}"

/* Entries ahead of their configuration: added to it, once, and of one connection. */
static void test_stage(void **state)
{
	static const char first[] = "{\"entries\":[\"02:00:00:00:00:02 dev t dst 192.0.2.2\"]}",
			  second[] = "{\"entries\":[\"02:00:00:00:00:03 dev t dst 192.0.2.2\","
				     "\"00:00:00:00:00:00 dev t dst 192.0.2.2\"]}",
			  bad[] = "{\"entries\":[\"02:00:00:00:00:04 dev nobody\"]}";
	struct process *process = *state;
	struct peer peer, other;

	process_start_ready(process);
	peer_open(&peer, process);
	peer_open(&other, process);
	assert_error(&peer, "config.stage", "{}", "entries: is no list");
	assert_error(&peer, "config.stage", "{\"entries\":[7]}", "entries: item 0 is no string");
	assert_error(&peer, "config.stage", "{\"entries\":[\"\"]}", "fdb : mac: is no MAC address");
	assert_error(&peer, "config.stage", "{\"entries\":[\"02:00:00:00:00:01:02 dev t\"]}",
		     "fdb 02:00:00:00:00:01: mac: is no MAC address");
	assert_result(&peer, "config.stage", first, "{\"staged\":1}");
	assert_result(&peer, "config.stage", second, "{\"staged\":3}");
	assert_error(&other, "config.apply", "{" STAGED_CONFIG ",\"staged\":3}",
		     "staged: 0 entries are there");
	assert_error(&peer, "config.apply", "{" STAGED_CONFIG ",\"staged\":2}",
		     "staged: 3 entries are there");
	/* that has used them up */
	assert_error(&peer, "config.apply", "{" STAGED_CONFIG ",\"staged\":3}",
		     "staged: 0 entries are there");
	assert_result(&peer, "config.stage", first, "{\"staged\":1}");
	assert_result(&peer, "config.stage", bad, "{\"staged\":2}");
	assert_error(&peer, "config.apply", "{" STAGED_CONFIG ",\"staged\":2}",
		     "fdb 02:00:00:00:00:04: dev: there is no port or tunnel nobody");
	assert_result(&peer, "config.stage", first, "{\"staged\":1}");
	assert_result(&peer, "config.stage", second, "{\"staged\":3}");
	/* the all-zero MAC says what `remote` says */
	assert_result(&peer, "config.apply", "{" STAGED_CONFIG ",\"staged\":3,\"limit\":0}",
		      "{\"changes\":[{\"op\":\"add\",\"noun\":\"bridge\",\"name\":\"b\"},"
		      "{\"op\":\"add\",\"noun\":\"tunnel\",\"name\":\"t\"}],"
		      "\"fdb\":{\"add\":3,\"change\":0,\"delete\":0}}");
	assert_result(&peer, "config.diff", "{\"config\":{},\"limit\":1}",
		      "{\"changes\":[{\"op\":\"delete\",\"noun\":\"tunnel\",\"name\":\"t\"},"
		      "{\"op\":\"delete\",\"noun\":\"bridge\",\"name\":\"b\"},"
		      "{\"op\":\"delete\",\"noun\":\"fdb\",\"name\":\"02:00:00:00:00:02\","
		      "\"dev\":\"t\",\"dst\":\"192.0.2.2\"}],"
		      "\"fdb\":{\"add\":0,\"change\":0,\"delete\":3}}");
	peer_close(&peer);
	peer_close(&other);
}

/* Reading entries piece by piece: as they were when that began. */
static void test_staged(void **state)
{
	struct process *process = *state;
	struct peer peer, other;

	process_start_ready(process);
	peer_open(&peer, process);
	peer_open(&other, process);
	json_decref(peer_call(&peer, "config.apply", "{" STAGED_CONFIG "}"));
	json_decref(peer_call(&peer, "fdb.add",
			      "{\"entries\":[\"02:00:00:00:00:00 dev t dst 192.0.2.2 vni 7\"]}"));
	assert_error(&peer, "config.save", "{\"staged\":1}", "staged: is neither true nor false");
	assert_result(&peer, "config.save", "{\"staged\":true}",
		      "{\"staged\":2,\"config\":{\"bridges\":{\"b\":{}},\"tunnels\":{\"t\":"
		      "{\"bridge\":\"b\",\"id\":1,\"remote\":[\"192.0.2.1\",\"192.0.2.2\"]}}}}");
	json_decref(peer_call(&other, "config.apply", "{\"config\":{}}"));
	assert_error(&peer, "config.staged", "{\"limit\":0}", "limit: is no number of 1 to 65536");
	assert_result(&other, "config.staged", "{}", "{\"entries\":[]}");
	assert_result(&peer, "config.staged", "{\"limit\":1}",
		      "{\"entries\":[\"02:00:00:00:00:00 dev t dst 192.0.2.2 vni 7\"]}");
	assert_result(&peer, "config.staged", "{\"offset\":1,\"limit\":9}",
		      "{\"entries\":[\"02:00:00:00:00:01 dev t dst 192.0.2.1\"]}");
	/* read to the end, and gone */
	assert_result(&peer, "config.staged", "{}", "{\"entries\":[]}");
	peer_close(&peer);
	peer_close(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, process_setup, process_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines),   TEST(test_deep),	     TEST(test_long_line),
		TEST(test_cut_off), TEST(test_many_clients), TEST(test_slow_reader),
		TEST(test_monitor), TEST(test_monitor_slow), TEST(test_modes),
		TEST(test_stage),   TEST(test_staged),
	};

	if (argc < 2)
		return 2;
	process_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
