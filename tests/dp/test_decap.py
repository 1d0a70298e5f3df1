# SPDX-License-Identifier: GPL-2.0-only
"""From the underlay to a port: what is delivered, byte for byte, and why the rest is not."""

import pytest
from scapy.all import ARP, IP, TCP, UDP, Dot1AD, Dot1Q, Ether, IPOption_NOP, IPv6, Raw
from scapy.layers.vxlan import VXLAN

from abi import C, addr
from datapath import (A, B, BRIDGE, LOCAL, NEXT_HOP, OTHER, OUT, PASS, PEER, PROTOTYPE, REDIRECT,
                      REMOTE, SHOT, TUNNEL, UNDERLAY_MAC, vxlan)

INNER = Ether(dst=A, src=B) / IP(src="10.0.0.2", dst="10.0.0.1") / UDP(sport=9, dport=7) / b"data"


@pytest.fixture
def local(dp):
    """A is behind port OUT."""
    dp.fdb(A, port=OUT)
    return dp


def delivered(dp, packet):
    verdict, out = dp.from_underlay(packet)
    assert verdict == REDIRECT, (verdict, dp.drops())
    return out


def dropped(dp, packet, reason, tunnel=TUNNEL, learns=False):
    """Dropped under that reason once, nothing learned, and the next good packet passes."""
    before = {bytes(k) for k in dp.items("fdb")}
    verdict, _ = dp.from_underlay(packet)
    assert verdict == SHOT and dp.drops() == {(reason, 0, tunnel): 1}
    assert learns or {bytes(k) for k in dp.items("fdb")} == before
    assert delivered(dp, vxlan(INNER)) == bytes(INNER)


@pytest.mark.parametrize("frame", [
    INNER,
    Ether(dst=A, src=B) / IPv6(src="fd00::2", dst="fd00::1") / TCP() / b"six",
    Ether(dst=A, src=B) / ARP(op=2),
    Ether(dst=A, src=B, type=0x88cc) / (b"l" * 46),
    Ether(dst=A, src=B) / IP(src="10.0.0.2", dst="10.0.0.1") / UDP() / Raw(b"x" * 1401),
    Ether(dst=A, src=B, type=0x88b5),
    Ether(dst=A, src=B, type=0x86dd) / b"too short",
    Ether(dst=A, src=B, type=0x0800) / b"too short",
], ids=["ipv4", "ipv6", "arp", "lldp", "large", "bare", "short-ipv6", "short-ipv4"])
def test_bytes(local, frame):
    assert delivered(local, vxlan(frame)) == bytes(frame)
    entry = local.entry(B)
    assert (entry.port, entry.remote) == (0, PEER)
    assert local.total("remote_stats", PEER)[:2] == [1, len(frame)]
    assert local.total("port_stats", OUT)[2:] == [1, len(frame)]


@pytest.mark.parametrize("bit", [b for b in range(64) if b != 4 and not 32 <= b < 56])
def test_reserved_bits_are_ignored(local, bit):
    """VX-03: walking one over 7 flag bits, 24 and 8 reserved bits."""
    packet = bytearray(bytes(vxlan(INNER)))
    packet[42 + bit // 8] |= 0x80 >> bit % 8
    assert delivered(local, bytes(packet)) == bytes(INNER)


@pytest.mark.parametrize("flags", [0x00, 0xf7])
def test_no_i_flag(local, flags):
    packet = bytearray(bytes(vxlan(INNER)))
    packet[42] = flags
    dropped(local, bytes(packet), "no_i_flag", 0)


@pytest.mark.parametrize("vni", [2, 0x0003e9, 0x0103e8, 0xffffff])
def test_vni_unknown(local, vni):
    """Counted, and left to whoever else on the host may want it."""
    assert local.from_underlay(vxlan(INNER, vni=vni))[0] == PASS
    assert local.drops() == {("vni_unknown", 0, 0): 1}
    assert not list(local.items("fdb"))[1:]
    assert delivered(local, vxlan(INNER)) == bytes(INNER)


def test_src_denied(local):
    dropped(local, vxlan(INNER, source=OTHER), "src_denied", 0)


@pytest.mark.parametrize("packet", [
    vxlan(INNER, udp={"len": 15}), vxlan(INNER, udp={"len": 29}), vxlan(INNER, udp={"len": 0}),
    vxlan(INNER, udp={"len": 500}), vxlan(INNER, ip={"len": 40}), vxlan(INNER, ip={"len": 500}),
    vxlan(b"x" * 13),
], ids=["udp-15", "udp-29", "udp-0", "udp-long", "ip-short", "ip-long", "inner-13"])
def test_malformed(local, packet):
    dropped(local, packet, "malformed", 0)


def test_cut_at_every_byte(local):
    whole = bytes(vxlan(INNER))
    for size in range(42, len(whole)):
        verdict, _ = local.from_underlay(whole[:size])
        assert verdict in (SHOT, PASS)
    assert set(reason for reason, _, _ in local.drops()) == {"malformed"}
    assert not local.entry(B)


@pytest.mark.parametrize("ip", [{"flags": "MF"}])
def test_first_fragment(local, ip):
    dropped(local, vxlan(INNER, ip=ip), "frag", 0)


def test_later_fragments_are_left_to_the_host(local):
    verdict, _ = local.from_underlay(vxlan(INNER, ip={"frag": 4}))
    assert verdict == PASS and not local.drops()


def test_padding_is_trimmed(local):
    short = Ether(dst=A, src=B, type=0x88b5) / b"abc"
    assert delivered(local, bytes(vxlan(short)) + b"p" * 40) == bytes(short)
    padded = vxlan(short, udp={"len": 16 + len(short)}) / Raw(b"p" * 9)
    assert delivered(local, padded) == bytes(short)


def test_ip_options(local):
    assert delivered(local, vxlan(INNER, ip={"options": [IPOption_NOP()] * 40})) == bytes(INNER)


def checksummed(inner):
    packet = vxlan(inner)
    del packet[UDP].chksum
    return bytes(packet)


@pytest.mark.parametrize("size", [0, 1, 97, 98, 1300])
def test_checksum_is_verified(local, size):
    packet = checksummed(INNER / Raw(b"z" * size))
    assert delivered(local, packet)
    bad = bytearray(packet)
    bad[-1] ^= 1
    dropped(local, bytes(bad), "csum")
    local.tunnel(flags=C.WEFT_TUNNEL_LEARNING)
    assert delivered(local, bytes(bad))


@pytest.mark.parametrize("tags", [Dot1Q(vlan=10), Dot1AD(vlan=10), Dot1Q(vlan=0),
                                  Dot1AD(vlan=10) / Dot1Q(vlan=20)])
def test_inner_tags_by_choice(local, tags):
    frame = Ether(dst=A, src=B) / tags / IP(src="10.0.0.2", dst="10.0.0.1") / UDP() / b"data"
    dropped(local, vxlan(frame), "vlan_inner")
    local.tunnel(flags=C.WEFT_TUNNEL_INNER_VLAN)
    out = delivered(local, vxlan(frame))
    # the outermost tag is beside the frame, which a test run does not show
    bare = Ether(bytes(frame))
    first = bare[1]
    assert out == bytes(frame)[:12] + bytes(frame)[16:] and first.vlan in (0, 10)


@pytest.mark.parametrize("outer", range(4))
@pytest.mark.parametrize("inner", range(4))
@pytest.mark.parametrize("version", [4, 6])
def test_ecn(local, outer, inner, version):
    """RFC 6040, figure 4."""
    def frame(ecn):
        ip = (IP(src="10.0.0.2", dst="10.0.0.1", tos=0xb8 | ecn) if version == 4
              else IPv6(src="fd00::2", dst="fd00::1", tc=0xb8 | ecn))
        return Ether(dst=A, src=B) / ip / UDP() / b"data"
    packet = vxlan(frame(inner), ip={"tos": outer})
    if inner == 0 and outer == 3:
        return dropped(local, packet, "ecn_drop")
    want = inner
    if inner and outer == 3:
        want = 3
    elif inner == 2 and outer == 1:
        want = 1
    assert delivered(local, packet) == bytes(frame(want))


def test_ecn_behind_which_there_is_no_ip(local):
    assert delivered(local, vxlan(Ether(dst=A, src=B) / ARP(), ip={"tos": 3}))


@pytest.mark.parametrize("packet", [
    vxlan(INNER, destination="198.51.100.1"),
    vxlan(INNER, dport=4790),
    vxlan(INNER, vni=5, destination="198.51.100.1"),
    vxlan(b"", destination="198.51.100.1"),
    Ether(dst=UNDERLAY_MAC, src=NEXT_HOP) / IP(src=REMOTE, dst=LOCAL) / TCP(dport=4789) / b"t",
    Ether(dst=UNDERLAY_MAC, src=NEXT_HOP) / IPv6() / UDP(dport=4789) / VXLAN(vni=1000) / INNER,
    Ether(dst="02:11:22:33:44:55", src=NEXT_HOP) / bytes(vxlan(INNER))[14:],
], ids=["other-host", "other-port", "transit", "transit-bare", "tcp", "ipv6", "other-mac"])
def test_not_ours_goes_on_untouched(local, packet):
    packet = bytes(packet)
    assert local.from_underlay(packet) == (PASS, packet)
    assert not local.drops() and not local.entry(B)


def test_local_any_needs_an_address_of_this_host(local):
    local.delete("peers", next(local.items("peers")))
    local.tunnel(local=addr(None))
    local.peer(local=None)
    assert delivered(local, vxlan(INNER))
    verdict, _ = local.from_underlay(vxlan(INNER, destination="198.51.100.1"))
    assert verdict == PASS


def test_split_horizon(local):
    local.fdb(A, remote=12)
    local.remote(12, OTHER)
    verdict, _ = local.from_underlay(vxlan(INNER))
    assert verdict == SHOT and local.drops() == {("split_horizon", 0, TUNNEL): 1}


class TestOpen:
    """A tunnel open to any source makes a remote of a new one."""

    @pytest.fixture
    def open(self, local):
        local.peer(remote=None, number=0)
        return local

    def test_learned_remote(self, open):
        open.spare(20)
        assert delivered(open, vxlan(INNER, source=OTHER)) == bytes(INNER)
        assert open.entry(B).remote == 20
        assert open.total("remote_stats", 20)[0] == 1
        # an answer goes there: the template is the prototype's with that destination
        verdict, out = open.from_port(Ether(dst=B, src=A) / IP() / UDP() / b"answer")
        assert verdict == REDIRECT
        out = Ether(out)
        assert out[IP].dst == OTHER and out[VXLAN].vni == 1000
        check = out[IP].chksum
        del out[IP].chksum
        assert Ether(bytes(out))[IP].chksum == check
        # and the next packet finds it
        assert delivered(open, vxlan(INNER, source=OTHER))
        assert open.total("remote_stats", 20)[0] == 2

    def test_no_spare(self, open):
        assert delivered(open, vxlan(INNER, source=OTHER)) == bytes(INNER)
        assert not open.entry(B)
        assert open.total("remote_stats", PROTOTYPE)[0] == 1

    def test_own_source(self, open):
        dropped(open, vxlan(INNER, source=LOCAL), "own_source")

    def test_group(self, open):
        open.set("addresses", addr("239.1.1.1"), C.WEFT_ADDRESS_GROUP)
        open.peer(local="239.1.1.1", remote=None, number=0)
        open.spare(20)
        assert delivered(open, vxlan(INNER, source=OTHER, destination="239.1.1.1"))
        assert open.entry(B).remote == 20
        # the same source, whatever address it sends to, is the same remote
        assert delivered(open, vxlan(INNER, source=OTHER))
        assert open.total("remote_stats", 20)[0] == 2


def test_bridge_gone(local):
    local.tunnel(bridge=0)
    verdict, _ = local.from_underlay(vxlan(INNER))
    assert verdict == SHOT and BRIDGE
