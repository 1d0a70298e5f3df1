/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of the API, and the client against a server that is this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/rpc.h"
#include "lib/rpc_client.h"

static void assert_refused(const char *line, enum rpc_code code, const char *why)
{
	struct rpc_request request;
	struct error err = {};
	enum rpc_code got;

	assert_true(rpc_request_parse(line, strlen(line), &request, &got, &err) < 0);
	assert_int_equal(got, code);
	assert_memory_equal(err.line, why, strlen(why));
	rpc_request_clear(&request);
}

static void test_request(void **state)
{
	struct rpc_request request;
	struct error err = {};
	enum rpc_code code;
	json_t *message = rpc_request_new("bridge.add", json_pack("{s:s}", "name", "br0"), 7);
	size_t len;
	char *line = rpc_line_new(message, &len);

	(void)state;
	assert_int_equal(line[len - 1], '\n');
	assert_int_equal(rpc_request_parse(line, len, &request, &code, &err), 0);
	assert_string_equal(request.method, "bridge.add");
	assert_string_equal(json_string_value(json_object_get(request.params, "name")), "br0");
	assert_int_equal(json_integer_value(request.id), 7);
	rpc_request_clear(&request);
	free(line);
	json_decref(message);
}

static void test_request_without(void **state)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"method\":\"status\"}";
	struct rpc_request request;
	struct error err = {};
	enum rpc_code code;

	(void)state;
	assert_int_equal(rpc_request_parse(line, sizeof(line) - 1, &request, &code, &err), 0);
	assert_null(request.id);
	assert_null(request.params);
	rpc_request_clear(&request);
}

static void test_requests_refused(void **state)
{
	(void)state;
	assert_refused("", RPC_NO_JSON, "message: is not JSON");
	assert_refused("{", RPC_NO_JSON, "message: is not JSON");
	assert_refused("\xff\xfe", RPC_NO_JSON, "message: is not JSON");
	assert_refused("{} {}", RPC_NO_JSON, "message: is not JSON");
	assert_refused("{\"a\":\"\\u0000\"}", RPC_NO_JSON, "message: is not JSON");
	assert_refused("{\"id\":1,\"id\":2}", RPC_NO_JSON, "message: is not JSON");
	assert_refused("[]", RPC_NO_REQUEST, "message: is not an object");
	assert_refused("7", RPC_NO_JSON, "message: is not JSON");
	assert_refused("{\"id\":[]}", RPC_NO_REQUEST, "id: is neither a number nor a string");
	assert_refused("{\"id\":1}", RPC_NO_REQUEST, "jsonrpc: is not \"2.0\"");
	assert_refused("{\"jsonrpc\":\"2.0\",\"id\":1}", RPC_NO_REQUEST, "method: is not a string");
	assert_refused("{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":[]}", RPC_NO_REQUEST,
		       "params: is not an object");
	assert_refused("{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"x\":1}", RPC_NO_REQUEST,
		       "x: is not a member of a request");
}

/* What would take far more memory than its text is refused before it is parsed. */
static void test_values_are_bounded(void **state)
{
	const size_t len = RPC_VALUES_MAX + 16;
	struct rpc_request request;
	struct error err = {};
	enum rpc_code code;
	char *line = malloc(len);

	(void)state;
	memset(line, '[', len);
	assert_true(rpc_request_parse(line, len, &request, &code, &err) < 0);
	assert_string_equal(err.line, "message: more than 4194304 values");
	rpc_request_clear(&request);
	free(line);
}

/* Letters inside strings are no values. */
static void test_long_strings_are_taken(void **state)
{
	size_t len = RPC_VALUES_MAX + 16;
	struct rpc_request request;
	struct error err = {};
	enum rpc_code code;
	char *text = malloc(len), *line;
	json_t *message;

	(void)state;
	memset(text, ',', len);
	memcpy(text, "\"\\\"[", 4);
	message = rpc_request_new("x", json_pack("{s:o}", "a", json_stringn(text, len)), 1);
	free(text);
	line = rpc_line_new(message, &len);
	json_decref(message);
	assert_int_equal(rpc_request_parse(line, len, &request, &code, &err), 0);
	rpc_request_clear(&request);
	free(line);
}

static void test_replies(void **state)
{
	struct error refusal = {.code = -ENOENT, .line = "port x: no such port"}, err = {};
	json_t *id = json_integer(3), *message = rpc_error_new(id, rpc_code_of(&refusal), &refusal);
	json_t *result;
	size_t len;
	char *line = rpc_line_new(message, &len);

	(void)state;
	assert_string_equal(line, "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":1,"
				  "\"message\":\"port x: no such port\","
				  "\"data\":{\"errno\":\"ENOENT\"}}}\n");
	assert_int_equal(rpc_reply_parse(line, len, &result, &err), -ENOENT);
	assert_string_equal(err.line, "port x: no such port");
	free(line);
	json_decref(message);
	message = rpc_result_new(id, json_true());
	line = rpc_line_new(message, &len);
	assert_int_equal(rpc_reply_parse(line, len, &result, &err), 0);
	assert_true(json_is_true(result));
	free(line);
	json_decref(message);
	json_decref(id);
	message = rpc_notification_new("event", json_pack("{s:s}", "event", "add"));
	line = rpc_line_new(message, &len);
	assert_int_equal(rpc_reply_parse(line, len, &result, &err), 0);
	assert_true(json_is_object(result));
	json_decref(result);
	free(line);
	json_decref(message);
}

static void test_replies_refused(void **state)
{
	static const char *const lines[] = {"", "{}", "[]", "{\"error\":{}}", "{\"result\":"};
	json_t *result;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct error err = {};

		assert_int_equal(rpc_reply_parse(lines[i], strlen(lines[i]), &result, &err),
				 -EPROTO);
		assert_null(result);
	}
}

/* Answers one request with `bytes` in pieces, in a process of its own, then hangs up. */
static pid_t serve(const char *rundir, const char *bytes, size_t len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	char request[4096];
	pid_t pid;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/weft.sock", rundir);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	if (pid) {
		close(listener);
		return pid;
	}
	fd = accept(listener, NULL, NULL);
	if (read(fd, request, sizeof(request)) <= 0)
		_exit(1);
	while (len) {
		ssize_t sent = write(fd, bytes, len < 70000 ? len : 70000);

		if (sent <= 0)
			_exit(1);
		bytes += sent;
		len -= (size_t)sent;
	}
	_exit(0);
}

static void test_client(void **state)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"";
	static const char tail[] = "\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"event\","
				   "\"params\":{\"event\":\"add\"}}\n{\"trunc";
	const size_t middle = 1000000, len = sizeof(head) + middle + sizeof(tail) - 2;
	char rundir[] = "/tmp/weft-test-XXXXXX", path[64], *bytes = malloc(len);
	struct rpc_client *client = NULL;
	struct error err = {};
	json_t *result;
	int status;
	pid_t pid;

	(void)state;
	memset(bytes, 'x', len);
	memcpy(bytes, head, sizeof(head) - 1);
	memcpy(bytes + len - sizeof(tail) + 1, tail, sizeof(tail) - 1);
	assert_non_null(mkdtemp(rundir));
	pid = serve(rundir, bytes, len);
	assert_int_equal(rpc_connect(rundir, &client, &err), 0);
	assert_int_equal(rpc_call(client, "x", NULL, &result, &err), 0);
	assert_int_equal(json_string_length(result), middle);
	json_decref(result);
	assert_int_equal(rpc_next(client, &result, &err), 0);
	assert_string_equal(json_string_value(json_object_get(result, "event")), "add");
	json_decref(result);
	assert_int_equal(rpc_next(client, &result, &err), -ECONNRESET);
	assert_string_equal(err.line, "weftd closed the connection");
	rpc_close(client);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	snprintf(path, sizeof(path), "%s/weft.sock", rundir);
	unlink(path);
	rmdir(rundir);
	free(bytes);
}

static void test_unreachable(void **state)
{
	struct rpc_client *client = NULL;
	struct error err = {};
	char rundir[200];

	(void)state;
	assert_int_equal(rpc_connect("/nonexistent", &client, &err), -ENOENT);
	assert_string_equal(err.line, "cannot reach weftd at /nonexistent/weft.sock: "
				      "No such file or directory");
	memset(rundir, 'x', sizeof(rundir));
	rundir[sizeof(rundir) - 1] = 0;
	err = (struct error){};
	assert_int_equal(rpc_connect(rundir, &client, &err), -ENAMETOOLONG);
	assert_null(client);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_without),
		cmocka_unit_test(test_requests_refused),
		cmocka_unit_test(test_values_are_bounded),
		cmocka_unit_test(test_long_strings_are_taken),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_replies_refused),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_unreachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
