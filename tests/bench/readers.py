# SPDX-License-Identifier: GPL-2.0-only
"""Everything that can be read of a weftd, read all the time, and captures: what the benchmark's variants with readers run beside the traffic."""

import contextlib
import subprocess
import threading
import urllib.request

from lab import wait_until

PAUSE = 1  # seconds between two readings of every counter
METRICS = 9100  # port of the metrics page
SNAP = "256"  # bytes of each packet, so that a file holds a run with super-packets


def command_of(weft):
    return [str(weft.binary.parent / "weft"), "--rundir", str(weft.rundir)]


@contextlib.contextmanager
def captured(weft, *words):
    """`weft capture` of all points to a file; says at the end how much that was."""
    path, log = (weft.host.lab.tmp_path / f"{weft.host.name}.{kind}" for kind in ("pcapng", "capture"))
    with open(log, "wb") as stderr:
        capture = weft.host.start(*command_of(weft), "capture", "-w", path, "-s", SNAP, *words, stderr=stderr)
    wait_until(lambda: "capturing" in log.read_text() or capture.poll() is not None, "capture to begin")
    try:
        yield
    finally:
        capture.terminate()
        status = capture.wait()
        print(f"    {weft.host.name}: {log.read_text().splitlines()[-1]}", flush=True)
    if status:
        raise RuntimeError(f"weft capture ended with {status}")


@contextlib.contextmanager
def readers(weft):
    """`weft monitor` runs, and metrics page, counters, drops and state are read each second. `weft`: a Weftd of tests/net/daemon.py
    that serves metrics at METRICS."""
    command = command_of(weft)
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
