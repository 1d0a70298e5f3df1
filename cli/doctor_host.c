/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of the host: what the kernel has beside weft, by iproute2 and ethtool's ioctl. */
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/tool.h"

#define FILTER_PREF 119 /* of weft's own filters */
#define FILTER_CONSEQUENCE                                                                         \
	"what is dropped, redirected or rewritten there is lost to a tunnel, and counted nowhere " \
	"here"

void check_netns(struct doctor *doctor)
{
	char path[64], own[64] = "", theirs[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)member_number(doctor->status, "pid"));
	if (readlink("/proc/self/ns/net", own, sizeof(own) - 1) < 0 ||
	    readlink(path, theirs, sizeof(theirs) - 1) < 0) {
		check_skip(doctor, "weftd's namespace may be looked at by root only");
		return;
	}
	if (!strcmp(own, theirs))
		return;
	finding_add(doctor, SEVERITY_WARNING, "this command");
	finding_seen(doctor, "it is in network namespace %s, weftd in %s", own, theirs);
	finding_so(doctor,
		   "what is said of addresses, devices and filters below is of the wrong host");
	finding_mend(doctor, "nsenter -n -t %d weft --rundir %s doctor",
		     (int)member_number(doctor->status, "pid"), doctor->cli->rundir);
}

void check_version(struct doctor *doctor)
{
	const char *version = member_text(doctor->status, "version");

	if (!strcmp(version, WEFT_VERSION))
		return;
	finding_add(doctor, SEVERITY_WARNING, "weftd");
	finding_seen(doctor, "it is version %s, and this command is %s", version, WEFT_VERSION);
	finding_so(doctor, "what was installed last does not run yet, and this command may ask for "
			   "what weftd does not know");
	finding_mend(doctor, "systemctl restart weftd (forwarding goes on)");
}

/* The effective capabilities of weftd, a bit each; false: they cannot be read. */
static bool capabilities_read(const struct doctor *doctor, unsigned long long *ret)
{
	char path[64], line[128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)member_number(doctor->status, "pid"));
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "CapEff: %llx", ret) == 1;
	if (file)
		fclose(file);
	return found;
}

void check_privileges(struct doctor *doctor)
{
	static const struct {
		int number;
		const char *name, *consequence;
	} wanted[] = {
		{CAP_NET_RAW, "CAP_NET_RAW",
		 "GRE that no tunnel takes is answered by the host, and its fragments are not put "
		 "together"},
		{CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE",
		 "a tunnel cannot have a UDP port below 1024"},
	};
	unsigned long long has = 0;

	if (!capabilities_read(doctor, &has)) {
		check_skip(doctor, "weftd's /proc/PID/status cannot be read");
		return;
	}
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (has >> wanted[i].number & 1)
			continue;
		finding_add(doctor, SEVERITY_WARNING, "weftd");
		finding_seen(doctor, "it runs without %s", wanted[i].name);
		finding_so(doctor, "%s", wanted[i].consequence);
		finding_mend(
			doctor,
			"add %s to CapabilityBoundingSet of weftd.service, or start weftd as root",
			wanted[i].name);
	}
}

/* Is there what a command of iproute2 says? The check is skipped otherwise. */
static bool iproute2_says(struct doctor *doctor, const json_t *said, const char *command)
{
	char why[64];

	snprintf(why, sizeof(why), "%s cannot be run (package iproute2)", command);
	if (!said)
		check_skip(doctor, why);
	return said;
}

static bool address_there(const json_t *devices, const char *address)
{
	const json_t *device, *entry;
	size_t i, j;

	json_array_foreach (devices, i, device) {
		json_array_foreach (json_object_get(device, "addr_info"), j, entry) {
			if (!strcmp(member_text(entry, "local"), address))
				return true;
		}
	}
	return false;
}

void check_local(struct doctor *doctor)
{
	json_t *tunnel;
	size_t i;

	if (!iproute2_says(doctor, doctor->addresses, "ip -j address show"))
		return;
	json_array_foreach (doctor->tunnels, i, tunnel) {
		const char *local = member_text(tunnel, "local");

		if (!*local || address_there(doctor->addresses, local))
			continue;
		finding_add(doctor, SEVERITY_ERROR, "tunnel %s", member_text(tunnel, "name"));
		finding_seen(doctor, "no device of this host has its local address %s", local);
		finding_so(doctor,
			   "what it sends has a source that is not here, and answers go elsewhere");
		finding_mend(
			doctor,
			"ip address add %s/PREFIX dev DEV; or weft tunnel set %s local ADDRESS",
			local, member_text(tunnel, "name"));
	}
}

/* Does a tunnel listen on this UDP port? */
static bool port_ours(const struct doctor *doctor, json_int_t port)
{
	json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(doctor->status, "listen"), i, entry) {
		if (port && member_number(entry, "port") == port)
			return true;
	}
	return false;
}

void check_vxlan_device(struct doctor *doctor)
{
	json_t *link;
	size_t i;

	if (!iproute2_says(doctor, doctor->links, "ip -j link show"))
		return;
	json_array_foreach (doctor->links, i, link) {
		const json_t *info = json_object_get(link, "linkinfo");
		const char *kind = member_text(info, "info_kind"),
			   *name = member_text(link, "ifname");
		json_int_t port = json_integer_value(
			json_object_get(json_object_get(info, "info_data"), "port"));

		if ((strcmp(kind, "vxlan") != 0 && strcmp(kind, "geneve") != 0) ||
		    !strncmp(member_text(link, "ifalias"), "weft: ", 6) || !port_ours(doctor, port))
			continue;
		finding_add(doctor, SEVERITY_WARNING, "device %s", name);
		finding_seen(doctor,
			     "it is the kernel's own %s at UDP port %" JSON_INTEGER_FORMAT
			     ", where tunnels of weft listen",
			     kind, port);
		finding_so(doctor, "one of the two has the port: the device cannot be set up, or a "
				   "weftd that starts later leaves its tunnels out");
		finding_mend(doctor, "ip link del %s; or give one of them another dstport", name);
	}
}

/* Programs that are not weft's, on tcx: `count` of them. */
static void programs_look(struct doctor *doctor, const char *dev, const char *direction,
			  json_int_t count)
{
	bool ingress = !strcmp(direction, "ingress");

	if (!count)
		return;
	finding_add(doctor, SEVERITY_WARNING, "device %s", dev);
	finding_seen(doctor, "programs on tcx (%s): %" JSON_INTEGER_FORMAT " that see what %s weft",
		     direction, count, ingress ? "comes in before" : "goes out behind");
	finding_so(doctor, FILTER_CONSEQUENCE);
	finding_mend(
		doctor,
		"bpftool net show dev %s; bpftool net detach tcx_%s dev %s (bpftool 7.5 or later)",
		dev, direction, dev);
}

/* What a filter that is not weft's sees before, and weft not or only afterwards. On tcx it is before all filters. */
static void filters_look(struct doctor *doctor, const char *dev, const char *direction, bool tcx)
{
	const char *const argv[] = {"tc", "-j", "filter", "show", "dev", dev, direction, NULL};
	json_auto_t *filters = tool_json(argv);
	bool ingress = !strcmp(direction, "ingress");
	json_t *filter;
	size_t i;

	json_array_foreach (filters, i, filter) {
		json_int_t pref = member_number(filter, "pref");

		/* a filter has a line without options, too */
		if ((ingress ? tcx || pref >= FILTER_PREF : pref == FILTER_PREF) ||
		    !json_object_get(filter, "options"))
			continue;
		finding_add(doctor, SEVERITY_WARNING, "device %s", dev);
		finding_seen(doctor,
			     "a tc filter (%s, pref %" JSON_INTEGER_FORMAT ") sees what %s weft",
			     member_text(filter, "kind"), pref,
			     ingress ? "comes in before" : "goes out behind");
		finding_so(doctor, FILTER_CONSEQUENCE);
		finding_mend(doctor,
			     "tc -s filter show dev %s %s; tc filter del dev %s %s pref "
			     "%" JSON_INTEGER_FORMAT,
			     dev, direction, dev, direction, pref);
	}
}

void check_filter(struct doctor *doctor)
{
	static const char *const version[] = {"tc", "-j", "qdisc", "show", "dev", "lo", NULL};
	json_auto_t *works = tool_json(version);
	json_t *dev;
	size_t i;

	if (!iproute2_says(doctor, works, "tc -j"))
		return;
	json_array_foreach (json_object_get(doctor->status, "underlay"), i, dev) {
		const char *name = member_text(dev, "dev");
		bool tcx = !strcmp(member_text(dev, "hook"), "tcx");

		filters_look(doctor, name, "ingress", tcx);
		filters_look(doctor, name, "egress", tcx);
		programs_look(doctor, name, "ingress", member_number(dev, "before"));
		programs_look(doctor, name, "egress", member_number(dev, "behind"));
	}
}

/* Is this one of the devices that outer packets come by? */
static bool underlay_has(const struct doctor *doctor, const char *name)
{
	json_t *dev;
	size_t i;

	json_array_foreach (json_object_get(doctor->status, "underlay"), i, dev) {
		if (!strcmp(member_text(dev, "dev"), name))
			return true;
	}
	return false;
}

/* The word of ip(8) for how a program is attached. */
static const char *xdp_word(const json_t *xdp)
{
	switch (member_number(xdp, "mode")) {
	case XDP_ATTACHED_SKB:
		return "xdpgeneric";
	case XDP_ATTACHED_HW:
		return "xdpoffload";
	default:
		return "xdp";
	}
}

void check_xdp(struct doctor *doctor)
{
	json_t *link;
	size_t i;

	if (!iproute2_says(doctor, doctor->links, "ip -j link show"))
		return;
	json_array_foreach (doctor->links, i, link) {
		const json_t *xdp = json_object_get(link, "xdp");
		const json_t *program = json_object_get(xdp, "prog");
		const char *name = member_text(link, "ifname");

		if (!program || !underlay_has(doctor, name))
			continue;
		finding_add(doctor, SEVERITY_WARNING, "device %s", name);
		finding_seen(doctor,
			     "XDP program %s (id %" JSON_INTEGER_FORMAT
			     ") sees what comes in before weft",
			     member_text(program, "name"), member_number(program, "id"));
		finding_so(doctor, "what it drops, redirects or rewrites is lost to a tunnel, and "
				   "counted nowhere here");
		finding_mend(doctor, "ip link set dev %s %s off, if it is not wanted", name,
			     xdp_word(xdp));
	}
}

/* An ethtool setting that is on or off; what the device does not have counts as on. */
static bool offload_on(int fd, const char *dev, uint32_t command)
{
	struct ethtool_value value = {.cmd = command};
	struct ifreq request = {};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", dev);
	request.ifr_data = (void *)&value;
	return ioctl(fd, SIOCETHTOOL, &request) < 0 || value.data;
}

static void offload_look(struct doctor *doctor, int fd, const char *dev)
{
	bool checksum = offload_on(fd, dev, ETHTOOL_GTXCSUM),
	     tso = offload_on(fd, dev, ETHTOOL_GTSO);

	if (checksum && tso)
		return;
	finding_add(doctor, SEVERITY_WARNING, "device %s", dev);
	finding_seen(doctor, "%s%s%s off (ethtool -k)", checksum ? "" : "tx-checksumming",
		     checksum || tso ? "" : " and ", tso ? "" : "tcp-segmentation-offload");
	finding_so(doctor, "super-packets are cut and summed by the CPU for each tunnel packet "
			   "that leaves here");
	finding_mend(doctor,
		     "ethtool -K %s tx on tso on, where the device is not known to be broken", dev);
}

void check_offload(struct doctor *doctor)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	json_t *dev;
	size_t i;

	if (fd < 0) {
		check_skip(doctor, "no socket for ethtool's questions");
		return;
	}
	json_array_foreach (json_object_get(doctor->status, "underlay"), i, dev) {
		offload_look(doctor, fd, member_text(dev, "dev"));
	}
	close(fd);
}

void check_splitter(struct doctor *doctor)
{
	if (!json_array_size(doctor->tunnels) ||
	    !json_is_null(json_object_get(doctor->status, "splitter")))
		return;
	finding_add(doctor, SEVERITY_WARNING, "device weft-cut");
	finding_seen(doctor, "weftd has no device that cuts super-packets (weft status: splitter)");
	finding_so(doctor, "super-packets that cannot be encapsulated whole are dropped (encap)");
	finding_mend(doctor, "modprobe macvlan ifb, or ip link del what has its name; then "
			     "systemctl restart weftd (forwarding goes on)");
}

/* The ways in which the kernel does not merge a tunnel's received packets into super-packets. */
void check_gro(struct doctor *doctor)
{
	json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(doctor->status, "listen"), i, entry) {
		json_int_t port = member_number(entry, "port");
		const char *why = member_text(entry, "no_gro");

		if (*why) {
			finding_add(doctor, SEVERITY_WARNING, "UDP port %" JSON_INTEGER_FORMAT,
				    port);
			finding_seen(doctor,
				     "there is no device for the kernel to merge received packets "
				     "by: %s",
				     why);
			finding_so(doctor, "TCP that comes out of tunnels costs more of the CPU, a "
					   "packet at a time");
			finding_mend(doctor, "once the reason is gone: systemctl restart weftd "
					     "(forwarding goes on)");
		} else if (json_is_true(json_object_get(entry, "refused"))) {
			finding_add(doctor, SEVERITY_WARNING, "UDP port %" JSON_INTEGER_FORMAT,
				    port);
			finding_seen(doctor, "this host's own firewall or routing drops what comes "
					     "to the port, merged packets with it");
			finding_so(doctor, "they are cut into single ones instead, which costs "
					   "much of the CPU");
			finding_mend(
				doctor,
				"nft insert rule inet filter input udp dport %" JSON_INTEGER_FORMAT
				" accept (whatever table and chain it is); ip rule show",
				port);
		}
	}
}
