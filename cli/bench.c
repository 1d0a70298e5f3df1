/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft bench`: what an overlay costs between two hosts, the overlay against the underlay in turn. */
#include "cli/bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/member.h"
#include "cli/output.h"
#include "cli/traffic.h"
#include "cli/watch.h"
#include "lib/addr.h"

#define REPLY_SECONDS 15
#define TRIED_LEAST   2 /* packets that bench_try() sends, whatever becomes of them */

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static int client_words(struct words *words, struct bench *bench, struct error *err)
{
	int ret = 0;

	while (ret == 0 && words_peek(words)) {
		if (words_match(words, "overlay"))
			ret = words_address(words, "overlay", &bench->overlay, err);
		else if (words_match(words, "via"))
			ret = words_value(words, "via", &bench->tunnel, err);
		else if (words_match(words, "port"))
			ret = words_port(words, &bench->port, err);
		else if (words_match(words, "seconds"))
			ret = words_seconds(words, "seconds", 0.2, BENCH_SECONDS_MAX,
					    &bench->seconds, err);
		else if (words_match(words, "rounds"))
			ret = words_number(words, "rounds", BENCH_ROUNDS_MAX, &bench->rounds, err);
		else if (words_match(words, "--plot"))
			ret = words_value(words, "--plot", &bench->plot, err);
		else
			return words_end(words, err);
	}
	return ret;
}

/* Which address of this host the kernel takes towards `there`, unless it is known. */
static int here_find(struct bench *bench, enum bench_path path, struct error *err)
{
	struct sockaddr_storage name = {};
	socklen_t len = sizeof(name);
	char there[ADDR_STRLEN];
	int fd;

	if (!addr_is_any(&bench->here[path]))
		return 0;
	fd = traffic_open(SOCK_DGRAM, NULL, 0, &bench->there[path], BENCH_PORT);
	if (fd < 0)
		return error_set(err, fd, "bench: %s: no way to %s: %s", bench_paths[path],
				 addr_format(&bench->there[path], there), strerror(-fd));
	getsockname(fd, (struct sockaddr *)&name, &len);
	close(fd);
	if (name.ss_family == AF_INET)
		bench->here[path] = addr_from_v4(((struct sockaddr_in *)&name)->sin_addr);
	else
		memcpy(&bench->here[path], &((struct sockaddr_in6 *)&name)->sin6_addr,
		       sizeof(bench->here[path]));
	return 0;
}

static int hello(struct wire *wire, json_t **ret, struct error *err)
{
	int code = wire_call(wire, json_pack("{s:s}", "do", "hello"), REPLY_SECONDS, ret, err);

	if (code < 0)
		return code;
	if (member_number(*ret, "protocol") != BENCH_PROTOCOL)
		return error_set(err, -EPROTO,
				 "bench: the server is no weft bench of this version");
	if (!json_is_true(json_object_get(*ret, "iperf3")))
		return error_set(err, -ENOENT, "bench: iperf3 is not installed on the server");
	return 0;
}

/* Both paths are open, and the overlay's packets go by the tunnel. */
static int paths_try(struct cli *cli, struct bench *bench, struct wire *wire, struct error *err)
{
	json_int_t before = 0, after = 0;
	int ret = bench_try(bench, wire, BENCH_UNDERLAY, err);

	if (ret == 0)
		ret = bench_sent(cli, bench->tunnel, &before, err);
	if (ret == 0)
		ret = bench_try(bench, wire, BENCH_OVERLAY, err);
	if (ret == 0)
		ret = bench_sent(cli, bench->tunnel, &after, err);
	if (ret == 0 && after - before < TRIED_LEAST)
		ret = error_set(err, -ENETUNREACH,
				"bench: overlay: what is sent there does not go by tunnel %s",
				bench->tunnel);
	return ret;
}

static int rounds_run(struct bench *bench, struct wire *wire, struct error *err)
{
	int ret = 0;

	/* who goes first changes, so that what warms up or slows down meets both */
	for (unsigned long round = 0; ret == 0 && round < bench->rounds; round++)
		for (int i = 0; ret == 0 && i < BENCH_PATHS; i++)
			ret = bench_measure(bench, wire, (round + (unsigned long)i) % BENCH_PATHS,
					    round, err);
	return ret;
}

static int client_run(struct cli *cli, struct bench *bench, struct wire *wire, struct error *err)
{
	json_auto_t *said = NULL, *own = bench_addresses(cli, bench->tunnel);
	int ret = hello(wire, &said, err);

	if (ret == 0)
		ret = bench_overlay(bench, own, json_object_get(said, "overlay"), err);
	if (ret < 0)
		return ret;
	bench->there[BENCH_UNDERLAY] = bench->remote;
	bench->there[BENCH_OVERLAY] = bench->overlay;
	for (int path = 0; ret == 0 && path < BENCH_PATHS; path++)
		ret = here_find(bench, path, err);
	if (ret == 0)
		ret = paths_try(cli, bench, wire, err);
	return ret == 0 ? rounds_run(bench, wire, err) : ret;
}

static int client(struct cli *cli, struct bench *bench, struct words *words, struct error *err)
{
	const char *word = words_take(words);
	struct wire wire = {.fd = -1};
	char tunnel[NAME_LEN];
	int ret;

	if (!word)
		return error_set(err, WORDS_USAGE, "bench: with whom? try weft bench help");
	if (addr_parse(word, &bench->remote) < 0)
		bench->tunnel = word;
	else if (addr_is_any(&bench->remote) || addr_is_multicast(&bench->remote))
		return error_set(err, -EINVAL, "bench: %.64s is not the address of a host", word);
	ret = client_words(words, bench, err);
	if (ret == 0 && !bench_has_tool("iperf3"))
		ret = error_set(err, -ENOENT, "bench: iperf3 is not installed");
	if (ret == 0)
		ret = bench_tunnel(cli, bench, tunnel, err);
	if (ret == 0 && bench->plot)
		ret = bench_plot_check(bench, err);
	if (ret < 0)
		return ret;
	bench->tunnel = tunnel;
	ret = wire_connect(&wire,
			   addr_is_any(&bench->here[BENCH_UNDERLAY]) ? NULL
								     : &bench->here[BENCH_UNDERLAY],
			   &bench->remote, bench->port, err);
	if (ret < 0)
		error_prefix(err, "bench: is weft bench -s running there?");
	if (ret == 0)
		ret = client_run(cli, bench, &wire, err);
	wire_close(&wire);
	if (ret < 0)
		return ret;
	if (cli->json) {
		json_auto_t *json = bench_json(bench);

		output_json(cli, json);
	} else {
		bench_print(bench);
	}
	return bench->plot ? bench_plot(bench, err) : 0;
}

static int server(struct cli *cli, struct words *words, struct error *err)
{
	struct weft_addr here = {};
	uint16_t port = BENCH_PORT;
	int ret = wire_words(words, &here, &port, err);

	return ret == 0 ? bench_serve(cli, &here, port, &stopped, err) : ret;
}

static int help(struct words *words, struct error *err)
{
	int ret = words_end(words, err);

	if (ret == 0)
		puts("usage:\n"
		     "  weft bench -s [ADDRESS] [port PORT]\n"
		     "      the other end, until it is interrupted\n"
		     "  weft bench REMOTE|TUNNEL [OPTIONS]\n"
		     "      the overlay against the underlay, to the host that runs weft bench -s\n"
		     "OPTIONS\n"
		     "  overlay ADDRESS   of the remote host, behind the tunnel (found by internal "
		     "ports)\n"
		     "  via TUNNEL        of several that have the remote\n"
		     "  seconds SECONDS   of each measurement, 0.2 to 60 (5)\n"
		     "  rounds N          1 to 20 (3)\n"
		     "  port PORT         of the other end (7473)\n"
		     "  --plot FILE       draw the ratios, SVG");
	return ret;
}

int bench_run(struct cli *cli, struct words *words, struct error *err)
{
	struct bench *bench;
	int ret;

	/* Not signal(), which would have a sleeping receive go on. */
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
	if (words_match(words, "help"))
		return help(words, err);
	if (words_match(words, "-s"))
		return server(cli, words, err);
	bench = calloc(1, sizeof(*bench));
	if (!bench)
		return error_set(err, -ENOMEM, "out of memory");
	bench->port = BENCH_PORT;
	bench->seconds = 5;
	bench->rounds = 3;
	bench->stop = &stopped;
	ret = client(cli, bench, words, err);
	free(bench);
	return ret;
}
