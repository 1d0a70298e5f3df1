/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * weftd's side of weft-holder: starts it, asks it, counts, and starts it again when it died.
 *
 * The holder is a fresh run of this program (/proc/self/exe) and not merely a fork, so that it keeps none
 * of weftd's memory, maps and files alive.
 */
#include "daemon/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uthash.h>

#include "daemon/holder_protocol.h"
#include "daemon/port_owner.h"
#include "lib/addr.h"

#define ANSWER_TIMEOUT 5 /* seconds */
#define RESTART_PAUSE  1 /* seconds, before a holder that died young is started again */

struct item {
	struct holder_item key;
	unsigned int count; /* users; 0: an earlier weftd's, not asked for yet */
	UT_hash_handle hh;
};

struct holder {
	struct event_base *base;
	struct netlink *netlink;
	struct sockaddr_un address;
	int fd; /* -1: no holder is running */
	int pid;
	struct event *readable; /* nothing comes unasked but its end */
	struct event *restart;
	time_t started; /* CLOCK_MONOTONIC, seconds */
	struct item *items;
	void (*lost)(void *arg, const struct error *err);
	void *lost_arg;
};

static void disconnect(struct holder *holder)
{
	if (holder->readable)
		event_free(holder->readable);
	if (holder->fd >= 0)
		close(holder->fd);
	holder->readable = NULL;
	holder->fd = -1;
	holder->pid = 0;
}

/* --- asking -------------------------------------------------------------------------------- */

/* One answer; -EPIPE: the holder is gone. */
static int answer_receive(struct holder *holder, struct holder_answer *ret)
{
	ssize_t length;

	do
		length = recv(holder->fd, ret, sizeof(*ret), 0);
	while (length < 0 && errno == EINTR);
	if (length != sizeof(*ret) || ret->magic != HOLDER_MAGIC)
		return -EPIPE;
	return 0;
}

static int request_send(struct holder *holder, enum holder_operation operation,
			const struct holder_item *item)
{
	struct holder_request request;

	memset(&request, 0, sizeof(request));
	request.magic = HOLDER_MAGIC;
	request.operation = operation;
	if (item)
		request.item = *item;
	if (send(holder->fd, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
		return -EPIPE;
	return 0;
}

static int ask(struct holder *holder, enum holder_operation operation,
	       const struct holder_item *item, struct holder_answer *ret)
{
	int rc = request_send(holder, operation, item);

	if (!rc)
		rc = answer_receive(holder, ret);
	if (rc)
		disconnect(holder);
	return rc;
}

/* --- connecting and starting ---------------------------------------------------------------- */

static void on_end(evutil_socket_t fd, short what, void *arg);

static int socket_new(struct error *err)
{
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_set(err, -errno, "holder: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	return fd;
}

/* 0; -ENOENT or -ECONNREFUSED: nobody is there. */
static int holder_connect(struct holder *holder, struct error *err)
{
	struct holder_answer hello;
	int fd = socket_new(err);
	int rc;

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&holder->address, sizeof(holder->address))) {
		rc = -errno;
		close(fd);
		return rc == -ENOENT || rc == -ECONNREFUSED
			       ? rc
			       : error_set(err, rc, "holder: %s: %s", holder->address.sun_path,
					   strerror(-rc));
	}
	holder->fd = fd;
	holder->readable = event_new(holder->base, fd, EV_READ | EV_PERSIST, on_end, holder);
	if (!holder->readable || event_add(holder->readable, NULL)) {
		disconnect(holder);
		return error_set(err, -ENOMEM, "holder: out of memory");
	}
	rc = ask(holder, HOLDER_HELLO, NULL, &hello);
	if (rc)
		return error_set(err, rc, "holder: %s: no answer from weft-holder",
				 holder->address.sun_path);
	if (hello.netns != holder_netns()) {
		disconnect(holder);
		return error_set(err, -EXDEV,
				 "holder: %s: weft-holder (pid %d) is in another network namespace",
				 holder->address.sun_path, hello.pid);
	}
	holder->pid = hello.pid;
	return 0;
}

static int listener_new(const struct sockaddr_un *address, struct error *err)
{
	int fd = socket_new(err);
	mode_t mask;
	int rc;

	if (fd < 0)
		return fd;
	unlink(address->sun_path);
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)address, sizeof(*address)) || listen(fd, 8) ? -errno
											   : 0;
	umask(mask);
	if (!rc)
		return fd;
	close(fd);
	return error_set(err, rc, "holder: %s: %s", address->sun_path, strerror(-rc));
}

/* In the child, and then in its child, which has no parent to wait for it. Does not return. */
static void child_run(int listener, char *path)
{
	char name[] = HOLDER_ARGV0;
	char *argv[] = {name, path, NULL};
	sigset_t none;
	int null;

	setsid();
	if (fork() != 0)
		_exit(0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR);
	/* out of the way of the numbers that are given out next */
	listener = fcntl(listener, F_DUPFD, HOLDER_FD + 1);
	for (int fd = 0; fd < HOLDER_FD; fd++)
		dup2(null, fd);
	dup2(listener, HOLDER_FD);
	close_range(HOLDER_FD + 1, ~0U, 0);
	if (chdir("/") == 0)
		execv("/proc/self/exe", argv);
	_exit(127);
}

static int holder_start(struct holder *holder, struct error *err)
{
	struct timespec now;
	int listener = listener_new(&holder->address, err);
	pid_t child;
	int rc;

	if (listener < 0)
		return listener;
	child = fork();
	if (child == 0)
		child_run(listener, holder->address.sun_path);
	rc = child < 0 ? -errno : 0;
	close(listener);
	if (rc)
		return error_set(err, rc, "holder: %s", strerror(-rc));
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	clock_gettime(CLOCK_MONOTONIC, &now);
	holder->started = now.tv_sec;
	rc = holder_connect(holder, err);
	return rc ? error_set(err, rc, "holder: weft-holder could not be started") : 0;
}

/* --- what is held --------------------------------------------------------------------------- */

static struct item *item_find(const struct holder *holder, const struct holder_item *key)
{
	struct item *item;

	HASH_FIND(hh, holder->items, key, sizeof(*key), item);
	return item;
}

static struct item *item_new(struct holder *holder, const struct holder_item *key)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	item->key = *key;
	HASH_ADD(hh, holder->items, key, sizeof(item->key), item);
	return item;
}

static void item_free(struct holder *holder, struct item *item)
{
	HASH_DEL(holder->items, item);
	free(item);
}

/* In the field's words: "dstport: ...", "type: ..." or "group: ...". */
static int item_refused(const struct holder *holder, const struct holder_item *key, int rc,
			struct error *err)
{
	char text[128];
	const struct link *link;

	if (key->port && rc == -EADDRINUSE)
		return error_set(err, rc, "dstport: %u is held by %s", key->port,
				 port_owner(holder->netlink, key->port, text, sizeof(text)));
	if (key->port)
		return error_set(err, rc, "dstport: %u: %s", key->port, strerror(-rc));
	if (key->protocol)
		return error_set(err, rc, "type: weft-holder cannot receive GRE: %s%s",
				 strerror(-rc), rc == -EPERM ? " (CAP_NET_RAW is missing)" : "");
	link = link_by_index(holder->netlink, key->ifindex);
	return error_set(err, rc, "group: %s cannot be joined on %s: %s",
			 addr_format(&key->group, text), link ? link->name : "its device",
			 strerror(-rc));
}

static enum holder_operation item_hold(const struct holder_item *key)
{
	return key->port ? HOLDER_PORT_HOLD : key->protocol ? HOLDER_PROTOCOL_HOLD : HOLDER_JOIN;
}

static enum holder_operation item_release(const struct holder_item *key)
{
	return key->port       ? HOLDER_PORT_RELEASE
	       : key->protocol ? HOLDER_PROTOCOL_RELEASE
			       : HOLDER_LEAVE;
}

/* A new holder is given everything that the one that died had, but for `missing`, which the caller asks for. */
static void restore(struct holder *holder, const struct holder_item *missing)
{
	struct holder_answer answer;
	struct item *item, *next;
	struct error err;

	HASH_ITER (hh, holder->items, item, next) {
		if (missing && memcmp(missing, &item->key, sizeof(*missing)) == 0)
			continue;
		memset(&err, 0, sizeof(err));
		if (holder->fd < 0 && holder_start(holder, &err))
			answer.result = err.code;
		else if (ask(holder, item_hold(&item->key), &item->key, &answer))
			answer.result = -EPIPE;
		if (!answer.result)
			continue;
		item_refused(holder, &item->key, answer.result, &err);
		if (holder->lost)
			holder->lost(holder->lost_arg, &err);
	}
}

/*
 * An older holder, which does not know what it is asked, makes way: the one that comes after it is given
 * everything that it had. Waits until it is gone, as nobody can have its ports before.
 */
static void holder_retire(struct holder *holder)
{
	struct holder_answer nothing;

	if (!kill(holder->pid, SIGTERM))
		while (recv(holder->fd, &nothing, sizeof(nothing), 0) < 0 && errno == EINTR)
			;
	disconnect(holder);
}

/* Asks a running holder, or starts one. One that goes in the middle of it, or does not know how, is started once more. */
static int hold(struct holder *holder, const struct holder_item *key, struct error *err)
{
	struct holder_answer answer;
	int rc = -EPIPE;

	for (int i = 0; rc == -EPIPE && i < 2; i++) {
		if (holder->fd < 0) {
			rc = holder_start(holder, err);
			if (rc)
				return rc;
			restore(holder, key);
		}
		rc = holder->fd < 0 ? -EPIPE : ask(holder, item_hold(key), key, &answer);
		if (!rc && answer.result == -EOPNOTSUPP && !i) {
			holder_retire(holder);
			rc = -EPIPE;
		}
	}
	if (rc)
		return error_set(err, rc, "holder: weft-holder does not stay");
	return answer.result ? item_refused(holder, key, answer.result, err) : 0;
}

static int item_get(struct holder *holder, const struct holder_item *key, struct error *err)
{
	struct item *item = item_find(holder, key);
	int rc;

	if (item) {
		item->count++;
		return 0;
	}
	item = item_new(holder, key);
	if (!item)
		return error_set(err, -ENOMEM, "holder: out of memory");
	rc = hold(holder, key, err);
	if (rc)
		item_free(holder, item);
	else
		item->count = 1;
	return rc;
}

static void item_put(struct holder *holder, struct item *item)
{
	struct holder_answer answer;

	if (item->count > 1) {
		item->count--;
		return;
	}
	if (holder->fd >= 0)
		ask(holder, item_release(&item->key), &item->key, &answer);
	item_free(holder, item);
}

static struct holder_item port_key(uint16_t port)
{
	struct holder_item key;

	memset(&key, 0, sizeof(key));
	key.port = port;
	return key;
}

static struct holder_item group_key(const struct weft_addr *group, uint32_t ifindex)
{
	struct holder_item key;

	memset(&key, 0, sizeof(key));
	key.group = *group;
	key.ifindex = ifindex;
	return key;
}

int holder_port_hold(struct holder *holder, uint16_t port, struct error *err)
{
	struct holder_item key = port_key(port);

	return item_get(holder, &key, err);
}

void holder_port_release(struct holder *holder, uint16_t port)
{
	struct holder_item key = port_key(port);
	struct item *item = item_find(holder, &key);

	if (item)
		item_put(holder, item);
}

static struct holder_item gre_key(void)
{
	struct holder_item key;

	memset(&key, 0, sizeof(key));
	key.protocol = IPPROTO_GRE;
	return key;
}

int holder_gre_hold(struct holder *holder, struct error *err)
{
	struct holder_item key = gre_key();

	return item_get(holder, &key, err);
}

void holder_gre_release(struct holder *holder)
{
	struct holder_item key = gre_key();
	struct item *item = item_find(holder, &key);

	if (item)
		item_put(holder, item);
}

int holder_join(struct holder *holder, const struct weft_addr *group, uint32_t ifindex,
		struct error *err)
{
	struct holder_item key = group_key(group, ifindex);

	return item_get(holder, &key, err);
}

void holder_leave(struct holder *holder, const struct weft_addr *group, uint32_t ifindex)
{
	struct holder_item key = group_key(group, ifindex);
	struct item *item = item_find(holder, &key);

	if (item)
		item_put(holder, item);
}

void holder_settle(struct holder *holder)
{
	struct item *item, *next;

	HASH_ITER (hh, holder->items, item, next)
		if (!item->count)
			item_put(holder, item);
}

void holder_list(const struct holder *holder,
		 void (*each)(void *arg, const struct holder_item *item), void *arg)
{
	struct item *item, *next;

	HASH_ITER (hh, holder->items, item, next)
		each(arg, &item->key);
}

int holder_pid(const struct holder *holder)
{
	return holder->pid;
}

void holder_watch(struct holder *holder, void (*lost)(void *arg, const struct error *err),
		  void *arg)
{
	holder->lost = lost;
	holder->lost_arg = arg;
}

/* --- life ----------------------------------------------------------------------------------- */

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
	struct holder *holder = arg;

	(void)fd;
	(void)what;
	if (holder->fd < 0)
		restore(holder, NULL);
}

/* The holder went: by itself, having nothing to hold, or against our will. */
static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct timeval pause = {0};
	struct holder *holder = arg;
	struct timespec now;

	(void)fd;
	(void)what;
	disconnect(holder);
	if (!holder->items)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - holder->started <= RESTART_PAUSE)
		pause.tv_sec = RESTART_PAUSE;
	event_add(holder->restart, &pause);
}

/* What an earlier weftd's holder has. */
static int list_read(struct holder *holder, struct error *err)
{
	struct holder_answer answer;
	int rc = request_send(holder, HOLDER_LIST, NULL);

	while (!rc) {
		rc = answer_receive(holder, &answer);
		if (rc || !answer.more)
			break;
		if (!item_find(holder, &answer.item) && !item_new(holder, &answer.item))
			rc = -ENOMEM;
	}
	return rc ? error_set(err, rc, "holder: reading what it holds: %s", strerror(-rc)) : 0;
}

static int address_set(struct sockaddr_un *address, const char *rundir, struct error *err)
{
	char *path = realpath(rundir, NULL); /* the holder's own directory is another */
	int length;

	if (!path)
		return error_set(err, -errno, "rundir: %s: %s", rundir, strerror(errno));
	address->sun_family = AF_UNIX;
	length = snprintf(address->sun_path, sizeof(address->sun_path), "%s/" HOLDER_SOCKET, path);
	free(path);
	if (length < 0 || (size_t)length >= sizeof(address->sun_path))
		return error_set(err, -ENAMETOOLONG, "rundir: %s: the path is too long", rundir);
	return 0;
}

int holder_new(struct event_base *base, struct netlink *netlink, const char *rundir,
	       struct holder **ret, struct error *err)
{
	struct holder *holder = calloc(1, sizeof(*holder));
	int rc;

	if (!holder)
		return error_set(err, -ENOMEM, "holder: out of memory");
	holder->base = base;
	holder->netlink = netlink;
	holder->fd = -1;
	holder->restart = event_new(base, -1, 0, on_restart, holder);
	rc = holder->restart ? address_set(&holder->address, rundir, err)
			     : error_set(err, -ENOMEM, "holder: out of memory");
	if (!rc) {
		rc = holder_connect(holder, err);
		if (!rc)
			rc = list_read(holder, err);
		else if (rc == -ENOENT || rc == -ECONNREFUSED)
			rc = 0;
	}
	if (rc) {
		holder_free(holder);
		return rc;
	}
	*ret = holder;
	return 0;
}

void holder_free(struct holder *holder)
{
	struct item *item, *next;

	if (!holder)
		return;
	disconnect(holder);
	if (holder->restart)
		event_free(holder->restart);
	HASH_ITER (hh, holder->items, item, next)
		item_free(holder, item);
	free(holder);
}
