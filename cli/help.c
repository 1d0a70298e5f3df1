/* SPDX-License-Identifier: GPL-2.0-only */
/* What `weft COMMAND help` says of the commands that have no commands of their own. */
#include <stdio.h>
#include <string.h>

#include "abi/drops.h"
#include "cli/cli.h"
#include "lib/capture_client.h"

static void capture_help(void)
{
	puts("OPTIONS\n"
	     "  -w FILE|-        write a capture file (pcapng); -: to standard output\n"
	     "  -i POINT,...     at these points only, of those below\n"
	     "  -c COUNT         end after that many packets\n"
	     "  -s BYTES         keep no more of a packet, 1 to 65535\n"
	     "  -B KIB           memory for what is not read yet, 64 to 65536 (4096)\n"
	     "  --port PORT      at that port only; with --tunnel: at either\n"
	     "  --tunnel TUNNEL  of that tunnel only\n"
	     "  --outer          FILTER is for the packet as it is, else for what is in the "
	     "tunnel\n"
	     "FILTER is tcpdump's, pcap-filter(7)\n"
	     "POINT");
	for (uint32_t point = 0; point < WEFT_POINT_COUNT; point++)
		printf("  %-15s  %s\n", capture_point_name(point), capture_point_what(point));
}

static void trace_help(void)
{
	puts("  weft trace in PORT PACKET\n"
	     "      a frame from the device of a port, or from that of a tunnel without a bridge\n"
	     "  weft trace underlay [DEVICE] from ADDRESS [to ADDRESS] TYPE [FIELD]... PACKET\n"
	     "      a packet of a tunnel; TYPE: vxlan, geneve, gretap, gre, nvgre\n"
	     "  weft trace -r FILE [-n NUMBER] in PORT|underlay [DEVICE]\n"
	     "      one out of a capture file\n"
	     "FIELD: vni N (key, vsid), flags N, options HEX, proto N, seq N, csum, ttl N, tos N,\n"
	     "  sport N, dport N\n"
	     "PACKET, with commas between: arp, icmp, icmp6, tcp, udp, sctp, ip proto N, ether "
	     "TYPE,\n"
	     "  hex BYTES; src ADDRESS, dst ADDRESS, smac MAC, dmac MAC, vlan VID [pcp N],\n"
	     "  sport N, dport N, syn, ack, fin, rst, mss N, ttl N, tos N, dscp N, ecn N, df, len "
	     "N,\n"
	     "  segment N\n"
	     "EXAMPLE\n"
	     "  weft trace in vnet0 'icmp, src 10.0.0.1, dst 10.0.0.2'");
}

static void drops_help(void)
{
	static const struct {
		const char *name, *cause;
	} reasons[] = {
#define WEFT_DROP(name, string, cause, mend) {string, cause},
		WEFT_DROPS(WEFT_DROP)
#undef WEFT_DROP
	};

	puts("OPTIONS\n"
	     "  -w [SECONDS]   look again and again, 0.1 to 3600 seconds later (1)\n"
	     "REASON");
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		printf("  %-13s  %s\n", reasons[i].name, reasons[i].cause);
}

static void top_help(void)
{
	puts("OPTIONS\n"
	     "  -b          print a table each time, for scripts\n"
	     "  -n COUNT    end after that many times\n"
	     "  -w SECONDS  look every so many seconds, 0.1 to 3600 (1)\n"
	     "KEYS\n"
	     "  s  sort by the next of bytes, packets, drops and name\n"
	     "  v  show the next of all, ports, tunnels, remotes and drops\n"
	     "  j  down\n"
	     "  k  up\n"
	     "  q  quit");
}

bool help_wanted(const char *word)
{
	return word && (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h"));
}

void help_print(const struct command *command)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} more[] = {{"capture", capture_help},
		    {"trace", trace_help},
		    {"drops", drops_help},
		    {"top", top_help}};
	const struct command one[] = {*command, {}};

	command_usage(one, "");
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
		if (!strcmp(command->name, more[i].name))
			more[i].print();
}
