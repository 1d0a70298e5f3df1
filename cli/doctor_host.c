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

#define FILTER_PREF 119 /* of weft's own filters */
#define FILTER_CONSEQUENCE                                                                         \
	"what is dropped, redirected or rewritten there is lost to a tunnel, and counted nowhere " \
	"here"

void check_netns(struct doctor *doctor)
{
	struct finding finding = {.severity = SEVERITY_WARNING, .subject = "this command"};
	char path[64], own[64] = "", theirs[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/net",
		 (int)json_integer_value(json_object_get(doctor->status, "pid")));
	if (readlink("/proc/self/ns/net", own, sizeof(own) - 1) < 0 ||
	    readlink(path, theirs, sizeof(theirs) - 1) < 0) {
		check_skip(doctor, "weftd's namespace may be looked at by root only");
		return;
	}
	if (!strcmp(own, theirs))
		return;
	snprintf(finding.evidence, FINDING_TEXT, "it is in network namespace %s, weftd in %s", own,
		 theirs);
	snprintf(finding.consequence, FINDING_TEXT,
		 "what is said of addresses, devices and filters below is of the wrong host");
	snprintf(finding.mend, FINDING_TEXT, "nsenter -n -t %d weft doctor",
		 (int)json_integer_value(json_object_get(doctor->status, "pid")));
	finding_add(doctor, &finding);
}

void check_version(struct doctor *doctor)
{
	struct finding finding = {.severity = SEVERITY_WARNING, .subject = "weftd"};
	const char *version = member_text(doctor->status, "version");

	if (!strcmp(version, WEFT_VERSION))
		return;
	snprintf(finding.evidence, FINDING_TEXT, "it is version %s, and this command is %s",
		 version, WEFT_VERSION);
	snprintf(finding.consequence, FINDING_TEXT,
		 "what was installed last does not run yet, and this command may ask for what "
		 "weftd does not know");
	snprintf(finding.mend, FINDING_TEXT, "systemctl restart weftd (forwarding goes on)");
	finding_add(doctor, &finding);
}

/* The effective capabilities of weftd, a bit each; false: they cannot be read. */
static bool capabilities_read(const struct doctor *doctor, unsigned long long *ret)
{
	char path[64], line[128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status",
		 (int)json_integer_value(json_object_get(doctor->status, "pid")));
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
		struct finding finding = {.severity = SEVERITY_WARNING, .subject = "weftd"};

		if (has >> wanted[i].number & 1)
			continue;
		snprintf(finding.evidence, FINDING_TEXT, "it runs without %s", wanted[i].name);
		snprintf(finding.consequence, FINDING_TEXT, "%s", wanted[i].consequence);
		snprintf(finding.mend, FINDING_TEXT,
			 "add %s to CapabilityBoundingSet of weftd.service, or start weftd as root",
			 wanted[i].name);
		finding_add(doctor, &finding);
	}
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

	if (!doctor->addresses) {
		check_skip(doctor, "ip -j address show cannot be run (package iproute2)");
		return;
	}
	json_array_foreach (doctor->tunnels, i, tunnel) {
		struct finding finding = {.severity = SEVERITY_ERROR};
		const char *local = member_text(tunnel, "local");

		if (!*local || address_there(doctor->addresses, local))
			continue;
		snprintf(finding.subject, FINDING_TEXT, "tunnel %s", member_text(tunnel, "name"));
		snprintf(finding.evidence, FINDING_TEXT,
			 "no device of this host has its local address %s", local);
		snprintf(finding.consequence, FINDING_TEXT,
			 "what it sends has a source that is not here, and answers go elsewhere");
		snprintf(finding.mend, FINDING_TEXT,
			 "ip address add %s/PREFIX dev DEV; or weft tunnel set %s local ADDRESS",
			 local, member_text(tunnel, "name"));
		finding_add(doctor, &finding);
	}
}

/* Does a tunnel listen on this UDP port? */
static bool port_ours(const struct doctor *doctor, json_int_t port)
{
	json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(doctor->status, "listen"), i, entry) {
		if (port && json_integer_value(json_object_get(entry, "port")) == port)
			return true;
	}
	return false;
}

void check_vxlan_device(struct doctor *doctor)
{
	json_t *link;
	size_t i;

	if (!doctor->links) {
		check_skip(doctor, "ip -j link show cannot be run (package iproute2)");
		return;
	}
	json_array_foreach (doctor->links, i, link) {
		struct finding finding = {.severity = SEVERITY_WARNING};
		const json_t *info = json_object_get(link, "linkinfo");
		const char *kind = member_text(info, "info_kind"),
			   *name = member_text(link, "ifname");
		json_int_t port = json_integer_value(
			json_object_get(json_object_get(info, "info_data"), "port"));

		if ((strcmp(kind, "vxlan") != 0 && strcmp(kind, "geneve") != 0) ||
		    !strncmp(member_text(link, "ifalias"), "weft: ", 6) || !port_ours(doctor, port))
			continue;
		snprintf(finding.subject, FINDING_TEXT, "device %s", name);
		snprintf(finding.evidence, FINDING_TEXT,
			 "it is the kernel's own %s at UDP port %" JSON_INTEGER_FORMAT
			 ", where tunnels of weft listen",
			 kind, port);
		snprintf(finding.consequence, FINDING_TEXT,
			 "one of the two has the port: the device cannot be set up, or a weftd "
			 "that starts later leaves its tunnels out");
		snprintf(finding.mend, FINDING_TEXT,
			 "ip link del %s; or give one of them another dstport", name);
		finding_add(doctor, &finding);
	}
}

/* Programs that are not weft's, on tcx: `count` of them. */
static void programs_look(struct doctor *doctor, const char *dev, const char *direction,
			  json_int_t count)
{
	struct finding finding = {.severity = SEVERITY_WARNING};
	bool ingress = !strcmp(direction, "ingress");

	if (!count)
		return;
	snprintf(finding.subject, FINDING_TEXT, "device %s", dev);
	snprintf(finding.evidence, FINDING_TEXT,
		 "programs on tcx (%s): %" JSON_INTEGER_FORMAT " that see what %s weft", direction,
		 count, ingress ? "comes in before" : "goes out behind");
	snprintf(finding.consequence, FINDING_TEXT, FILTER_CONSEQUENCE);
	snprintf(finding.mend, FINDING_TEXT,
		 "bpftool net show dev %s; bpftool net detach tcx_%s dev %s (bpftool 7.5 or later)",
		 dev, direction, dev);
	finding_add(doctor, &finding);
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
		struct finding finding = {.severity = SEVERITY_WARNING};
		json_int_t pref = json_integer_value(json_object_get(filter, "pref"));

		/* a filter has a line without options, too */
		if ((ingress ? tcx || pref >= FILTER_PREF : pref == FILTER_PREF) ||
		    !json_object_get(filter, "options"))
			continue;
		snprintf(finding.subject, FINDING_TEXT, "device %s", dev);
		snprintf(finding.evidence, FINDING_TEXT,
			 "a tc filter (%s, pref %" JSON_INTEGER_FORMAT ") sees what %s weft",
			 member_text(filter, "kind"), pref,
			 ingress ? "comes in before" : "goes out behind");
		snprintf(finding.consequence, FINDING_TEXT, FILTER_CONSEQUENCE);
		snprintf(finding.mend, FINDING_TEXT,
			 "tc -s filter show dev %s %s; tc filter del dev %s %s pref "
			 "%" JSON_INTEGER_FORMAT,
			 dev, direction, dev, direction, pref);
		finding_add(doctor, &finding);
	}
}

void check_filter(struct doctor *doctor)
{
	static const char *const version[] = {"tc", "-j", "qdisc", "show", "dev", "lo", NULL};
	json_auto_t *works = tool_json(version);
	json_t *dev;
	size_t i;

	if (!works) {
		check_skip(doctor, "tc -j cannot be run (package iproute2)");
		return;
	}
	json_array_foreach (json_object_get(doctor->status, "underlay"), i, dev) {
		const char *name = member_text(dev, "dev");
		bool tcx = !strcmp(member_text(dev, "hook"), "tcx");

		filters_look(doctor, name, "ingress", tcx);
		filters_look(doctor, name, "egress", tcx);
		programs_look(doctor, name, "ingress",
			      json_integer_value(json_object_get(dev, "before")));
		programs_look(doctor, name, "egress",
			      json_integer_value(json_object_get(dev, "behind")));
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
	switch (json_integer_value(json_object_get(xdp, "mode"))) {
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

	if (!doctor->links) {
		check_skip(doctor, "ip -j link show cannot be run (package iproute2)");
		return;
	}
	json_array_foreach (doctor->links, i, link) {
		struct finding finding = {.severity = SEVERITY_WARNING};
		const json_t *xdp = json_object_get(link, "xdp");
		const json_t *program = json_object_get(xdp, "prog");
		const char *name = member_text(link, "ifname");

		if (!program || !underlay_has(doctor, name))
			continue;
		snprintf(finding.subject, FINDING_TEXT, "device %s", name);
		snprintf(finding.evidence, FINDING_TEXT,
			 "XDP program %s (id %" JSON_INTEGER_FORMAT
			 ") sees what comes in before weft",
			 member_text(program, "name"),
			 json_integer_value(json_object_get(program, "id")));
		snprintf(finding.consequence, FINDING_TEXT,
			 "what it drops, redirects or rewrites is lost to a tunnel, and counted "
			 "nowhere here");
		snprintf(finding.mend, FINDING_TEXT,
			 "ip link set dev %s %s off, if it is not wanted", name, xdp_word(xdp));
		finding_add(doctor, &finding);
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
	struct finding finding = {.severity = SEVERITY_WARNING};
	bool checksum = offload_on(fd, dev, ETHTOOL_GTXCSUM),
	     tso = offload_on(fd, dev, ETHTOOL_GTSO);

	if (checksum && tso)
		return;
	snprintf(finding.subject, FINDING_TEXT, "device %s", dev);
	snprintf(finding.evidence, FINDING_TEXT, "%s%s%s off (ethtool -k)",
		 checksum ? "" : "tx-checksumming", checksum || tso ? "" : " and ",
		 tso ? "" : "tcp-segmentation-offload");
	snprintf(finding.consequence, FINDING_TEXT,
		 "super-packets are cut and summed by the CPU for each tunnel packet that leaves "
		 "here");
	snprintf(finding.mend, FINDING_TEXT,
		 "ethtool -K %s tx on tso on, where the device is not known to be broken", dev);
	finding_add(doctor, &finding);
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
	struct finding finding = {.severity = SEVERITY_WARNING, .subject = "device weft-cut"};

	if (!json_array_size(doctor->tunnels) ||
	    !json_is_null(json_object_get(doctor->status, "splitter")))
		return;
	snprintf(finding.evidence, FINDING_TEXT,
		 "weftd has no device that cuts super-packets (weft status: splitter)");
	snprintf(finding.consequence, FINDING_TEXT,
		 "super-packets that cannot be encapsulated whole are dropped (encap)");
	snprintf(finding.mend, FINDING_TEXT,
		 "modprobe macvlan ifb, or ip link del what has its name; then systemctl restart "
		 "weftd (forwarding goes on)");
	finding_add(doctor, &finding);
}

/* The ways in which the kernel does not merge a tunnel's received packets into super-packets. */
void check_gro(struct doctor *doctor)
{
	json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(doctor->status, "listen"), i, entry) {
		struct finding finding = {.severity = SEVERITY_WARNING};
		json_int_t port = json_integer_value(json_object_get(entry, "port"));
		const char *why = member_text(entry, "no_gro");

		snprintf(finding.subject, FINDING_TEXT, "UDP port %" JSON_INTEGER_FORMAT, port);
		if (*why) {
			snprintf(finding.evidence, FINDING_TEXT,
				 "there is no device for the kernel to merge received packets by: "
				 "%.200s",
				 why);
			snprintf(finding.consequence, FINDING_TEXT,
				 "TCP that comes out of tunnels costs more of the CPU, a packet at "
				 "a time");
			snprintf(finding.mend, FINDING_TEXT,
				 "once the reason is gone: systemctl restart weftd (forwarding "
				 "goes on)");
		} else if (json_is_true(json_object_get(entry, "refused"))) {
			snprintf(finding.evidence, FINDING_TEXT,
				 "this host's own firewall or routing drops what comes to the "
				 "port, merged packets with it");
			snprintf(finding.consequence, FINDING_TEXT,
				 "they are cut into single ones instead, which costs much of the "
				 "CPU");
			snprintf(finding.mend, FINDING_TEXT,
				 "nft insert rule inet filter input udp dport %" JSON_INTEGER_FORMAT
				 " accept (whatever table and chain it is); ip rule show",
				 port);
		} else {
			continue;
		}
		finding_add(doctor, &finding);
	}
}
