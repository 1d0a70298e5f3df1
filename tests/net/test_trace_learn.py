# SPDX-License-Identifier: GPL-2.0-only
"""What `weft trace` says would be learned is what then is learned, and nothing is before."""

import pytest

from frames import BROADCAST, mac_of
from lab import wait_until
from rig import TENANT_A, TENANT_R

NEW = mac_of(0x5EED)


def learned(rig, *words):
    """The step of a trace that speaks of the source; the FDB is as it was."""
    weft = rig.dut.weft
    before = rig.dut.fdb()
    steps = weft.parsed(rig.host.run(*weft.argv("trace", *words)))["steps"]
    assert rig.dut.fdb() == before
    return steps, next(step for step in steps if step["step"] == "learn")


def entry(rig, mac):
    return next((row for row in rig.dut.weft.fdb() if row["mac"] == mac), None)


def test_new(ready):
    data = ready.tenant(NEW, TENANT_R)
    _, step = learned(ready, "in", "pa", f"hex {data.hex()}")
    assert (step["result"], step["src"], step["port"]) == ("new", NEW, "pa")
    ready.out(data)
    assert wait_until(lambda: entry(ready, NEW), "source to be learned")["dev"] == "pa"
    _, step = learned(ready, "in", "pa", f"hex {data.hex()}")
    assert (step["result"], step["there"]) == ("known", {"port": "pa"})


def test_move(ready):
    data = ready.tenant(TENANT_A, TENANT_R)
    _, step = learned(ready, "in", "pb", f"hex {data.hex()}")
    assert (step["result"], step["src"], step["port"], step["there"]) == ("move", TENANT_A, "pb", {"port": "pa"})
    ready.out(data, tap=ready.b)
    wait_until(lambda: entry(ready, TENANT_A)["dev"] == "pb", "source to move")


def test_full(rig):
    rig.up(bridge={"maxaddress": 2})
    rig.meet()
    _, step = learned(rig, "in", "pa", f"hex {rig.tenant(NEW, TENANT_R).hex()}")
    assert (step["result"], step["src"]) == ("full", NEW)


def test_unknown_remote(rig):
    """A tunnel with a group takes any source: one that is new becomes a remote, and what it sends is learned there."""
    rig.up(group=rig.group, dev="u0", local=None)
    inner = rig.tenant(NEW, BROADCAST)
    packet = rig.packet(inner)
    steps, step = learned(rig, "underlay", "u0", f"hex {packet.hex()}")
    assert [other["step"] for other in steps][:4] == ["run", "underlay", "peer_new", "peer"]
    assert (step["result"], step["src"], step["tunnel"]) == ("new", NEW, "v0")
    assert all("remote" not in other for other in steps)
    rig.delivered(packet, inner)
    wait_until(lambda: (entry(rig, NEW) or {}).get("dst") == rig.r1, "source to be learned behind its remote")
    _, step = learned(rig, "underlay", "u0", f"hex {packet.hex()}")
    assert (step["result"], step["there"]) == ("known", {"tunnel": "v0", "remote": rig.r1})


@pytest.mark.family(4)
def test_words(ready):
    weft = ready.dut.weft
    argv = [word for word in weft.argv("trace", "in", "pa", f"hex {ready.tenant(NEW, TENANT_R).hex()}") if word != "-j"]
    assert f"\nsource {NEW}: the FDB does not have it, and would learn it\n" in ready.host.run(*argv).stdout
