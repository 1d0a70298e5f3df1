/* SPDX-License-Identifier: GPL-2.0-only */
/* RUNDIR and RUNDIR/weftd.lock. */
#include "daemon/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rundir {
	char path[PATH_MAX];
	char lock[PATH_MAX];
	int fd;
	bool made;
};

static int directory_make(struct rundir *rundir, struct error *err)
{
	struct stat stat_buf;

	if (mkdir(rundir->path, 0755) == 0) {
		rundir->made = true;
		/* whatever the umask says */
		if (chmod(rundir->path, 0755) == 0)
			return 0;
	} else if (errno == EEXIST && stat(rundir->path, &stat_buf) == 0) {
		if (S_ISDIR(stat_buf.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return error_set(err, -errno, "rundir: %s: %s", rundir->path, strerror(errno));
}

/*
 * A record lock, which a child does not inherit: what weftd starts and leaves behind must not keep the
 * next weftd out.
 */
static int lock_take(struct rundir *rundir, struct error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat ours, there;

	for (;;) {
		rundir->fd = open(rundir->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (rundir->fd < 0)
			return error_set(err, -errno, "rundir: %s: %s", rundir->lock,
					 strerror(errno));
		if (fcntl(rundir->fd, F_SETLK, &lock) < 0)
			break;
		/* Its last owner may have removed the file between open and lock. */
		if (fstat(rundir->fd, &ours) == 0 && stat(rundir->lock, &there) == 0 &&
		    ours.st_ino == there.st_ino)
			return 0;
		close(rundir->fd);
	}
	if (errno != EACCES && errno != EAGAIN)
		return error_set(err, -errno, "rundir: %s: %s", rundir->lock, strerror(errno));
	lock.l_pid = 0;
	fcntl(rundir->fd, F_GETLK, &lock);
	return error_set(err, -EBUSY, "rundir: %s: another weftd runs there (pid %d)", rundir->path,
			 (int)lock.l_pid);
}

int rundir_open(const char *path, struct rundir **ret, struct error *err)
{
	struct rundir *rundir = calloc(1, sizeof(*rundir));
	int result;

	if (!rundir)
		return error_set(err, -ENOMEM, "out of memory");
	rundir->fd = -1;
	if (snprintf(rundir->path, PATH_MAX, "%s", path) >= PATH_MAX ||
	    snprintf(rundir->lock, PATH_MAX, "%s/weftd.lock", path) >= PATH_MAX)
		result = error_set(err, -ENAMETOOLONG, "rundir: is longer than %d bytes", PATH_MAX);
	else
		result = directory_make(rundir, err);
	if (result == 0)
		result = lock_take(rundir, err);
	if (result < 0) {
		if (rundir->fd >= 0)
			close(rundir->fd);
		free(rundir);
		return result;
	}
	*ret = rundir;
	return 0;
}

void rundir_close(struct rundir *rundir)
{
	if (!rundir)
		return;
	unlink(rundir->lock);
	close(rundir->fd);
	if (rundir->made)
		rmdir(rundir->path);
	free(rundir);
}
