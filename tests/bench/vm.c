/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine's network without the machine: what a virtual machine monitor does between a TAP of the host's and
 * the guest's own device, which here is a TAP in the guest's network namespace.
 *
 *     vm HOST-TAP NETNS GUEST-TAP    until SIGTERM; makes both, and says "ready"
 *
 * Frames pass with their virtio-net headers (virtio 1.2, 5.1.6), so that super-packets stay what they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LARGEST (10 + 14 + 65535 + 64) /* virtio-net header, Ethernet, IP */

static void die(const char *what)
{
	fprintf(stderr, "vm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int tap_open(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		die(name);
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		die("TUNSETOFFLOAD");
	return fd;
}

struct way {
	int from, to;
};

/* A frame that the other side does not take, as its device is down, is lost as on a wire. */
static void *carry(void *arg)
{
	static _Thread_local char frame[LARGEST];
	const struct way *way = arg;
	ssize_t length;

	while ((length = read(way->from, frame, sizeof(frame))) > 0 || errno == EINTR)
		if (length > 0 && write(way->to, frame, (size_t)length) < 0 && errno == EBADFD)
			break;
	return NULL;
}

int main(int argc, char **argv)
{
	struct way in, out;
	char path[256];
	pthread_t thread;
	int netns;

	if (argc != 4) {
		fprintf(stderr, "usage: vm HOST-TAP NETNS GUEST-TAP\n");
		return 2;
	}
	out.to = tap_open(argv[1]);
	snprintf(path, sizeof(path), "/run/netns/%s", argv[2]);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0 || setns(netns, CLONE_NEWNET))
		die(path);
	out.from = tap_open(argv[3]);
	in = (struct way){.from = out.to, .to = out.from};
	puts("ready");
	fflush(stdout);
	if (pthread_create(&thread, NULL, carry, &out))
		die("thread");
	carry(&in);
	return 0;
}
