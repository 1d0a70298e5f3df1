/* SPDX-License-Identifier: GPL-2.0-only */
/* weftd as it is, over the kernel side of fake_kernel.c: for tests of socket, state file and options. */
#include "daemon/run.h"

int main(int argc, char **argv)
{
	return weftd_run(argc, argv);
}
