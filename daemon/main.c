/* SPDX-License-Identifier: GPL-2.0-only */
/* weftd's main(): the holder, or weftd. */
#include "daemon/holder.h"
#include "daemon/run.h"

int main(int argc, char **argv)
{
	holder_main(argc, argv);
	return weftd_run(argc, argv);
}
