/* SPDX-License-Identifier: GPL-2.0-only */
/* Looks among the links, then for the socket in /proc/net/udp and for its inode in /proc/PID/fd. */
#include "daemon/port_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INODES_MAX 16 /* sockets on one port that are looked at */

static size_t inodes_read(const char *path, uint16_t port, uint64_t inode[INODES_MAX], size_t count)
{
	FILE *file = fopen(path, "re");
	char line[512];
	unsigned int line_port;
	uint64_t line_inode;

	if (!file)
		return count;
	/* sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode */
	while (count < INODES_MAX && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %*[0-9]: %*[0-9A-F]:%x %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
			   &line_port, &line_inode) == 2 &&
		    line_port == port && line_inode)
			inode[count++] = line_inode;
	}
	fclose(file);
	return count;
}

static bool process_has(const char *pid, const uint64_t inode[INODES_MAX], size_t count)
{
	char path[sizeof("/proc//fd/") + 2 * NAME_MAX], target[64];
	struct dirent *entry;
	bool found = false;
	ssize_t length;
	uint64_t one;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	fds = opendir(path);
	while (fds && !found && (entry = readdir(fds))) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = 0;
		if (sscanf(target, "socket:[%" SCNu64 "]", &one) != 1)
			continue;
		for (size_t i = 0; i < count; i++)
			found |= inode[i] == one;
	}
	if (fds)
		closedir(fds);
	return found;
}

static void process_name(const char *pid, char *text, size_t size)
{
	char path[sizeof("/proc//comm") + NAME_MAX], name[64] = "?";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file && fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = 0;
	if (file)
		fclose(file);
	snprintf(text, size, "process %s (pid %s)", name, pid);
}

const char *port_owner(const struct netlink *netlink, uint16_t port, char *text, size_t size)
{
	uint64_t inode[INODES_MAX];
	struct dirent *entry;
	size_t count;
	DIR *proc;

	for (const struct link *link = link_next(netlink, NULL); link;
	     link = link_next(netlink, link)) {
		if (link->vxlan_port == port && (link->flags & IFF_UP)) {
			snprintf(text, size, "vxlan device %s", link->name);
			return text;
		}
	}
	snprintf(text, size, "another process");
	count = inodes_read("/proc/self/net/udp", port, inode, 0);
	count = inodes_read("/proc/self/net/udp6", port, inode, count);
	proc = count ? opendir("/proc") : NULL;
	while (proc && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !process_has(entry->d_name, inode, count))
			continue;
		process_name(entry->d_name, text, size);
		break;
	}
	if (proc)
		closedir(proc);
	return text;
}
