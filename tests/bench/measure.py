# SPDX-License-Identifier: GPL-2.0-only
"""What is measured on a site (variants.py), each as a dict of metric -> number."""

import json
import os
import signal
import subprocess
import time

from bench import BUILD

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


def _iperf3(site, seconds, *options):
    """Gbit/s that arrive, and CPU seconds per GB."""
    server = site.c2.start("iperf3", "-s", "-1", "-J", stdout=-3, stderr=-3)
    for _ in range(100):
        if ":5201" in site.c2.run("ss", "-Hltn").stdout:
            break
        time.sleep(0.02)
    before = cpu_seconds()
    client = site.c1.run("iperf3", "-J", "-c", site.target, "-t", seconds, "-A", "0,1", *options,
                         timeout=seconds + 30)
    spent = cpu_seconds() - before
    server.wait(10)
    received = json.loads(client.stdout)["end"]["sum_received"]
    return {"rate": received["bits_per_second"] / 1e9,
            "cpu": spent / (received["bytes"] / 1e9)}


def tcp(site, seconds):
    return _iperf3(site, seconds)


def tcp_4(site, seconds):
    """Four streams at once."""
    return _iperf3(site, seconds, "-P", 4)


def tcp_back(site, seconds):
    """From c2 to c1."""
    return _iperf3(site, seconds, "-R")


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
    """One small UDP packet there and back, in microseconds."""
    ping, _, _ = _pair(site, ("echo",), ("ping", seconds, SIZE), seconds)
    return {"p50": ping["p50"] / 1000, "p99": ping["p99"] / 1000, "lost": ping["lost"]}


def tcp_round_trip(site, seconds):
    """A question and its answer over one TCP connection, in microseconds."""
    ping, _, _ = _pair(site, ("tcp-echo",), ("tcp-ping", seconds, SIZE), seconds)
    return {"p50": ping["p50"] / 1000, "p99": ping["p99"] / 1000}


def connect(site, seconds):
    """TCP connections that are made and closed, one at a time: a second."""
    made, _, _ = _pair(site, ("accept",), ("connect", seconds), seconds)
    return {"rate": made["connections"] / made["seconds"]}


def programs_spent():
    """id -> (name, ns, runs) of weft's programs."""
    said = subprocess.run(["bpftool", "-j", "prog", "show"], check=True, capture_output=True, text=True)
    return {one["id"]: (one["name"], one.get("run_time_ns", 0), one.get("run_cnt", 0))
            for one in json.loads(said.stdout) if one.get("name", "").startswith("weft_")}


def bpf_stats(on):
    with open("/proc/sys/kernel/bpf_stats_enabled", "w") as file:
        file.write(f"{int(on)}\n")


def programs(site, seconds):
    """What weft's programs take of each small packet, in ns: the kernel's own count, which other load moves little.
    That of counting is in it."""
    if not site.weftds:
        return {}
    bpf_stats(True)
    try:
        before = programs_spent()
        udp_held(site, seconds)
        after = programs_spent()
    finally:
        bpf_stats(False)
    spent, found = {}, {}
    for program, (name, ns, runs) in after.items():
        _, ns_before, runs_before = before.get(program, (name, 0, 0))
        total = spent.setdefault(name, [0, 0])
        total[0] += ns - ns_before
        total[1] += runs - runs_before
    for name, key in (("weft_port", "port"), ("weft_underlay", "underlay")):
        if spent.get(name, [0, 0])[1]:
            found[key] = spent[name][0] / spent[name][1]
    return found


def instructions(site, seconds):
    """Instructions of the kernel for each small packet, where the CPU counts them for us."""
    counter = site.a.start("perf", "stat", "-a", "-x", ",", "-e", "instructions:k", "--", "sleep", seconds + 0.5,
                           stdout=-3, stderr=-1, text=True)
    _, _, _ = _pair(site, ("sink",), ("blast", seconds, HELD, SIZE), seconds)
    said = counter.communicate(timeout=30)[1].split(",")
    return {"each": float(said[0]) / (HELD * seconds)} if said[0].isdigit() else {}


# scene -> regime -> test -> what it calls; the results of a scene but `veth` are called SCENE/TEST
PLAN = {
    "veth": {
        "super": {"udp_most": udp_most, "udp_held": udp_held, "programs": programs, "instructions": instructions,
                  "round_trip": round_trip, "tcp_round_trip": tcp_round_trip, "connect": connect,
                  "tcp_super": tcp, "tcp_super_4": tcp_4},
        "packet": {"tcp_packet": tcp, "tcp_packet_4": tcp_4},
        "nic": {"tcp_nic": tcp},
    },
    "veth6": {"super": {"udp_most": udp_most, "round_trip": round_trip, "tcp_super": tcp}, "packet": {"tcp_packet": tcp}},
    "tap": {"super": {"udp_most": udp_most, "round_trip": round_trip, "tcp_super": tcp, "tcp_super_back": tcp_back}},
    "internal": {"super": {"udp_most": udp_most, "round_trip": round_trip, "tcp_super": tcp, "tcp_super_back": tcp_back},
                 "packet": {"tcp_packet": tcp}},
}


def title(scene, test):
    return test if scene == "veth" else f"{scene}/{test}"
