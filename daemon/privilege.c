/* SPDX-License-Identifier: GPL-2.0-only */
/* Capabilities: looked at, and given up. */
#include "daemon/privilege.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

/*
 * BPF: maps and programs. PERFMON: programs that read the kernel's time and handle pointers. NET_ADMIN:
 * filters, devices, neighbours. NET_BIND_SERVICE: a tunnel's UDP port below 1024. NET_RAW: weft-holder's sockets
 * for GRE.
 */
static const cap_value_t needed[] = {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_NET_BIND_SERVICE,
				     CAP_NET_RAW};
#define NEEDED	 ((int)(sizeof(needed) / sizeof(*needed)))
#define REQUIRED 3 /* without these of them weftd cannot work at all */

/* Says what is missing before libbpf gets to say it at length. */
static int bpf_probe(struct error *err)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weft_probe", 4, 4, 1, NULL);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == ENOSYS)
		return error_set(err, -errno, "bpf: this kernel was built without BPF");
	if (errno == EPERM)
		return error_set(err, -errno,
				 "bpf: the kernel forbids it here (a container, or lockdown)");
	return error_set(err, -errno, "bpf: %s", strerror(errno));
}

int privilege_check(struct error *err)
{
	cap_t caps = cap_get_proc();

	if (!caps)
		return error_set(err, -errno, "capabilities: %s", strerror(errno));
	for (int i = 0; i < REQUIRED; i++) {
		cap_flag_value_t value = CAP_CLEAR;

		cap_get_flag(caps, needed[i], CAP_EFFECTIVE, &value);
		if (value == CAP_SET)
			continue;
		cap_free(caps);
		return error_set(err, -EPERM,
				 "not permitted: run weftd as root, or with CAP_BPF, CAP_PERFMON "
				 "and CAP_NET_ADMIN");
	}
	cap_free(caps);
	return bpf_probe(err);
}

static int bounding_drop(void)
{
	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++) {
		bool keep = false;

		for (int i = 0; i < NEEDED; i++)
			keep |= needed[i] == cap;
		if (!keep && cap_get_bound(cap) == 1 && cap_drop_bound(cap) < 0 && errno != EPERM)
			return -errno;
	}
	return 0;
}

int privilege_drop(struct error *err)
{
	cap_t had = cap_get_proc(), caps = cap_init();
	int result = 0;

	if (!had || !caps)
		result = -ENOMEM;
	/* No more than it had: a service manager may have given it less. */
	for (int i = 0; i < NEEDED && result == 0; i++) {
		cap_flag_value_t value = CAP_CLEAR;

		cap_get_flag(had, needed[i], CAP_PERMITTED, &value);
		if (value == CAP_SET &&
		    (cap_set_flag(caps, CAP_PERMITTED, 1, &needed[i], CAP_SET) < 0 ||
		     cap_set_flag(caps, CAP_EFFECTIVE, 1, &needed[i], CAP_SET) < 0))
			result = -errno;
	}
	if (result == 0)
		result = bounding_drop();
	if (result == 0 && cap_set_proc(caps) < 0)
		result = -errno;
	if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		result = -errno;
	cap_free(had);
	cap_free(caps);
	return result < 0 ? error_set(err, result, "capabilities: %s", strerror(-result)) : 0;
}
