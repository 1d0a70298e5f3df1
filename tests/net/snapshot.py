# SPDX-License-Identifier: GPL-2.0-only
"""What a host's kernel holds, as comparable data: to show that weft leaves it as it was."""

import json
import os
import pathlib
import re
import subprocess

import hooks

# What changes by itself or is decided by the kernel at random.
_VOLATILE = ("stats", "stats64", "valid_life_time", "preferred_life_time", "age", "used", "updated", "confirmed", "probes")


def _clean(value):
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()
                if key not in _VOLATILE and not key.endswith("timer")}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _json(host, *argv):
    text = host.run(*argv).stdout
    return _clean(json.loads(text)) if text.strip() else []


def devices(host):
    return {link["ifname"]: link for link in _json(host, "ip", "-d", "-j", "address", "show")}


def filters(host):
    """Queueing disciplines, tc filters and everything else that holds a program."""
    found = {"qdisc": host.run("tc", "qdisc", "show").stdout}
    for dev in devices(host):
        for hook in ("ingress", "egress"):
            found[f"{dev} {hook}"] = host.run("tc", "filter", "show", "dev", dev, hook,
                                              check=False).stdout
            found[f"{dev} {hook} tcx"] = len(hooks.tcx(host, dev, hook))
    found["bpf"] = [re.sub(r" id \d+", "", line) for line in
                    host.run("bpftool", "net", "show").stdout.splitlines()]
    return found


def sysctls(host):
    """Every value below /proc/sys/net that belongs to the namespace and can be read."""
    values = {}
    with host.inside():
        for path in pathlib.Path("/proc/sys/net").rglob("*"):
            try:
                if path.is_file() and os.access(path, os.R_OK):
                    values[str(path)] = path.read_text()
            except OSError:
                continue
    # Random or counting by nature.
    return {path: value for path, value in values.items()
            if not re.search(r"secret|fastopen_key|random|nf_conntrack_count|stable", path)}


def processes(host):
    """Commands of what runs in the namespace."""
    pids = subprocess.run(["ip", "netns", "pids", host.netns], capture_output=True, text=True)
    return sorted(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids.stdout.split())


def snapshot(host):
    return {
        "devices": devices(host),
        "filters": filters(host),
        "routes": _json(host, "ip", "-j", "route", "show", "table", "all"),
        "rules": _json(host, "ip", "-j", "rule", "show"),
        "groups": _json(host, "ip", "-j", "maddress", "show"),
        "sockets": sorted(line.split()[3] for line in
                          host.run("ss", "-Hlnua").stdout.splitlines()),
        "sysctls": sysctls(host),
        "processes": processes(host),
    }


def programs(host):
    """ids of weft's programs attached in the namespace."""
    return {program for dev in devices(host) for hook in ("ingress", "egress")
            for program in hooks.programs(host, dev, hook).values()}


def loaded(ids):
    """Those of the programs that the kernel still has."""
    found = json.loads(subprocess.run(["bpftool", "-j", "prog", "show"], check=True,
                                      capture_output=True, text=True).stdout)
    return ids & {program["id"] for program in found}
