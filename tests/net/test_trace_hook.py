# SPDX-License-Identifier: GPL-2.0-only
"""`weft trace` only speaks of places where packets do meet weft's program."""

import pytest

import hooks
from lab import wait_until
from rig import TENANT_A, TENANT_R
from routed import ADDRESSES

pytestmark = [pytest.mark.family(4)]


def traced(rig, *words):
    """(steps, None), or (None, the line of the refusal)."""
    weft = rig.dut.weft
    done = rig.host.run(*weft.argv("trace", *words), check=False)
    if done.returncode:
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        return None, lines[0]
    return weft.parsed(done)["steps"], None


def from_port(rig, port="pa"):
    return traced(rig, "in", port, f"hex {rig.tenant().hex()}")


def from_underlay(rig, dev):
    return traced(rig, "underlay", dev, f"hex {rig.packet(rig.tenant(TENANT_R, TENANT_A)).hex()}")


def ends(steps):
    return [step["step"] for step in steps][-1]


def test_no_underlay_device(lab, ready):
    """A device without an address, one of a port, one that is not there: nothing that comes by it is for a tunnel."""
    lab.link(ready.host, "other", ready.tester, "otherx")
    for dev in ("other", "pb"):
        assert from_underlay(ready, dev) == (
            None, f"weft: dev {dev}: is no underlay device, weft looks at no packet there")
    assert from_underlay(ready, "nowhere") == (None, "weft: dev nowhere: there is no such device")
    assert ends(from_underlay(ready, "u0")[0]) == "deliver"
    # with an address it is one
    ready.host.ip("address add 198.51.100.1/24 dev other")
    wait_until(lambda: from_underlay(ready, "other")[0], "other to be an underlay device")


@pytest.mark.own_weftd
def test_program_taken(ready):
    """weftd puts it back within about a second; until then there is nothing to trace."""
    def refused():
        hooks.detach(ready.host, "pa")
        return from_port(ready)[1]
    assert wait_until(refused, "trace to be refused") == "weft: dev pa: weft's program is not attached to it"
    wait_until(lambda: from_port(ready)[0], "program to be back")
    assert ends(from_port(ready)[0]) == "send"


@pytest.mark.own_weftd
def test_after_a_restart(ready):
    """The next weftd takes the maps over and puts its own programs there: those are traced."""
    weft = ready.dut.weft
    before = from_port(ready)[0]
    weft.stop()
    weft.start()
    after = from_port(ready)[0]
    assert [step["step"] for step in after] == [step["step"] for step in before]
    assert ends(after) == "send"


def test_internal_port(ready):
    """Its program is at egress."""
    ready.dut.weft("port add i0 bridge br0 type internal")
    wait_until(lambda: hooks.programs(ready.host, "i0", "egress"), "program of i0")
    assert ends(from_port(ready, "i0")[0]) == "send"


@pytest.mark.encapsulations("gre")
def test_device_of_a_tunnel(rig):
    rig.up()
    packet = f"icmp, src {ADDRESSES[TENANT_A][4]}, dst {ADDRESSES[TENANT_R][4]}"
    steps, line = traced(rig, "in", "t0", packet)
    assert line is None, line
    assert ends(steps) == "send"


@pytest.mark.encapsulations("gre", "geneve-l3")
def test_out_of_a_tunnel_without_ethernet(rig):
    """What is inside has no MACs that could be said."""
    rig.up()
    header = ("gre", "key", "1000") if rig.type == "gre" else ("geneve", "vni", "1000", "proto", "0x0800")
    steps, line = traced(rig, "underlay", "u0", "from", rig.r1, *header,
                         f"icmp, src {ADDRESSES[TENANT_R][4]}, dst {ADDRESSES[TENANT_A][4]}")
    assert line is None, line
    assert ends(steps) == "deliver" and steps[-1]["device"] == "t0"


@pytest.mark.parametrize("words, line", [
    (("vxlan", "vni", ""), 'vni: "" is no number up to 16777215'),
    (("vxlan", "vni", "+5"), 'vni: "+5" is no number up to 16777215'),
    (("vxlan", "vni", "16777216"), 'vni: "16777216" is no number up to 16777215'),
    (("vxlan", "key", "16777216"), "key: vxlan has no more than 24 bits for it"),
    (("nvgre", "key", "16777216"), "key: nvgre has no more than 24 bits for it"),
    (("vxlan", "vni", "1000", "flags", "0x108"), "flags: vxlan has one byte of them"),
    (("geneve", "vni", "1000", "seq", "1"), "seq: geneve has no sequence number"),
    (("vxlan", "vni", "1000", "proto", "0x0800"), "proto: vxlan does not say what it carries"),
    (("gre", "key", "1", "options", "00000000"), "options: gre has none"),
])
def test_outer_headers_without_sense(ready, words, line):
    said = traced(ready, "underlay", "u0", "from", ready.r1, *words, "icmp, src 10.0.0.2, dst 10.0.0.1")
    assert said == (None, f"weft: {line}")


@pytest.mark.encapsulations("vxlan")
def test_no_device_is_known(ready):
    frame = f"arp, smac {TENANT_R}, src 10.0.0.2, dst 10.0.0.1"
    words = ("from", "172.16.0.99", "to", ready.local, "vxlan", "vni", "1000", frame)
    steps, line = traced(ready, "underlay", *words)
    assert steps is None and line.endswith("name the device that it comes by: underlay DEVICE")
    assert traced(ready, "underlay", "u0", *words)[1] is None  # as it was said


def test_no_such_file(ready):
    assert traced(ready, "-r", "/nowhere/at.all", "in", "pa") == (None, "weft: /nowhere/at.all: No such file or directory")
