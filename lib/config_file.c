/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration as a file. */
#include "lib/config_file.h"

#include <errno.h>
#include <string.h>

#include "lib/yaml.h"

static void objects_fill(json_t *objects)
{
	const char *name;
	json_t *object;
	void *next;

	json_object_foreach_safe(objects, next, name, object)
	{
		if (json_is_null(object))
			json_object_set_new(objects, name, json_object());
	}
}

int config_file_parse(const char *text, size_t len, json_t **ret, struct error *err)
{
	const char *section;
	json_t *objects;
	void *next;
	int code = yaml_to_json(text, len, ret, err);

	if (code < 0)
		return code;
	if (json_is_null(*ret))
		*ret = json_object();
	if (!json_is_object(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		return error_set(err, -EINVAL,
				 "is not made of the sections bridges, ports, tunnels and fdb");
	}
	json_object_foreach_safe(*ret, next, section, objects)
	{
		if (!json_is_null(objects))
			objects_fill(objects);
		else
			json_object_set_new(*ret, section,
					    strcmp(section, "fdb") ? json_object() : json_array());
	}
	return 0;
}
