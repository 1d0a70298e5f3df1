# SPDX-License-Identifier: GPL-2.0-only
"""What every encapsulation does alike, over IPv4 and IPv6: bytes sent and received, TOS, TTL, DF, id, flow label."""

import pytest

import wire
from abi import C
from datapath import A, B, OUT, PASS, PEER, SHOT, TUNNEL
from path import ALL, IDS, Path, frame, frame6

SIZES = [0, 1, 2, 19, 97, 98, 511, 512, 513, 1024, 1357]


@pytest.fixture(params=ALL, ids=IDS)
def path(bare, request):
    kind, v6 = request.param
    return Path(bare, kind, v6, key=0x654321)


def only(keep):
    """For the encapsulations of which keep(kind, v6) is true."""
    chosen = [p for p in ALL if keep(*p)]
    return pytest.mark.parametrize("path", chosen, indirect=True, ids=[IDS[ALL.index(p)] for p in chosen])


def summed(path):
    """A checksum wherever there can be one."""
    if path.kind == "nvgre":
        return {}, {"remote_flags": C.WEFT_REMOTE_FLOWID}
    tunnel = {"checksum": True} if path.gre else {}
    return tunnel, {"remote_flags": C.WEFT_REMOTE_CSUM, "template": {"checksum": 0} if path.gre else None}


def flow(path, out):
    """The FlowID of NVGRE, which is a hash."""
    return {"key": path.key << 8 | out[(54 if path.v6 else 34) + 7]} if path.kind == "nvgre" else {}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("six", [False, True], ids=["inner4", "inner6"])
def test_sent(path, size, six):
    tunnel, settings = summed(path)
    path.write(**settings)
    payload = path.payload(size, six)
    out = path.sent(payload)
    path.expect(payload, out, tunnel={**tunnel, **flow(path, out)})
    assert path.dp.total("remote_stats", PEER)[2] == 1


@pytest.mark.parametrize("size", [0, 1, 1357])
def test_sent_without_a_checksum(path, size):
    payload = path.payload(size)
    path.expect(payload, path.sent(payload), udp={"check": 0})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("six", [False, True], ids=["inner4", "inner6"])
def test_received(path, size, six):
    tunnel, _ = summed(path)
    payload = path.payload(size, six)
    path.delivered(path.packet(payload, tunnel=tunnel), payload)
    assert path.dp.total("remote_stats", PEER)[0] == 1
    assert not path.dp.drops() and not path.dp.notes()


def test_padding_is_trimmed(path):
    payload = path.payload(0)
    path.delivered(path.packet(payload) + b"p" * 40, payload)


@pytest.mark.parametrize("size", [20, 21, 1300])
@only(lambda kind, v6: kind != "nvgre")
def test_wrong_checksum(path, size):
    """Any bit: of the payload, of the tunnel header, of UDP's source port."""
    tunnel, _ = summed(path)
    packet = path.packet(path.payload(size), tunnel=tunnel)
    offset = 54 if path.v6 else 34
    # GRE: the second half of the reserved field, and the payload; UDP: source port
    for place in (len(packet) - 1, len(packet) - 8, offset + (6 if path.gre else 0)):
        bad = bytearray(packet)
        bad[place] ^= 0x10
        path.dropped(bytes(bad), "csum")


@only(lambda kind, v6: kind not in ("nvgre", "vxlan"))
def test_checksum_counts_before_anything_else(path):
    """A key or a source that is broken on the way is no unknown one. VXLAN leaves the choice to the tunnel."""
    tunnel, _ = summed(path)
    bad = bytearray(path.packet(path.payload(), tunnel=tunnel))
    bad[(54 if path.v6 else 34) + (10 if path.gre else 13)] ^= 0x40  # of key or VNI
    path.dropped(bytes(bad), "csum", 0)
    if not path.gre:  # GRE's does not cover addresses
        bad = bytearray(path.packet(path.payload(), tunnel=tunnel))
        bad[29 if not path.v6 else 37] ^= 0x40
        path.dropped(bytes(bad), "csum", 0)


@pytest.mark.parametrize("size", [20, 21])
@only(lambda kind, v6: kind != "nvgre")
def test_checksum_that_comes_to_zero(path, size):
    """UDP sends ones for it (RFC 768), GRE sends what it is."""
    tunnel, settings = summed(path)
    path.write(**settings)
    payload = bytearray(path.payload(size))
    place = len(payload) - 2 if len(payload) % 2 == 0 else len(payload) - 3
    payload[place:place + 2] = b"\0\0"
    out = path.sent(bytes(payload))
    at = (54 if path.v6 else 34) + (4 if path.gre else 6)
    payload[place:place + 2] = out[at:at + 2]
    out = path.sent(bytes(payload))
    assert out[at:at + 2] == (b"\0\0" if path.gre else b"\xff\xff")
    path.expect(bytes(payload), out, tunnel=tunnel)
    inward = path.packet(bytes(payload), tunnel=tunnel)
    path.delivered(inward, bytes(payload))


# --- outer IP header ---


@pytest.mark.parametrize("six", [False, True], ids=["inner4", "inner6"])
@pytest.mark.parametrize("ecn", range(4))
def test_tos(path, ecn, six):
    """RFC 2983 pipe and uniform; RFC 6040 4.1 normal and compatibility mode; RFC 3168 9.1.1."""
    payload = path.payload(six=six, tos=0xb8 | ecn)
    once = {0: 0, 1: 1, 2: 2, 3: 2}[ecn]
    for flags, template, want in [(0, 0, ecn), (0, 0x28, 0x28 | ecn),
                                  (C.WEFT_TUNNEL_TOS_INHERIT, 0, 0xb8 | ecn),
                                  (C.WEFT_TUNNEL_ECN_COMPAT, 0x28, 0x28),
                                  (C.WEFT_TUNNEL_ECN_3168, 0x28, 0x28 | once),
                                  (C.WEFT_TUNNEL_ECN_3168 | C.WEFT_TUNNEL_TOS_INHERIT, 0, 0xb8 | once)]:
        path.write(flags=flags, ip={"tos": template})
        path.expect(payload, path.sent(payload), udp={"check": 0}, ip={"tos": want})


@only(lambda kind, v6: kind not in ("gre", "geneve-l3"))
def test_tos_of_what_is_no_ip(path):
    payload = wire.ethernet(A, B, 0x0806, b"\xff" * 28)
    path.write(flags=C.WEFT_TUNNEL_TOS_INHERIT | C.WEFT_TUNNEL_TTL_INHERIT, ip={"ttl": 17})
    path.expect(payload, path.sent(payload), udp={"check": 0}, ip={"tos": 0, "ttl": 17})


@pytest.mark.parametrize("six", [False, True], ids=["inner4", "inner6"])
def test_ttl(path, six):
    payload = path.payload(six=six, ttl=9)
    path.write(ip={"ttl": 33})
    path.expect(payload, path.sent(payload), udp={"check": 0}, ip={"ttl": 33})
    path.write(flags=C.WEFT_TUNNEL_TTL_INHERIT, ip={"ttl": 33})
    path.expect(payload, path.sent(payload), udp={"check": 0}, ip={"ttl": 9})


def with_df(path, df):
    made = frame()
    inner = wire.udp("10.0.0.2", "10.0.0.1", 9, 7, b"data")
    made = made[:14] + wire.ipv4("10.0.0.2", "10.0.0.1", wire.UDP, inner, fragment=0x4000 if df else 0)
    return made[14:] if path.l3 else made


@only(lambda kind, v6: not v6)
def test_df(path):
    """Set: no id (RFC 6864 4.1). Unset: an id, another each time. Inherited: set for what is not IPv4."""
    path.expect(with_df(path, False), path.sent(with_df(path, False)), udp={"check": 0})

    path.write(remote_flags=C.WEFT_REMOTE_ID, ip={"fragment": 0})
    seen = set()
    for _ in range(20):
        out = path.sent(with_df(path, True))
        seen.add(out[18:20])
        ident = int.from_bytes(out[18:20], "big")
        path.expect(with_df(path, True), out, udp={"check": 0}, ip={"fragment": 0, "ident": ident})
    assert len(seen) > 15

    path.write(remote_flags=C.WEFT_REMOTE_ID | C.WEFT_REMOTE_DF_INHERIT, ip={"fragment": 0})
    path.expect(with_df(path, True), path.sent(with_df(path, True)), udp={"check": 0})
    out = path.sent(with_df(path, False))
    path.expect(with_df(path, False), out, udp={"check": 0},
                ip={"fragment": 0, "ident": int.from_bytes(out[18:20], "big")})
    six = path.payload(six=True)
    path.expect(six, path.sent(six), udp={"check": 0})


def flows(path, number=256):
    for port in range(number):
        inner = wire.udp("10.0.0.2", "10.0.0.1", 1000 + port, 7, b"data")
        made = frame()[:14] + wire.ipv4("10.0.0.2", "10.0.0.1", wire.UDP, inner)
        yield made[14:] if path.l3 else made


def test_entropy(path):
    """The same within a flow, spread across flows: source port, flow label (not 0), FlowID."""
    path.write(remote_flags=C.WEFT_REMOTE_FLOWLABEL | (C.WEFT_REMOTE_FLOWID if path.kind == "nvgre" else 0))
    first = [path.sent(x) for x in flows(path)]
    again = [path.sent(x) for x in flows(path)]
    at = 54 if path.v6 else 34
    assert first == again
    if not path.gre:
        ports = [int.from_bytes(x[at:at + 2], "big") for x in first]
        assert len(set(ports)) > 240 and min(ports) >= 49152 and max(ports) < 65535
    if path.v6:
        labels = [int.from_bytes(x[15:18], "big") & 0xfffff for x in first]
        assert len(set(labels)) > 240 and all(labels)
    if path.kind == "nvgre":
        assert len({x[at + 7] for x in first}) > 128


@only(lambda kind, v6: v6)
def test_flow_label_by_choice(path):
    path.write(ip={"label": 0xabcde})
    path.expect(path.payload(), path.sent(path.payload()), udp={"check": 0}, ip={"label": 0xabcde})


# --- inner IP header ---

ECN = {(0, 0): 0, (0, 1): 0, (0, 2): 0, (0, 3): None, (1, 0): 1, (1, 1): 1, (1, 2): 1, (1, 3): 3,
       (2, 0): 2, (2, 1): 1, (2, 2): 2, (2, 3): 3, (3, 0): 3, (3, 1): 3, (3, 2): 3, (3, 3): 3}
ODD = {(0, 1), (0, 2), (0, 3), (1, 2), (3, 1)}  # RFC 6040 figure 4: currently unused


@pytest.mark.parametrize("six", [False, True], ids=["inner4", "inner6"])
def test_ecn_of_what_is_received(path, six):
    """RFC 6040 figure 4, and what of it is worth a note."""
    for (inner, outer), want in ECN.items():
        path.dp.reset()
        again = Path(path.dp, path.kind + ("-l3" if path.l3 and path.kind == "geneve" else ""), path.v6)
        packet = again.packet(again.payload(six=six, tos=0xb8 | inner), ip={"tos": 0x28 | outer})
        if want is None:
            again.dropped(packet, "ecn_drop")
        else:
            again.delivered(packet, again.payload(six=six, tos=0xb8 | want))
        assert again.dp.notes() == ({("ecn_unused", TUNNEL): 1} if (inner, outer) in ODD else {})


@pytest.mark.parametrize("six", [False, True], ids=["inner4", "inner6"])
def test_dscp_of_what_is_received(path, six):
    path.write(flags=C.WEFT_TUNNEL_DSCP_INHERIT)
    for outer in (0, 0x28, 0xb8, 0xfc):
        path.delivered(path.packet(path.payload(six=six, tos=0x50 | 2), ip={"tos": outer | 3}),
                       path.payload(six=six, tos=outer | 3))


# --- who, and for whom ---


def test_source_denied(path):
    path.dropped(path.packet(path.payload(), src=path.other), "src_denied", 0)


def test_other_destination(path):
    """Forwarded traffic, whatever is in it."""
    path.untouched(path.packet(path.payload(), dst="198.51.100.1" if not path.v6 else "2001:db8:9::1"))
    path.untouched(path.packet(b"", dst="198.51.100.1" if not path.v6 else "2001:db8:9::1"))


def test_nobody_listens(path):
    path.dp.set("listen", path.port, 0)
    path.untouched(path.packet(path.payload()))


def test_device_down(path):
    if path.l3:
        path.dp.port(3, flags=C.WEFT_PORT_L3)
        verdict, _ = path.dp.from_underlay(path.packet(path.payload()))
        assert verdict == SHOT and path.dp.drops() == {("port_down", 0, TUNNEL): 1}
        return
    path.dp.port(OUT, flags=0)
    verdict, _ = path.dp.from_underlay(path.packet(path.payload()))
    assert verdict == SHOT and path.dp.drops() == {("port_down", OUT, 0): 1}


def test_cut_at_every_byte(path):
    """Never delivered, never passed on but whole, and counted exactly once where it was looked at."""
    tunnel, _ = summed(path)
    whole = path.packet(path.payload(), tunnel=tunnel)
    l4 = 54 if path.v6 else 34
    for size in range(l4, len(whole)):
        before = path.counted()
        try:
            verdict, out = path.dp.from_underlay(whole[:size])
        except OSError:
            assert size < 60  # too short for the kernel to run a program on
            continue
        assert verdict in (SHOT, PASS), size
        assert path.counted() - before == (1 if verdict == SHOT else 0), size
        assert verdict == SHOT or (out == whole[:size] and size < l4 + 8 and not path.gre), size
    assert {reason for reason, _, _ in path.dp.drops()} == {"malformed"}
    assert not path.dp.total("remote_stats", PEER)[0]
    path.delivered(whole, path.payload())


def test_lengths_that_end_within(path):
    """The same, with lengths in IP and UDP that agree with what is there."""
    tunnel, _ = summed(path)
    whole = path.packet(path.payload(), tunnel=tunnel)
    l4 = 54 if path.v6 else 34
    least = 20 if path.l3 else 14
    header = len(whole) - len(path.payload())
    for size in range(l4, header + least):
        cut = path.packet(b"", whole=whole[l4:size])
        if not path.gre:
            cut = bytearray(cut)
            cut[l4 + 4:l4 + 6] = (size - l4).to_bytes(2, "big")
            cut = bytes(cut)
        if size < l4 + 8 and not path.gre:
            path.untouched(cut)
        else:
            path.dropped(cut, "malformed", 0)


def test_short_inner_packet(path):
    """What there is of it is delivered as it is, or nothing: nothing behind its end is written."""
    for size in (14, 15, 16, 30, 33):
        short = frame6()[:size]
        if path.l3:
            path.dropped(path.packet(frame6()[14:14 + size]), "malformed", 0)
        else:
            path.delivered(path.packet(short, ip={"tos": 0}), short)
