# SPDX-License-Identifier: GPL-2.0-only
"""Removing the last object leaves the host as it was; nothing is changed that weft did not make."""

import pathlib

import pytest

from daemon import Weftd
from lab import wait_until
from snapshot import loaded, programs, snapshot
from test_config import CONFIG


@pytest.fixture
def host(lab):
    """As for test_config, but without weftd yet, and with routes and filters of its own."""
    made = lab.host("host")
    lab.link(made, "eth0", lab.host("peer"), "eth0")
    made.ip("address add 10.9.0.1/24 dev eth0")
    made.ip("route add 10.10.0.0/16 via 10.9.0.2")
    for port in ("p0", "p1"):
        made.container(f"c-{port}", port)
    made.ip("link add own-br type bridge")
    made.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    made.run("tc", "filter", "add", "dev", "eth0", "ingress", "prio", "7", "protocol", "ip",
             "bpf", "bytecode", "1,6 0 0 0")  # matches nothing
    return made


def neighbours(host):
    """Entries that stay for ever or are kept alive for somebody."""
    return sorted(line for line in host.run("ip", "neigh", "show").stdout.splitlines()
                  if "PERMANENT" in line or "managed" in line or "extern_learn" in line)


def files(weft):
    return sorted(path.name for path in weft.rundir.glob("*")) if weft.rundir.exists() else []


def apply_empty_file(weft):
    weft.apply({})


def delete_every_object(weft):
    for noun in ("tunnel", "port", "bridge"):
        for item in weft(f"{noun} show"):
            weft(f"{noun} del {item['name']}")


@pytest.mark.parametrize("clear", [apply_empty_file, delete_every_object],
                         ids=lambda clear: clear.__name__)
@pytest.mark.parametrize("restart", [False, True], ids=["", "restarted"])
def test_nothing_stays_behind(host, clear, restart):
    before = snapshot(host), neighbours(host)
    weft = Weftd(host)
    empty = _without_weftd(snapshot(host), weft), neighbours(host)
    assert empty == before, "weftd without an object has changed the host"
    idle = files(weft)
    weft.apply(CONFIG)
    assert snapshot(host) != before[0]
    attached = programs(host)
    assert attached
    if restart:
        weft.kill()
        weft.start()
        attached |= programs(host)
    clear(weft)
    assert (_without_weftd(snapshot(host), weft), neighbours(host)) == before
    assert files(weft) == idle
    weft.stop()
    assert (snapshot(host), neighbours(host)) == before
    assert files(weft) == []
    wait_until(lambda: not loaded(attached), "programs to be gone")


def _without_weftd(state, weft):
    """Less weftd itself, which is still running."""
    return dict(state, processes=[command for command in state["processes"]
                                  if not command.startswith(str(weft.binary).encode() + b"\0")
                                  or b"--rundir" not in command])


def test_stopped_daemon_with_objects_leaves_what_forwards(host):
    weft = Weftd(host)
    weft.apply(CONFIG)
    weft.stop()
    state = snapshot(host)
    assert any("weft" in text for text in map(str, state["filters"].values()))
    weft.start()
    weft.apply({})
    assert not any(weft.save().values())


def test_devices_are_not_changed(host):
    """MTU, addresses, offloads, promiscuity … of ports and of the underlay stay."""
    before = snapshot(host)
    weft = Weftd(host)
    weft.apply(CONFIG)
    now = snapshot(host)
    for dev in ("eth0", "p0", "p1", "lo", "own-br"):
        assert now["devices"][dev] == before["devices"][dev]
    assert now["sysctls"].items() >= before["sysctls"].items()
    assert set(now["devices"]) - set(before["devices"]) >= {"host0", "own0"}


def test_namespace_goes_with_everything(lab):
    """A host that is removed under weftd's feet: no program of it stays on the machine."""
    host = lab.host("gone")
    host.container("c", "p0")
    weft = Weftd(host)
    weft.apply({"bridges": {"br0": {}}, "ports": {"p0": {"bridge": "br0"}}})
    attached = programs(host)
    assert attached
    weft.kill()
    lab.hosts.remove(host)
    host.close()
    wait_until(lambda: not loaded(attached), "programs to be gone")
    assert not pathlib.Path("/run/netns", host.netns).exists()
