/* SPDX-License-Identifier: GPL-2.0-only */
/* A line to weftd, and the same as a line from it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_request request;
	struct error err = {};
	enum rpc_code code;
	json_t *reply;
	char *line;
	size_t len;

	if (rpc_request_parse((const char *)data, size, &request, &code, &err) < 0) {
		json_t *message = rpc_error_new(request.id, code, &err);

		/* what is refused can always be answered */
		line = message ? rpc_line_new(message, &len) : NULL;
		if (!line || !*err.line || memchr(line, '\n', len) != line + len - 1)
			abort();
		free(line);
		json_decref(message);
	} else if (!request.method) {
		abort();
	}
	rpc_request_clear(&request);
	err = (struct error){};
	if (rpc_reply_parse((const char *)data, size, &reply, &err) == 0)
		json_decref(reply);
	else if (reply || !err.code)
		abort();
	return 0;
}
