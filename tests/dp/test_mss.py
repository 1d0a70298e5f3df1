# SPDX-License-Identifier: GPL-2.0-only
"""What TCP SYNs announce is lowered to what fits the way, in both directions: the bytes, with the right checksum."""

import pytest
from scapy.all import (IP, TCP, Dot1Q, Ether, IPOption_RR, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Raw, raw)

import wire
from abi import C
from datapath import A, B, OTHER, OUT, PEER, REDIRECT, SHOT, vxlan

FLAGS = C.WEFT_TUNNEL_LEARNING | C.WEFT_TUNNEL_CSUM_RX | C.WEFT_TUNNEL_MSS
AUTO4, AUTO6 = 1500 - 36 - 14 - 40, 1500 - 36 - 14 - 60  # by the remote's MTU of 1500
V4, V6 = IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="fd00::1", dst="fd00::2")
HOPS, DESTINATION = IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()
ROUTING = IPv6ExtHdrRouting(addresses=["fd00::3"], segleft=0)


def options(mss, before=(), after=()):
    return [*before, ("MSS", mss), *after]


def syn(ip=V4, mss=1460, flags="S", data=b"", **place):
    return Ether(src=A, dst=B) / ip / TCP(sport=5, dport=80, flags=flags, options=options(mss, **place)) / Raw(data)


def out_of(dp, frame):
    """The frame as it is in the tunnel."""
    verdict, out = dp.from_port(frame)
    assert verdict == REDIRECT, dp.drops()
    return out[-len(raw(frame)):]


def into(dp, frame):
    """The frame as it comes out of the tunnel, at a port of its own."""
    verdict, out = dp.from_underlay(vxlan(frame))
    assert verdict == REDIRECT, dp.drops()
    return out


DIRECTIONS = {"out": out_of, "into": into}


@pytest.fixture(params=DIRECTIONS)
def clamped(dp, request):
    """clamped(frame, **tunnel): the bytes that become of it, on its way out or in."""
    def run(frame, flags=FLAGS, **fields):
        dp.tunnel(flags=flags, **fields)
        if request.param == "out":
            dp.fdb(B, remote=PEER)
        else:
            dp.fdb(B, port=OUT)
        return DIRECTIONS[request.param](dp, frame)
    run.dp = dp
    return run


@pytest.mark.parametrize("flags", ["S", "SA", "SEC"])
@pytest.mark.parametrize("data", [b"", b"x", b"fast open"])
@pytest.mark.parametrize("ip,auto", [(V4, AUTO4), (V6, AUTO6)], ids=["ipv4", "ipv6"])
def test_to_what_fits(clamped, ip, auto, data, flags):
    assert clamped(syn(ip, 1460, flags, data)) == raw(syn(ip, auto, flags, data))
    assert clamped(syn(ip, auto + 1, flags, data)) == raw(syn(ip, auto, flags, data))
    for mss in (auto, auto - 1, 536, 0):
        assert clamped(syn(ip, mss, flags, data)) == raw(syn(ip, mss, flags, data)), "raised"
    assert clamped(syn(ip, 65535, flags, data), mss=1200) == raw(syn(ip, 1200, flags, data))
    assert clamped(syn(ip, 1199, flags, data), mss=1200) == raw(syn(ip, 1199, flags, data))
    assert clamped(syn(ip, 1460, flags, data), mss=1461) == raw(syn(ip, 1460, flags, data)), "as it is configured"


@pytest.mark.parametrize("limit", [64, 255, 256, 257, 1279, 0x1234, 65495])
@pytest.mark.parametrize("mss", [65535, 65534, 0xff00, 0x00ff, 1460])
@pytest.mark.parametrize("nops", [0, 1, 2, 3])
def test_checksum_by_place_and_value(clamped, nops, mss, limit):
    """The value at an even place of the header, and at an odd one."""
    before = (("NOP", None),) * nops
    wanted = min(mss, limit)
    assert clamped(syn(V4, mss, before=before), mss=limit) == raw(syn(V4, wanted, before=before))


@pytest.mark.parametrize("before", [
    [("WScale", 7)], [("SAckOK", b""), ("Timestamp", (1, 2))], [("NOP", None), ("WScale", 7), ("NOP", None)],
    [("NOP", None)] * 36, [(253, b"x" * 34)], [("MSS", 400)],
], ids=["odd", "timestamp", "odd-then-even", "36-nops", "unknown", "twice"])
def test_behind_other_options(clamped, before):
    assert clamped(syn(V4, 9000, before=before), mss=1400) == raw(syn(V4, 1400, before=before))


@pytest.mark.parametrize("ip", [
    IP(src="10.0.0.1", dst="10.0.0.2", options=[IPOption_RR(routers=["1.2.3.4"] * 9)]),
    IP(src="10.0.0.1", dst="10.0.0.2", flags="MF"),
    V6 / HOPS, V6 / HOPS / ROUTING, V6 / HOPS / DESTINATION / ROUTING / DESTINATION,
    V6 / IPv6ExtHdrFragment(offset=0, m=1),
], ids=["options", "first-fragment", "hops", "routing", "four", "first-fragment6"])
def test_behind_longer_headers(clamped, ip):
    assert clamped(syn(ip, 9000), mss=1400) == raw(syn(ip, 1400))


def _with(frame, offset, *values):
    """Bytes of the TCP options exchanged, the checksum made right again."""
    data = bytearray(raw(frame))
    data[54 + offset:54 + offset + len(values)] = bytes(values)
    data[50:52] = bytes(2)
    pseudo = data[26:34] + bytes([0, 6, 0, len(data) - 34])
    data[50:52] = (0xffff ^ wire.total(pseudo + data[34:])).to_bytes(2, "big")
    return bytes(data)


PLAIN = syn(V4, 9000)
LEFT = {
    "no-syn": syn(V4, 9000, "A"),
    "reset": syn(V4, 9000, "RA"),
    "no-options": Ether(src=A, dst=B) / V4 / TCP(flags="S"),
    "no-mss": Ether(src=A, dst=B) / V4 / TCP(flags="S", options=[("WScale", 7), ("SAckOK", b"")]),
    "behind-the-end": _with(syn(V4, 9000, before=[("NOP", None)] * 4), 0, 0, 0, 0, 0),
    "length-3": _with(PLAIN, 1, 3),
    "length-5": _with(PLAIN, 1, 5),
    "length-0": _with(syn(V4, 9000, before=[("NOP", None)] * 4), 0, 8, 0),
    "length-1": _with(syn(V4, 9000, before=[("NOP", None)] * 4), 0, 8, 1),
    "length-255": _with(syn(V4, 9000, before=[("NOP", None)] * 4), 0, 8, 255),
    "header-longer-than-packet": _with(PLAIN, -8, 0xf0),
    "header-shorter-than-least": _with(PLAIN, -8, 0x40),
    "udp": Ether(src=A, dst=B) / IP(src="10.0.0.1", dst="10.0.0.2", proto=17) / raw(PLAIN[TCP]),
    "later-fragment": Ether(src=A, dst=B) / IP(src="10.0.0.1", dst="10.0.0.2", frag=5) / raw(PLAIN[TCP]),
    "later-fragment6": syn(V6 / IPv6ExtHdrFragment(offset=3), 9000),
    "five-headers": syn(V6 / HOPS / DESTINATION / ROUTING / DESTINATION / DESTINATION, 9000),
    "cut": Ether(src=A, dst=B) / raw(V4 / PLAIN[TCP])[:38],
    "cut6": Ether(src=A, dst=B, type=0x86dd) / raw(V6 / HOPS / PLAIN[TCP])[:44],
    "not-ip": Ether(src=A, dst=B, type=0x88b5) / raw(PLAIN[IP]),
}
LEFT["cut"].type = 0x0800


@pytest.mark.parametrize("frame", LEFT)
def test_is_left_alone(clamped, frame):
    assert clamped(LEFT[frame], mss=1000) == raw(LEFT[frame])


def test_without_the_option_of_the_tunnel(clamped):
    flags = FLAGS & ~C.WEFT_TUNNEL_MSS
    assert clamped(PLAIN, flags=flags, mss=1000) == raw(PLAIN)


@pytest.mark.parametrize("mtu", [65535, 1501, 1400, 576, 200, 104])
def test_follows_the_remote(clamped, mtu):
    """Not what was configured, but what is known of the way at that moment; never to nothing."""
    clamped.dp.remote(mtu=mtu)
    wanted = min(max(mtu - 36 - 14 - 40, 64), 65000)
    assert clamped(syn(V4, 65000)) == raw(syn(V4, wanted))


def test_a_tag_that_is_carried_counts(clamped):
    frame = Ether(src=A, dst=B) / Dot1Q(vlan=5) / syn(V4, 9000)[IP]
    wanted = Ether(src=A, dst=B) / Dot1Q(vlan=5) / syn(V4, AUTO4 - 4)[IP]
    out = clamped(frame, flags=FLAGS | C.WEFT_TUNNEL_INNER_VLAN)
    assert raw(wanted)[18:] == out[-len(raw(wanted)) + 18:]
    double = Ether(src=A, dst=B) / Dot1Q(vlan=5) / Dot1Q(vlan=6) / syn(V4, 9000)[IP]
    wanted = raw(syn(V4, AUTO4 - 8)[IP])
    assert clamped(double, flags=FLAGS | C.WEFT_TUNNEL_INNER_VLAN)[-len(wanted):] == wanted


def test_no_way_is_known(dp):
    """A route that is gone says nothing of what fits."""
    dp.tunnel(flags=FLAGS)
    dp.remote(mtu=0, ifindex=0)
    dp.fdb(B, port=OUT)
    assert into(dp, PLAIN) == raw(PLAIN)
    dp.tunnel(flags=FLAGS, mss=1300)
    assert into(dp, PLAIN) == raw(syn(V4, 1300))


def test_a_copy_of_a_flood_is_made_by_itself(dp):
    """What it says is another thing for each remote: the SYN itself goes nowhere, clones of it come again."""
    dp.member(0, PEER, remotes=True)
    dp.bridge(remote_slots=1)
    for flags, tcp, verdict in ((FLAGS, "A", REDIRECT), (FLAGS, "S", SHOT),
                                (FLAGS & ~C.WEFT_TUNNEL_MSS, "S", REDIRECT)):
        dp.tunnel(flags=flags)
        assert dp.from_port(syn(V4, 9000, tcp))[0] == verdict
    assert not dp.drops()


def test_from_a_remote_in_no_table(dp):
    dp.tunnel(flags=FLAGS, mss=1300)
    dp.peer(remote=OTHER, number=0)
    dp.fdb(B, port=OUT)
    verdict, out = dp.from_underlay(vxlan(PLAIN, source=OTHER))
    assert verdict == REDIRECT and out == raw(syn(V4, 1300))
