# SPDX-License-Identifier: GPL-2.0-only
"""The same on every CPU at once."""

import os
import threading


def on_every_cpu(work):
    """Runs `work` in a thread on each CPU that there is leave for, all begun together; how many. TEST_RUN is made without
    the interpreter's lock, so the programs do run at the same time."""
    cpus = sorted(os.sched_getaffinity(0))
    barrier = threading.Barrier(len(cpus))
    failed = []

    def run(cpu):
        try:
            os.sched_setaffinity(0, {cpu})
            barrier.wait()
            work()
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=run, args=(cpu,)) for cpu in cpus]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    return len(cpus)
