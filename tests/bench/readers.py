# SPDX-License-Identifier: GPL-2.0-only
"""Everything that can be read of a weftd, read all the time: what the benchmark's variant with readers runs beside the traffic."""

import contextlib
import subprocess
import threading
import urllib.request

PAUSE = 1  # seconds between two readings of every counter
METRICS = 9100  # port of the metrics page


@contextlib.contextmanager
def readers(weft):
    """`weft monitor` runs, and metrics page, counters, drops and state are read each second. `weft`: a Weftd of tests/net/daemon.py
    that serves metrics at METRICS."""
    command = [str(weft.binary.parent / "weft"), "--rundir", str(weft.rundir)]
    monitor = weft.host.start(*command, "monitor", stdout=subprocess.DEVNULL)
    done = threading.Event()

    def read():
        while not done.wait(PAUSE):
            with weft.host.inside(), urllib.request.urlopen(f"http://127.0.0.1:{METRICS}/metrics", timeout=10) as page:
                page.read()
            for words in (["stats"], ["drops"], ["status"], ["-j", "tunnel", "show"]):
                weft.host.run(*command, *words, check=False)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        monitor.terminate()
        monitor.wait()
