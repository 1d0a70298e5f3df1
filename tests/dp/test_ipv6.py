# SPDX-License-Identifier: GPL-2.0-only
"""UDP over IPv6 without a checksum, VXLAN's strict bits, and remotes that the datapath makes by itself, in every
encapsulation over both versions of IP."""

import pytest

import wire
from abi import U32, C, addr
from datapath import PEER, REDIRECT, SHOT, TUNNEL
from path import ALL, IDS, Path

SPARE, FROM = 20, PEER


@pytest.fixture
def vxlan(bare):
    return Path(bare, "vxlan", True)


@pytest.mark.parametrize("kind", ["vxlan", "geneve", "geneve-l3"])
def test_zero_checksum(bare, kind):
    """RFC 6935 5: refused unless the tunnel says otherwise, and then worth a note."""
    path = Path(bare, kind, True)
    zero = path.packet(path.payload(), udp={"check": 0})
    path.dropped(zero, "csum_zero6")
    path.write(flags=C.WEFT_TUNNEL_ZERO6_RX)
    path.delivered(zero, path.payload())
    assert path.dp.notes() == {("zero_csum6", TUNNEL): 1}


def test_wrong_checksum_that_is_not_looked_at(vxlan):
    """RFC 7348 leaves it to the receiver."""
    wrong = vxlan.packet(vxlan.payload(), udp={"check": 0x1234})
    vxlan.dropped(wrong, "csum")
    vxlan.write(without=C.WEFT_TUNNEL_CSUM_RX)
    vxlan.delivered(wrong, vxlan.payload())


@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("bit", [b for b in range(64) if b != 4 and not 32 <= b < 56])
def test_strict_bits(bare, v6, bit):
    """One that must be 0, and all others that need not."""
    path = Path(bare, "vxlan", v6)
    header = bytearray(wire.vxlan(path.key, path.payload()))
    header[bit // 8] |= 0x80 >> bit % 8
    whole = wire.udp(path.remote, path.local, 5, path.port, bytes(header))
    mask = bytearray(8)
    mask[bit // 8] = 0x80 >> bit % 8
    path.write(strict=int.from_bytes(mask, "little"))
    path.dropped(path.packet(b"", whole=whole), "reserved")
    path.write(strict=0xffffffffffffffff & ~int.from_bytes(mask, "little") & ~8 & ~(0xffffff << 32))
    path.delivered(path.packet(b"", whole=whole), path.payload())


@pytest.fixture(params=ALL, ids=IDS)
def opened(bare, request):
    """A tunnel that takes any source. Its prototype is the remote of Path, which sends options in GENEVE."""
    path = Path(bare, *request.param)
    options = wire.option(0x81, b"data") if path.kind == "geneve" else b""
    template = {"critical": 1} if options else None
    path.write(prototype=(U32 * 2)(*((0, FROM) if path.v6 else (FROM, 0))), options=options, template=template,
               remote_flags=C.WEFT_REMOTE_CSUM * (not path.gre))
    path.take(path.local, None, 0)
    path.dp.spare(SPARE)
    return path


def test_learned_remote(opened):
    """What goes back is the prototype's but for the address, options and all."""
    packet = opened.packet(opened.payload(), src=opened.other)
    opened.delivered(packet, opened.payload())
    assert opened.dp.total("remote_stats", SPARE)[0] == 1
    if opened.l3:
        port = opened.dp.get("ports", 3)
        port.remote = SPARE
        opened.dp.set("ports", 3, port)
    out = opened.sent(opened.payload())
    assert out[:12] == bytes(12)  # the kernel finds the next hop
    options = {"options": wire.option(0x81, b"data")} if opened.kind == "geneve" else {}
    back = wire.mac("02:00:00:00:00:02") + wire.mac("02:00:00:00:00:01") + out[12:]
    opened.expect(opened.payload(), back, tunnel=options, dst=opened.other)
    opened.delivered(packet, opened.payload())
    assert opened.dp.total("remote_stats", SPARE)[0] == 2


def test_own_source(opened):
    opened.dropped(opened.packet(opened.payload(), src=opened.local), "own_source")


def test_no_spare(opened):
    opened.delivered(opened.packet(opened.payload(), src=opened.other))
    assert opened.dp.total("remote_stats", SPARE)[0] == 1
    another = "2001:db8::77" if opened.v6 else "192.0.2.77"
    opened.delivered(opened.packet(opened.payload(), src=another), opened.payload())
    assert opened.dp.total("remote_stats", FROM)[0] == 1  # the prototype, which is the known remote here


def test_group(bare):
    """To a group that the tunnel joined, from anybody."""
    for kind, v6 in ALL:
        bare.reset()
        path = Path(bare, kind, v6)
        group = "ff05::77" if v6 else "239.1.1.1"
        path.untouched(path.packet(path.payload(), dst=group))
        bare.set("addresses", addr(group), C.WEFT_ADDRESS_GROUP)
        verdict, _ = bare.from_underlay(path.packet(path.payload(), dst=group))
        assert verdict == SHOT and bare.drops() == {("src_denied", 0, 0): 1}
        path.take(group, None, 0)
        verdict, out = bare.from_underlay(path.packet(path.payload(), src=path.other, dst=group))
        assert verdict == REDIRECT and out == path.delivery(path.payload())
