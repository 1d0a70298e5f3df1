# SPDX-License-Identifier: GPL-2.0-only
"""GENEVE (RFC 8926): options, the bits of its header, protocol types, checksums."""

import pytest

import wire
from abi import U8, C, Option, OptionKey
from datapath import PASS, PEER, SHOT, TUNNEL
from path import Path

FULL = wire.option(1, bytes(124)) + wire.option(2, bytes(120))  # 252 bytes


@pytest.fixture(params=[False, True], ids=["ipv4", "ipv6"])
def path(bare, request):
    return Path(bare, "geneve", request.param)


def known(path, kind, length, data=None, slot=32, group=0x0102):
    value = Option(len=length, match=data is not None, slot=slot, data=(U8 * 124)(*(data or b"")))
    path.dp.set("known_options", OptionKey(tunnel=TUNNEL, class_=group, type=kind), value)


def packet(path, options=b"", **fields):
    return path.packet(path.payload(), tunnel={"options": options, **fields})


def header(path):
    return 62 if path.v6 else 42


# --- sent ---


@pytest.mark.parametrize("options", [
    wire.option(1), wire.option(0x80), wire.option(1, b"data") + wire.option(0x82, b"12345678"),
    wire.option(1, bytes(124)), FULL], ids=["empty", "critical", "two", "longest", "all"])
@pytest.mark.parametrize("check", [0, None])
def test_options_are_sent(path, options, check):
    """In their order, with the C bit where there is a critical one."""
    path.write(options=options, template={"critical": None}, remote_flags=C.WEFT_REMOTE_CSUM if check is None else 0)
    for size in (0, 1):
        out = path.sent(path.payload(size))
        path.expect(path.payload(size), out, udp={"check": check}, tunnel={"options": options})
        assert bool(out[header(path) + 1] & 0x40) == (options[2] >= 0x80 or b"\x82" in options[:16])
        assert not out[header(path)] >> 6 and not out[header(path) + 1] & 0xbf and not out[header(path) + 7]


# --- header bits ---


@pytest.mark.parametrize("version", [1, 2, 3])
def test_version(path, version):
    path.dropped(packet(path, version=version), "bad_ver", 0)


def test_reserved_bits_are_ignored(path):
    good = packet(path)
    for bit in [*range(10, 16), *range(56, 64)]:
        bad = bytearray(good)
        bad[header(path) + bit // 8] ^= 0x80 >> bit % 8
        place = (54 if path.v6 else 34) + 6
        whole = bytes(bad[place - 6:place] + b"\0\0" + bad[place + 2:])
        value = 0xffff ^ wire.total(wire.pseudo(path.remote, path.local, len(whole)) + whole)
        bad[place:place + 2] = value.to_bytes(2, "big")
        path.delivered(bytes(bad), path.payload())
    assert not path.dp.drops()


def test_control_packet(path):
    path.dropped(packet(path, control=1), "ctrl_rx")


@pytest.mark.parametrize("protocol", [0x0800, 0x86dd, 0x8847, 0, 0xffff])
def test_protocol_type(path, protocol):
    path.dropped(path.packet(path.payload(100), tunnel={"protocol": protocol}), "inner_proto")


def test_protocol_types_of_l3(bare):
    path = Path(bare, "geneve-l3")
    path.dropped(path.packet(path.payload(100), tunnel={"protocol": wire.ETHERNET}), "inner_proto")
    path.dropped(path.packet(path.payload(100), tunnel={"protocol": wire.IPV6}), "malformed")
    dead = path.payload(ttl=0)
    path.dropped(path.packet(dead), "inner_ttl")
    loop = wire.ipv4("10.0.0.2", path.remote, wire.UDP, b"12345678")
    path.dropped(path.packet(loop), "loop")


@pytest.mark.parametrize("vni", [0, 1001, 0x0103e8, 0xffffff])
def test_vni_unknown(path, vni):
    wrong = wire.geneve(vni, path.payload())
    whole = wire.udp(path.remote, path.local, 5, 6081, wrong)
    path.unmatched(path.packet(b"", whole=whole), "vni_unknown")


# --- options ---


@pytest.mark.parametrize("options", [b"", wire.option(1), wire.option(1, b"data"), FULL],
                         ids=["0", "1", "2", "63"])
def test_unknown_options_are_delivered(path, options):
    path.delivered(packet(path, options), path.payload())
    assert not path.dp.drops() and not path.dp.notes()
    seen = path.dp.get("seen_options", PEER)
    assert (bytes(seen.bytes[:seen.len]) if seen else b"") == options


def test_lengths_past_the_end(path):
    path.dropped(path.packet(path.payload(0), tunnel={"words": 63}), "malformed", 0)
    path.dropped(path.packet(b"x" * 13, tunnel={"options": wire.option(1)}), "malformed", 0)


@pytest.mark.parametrize("options", [
    wire.option(1) + bytes.fromhex("01020105"), bytes.fromhex("0102011f") + bytes(8),
    wire.option(1, bytes(8)) + bytes.fromhex("01020101")], ids=["rest", "all", "last"])
def test_sum_of_lengths(path, options):
    path.dropped(packet(path, options, critical=0), "opt_len")


@pytest.mark.parametrize("reserved", range(8))
def test_option_reserved_bits(path, reserved):
    known(path, 0x81, 4)
    path.delivered(packet(path, wire.option(0x81, b"data", reserved=reserved)), path.payload())


def test_every_length(path):
    path.delivered(packet(path, wire.option(1) + wire.option(2, b"four") + wire.option(3, bytes(124))), path.payload())


@pytest.mark.parametrize("critical", [0, 1])
def test_critical_and_unknown(path, critical):
    """Alone, or the last of ten; whatever the C bit says."""
    for before in (b"", b"".join(wire.option(n, b"data") for n in range(9))):
        options = before + wire.option(0x81, group=0xffff)
        path.dropped(packet(path, options, critical=critical), "opt_crit")


def test_c_bit(path):
    known(path, 0x81, 4)
    options = wire.option(0x81, b"data")
    path.delivered(packet(path, options), path.payload())
    assert not path.dp.notes()
    path.delivered(packet(path, options, critical=0), path.payload())
    path.delivered(packet(path, wire.option(1), critical=1), path.payload())
    path.delivered(packet(path, critical=1), path.payload())
    assert path.dp.notes() == {("not_critical", TUNNEL): 3}


def test_options_not_looked_into(path):
    path.write(without=C.WEFT_TUNNEL_OPTIONS)
    path.dropped(packet(path, wire.option(1), critical=1), "opt_crit")
    path.delivered(packet(path, wire.option(1)), path.payload())


def test_most_options(path):
    path.write(options_max=64)
    path.delivered(packet(path, wire.option(1, bytes(60))), path.payload())
    path.dropped(packet(path, wire.option(1, bytes(60)) + wire.option(2)), "opt_toolong")
    path.write(options_max=0)
    path.delivered(packet(path), path.payload())
    path.dropped(packet(path, wire.option(1)), "opt_toolong")


def test_known_option_of_another_length(path):
    known(path, 5, 4)
    known(path, 6, 4)
    for options in (wire.option(5, bytes(8)) + wire.option(6, b"data"), wire.option(6, b"data") + wire.option(5)):
        path.dropped(packet(path, options), "opt_len")
    path.delivered(packet(path, wire.option(6, b"data") + wire.option(5, b"data")), path.payload())
    # of another class it is another option
    path.delivered(packet(path, wire.option(5, bytes(8), group=0x0103)), path.payload())


@pytest.mark.parametrize("data", [b"", b"data", bytes(range(124))], ids=["0", "4", "124"])
def test_demanded_option(path, data):
    known(path, 7, len(data), data, slot=31)
    known(path, 8, 4, b"also", slot=0)
    path.write(required=1 << 31 | 1)
    match, also = wire.option(7, data), wire.option(8, b"also")

    def refused(options, reason):
        before = path.counted()
        verdict, _ = path.dp.from_underlay(packet(path, options))
        assert verdict == SHOT and path.counted() == before + 1 and (reason, 0, TUNNEL) in path.dp.drops()
    path.delivered(packet(path, match + also), path.payload())
    path.delivered(packet(path, also + wire.option(1) + match), path.payload())
    for options in (b"", match, also, match + wire.option(8, b"alsO"), match + match):
        refused(options, "opt_match")
    if data:
        refused(wire.option(7, data[:-1] + b"?") + also, "opt_match")
        refused(wire.option(7, data[:-4]) + also, "opt_len")


# --- checksum ---


def test_zero_checksum(path):
    zero = path.packet(path.payload(), udp={"check": 0})
    if not path.v6:
        return path.delivered(zero, path.payload())
    path.dropped(zero, "csum_zero6")
    path.write(flags=C.WEFT_TUNNEL_ZERO6_RX)
    path.delivered(zero, path.payload())
    assert path.dp.notes() == {("zero_csum6", TUNNEL): 1}
    path.dropped(path.packet(path.payload(), src=path.other, udp={"check": 0}), "src_denied", 0)


@pytest.mark.parametrize("options", [0, 1, 63])
def test_cut_at_every_byte(path, options):
    whole = packet(path, {0: b"", 1: wire.option(1), 63: FULL}[options])
    for size in range(header(path), len(whole)):
        before = path.counted()
        verdict, out = path.dp.from_underlay(whole[:size])
        assert verdict == SHOT and path.counted() == before + 1, (size, verdict == PASS, out)
    assert {reason for reason, _, _ in path.dp.drops()} == {"malformed"}
    path.delivered(whole, path.payload())
