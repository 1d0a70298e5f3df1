/* SPDX-License-Identifier: GPL-2.0-only */
/* Capture files, block by block. */
#include "cli/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_MAX (256u << 10) /* bytes in memory from which on they are written */

enum block {
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BLOCK_SECTION = 0x0a0d0d0a
};
enum option {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_IF_NAME = 2,
	OPTION_IF_DESCRIPTION = 3,
	OPTION_IF_RESOLUTION = 9,
	OPTION_SECTION_APPLICATION = 4,
	OPTION_PACKET_FLAGS = 2,
	OPTION_STATISTICS_RECEIVED = 4,
	OPTION_STATISTICS_DROPPED = 5,
};
#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define LINK_ETHERNET	 1
#define RESOLUTION_NS	 9 /* 10^-9 s */
#define INBOUND		 1
#define OUTBOUND	 2

struct pcapng {
	int fd;
	bool owned;
	const char *path;
	off_t written; /* whole blocks */
	uint8_t *kept; /* whole blocks that are not written yet, and the one that is being made */
	size_t length, size, block; /* `block`: where that one begins */
	bool short_of_memory;
};

static void put(struct pcapng *file, const void *bytes, size_t length)
{
	static const uint8_t zero[4];
	size_t padded = (length + 3) & ~(size_t)3;

	if (file->size - file->length < padded) {
		size_t size = 2 * (file->size + padded);
		uint8_t *kept = realloc(file->kept, size);

		if (!kept) {
			file->short_of_memory = true;
			return;
		}
		file->kept = kept;
		file->size = size;
	}
	memcpy(file->kept + file->length, bytes, length);
	memcpy(file->kept + file->length + length, zero, padded - length);
	file->length += padded;
}

static void put_u32(struct pcapng *file, uint32_t value)
{
	put(file, &value, sizeof(value));
}

static void put_time(struct pcapng *file, uint64_t time)
{
	put_u32(file, (uint32_t)(time >> 32));
	put_u32(file, (uint32_t)time);
}

static void put_option(struct pcapng *file, uint16_t code, const void *value, size_t length)
{
	const uint16_t head[2] = {code, (uint16_t)length};

	put(file, head, sizeof(head));
	if (length) /* the end of options has no value */
		put(file, value, length);
}

static void put_text(struct pcapng *file, uint16_t code, const char *text)
{
	put_option(file, code, text, strlen(text));
}

static void block_begin(struct pcapng *file, uint32_t type)
{
	file->block = file->length;
	put_u32(file, type);
	put_u32(file, 0);
}

static int block_end(struct pcapng *file, struct error *err)
{
	uint32_t length = (uint32_t)(file->length - file->block + sizeof(length));

	put_u32(file, length);
	if (file->short_of_memory)
		return error_set(err, -ENOMEM, "out of memory");
	memcpy(file->kept + file->block + 4, &length, sizeof(length));
	return file->length < KEPT_MAX ? 0 : pcapng_flush(file, err);
}

/* Bytes of the whole blocks among the first `length` that are kept. */
static size_t blocks_whole(const struct pcapng *file, size_t length)
{
	size_t whole = 0;
	uint32_t block = 0;

	while (whole + 8 <= file->length) {
		memcpy(&block, file->kept + whole + 4, sizeof(block));
		if (whole + block > length)
			break;
		whole += block;
	}
	return whole;
}

int pcapng_flush(struct pcapng *file, struct error *err)
{
	size_t done = 0;
	ssize_t some = 0;

	while (done < file->length) {
		some = write(file->fd, file->kept + done, file->length - done);
		if (some < 0 && errno != EINTR)
			break;
		done += some > 0 ? (size_t)some : 0;
	}
	if (done == file->length) {
		file->written += (off_t)done;
		file->length = 0;
		return 0;
	}
	error_set(err, -errno, "capture: cannot write %s: %s", file->path, strerror(errno));
	file->written += (off_t)blocks_whole(file, done);
	file->length = 0;
	/* what is no file has no length to be set */
	if (ftruncate(file->fd, file->written) < 0 && errno != EINVAL)
		return -EIO;
	return err ? err->code : -EIO;
}

static int head_write(struct pcapng *file, uint32_t snap, struct error *err)
{
	static const char application[] = "weft " WEFT_VERSION;
	static const uint8_t resolution = RESOLUTION_NS;
	const uint16_t version[2] = {1, 0}, link[2] = {LINK_ETHERNET, 0};
	int r;

	block_begin(file, BLOCK_SECTION);
	put_u32(file, BYTE_ORDER_MAGIC);
	put(file, version, sizeof(version));
	put_u32(file, UINT32_MAX); /* the section's length is not said, 64 bits */
	put_u32(file, UINT32_MAX);
	put_text(file, OPTION_SECTION_APPLICATION, application);
	put_option(file, OPTION_END, NULL, 0);
	r = block_end(file, err);
	for (uint32_t i = 0; r == 0 && i < WEFT_POINT_COUNT; i++) {
		block_begin(file, BLOCK_INTERFACE);
		put(file, link, sizeof(link));
		put_u32(file, snap);
		put_text(file, OPTION_IF_NAME, capture_point_name(i));
		put_text(file, OPTION_IF_DESCRIPTION, capture_point_what(i));
		put_option(file, OPTION_IF_RESOLUTION, &resolution, sizeof(resolution));
		put_option(file, OPTION_END, NULL, 0);
		r = block_end(file, err);
	}
	return r;
}

int pcapng_open(const char *path, uint32_t snap, struct pcapng **ret, struct error *err)
{
	struct pcapng *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return error_set(err, -ENOMEM, "out of memory");
	file->owned = strcmp(path, "-") != 0;
	file->path = file->owned ? path : "standard output";
	file->fd = file->owned ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
			       : STDOUT_FILENO;
	if (file->fd < 0) {
		r = error_set(err, -errno, "capture: cannot write %s: %s", path, strerror(errno));
		free(file);
		return r;
	}
	r = head_write(file, snap, err);
	if (r < 0) {
		pcapng_close(file);
		return r;
	}
	*ret = file;
	return 0;
}

int pcapng_packet(struct pcapng *file, const struct weft_captured *record, const uint8_t *bytes,
		  uint64_t time, const char *comment, struct error *err)
{
	const uint32_t flags =
		record->point == WEFT_POINT_PORT_OUT || record->point == WEFT_POINT_UNDERLAY_OUT
			? OUTBOUND
			: INBOUND;

	block_begin(file, BLOCK_PACKET);
	put_u32(file, record->point);
	put_time(file, time);
	put_u32(file, record->captured);
	put_u32(file, record->len);
	put(file, bytes, record->captured);
	if (comment && *comment)
		put_text(file, OPTION_COMMENT, comment);
	put_option(file, OPTION_PACKET_FLAGS, &flags, sizeof(flags));
	put_option(file, OPTION_END, NULL, 0);
	return block_end(file, err);
}

int pcapng_statistics(struct pcapng *file, const struct capture_count *count, uint64_t time,
		      struct error *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < WEFT_POINT_COUNT; i++) {
		block_begin(file, BLOCK_STATISTICS);
		put_u32(file, i);
		put_time(file, time);
		put_option(file, OPTION_STATISTICS_RECEIVED, &count[i].matched,
			   sizeof(count[i].matched));
		put_option(file, OPTION_STATISTICS_DROPPED, &count[i].lost, sizeof(count[i].lost));
		put_option(file, OPTION_END, NULL, 0);
		r = block_end(file, err);
	}
	return r;
}

int pcapng_fd(const struct pcapng *file)
{
	return file->fd;
}

void pcapng_close(struct pcapng *file)
{
	if (!file)
		return;
	if (file->owned)
		close(file->fd);
	free(file->kept);
	free(file);
}
