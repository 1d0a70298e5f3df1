# SPDX-License-Identifier: GPL-2.0-only
"""ICMP errors about packets of a tunnel: which are believed, and what they change (PM-01 to PM-04)."""

import pytest
from scapy.all import GRE, ICMP, IP, UDP, Ether, ICMPv6PacketTooBig, IPv6, Raw, raw
from scapy.contrib.geneve import GENEVE
from scapy.layers.vxlan import VXLAN

from abi import C, PeerKey, addr
from datapath import LOCAL, NEXT_HOP, OTHER, PASS, PEER, REMOTE, TUNNEL, UNDERLAY_MAC, now

ROUTER, ROUTER6, SIX, SIX_REMOTE = "192.0.2.77", "2001:db8::77", "2001:db8::1", "2001:db8::2"
NO_KEY, KEY = 0, 1
INNER = Ether() / IP() / UDP() / Raw(b"i" * 1408)


@pytest.fixture
def ready(dp):
    dp.set("addresses", addr(SIX), C.WEFT_ADDRESS_UNICAST)
    dp.remote(mtu=1500, hop_mtu=1500)
    path(dp)
    return dp


def path(dp, local=LOCAL, remote=REMOTE, vni=1000, port=4789, type=1):  # pylint: disable=redefined-builtin
    dp.set("paths", PeerKey(local=addr(local), remote=addr(remote), vni=vni, port=port, type=type), PEER)


def ours(sport=50000, dport=4789, vni=1000, source=LOCAL, destination=REMOTE, flags="DF", **fields):
    return (IP(src=source, dst=destination, flags=flags, **fields) / UDP(sport=sport, dport=dport) /
            VXLAN(vni=vni, flags=8) / INNER)


def ours6(sport=50000, vni=1000):
    return IPv6(src=SIX, dst=SIX_REMOTE) / UDP(sport=sport, dport=4789) / VXLAN(vni=vni, flags=8) / INNER


def error(quoted, mtu, quote=548, to=LOCAL, **fields):
    data = raw(quoted)[:quote]
    ether = Ether(dst=UNDERLAY_MAC, src=NEXT_HOP)
    if quoted.version == 6:
        return ether / IPv6(src=ROUTER6, dst=SIX) / ICMPv6PacketTooBig(mtu=mtu, **fields) / Raw(data)
    return ether / IP(src=ROUTER, dst=to) / ICMP(**{"type": 3, "code": 4, "nexthopmtu": mtu, **fields}) / Raw(data)


def told(dp, packet):
    """The error goes on to the host; what it did: (path MTU, MTU, notes)."""
    verdict, out = dp.from_underlay(packet)
    assert verdict == PASS and out == raw(packet) and not dp.drops()
    slot = dp.get("remotes", PEER)
    return slot.path_mtu, slot.mtu, dp.notes()


LOWERED, FORGED, UNKNOWN = {("path_mtu", TUNNEL): 1}, {("icmp_forged", TUNNEL): 1}, {("icmp_forged", 0): 1}


@pytest.mark.parametrize("mtu", [68, 576, 1400, 1457])
@pytest.mark.parametrize("quote", [36, 40, 548, 1500])
def test_lowers(ready, mtu, quote):
    before = now()
    assert told(ready, error(ours(), mtu, quote)) == (mtu, mtu, LOWERED)
    assert ready.get("remotes", PEER).path_tick >= before


@pytest.mark.parametrize("mtu", [1280, 1400, 1477])
def test_lowers_ipv6(ready, mtu):
    path(ready, SIX, SIX_REMOTE)
    assert told(ready, error(ours6(), mtu, 1232)) == (mtu, mtu, LOWERED)


def test_room_for_options_stays(ready):
    ready.remote(mtu=1440, hop_mtu=1500, mtu_kept=60)
    assert told(ready, error(ours(), 1440)) == (1440, 1380, LOWERED)


@pytest.mark.parametrize("now_,plateau", [(1500, 1006), (1492, 1006), (1006, 508), (300, 296), (100, 68)])
def test_routers_that_do_not_say(ready, now_, plateau):
    """RFC 1191 5: the next plateau below what was too big, and below what it is already."""
    ready.remote(mtu=now_, hop_mtu=1500)
    assert told(ready, error(ours(), 0))[:2] == (plateau, plateau)


@pytest.mark.parametrize("packet,notes", [
    (error(ours(), 20), FORGED),
    (error(ours(), 67), FORGED),
    (error(ours(), 9000), FORGED),
    (error(ours(), 1458 + 28), FORGED),
    (error(ours(sport=49151), 1400), FORGED),
    (error(ours(sport=65535), 1400), FORGED),
    (error(ours(flags=""), 1400), FORGED),
    (error(ours(vni=1001), 1400), UNKNOWN),
    (error(ours(destination=OTHER), 1400), UNKNOWN),
    (error(ours(source=OTHER), 1400), UNKNOWN),
    (error(ours(), 1400, chksum=1), FORGED),
    (error(ours(), 1400, code=3), {}),
    (error(ours(), 1400, type=11), {}),
    (error(ours(), 1400, to=OTHER), {}),
    (error(ours(dport=4790), 1400), {}),
    (error(ours(proto=6), 1400), {}),
    (error(ours(), 1400, quote=27), {}),
    (error(ours(), 1400, quote=10), {}),
    (error(ours(), 1400, quote=0), {}),
], ids=["20", "67", "9000", "as-long", "low-port", "high-port", "no-df", "vni", "peer", "source", "checksum",
        "port-unreachable", "time-exceeded", "not-to-us", "dport", "tcp", "no-ports", "half-header", "nothing"])
def test_is_not_believed(ready, packet, notes):
    assert told(ready, packet) == (0, 1500, notes)


@pytest.mark.parametrize("mtu", [0, 1279, 65536, 1 << 31])
def test_ipv6_is_not_believed(ready, mtu):
    """RFC 8201 4: below 1280 is discarded."""
    path(ready, SIX, SIX_REMOTE)
    assert told(ready, error(ours6(), mtu, 1232)) == (0, 1500, FORGED)


def test_never_raises(ready):
    ready.remote(mtu=1300, hop_mtu=1500, path_mtu=1300)
    assert told(ready, error(ours(), 1400)) == (1300, 1300, {})


def test_too_short_to_say_which(ready):
    """RFC 792: 8 bytes of the datagram. weftd finds out."""
    assert told(ready, error(ours(), 1400, quote=28)) == (0, 1500, {})
    assert told(ready, error(ours(source=OTHER), 1400, quote=28)) == (0, 1500, UNKNOWN)


def gre(payload, **fields):
    return IP(src=LOCAL, dst=REMOTE, flags="DF") / GRE(**fields) / payload


@pytest.mark.parametrize("quoted,entry", [
    (gre(INNER, proto=0x6558), {"vni": 0, "port": NO_KEY, "type": 3}),
    (gre(INNER, proto=0x6558, chksum_present=1), {"vni": 0, "port": NO_KEY, "type": 3}),
    (gre(INNER, proto=0x6558, key_present=1, key=5), {"vni": 5, "port": KEY, "type": 3}),
    (gre(INNER, proto=0x6558, chksum_present=1, key_present=1, key=5), {"vni": 5, "port": KEY, "type": 3}),
    (gre(INNER, proto=0x6558, key_present=1, key=0x123456ab), {"vni": 0x123456, "port": KEY, "type": 5}),
    (gre(INNER[IP], key_present=1, key=5), {"vni": 5, "port": KEY, "type": 4}),
    (IP(src=LOCAL, dst=REMOTE, flags="DF") / UDP(sport=50000, dport=6081) / GENEVE(vni=9) / INNER,
     {"vni": 9, "port": 6081, "type": 2}),
], ids=["gretap", "csum", "key", "csum-key", "nvgre", "gre", "geneve"])
def test_encapsulations(ready, quoted, entry):
    ready.set("listen", 0, 1)
    ready.set("listen", 6081, 2)
    assert told(ready, error(quoted, 1400)) == (0, 1500, UNKNOWN)
    path(ready, **entry)
    assert told(ready, error(quoted, 1400)) == (1400, 1400, {**UNKNOWN, **LOWERED})


def test_gre_that_nobody_takes(ready):
    assert told(ready, error(gre(INNER, proto=0x6558), 1400)) == (0, 1500, {})
