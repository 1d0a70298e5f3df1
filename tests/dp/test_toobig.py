# SPDX-License-Identifier: GPL-2.0-only
"""Frames too big for the way to their remote: the ICMP error that their sender gets, fragments, and drops (PM-06 to PM-08)."""

import ctypes
import struct

import pytest
from scapy.all import (ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6DestUnreach, ICMPv6EchoRequest,
                       ICMPv6PacketTooBig, IPOption, IPv6, IPv6ExtHdrFragment, Raw, raw)
from scapy.layers.vxlan import VXLAN

from abi import C, Control
from datapath import A, B, IN, LO, PEER, REDIRECT, SHOT, TUNNEL, checked, lib, now, ticks
from datapath import TestRun as Options

TOKEN = 0x5d5d5d5d  # defer_token, as datapath.py sets it
ETHER = Ether(dst=B, src=A)
DF = ETHER / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF", tos=0x29) / UDP(sport=7, dport=9)
MAY = ETHER / IP(src="10.0.0.1", dst="10.0.0.2", id=77) / UDP(sport=7, dport=9)
SIX = ETHER / IPv6(src="fd00::1", dst="fd00::2") / UDP(sport=7, dport=9)


def sized(head, size):
    """The packet with so many bytes of IP, whatever they are."""
    fill = size - (len(raw(head)) - 14)
    return head / Raw(bytes(i * 7 % 251 for i in range(fill)))


@pytest.fixture
def behind(dp):
    dp.fdb(B, remote=PEER)
    return dp


def answered(dp, frame):
    verdict, out = dp.from_port(frame)
    assert verdict == REDIRECT, dp.drops()
    assert dp.drops() == {("mtu", 0, TUNNEL): 1}
    assert dp.total("remote_stats", PEER)[2:] == [0, 0]
    return out


def check_4(out, frame, mtu, quoted=548):
    """Every byte of it, checksums by scapy's arithmetic."""
    packet = raw(frame)[14:]
    packet = packet[:quoted if len(packet) > quoted else len(packet) & ~3]
    want = (Ether(dst=A, src=B) / IP(src="10.0.0.2", dst="10.0.0.1", id=0, ttl=64, tos=frame[IP].tos & 0x1e | 0xc0) /
            ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(packet))
    assert out.hex() == raw(want).hex()


def check_6(out, frame, mtu, quoted=1232):
    packet = raw(frame)[14:][:quoted]
    packet = packet[:len(packet) & ~3]
    want = Ether(dst=A, src=B) / IPv6(src="fd00::2", dst="fd00::1", hlim=64) / ICMPv6PacketTooBig(mtu=mtu) / Raw(packet)
    assert out.hex() == raw(want).hex()


@pytest.mark.parametrize("size", [1451, 1452, 1453, 1500, 3000, 3401])
def test_df_is_answered(behind, size):
    frame = sized(DF, size)
    check_4(answered(behind, frame), frame, 1450)


@pytest.mark.parametrize("size", [1451, 1500, 3001, 3400])
def test_ipv6_is_answered(behind, size):
    frame = sized(SIX, size)
    check_6(answered(behind, frame), frame, 1450)


def test_what_fits_is_not(behind):
    for head in (DF, MAY, SIX):
        verdict, out = behind.from_port(sized(head, 1450))
        assert verdict == REDIRECT and Ether(out)[VXLAN][Ether][1].len in (1450, None) or Ether(out)[VXLAN]
    assert not behind.drops() and not behind.notes()


@pytest.mark.parametrize("mtu", [140, 141, 576, 1000])
def test_small_ways(behind, mtu):
    """Also where the answer is longer than the packet was."""
    behind.remote(mtu=mtu)
    frame = sized(DF, mtu - 49)
    check_4(answered(behind, frame), frame, mtu - 50)


def test_ways_too_small_to_speak_of(behind):
    """RFC 791 3.2: 68 is the least that there may be, and that anybody is told."""
    behind.remote(mtu=117)
    frame = sized(DF, 69)
    check_4(answered(behind, frame), frame, 68)
    verdict, _ = behind.from_port(sized(DF, 68))
    assert verdict == SHOT and behind.drops()[("mtu_silent", 0, TUNNEL)] == 1


def test_ipv6_is_never_told_less_than_1280(behind):
    behind.remote(mtu=1300)
    frame = sized(SIX, 1281)
    check_6(answered(behind, frame), frame, 1280)
    for size, sent in ((1280, False), (1251, False), (1250, True)):
        verdict, _ = behind.from_port(sized(SIX, size))
        assert (verdict == REDIRECT) is sent
    assert behind.drops() == {("mtu", 0, TUNNEL): 1, ("mtu_silent", 0, TUNNEL): 2}


@pytest.mark.parametrize("head", [
    ETHER / ARP(),
    ETHER / IP(src="10.0.0.1", dst="224.0.0.5", flags="DF"),
    ETHER / IP(src="10.0.0.1", dst="255.255.255.255", flags="DF"),
    ETHER / IP(src="0.0.0.0", dst="10.0.0.2", flags="DF"),
    ETHER / IP(src="127.0.0.1", dst="10.0.0.2", flags="DF"),
    ETHER / IP(src="224.0.0.1", dst="10.0.0.2", flags="DF"),
    ETHER / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF", frag=100),
    *[ETHER / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF") / ICMP(type=kind) for kind in (3, 4, 5, 11, 12)],
    ETHER / IPv6(src="fd00::1", dst="ff02::1"),
    ETHER / IPv6(src="::", dst="fd00::2"),
    ETHER / IPv6(src="::1", dst="fd00::2"),
    ETHER / IPv6(src="ff02::1", dst="fd00::2"),
    ETHER / IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrFragment(offset=100, nh=17),
    ETHER / IPv6(src="fd00::1", dst="fd00::2") / ICMPv6DestUnreach(),
])
def test_nobody_to_tell(behind, head):
    """RFC 1122 3.2.2, RFC 4443 2.4 (e)."""
    verdict, _ = behind.from_port(sized(head, 1451))
    assert verdict == SHOT and behind.drops() == {("mtu_silent", 0, TUNNEL): 1}


@pytest.mark.parametrize("head", [
    ETHER / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF") / ICMP(type=8),
    ETHER / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF+MF") / UDP(),
    ETHER / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF", options=[IPOption(b"\x94\x04\0\0")]) / UDP(),
])
def test_who_is_told_all_the_same(behind, head):
    frame = sized(head, 1451)
    check_4(answered(behind, frame), frame, 1450)


@pytest.mark.parametrize("head", [
    ETHER / IPv6(src="fd00::1", dst="fd00::2") / ICMPv6EchoRequest(),
    ETHER / IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrFragment(offset=0, m=1, nh=17) / UDP(),
])
def test_who_is_told_in_ipv6(behind, head):
    frame = sized(head, 1451)
    check_6(answered(behind, frame), frame, 1450)


def test_answers_are_limited(behind):
    verdicts = [behind.from_port(sized(DF, 1451))[0] for _ in range(400)]
    drops = behind.drops()
    assert drops[("mtu", 0, TUNNEL)] == verdicts.count(REDIRECT) >= 64
    assert sum(drops.values()) == 400 and set(drops) <= {("mtu", 0, TUNNEL), ("mtu_limit", 0, TUNNEL)}


@pytest.mark.parametrize("tags", [Dot1Q(vlan=10, prio=5), Dot1Q(vlan=10) / Dot1Q(vlan=20)], ids=["one", "two"])
def test_a_tag_comes_back(behind, tags):
    """A tag that the tunnel carries counts: 4 bytes less."""
    behind.tunnel(flags=C.WEFT_TUNNEL_INNER_VLAN)
    count = len(raw(tags)) // 4
    frame = sized(ETHER / tags / DF[IP], 1451 + 4)
    out = Ether(answered(behind, frame))
    # one tag is beside the frame, where a test run does not show it
    assert (out.dst, out.src) == (A, B) and (out[ICMP].type, out[ICMP].code) == (3, 4)
    assert out[ICMP].nexthopmtu == 1450 - 4 * count
    assert raw(out[ICMP].payload) == raw(frame[IP])[:548]


def test_without_df(behind):
    frame = sized(MAY, 1451)
    verdict, _ = behind.from_port(frame)
    assert verdict == SHOT and behind.drops() == {("mtu_silent", 0, TUNNEL): 1}, "no splitter"
    behind.tunnel(flags=C.WEFT_TUNNEL_TOOBIG_DROP)
    verdict, _ = behind.from_port(frame)
    assert verdict == SHOT and behind.drops()[("mtu_no_df", 0, TUNNEL)] == 1
    behind.tunnel(flags=C.WEFT_TUNNEL_TOOBIG_REJECT)
    verdict, out = behind.from_port(frame)
    assert verdict == REDIRECT and behind.drops()[("mtu", 0, TUNNEL)] == 1
    check_4(out, frame, 1450)


def test_the_pieces_are_deferred(behind):
    behind.set("control", 0, Control(magic=C.WEFT_ABI_MAGIC, version=C.WEFT_ABI_VERSION,
                                     lease=(now() + ticks(3600)) & 0xffffffff, splitter=LO))
    verdict, _ = behind.from_port(sized(MAY, 1451))
    assert verdict == REDIRECT and not behind.drops() and behind.notes() == {("fragmented", TUNNEL): 1}


def deferred(dp, program, frame, number=0, size=0):
    """What a program makes of a frame that the datapath sent to itself; `number`: which fragment of it is to be made."""
    before = ctypes.create_string_buffer(192)
    struct.pack_into("=5I", before, 48, TOKEN, TOKEN, PEER, number << 16, size)
    data = raw(frame)
    out = ctypes.create_string_buffer(len(data) + 512)
    buffer = ctypes.create_string_buffer(data, len(data))
    found = lib.bpf_object__find_program_by_name(dp.object, program)
    options = Options(sz=ctypes.sizeof(Options), data_in=ctypes.addressof(buffer), data_out=ctypes.addressof(out),
                      data_size_in=len(data), data_size_out=len(out), ctx_in=ctypes.addressof(before),
                      ctx_size_in=192, repeat=1)
    checked(lib.bpf_prog_test_run_opts(lib.bpf_program__fd(found), ctypes.byref(options)), program)
    return options.retval, out.raw[:options.data_size_out]


@pytest.mark.parametrize("head", [
    Ether(dst="01:00:5e:00:00:05", src=A) / IP(src="10.0.0.1", dst="224.0.0.5", flags="DF"),
    Ether(dst="ff:ff:ff:ff:ff:ff", src=A) / IP(src="10.0.0.1", dst="10.0.0.255", flags="DF"),
    Ether(dst="33:33:00:00:00:01", src=A) / IPv6(src="fd00::1", dst="fd00::2"),
])
def test_nobody_to_tell_of_a_copy(behind, head):
    """What is flooded comes back for each remote that it does not fit."""
    frame = sized(head, 1451)
    verdict, _ = behind.from_port(frame)
    assert verdict == SHOT and behind.drops() == {("no_receiver", IN, 0): 1}
    verdict, _ = deferred(behind, b"weft_port", frame)
    assert verdict == SHOT and behind.drops()[("mtu_silent", 0, TUNNEL)] == 1


def test_a_copy_is_answered(behind):
    frame = sized(DF, 1451)
    verdict, out = deferred(behind, b"weft_port", frame)
    assert verdict == REDIRECT and behind.drops() == {("mtu", 0, TUNNEL): 1}
    check_4(out, frame, 1450)


def cut(dp, frame, number, size):
    verdict, out = deferred(dp, b"weft_split", frame, number, size)
    assert verdict == REDIRECT, dp.drops()
    return Ether(out)[VXLAN][Ether]


ROUTER_ALERT, RECORD = b"\x94\x04\0\0", b"\x07\x07\x04\0\0\0\0\0"  # one that is copied, one that is not


@pytest.mark.parametrize("total", [1451, 1453, 2880, 2897, 3400])
@pytest.mark.parametrize("fields", [
    {}, {"frag": 185, "flags": "MF"}, {"frag": 185}, {"options": [IPOption(ROUTER_ALERT + RECORD)]},
    {"options": [IPOption(RECORD + ROUTER_ALERT)]}, {"options": [IPOption(b"\x01" + ROUTER_ALERT + b"\0\0\0")]},
], ids=["plain", "middle", "last", "options", "options-2", "nop"])
def test_fragments(behind, fields, total):
    """RFC 791 3.2: what is cut is put together again by hand, byte for byte."""
    frame = sized(ETHER / IP(src="10.0.0.1", dst="10.0.0.2", id=77, tos=4, ttl=33, proto=17, **fields), total)
    frame = Ether(raw(frame))
    ihl, first, more = frame[IP].ihl * 4, frame[IP].frag * 8, frame[IP].flags.MF
    size = (1450 - ihl) & ~7
    count = -(-(total - ihl) // size)
    body, options = b"", b""
    for number in range(1, count + 1):
        part = cut(behind, frame, number, size)
        ip = part[IP]
        assert (part.dst, part.src) == (B, A) and ip.len == len(raw(part)) - 14 <= 1450
        assert ip.frag * 8 == first + len(body) and ip.flags.MF == (number < count or more) and not ip.flags.DF
        assert (ip.id, ip.tos, ip.ttl, ip.proto, ip.ihl * 4) == (77, 4, 33, 17, ihl)
        again = IP(raw(ip))
        del again.chksum
        assert IP(raw(again)).chksum == ip.chksum
        options = raw(ip)[20:ihl]
        if number == 1:
            assert options == raw(frame[IP])[20:ihl]
        else:
            assert options == raw(frame[IP])[20:ihl].replace(RECORD, b"\x01" * 7 + RECORD[7:])
        body += raw(ip)[ihl:]
    assert body == raw(frame[IP])[ihl:]
    assert not behind.drops() and behind.total("remote_stats", PEER)[2] == count


def test_fragments_keep_no_padding(behind):
    frame = raw(sized(MAY, 1460)) + b"padding!"
    size = 1424
    assert sum(len(raw(cut(behind, Ether(frame), n, size))) - 34 for n in (1, 2)) == 1440


def test_an_old_path_mtu_is_forgotten(behind):
    behind.tunnel(mtu_expires=10)
    behind.remote(mtu=1400, hop_mtu=1500, path_mtu=1400, path_tick=(now() - ticks(9)) & 0xffffffff)
    assert answered(behind, sized(DF, 1400))
    behind.remote(mtu=1390, hop_mtu=1500, path_mtu=1400, mtu_kept=10, path_tick=(now() - ticks(11)) & 0xffffffff)
    assert behind.from_port(sized(DF, 1350))[0] == REDIRECT
    slot = behind.get("remotes", PEER)
    assert (slot.mtu, slot.path_mtu) == (1490, 0)


def test_l3(behind):
    """In test_paths' terms: tests/net has it; here only that a tunnel without Ethernet counts none."""
    behind.remote(flags=C.WEFT_REMOTE_RESOLVED | C.WEFT_REMOTE_L3)
    out = Ether(answered(behind, sized(DF, 1465)))
    assert out[ICMP].nexthopmtu == 1464


def test_back_by_the_port(behind):
    behind.port(IN, flags=0)
    verdict, _ = behind.from_port(sized(DF, 1451))
    assert verdict == SHOT and behind.drops() == {("mtu", 0, TUNNEL): 1}


def test_tcp_is_quoted_with_its_ports(behind):
    frame = sized(ETHER / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF") / TCP(sport=1, dport=2, seq=3), 1500)
    out = Ether(answered(behind, frame))
    quoted = IP(raw(out[ICMP].payload))
    assert (quoted[TCP].sport, quoted[TCP].dport, quoted[TCP].seq) == (1, 2, 3)
