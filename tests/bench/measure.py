# SPDX-License-Identifier: GPL-2.0-only
"""What is measured on a site (variants.py), each as a dict of metric -> number."""

import json
import os
import pathlib
import signal
import time

BUILD = pathlib.Path(os.environ["WEFT_BUILD"])
TRAFFIC = BUILD / "tests/bench/traffic"
PORT = 7000
SIZE = 64  # bytes of UDP payload
HELD = 50_000  # packets a second
SENDER, RECEIVER = ["taskset", "-c", "0"], ["taskset", "-c", "1"]


def cpu_seconds():
    """CPU time the machine has not been idle; hence nothing else may run beside.

    From the idle time, which the kernel measures; the busy times it only samples at its ticks,
    and so misses what sleeps and wakes by the clock.
    """
    with open("/proc/stat") as stat:
        idle, iowait = map(int, stat.readline().split()[4:6])
    return time.monotonic() * os.cpu_count() - (idle + iowait) / os.sysconf("SC_CLK_TCK")


def tcp(site, seconds):
    """One TCP stream: Gbit/s, and CPU seconds per GB."""
    server = site.c2.start("iperf3", "-s", "-1", "-J", stdout=-3, stderr=-3)
    for _ in range(100):
        if ":5201" in site.c2.run("ss", "-Hltn").stdout:
            break
        time.sleep(0.02)
    before = cpu_seconds()
    client = site.c1.run("iperf3", "-J", "-c", site.target, "-t", seconds, "-A", "0,1",
                         timeout=seconds + 30)
    spent = cpu_seconds() - before
    server.wait(10)
    received = json.loads(client.stdout)["end"]["sum_received"]
    return {"rate": received["bits_per_second"] / 1e9,
            "cpu": spent / (received["bytes"] / 1e9)}


def _pair(site, server, client, seconds):
    """Runs a traffic server on c2 and a client on c1; what both say, and CPU seconds."""
    listener = site.c2.start(*RECEIVER, TRAFFIC, server[0], site.target, PORT, *server[1:],
                             stdout=-1, text=True)
    time.sleep(0.1)
    before = cpu_seconds()
    mode, *options = client
    said = site.c1.run(*SENDER, TRAFFIC, mode, site.target, PORT, *options, timeout=seconds + 30)
    spent = cpu_seconds() - before
    time.sleep(0.1)
    listener.send_signal(signal.SIGTERM)
    output, _ = listener.communicate(timeout=10)
    return json.loads(said.stdout), json.loads(output or "{}"), spent


def udp_most(site, seconds):
    """Small packets as fast as they go: those that arrive, a second; and the nanoseconds of CPU
    that the sender had for each. In all but Open vSwitch that is the whole way of a packet."""
    blast, sink, _ = _pair(site, ("sink",), ("blast", seconds, 0, SIZE), seconds)
    # What arrives late was held up, and what arrives early was not sent at that rate.
    return {"rate": sink["received"] / max(blast["seconds"], sink["seconds"]),
            "way": blast["cpu"] * 1e9 / blast["sent"]}


def udp_held(site, seconds):
    """Small packets at a held rate: those lost, and CPU microseconds per packet."""
    blast, sink, spent = _pair(site, ("sink",), ("blast", seconds, HELD, SIZE), seconds)
    return {"lost": 1 - sink["received"] / blast["sent"], "cpu": spent * 1e6 / blast["sent"],
            "rate": blast["sent"] / blast["seconds"]}


def round_trip(site, seconds):
    """One small packet there and back, in microseconds."""
    ping, _, _ = _pair(site, ("echo",), ("ping", seconds, SIZE), seconds)
    return {"p50": ping["p50"] / 1000, "p99": ping["p99"] / 1000, "lost": ping["lost"]}


# regime -> what is measured in it
PLAN = {
    "super": {"udp_most": udp_most, "udp_held": udp_held, "round_trip": round_trip,
              "tcp_super": tcp},
    "packet": {"tcp_packet": tcp},
    "nic": {"tcp_nic": tcp},
}
