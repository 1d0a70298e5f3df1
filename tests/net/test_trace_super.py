# SPDX-License-Identifier: GPL-2.0-only
"""Super-packets in `weft trace`: what is said of the first segment is what the wire carries of it."""

import pytest

from frames import IP, TCP, Ether, IPv6, Raw
from rig import TENANT_A, TENANT_R

SEGMENT = 1300
PAYLOAD = 2500  # in segments of unequal length, for which no checksum is right for all


def super_packet(version, flags):
    ip = IP(src="10.0.0.1", dst="10.0.0.2", flags="DF") if version == 4 else IPv6(src="fd00::1", dst="fd00::2")
    return bytes(Ether(src=TENANT_A, dst=TENANT_R) / ip / TCP(sport=1000, dport=2000, flags=flags, seq=7) /
                 Raw(b"x" * PAYLOAD))


def steps(rig, data):
    weft = rig.dut.weft
    return weft.parsed(rig.host.run(*weft.argv("trace", "in", "pa", f"hex {data.hex()}, segment {SEGMENT}")))["steps"]


def compare(rig, version, flags):
    data = super_packet(version, flags)
    said = steps(rig, data)
    assert [step["hook"] for step in said if step["step"] == "run"] == ["port", "split"]
    assert said[0]["segment"] == SEGMENT
    rig.host.offload("u0", "off")  # so that the checksum inside is filled in, as on a wire
    rig.u.drain()
    rig.a.send_super(data, SEGMENT)
    first = rig.u.expect(rig.outer, what="first segment")
    assert said[-1]["step"] == "send"
    assert said[-1]["packet"] == first.raw.hex()
    rig.u.expect(rig.outer, what="second segment")


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("flags", ["A", "PA", "FPA"])
@pytest.mark.encapsulations("gretap")
def test_numbered(rig, version, flags):
    """Each segment has a number of its own, so the splitter cuts first. The last one alone says PSH and FIN."""
    rig.up(oseq=True)
    rig.meet()
    compare(rig, version, flags)


@pytest.mark.family(4)
@pytest.mark.encapsulations("vxlan", "geneve")
def test_summed(rig):
    rig.up(udpcsum=True)
    rig.meet()
    compare(rig, 4, "PA")


@pytest.mark.family(4)
def test_as_one(ready):
    """Where segmentation is left to the kernel the packet stays as it is, with one outer header in front of it."""
    said = steps(ready, super_packet(4, "PA"))
    assert [step["step"] for step in said] == ["run", "port", "learn", "lookup", "encap", "send"]
    assert said[-1]["segment"] == SEGMENT
    assert said[-1]["length"] == said[0]["length"] + ready.overhead + 14
    assert bytes.fromhex(said[-1]["packet"])[14 + ready.overhead:] == super_packet(4, "PA")
