# SPDX-License-Identifier: GPL-2.0-only
"""Storm limits in `weft trace`: it says what a frame would meet now, and takes none of the room that there is."""

import pytest

from frames import BROADCAST, mac_of
from lab import wait_until
from rig import TENANT_A, TENANT_R

pytestmark = [pytest.mark.family(4)]
TRACES = 20


def reasons(rig, *words):
    """Of the drops in a trace."""
    weft = rig.dut.weft
    steps = weft.parsed(rig.host.run(*weft.argv("trace", *words)))["steps"]
    return [step["reason"] for step in steps if step["step"] == "drop"]


def traced(rig, dst):
    return reasons(rig, "in", "pa", f"hex {rig.tenant(TENANT_A, dst).hex()}")


@pytest.mark.parametrize("field, dst", [("storm_broadcast", BROADCAST), ("storm_unknown", mac_of(0x77)),
                                        ("storm_multicast", "01:00:5e:01:01:01")])
def test_port(ready, field, dst):
    ready.dut.weft(f"port set pa {field} 1")
    for _ in range(TRACES):
        assert traced(ready, dst) == []
    data = ready.tenant(TENANT_A, dst)
    ready.a.send(data)
    ready.b.expect(data, what="flooded frame")

    def full():
        ready.a.send(*[ready.tenant(TENANT_A, dst) for _ in range(TRACES)])
        return traced(ready, dst)
    assert wait_until(full, "the limit to be met") == ["storm"]
    # what is known is not flooded, and goes
    assert traced(ready, TENANT_R) == []


def test_tunnel(ready):
    ready.dut.weft("tunnel set v0 storm_broadcast 1")

    def full():
        ready.u.send(*[ready.packet(ready.tenant(TENANT_R, BROADCAST)) for _ in range(TRACES)])
        return reasons(ready, "underlay", "u0", f"hex {ready.packet(ready.tenant(TENANT_R, BROADCAST)).hex()}")
    assert wait_until(full, "the limit to be met") == ["storm"]
