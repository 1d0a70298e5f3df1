/* SPDX-License-Identifier: GPL-2.0-only */
/* What `weft probe` sends, and what it believes of the ICMP that comes back. */
#include "cli/probe_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/schema.h"

#define ROOM 2048

static struct tunnel *tunnel_new(const char *json)
{
	json_auto_t *fields = json_loads(json, 0, NULL);
	struct tunnel *tunnel = object_new(NOUN_TUNNEL, "t0", NULL);

	assert_non_null(fields);
	assert_int_equal(object_parse(NOUN_TUNNEL, tunnel, fields, NULL), 0);
	return tunnel;
}

static struct probe_way way_new(bool v4, const struct tunnel *tunnel)
{
	struct probe_way way = {.tunnel = tunnel, .ident = 0x1234};

	addr_parse(v4 ? "10.0.0.1" : "2001:db8::1", &way.source);
	addr_parse(v4 ? "10.9.0.1" : "2001:db8:9::1", &way.remote);
	return way;
}

static uint32_t sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* An ICMP error from a router about the packet; returns its length. For IPv4 with an IP header. */
static size_t error_build(bool v4, uint8_t type, uint8_t code, uint16_t mtu, const uint8_t *quoted,
			  size_t len, uint8_t *bytes)
{
	size_t header = v4 ? 20 : 0, size = header + 8 + len;
	uint32_t check;

	memset(bytes, 0, size);
	if (v4) {
		bytes[0] = 0x45;
		bytes[8] = 63;
		bytes[9] = 1;
	}
	bytes[header] = type;
	bytes[header + 1] = code;
	bytes[header + 6] = (uint8_t)(mtu >> 8);
	bytes[header + 7] = (uint8_t)mtu;
	memcpy(bytes + header + 8, quoted, len);
	check = 0xffff - sum(bytes + header, size - header, 0);
	bytes[header + 2] = (uint8_t)(check >> 8);
	bytes[header + 3] = (uint8_t)check;
	return size;
}

static const char *const tunnels[] = {
	"{\"type\": \"vxlan\", \"id\": 1000}",
	"{\"type\": \"geneve\", \"id\": 1000}",
	"{\"type\": \"gretap\", \"okey\": 7, \"csum\": true}",
	"{\"type\": \"gre\"}",
	"{\"type\": \"nvgre\", \"id\": 5000}",
};
#define TUNNELS (sizeof(tunnels) / sizeof(*tunnels))

/* Calls `each` for every kind of probe, tunnel and IP version. */
static void kinds_each(void (*each)(const struct probe_way *way, const struct probe *probe,
				    uint8_t *bytes))
{
	static uint8_t bytes[ROOM];

	for (int v4 = 0; v4 < 2; v4++)
		for (size_t t = 0; t < TUNNELS; t++)
			for (int kind = PROBE_ECHO; kind <= PROBE_TUNNEL; kind++) {
				struct tunnel *tunnel = tunnel_new(tunnels[t]);
				struct probe_way way = way_new(v4, tunnel);
				struct probe probe = {.kind = kind,
						      .sequence = 0xabcd,
						      .ttl = 3,
						      .source_port = 50000,
						      .size = PROBE_SIZE_LEAST + (uint32_t)t};

				probe_build(&way, &probe, bytes);
				each(&way, &probe, bytes);
				object_free(NOUN_TUNNEL, tunnel);
			}
}

static void checksums_check(const struct probe_way *way, const struct probe *probe, uint8_t *bytes)
{
	bool v4 = addr_is_v4(&way->remote);
	size_t header = v4 ? 20 : 40, len = probe->size - header;
	uint8_t protocol = bytes[v4 ? 9 : 6];
	uint32_t pseudo = sum((const uint8_t *)&way->source, 16, 0);

	pseudo = sum((const uint8_t *)&way->remote, 16, pseudo) + protocol + (uint32_t)len;
	if (v4)
		assert_int_equal(sum(bytes, 20, 0), 0xffff);
	if (protocol == 1)
		assert_int_equal(sum(bytes + header, len, 0), 0xffff);
	else if (protocol == 58 || (protocol == 17 && (bytes[header + 6] || bytes[header + 7])))
		assert_int_equal(sum(bytes + header, len, pseudo), 0xffff);
	else if (protocol == 47 && bytes[header] & 0x80)
		assert_int_equal(sum(bytes + header, len, 0), 0xffff);
	else
		assert_true(protocol == 47 ||
			    (protocol == 17 && v4 && probe->kind == PROBE_TUNNEL));
	assert_int_equal(bytes[v4 ? 8 : 7], 3);
}

static void checksums(void **state)
{
	(void)state;
	kinds_each(checksums_check);
}

static void errors_check(const struct probe_way *way, const struct probe *probe, uint8_t *bytes)
{
	static uint8_t error[ROOM];
	bool v4 = addr_is_v4(&way->remote);
	struct weft_addr router;
	struct probe_reply reply;
	size_t size;

	addr_parse(v4 ? "10.1.0.254" : "2001:db8:1::fe", &router);
	size = error_build(v4, v4 ? 11 : 3, 0, 0, bytes, probe->size, error);
	assert_true(probe_read(way, error, size, &router, &reply));
	assert_int_equal(reply.event, PROBE_EXPIRED);
	assert_int_equal(reply.sequence, 0xabcd);
	assert_int_equal(reply.kind, probe->kind);
	assert_true(addr_equal(&reply.from, &router));

	size = error_build(v4, v4 ? 3 : 2, v4 ? 4 : 0, 1400, bytes, probe->size, error);
	assert_true(probe_read(way, error, size, &router, &reply));
	assert_int_equal(reply.event, PROBE_TOO_BIG);
	assert_int_equal(reply.mtu, 1400);

	size = error_build(v4, v4 ? 3 : 1, 1, 0, bytes, probe->size, error);
	assert_true(probe_read(way, error, size, &router, &reply));
	assert_int_equal(reply.event, PROBE_UNREACHABLE);
	assert_true(probe_read(way, error, size, &way->remote, &reply));
	assert_int_equal(reply.event, PROBE_ANSWERED);

	/* about somebody else's packets: other addresses, another port or id */
	for (size_t at = v4 ? 12 : 8; at < (v4 ? 20u : 40u); at++) {
		bytes[at] ^= 1;
		size = error_build(v4, v4 ? 11 : 3, 0, 0, bytes, probe->size, error);
		assert_false(probe_read(way, error, size, &router, &reply));
		bytes[at] ^= 1;
	}
	/* the shortest quote there is (RFC 792) names a packet of IPv4 */
	size = error_build(v4, v4 ? 11 : 3, 0, 0, bytes, v4 ? 28 : 48, error);
	assert_int_equal(probe_read(way, error, size, &router, &reply),
			 v4 || probe->kind == PROBE_ECHO);
	for (size_t len = 0; len < size && len < (v4 ? 56u : 56u); len++) {
		size_t cut = error_build(v4, v4 ? 11 : 3, 0, 0, bytes, len < 28 ? len : 27, error);

		assert_false(probe_read(way, error, cut, &router, &reply));
	}
}

static void errors(void **state)
{
	(void)state;
	kinds_each(errors_check);
}

static void broken_checksum(void **state)
{
	struct probe_way way = way_new(true, NULL);
	struct probe probe = {
		.kind = PROBE_ECHO, .sequence = 1, .ttl = 3, .size = PROBE_SIZE_LEAST};
	uint8_t bytes[ROOM], error[ROOM];
	struct probe_reply reply;
	size_t size;

	(void)state;
	probe_build(&way, &probe, bytes);
	size = error_build(true, 11, 0, 0, bytes, probe.size, error);
	assert_true(probe_read(&way, error, size, &way.source, &reply));
	error[40] ^= 1;
	assert_false(probe_read(&way, error, size, &way.source, &reply));
}

/* An echo reply counts from the remote alone, and with our identifier. */
static void echo_replies(void **state)
{
	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		struct probe_way way = way_new(v4, NULL);
		struct probe probe = {
			.kind = PROBE_ECHO, .sequence = 7, .ttl = 3, .size = PROBE_SIZE_LEAST};
		uint8_t bytes[ROOM], *icmp = bytes + (v4 ? 20 : 40), *whole = v4 ? bytes : icmp;
		size_t len = v4 ? probe.size : probe.size - 40;
		struct probe_reply reply;
		uint32_t check;

		probe_build(&way, &probe, bytes);
		icmp[0] = v4 ? 0 : 129;
		icmp[2] = icmp[3] = 0;
		check = 0xffff - sum(icmp, probe.size - (v4 ? 20 : 40), 0);
		icmp[2] = (uint8_t)(check >> 8);
		icmp[3] = (uint8_t)check;
		assert_true(probe_read(&way, whole, len, &way.remote, &reply));
		assert_int_equal(reply.event, PROBE_ANSWERED);
		assert_int_equal(reply.sequence, 7);
		assert_false(probe_read(&way, whole, len, &way.source, &reply));
		way.ident++;
		assert_false(probe_read(&way, whole, len, &way.remote, &reply));
	}
}

/* Whatever comes, nothing is read beyond its end: each message is in memory of just its size. */
static void garbage_check(const struct probe_way *way, const struct probe *probe, uint8_t *bytes)
{
	bool v4 = addr_is_v4(&way->remote);
	uint8_t error[ROOM];
	size_t size = error_build(v4, v4 ? 11 : 3, 0, 0, bytes, probe->size, error);

	for (size_t len = 0; len <= size; len++)
		for (int change = 0; change < 4; change++) {
			uint8_t *copy = malloc(len ? len : 1);
			struct probe_reply reply;

			assert_non_null(copy);
			memcpy(copy, error, len);
			if (len && change)
				copy[(unsigned int)rand() % len] ^= (uint8_t)rand();
			probe_read(way, copy, len, &way->remote, &reply);
			free(copy);
		}
}

static void garbage(void **state)
{
	(void)state;
	kinds_each(garbage_check);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums),	   cmocka_unit_test(errors),
		cmocka_unit_test(broken_checksum), cmocka_unit_test(echo_replies),
		cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
