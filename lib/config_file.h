/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration as a file: the sections of `config.apply` (docs/api.md) in YAML. */
#ifndef WEFT_LIB_CONFIG_FILE_H
#define WEFT_LIB_CONFIG_FILE_H

#include <jansson.h>
#include <stddef.h>

#include "lib/error.h"

/*
 * Reads a file's text as the `config` of `config.apply`, a new reference. What the file names
 * and says nothing about (`bridges:`, `br0:`) is empty, and so is an empty file. The sections
 * are judged by who applies them, not here.
 */
int config_file_parse(const char *text, size_t len, json_t **ret, struct error *err);

#endif
