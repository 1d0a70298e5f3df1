/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft doctor`: a table of checks, what they found, and the exit status for scripts. */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/tool.h"

#define STATUS_FOUND 3

static const char *const severities[SEVERITY_COUNT] = {"error", "warning", "info"};

static const struct {
	const char *name;
	void (*run)(struct doctor *doctor);
} checks[] = {
	{"version", check_version},   {"privileges", check_privileges},
	{"netns", check_netns},	      {"kernel", check_kernel},
	{"underlay", check_underlay}, {"events", check_events},
	{"remotes", check_remotes},   {"no_remote", check_no_remote},
	{"local", check_local},	      {"answers", check_answers},
	{"twins", check_twins},	      {"path_mtu", check_path_mtu},
	{"port", check_port},	      {"port_mtu", check_port_mtu},
	{"fdb_room", check_fdb_room}, {"ageing", check_ageing},
	{"vni", check_vni},	      {"peer", check_peer},
	{"mac", check_mac},	      {"flapping", check_flapping},
	{"drops", check_drops},	      {"vxlan_device", check_vxlan_device},
	{"filter", check_filter},     {"xdp", check_xdp},
	{"offload", check_offload},   {"splitter", check_splitter},
	{"gro", check_gro},
};
#define CHECKS (sizeof(checks) / sizeof(*checks))

/* --- For the checks ---------------------------------------------------------------------------------- */

static void finding_set(struct doctor *doctor, const char *member, const char *text, va_list args)
{
	json_object_set_new(doctor->finding, member, json_vsprintf(text, args));
}

void finding_add(struct doctor *doctor, enum severity severity, const char *subject, ...)
{
	va_list args;

	doctor->finding =
		json_pack("{s:s, s:s}", "check", doctor->check, "severity", severities[severity]);
	json_array_append_new(doctor->findings, doctor->finding);
	va_start(args, subject);
	finding_set(doctor, "subject", subject, args);
	va_end(args);
}

void finding_seen(struct doctor *doctor, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	finding_set(doctor, "evidence", text, args);
	va_end(args);
}

void finding_so(struct doctor *doctor, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	finding_set(doctor, "consequence", text, args);
	va_end(args);
}

void finding_mend(struct doctor *doctor, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	finding_set(doctor, "mend", text, args);
	va_end(args);
}

void check_skip(struct doctor *doctor, const char *why)
{
	json_array_append_new(doctor->skipped,
			      json_pack("{s:s, s:s}", "check", doctor->check, "reason", why));
}

/* --- What is known --------------------------------------------------------------------------------------- */

static int facts_read(struct doctor *doctor, struct error *err)
{
	static const char *const links[] = {"ip", "-j", "-d", "link", "show", NULL};
	static const char *const addresses[] = {"ip", "-j", "address", "show", NULL};
	const struct {
		const char *method;
		json_t **ret;
	} calls[] = {{"status", &doctor->status},   {"bridge.show", &doctor->bridges},
		     {"port.show", &doctor->ports}, {"tunnel.show", &doctor->tunnels},
		     {"stats", &doctor->stats},	    {"drops", &doctor->drops}};
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < sizeof(calls) / sizeof(*calls); i++)
		ret = cli_call(doctor->cli, calls[i].method, NULL, calls[i].ret, err);
	if (ret == 0) {
		doctor->links = tool_json(links);
		doctor->addresses = tool_json(addresses);
	}
	return ret;
}

static void doctor_free(struct doctor *doctor)
{
	json_t *all[] = {doctor->status,   doctor->bridges, doctor->ports, doctor->tunnels,
			 doctor->stats,	   doctor->drops,   doctor->links, doctor->addresses,
			 doctor->findings, doctor->skipped};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		json_decref(all[i]);
}

/* weftd itself is the first thing that may be wrong. */
static void weftd_missing(struct doctor *doctor, const struct error *err)
{
	doctor->check = "weftd";
	finding_add(doctor, SEVERITY_ERROR, "weftd");
	finding_seen(doctor, "%s", err->line);
	finding_so(doctor, "what is configured is forwarded, and nothing follows routes, "
			   "neighbours and devices");
	finding_mend(doctor, "systemctl restart weftd, or weftd --rundir %s", doctor->cli->rundir);
}

/* --- What is said ---------------------------------------------------------------------------------------- */

static size_t found_print(const json_t *findings, const char *severity)
{
	static const char *const members[][2] = {
		{"seen", "evidence"}, {"so", "consequence"}, {"mend", "mend"}};
	size_t i, count = 0;
	json_t *finding;

	json_array_foreach ((json_t *)findings, i, finding) {
		if (strcmp(member_text(finding, "severity"), severity) != 0)
			continue;
		count++;
		printf("%s: %s (%s)\n", severity, member_text(finding, "subject"),
		       member_text(finding, "check"));
		for (size_t m = 0; m < sizeof(members) / sizeof(*members); m++)
			printf("  %-5s %s\n", members[m][0], member_text(finding, members[m][1]));
	}
	return count;
}

static void report_print(const struct doctor *doctor)
{
	size_t counts[SEVERITY_COUNT], i;
	json_t *skipped;

	for (int s = 0; s < SEVERITY_COUNT; s++)
		counts[s] = found_print(doctor->findings, severities[s]);
	json_array_foreach (doctor->skipped, i, skipped) {
		printf("skipped: %s: %s\n", member_text(skipped, "check"),
		       member_text(skipped, "reason"));
	}
	printf("%zu checks, errors: %zu, warnings: %zu, notes: %zu\n", CHECKS,
	       counts[SEVERITY_ERROR], counts[SEVERITY_WARNING], counts[SEVERITY_INFO]);
}

/* Is there more than information? */
static bool report_bad(const json_t *findings)
{
	json_t *finding;
	size_t i;

	json_array_foreach ((json_t *)findings, i, finding) {
		if (strcmp(member_text(finding, "severity"), severities[SEVERITY_INFO]) != 0)
			return true;
	}
	return false;
}

int doctor_run(struct cli *cli, struct words *words, struct error *err)
{
	struct doctor doctor = {.cli = cli};
	struct error missing = {};
	int ret = words_end(words, err);

	if (ret < 0)
		return ret;
	doctor.findings = json_array();
	doctor.skipped = json_array();
	if (facts_read(&doctor, &missing) < 0) {
		weftd_missing(&doctor, &missing);
	} else {
		for (size_t i = 0; i < CHECKS; i++) {
			doctor.check = checks[i].name;
			checks[i].run(&doctor);
		}
	}
	if (cli->json) {
		json_auto_t *report =
			json_pack("{s:O, s:O, s:I}", "findings", doctor.findings, "skipped",
				  doctor.skipped, "checks", (json_int_t)CHECKS);

		output_json(cli, report);
	} else {
		report_print(&doctor);
	}
	cli->status = report_bad(doctor.findings) ? STATUS_FOUND : 0;
	doctor_free(&doctor);
	return 0;
}
