# SPDX-License-Identifier: GPL-2.0-only
"""GRE (RFC 2784, 2890, 7676) with Ethernet and without, and NVGRE (RFC 7637)."""

import pytest

import wire
from abi import U32, C, Sequence
from datapath import PEER, REDIRECT, SHOT, TUNNEL
from path import Path

FAMILIES = [False, True]
BOTH = [(kind, v6) for kind in ("gretap", "gre") for v6 in FAMILIES]
IDS = [f"{kind}-{'ipv6' if v6 else 'ipv4'}" for kind, v6 in BOTH]


@pytest.fixture(params=BOTH, ids=IDS)
def made(bare, request):
    """Makes a tunnel of that type."""
    return lambda **settings: Path(bare, *request.param, **settings)


@pytest.fixture(params=FAMILIES, ids=["ipv4", "ipv6"])
def nvgre(bare, request):
    return Path(bare, "nvgre", request.param, key=0x123456)


def settings(check, seq):
    flags = C.WEFT_REMOTE_CSUM * check | C.WEFT_REMOTE_SEQ * seq
    template = {**({"checksum": 0} if check else {}), **({"sequence": 0} if seq else {})}
    return {"remote_flags": flags, "template": template}


@pytest.mark.parametrize("key", [None, 0, 7, 0xffffffff])
@pytest.mark.parametrize("check", [False, True], ids=["", "csum"])
@pytest.mark.parametrize("seq", [False, True], ids=["", "seq"])
def test_every_header(made, key, check, seq):
    """Sent and received, odd and even lengths; and each cut one byte short."""
    path = made(key=key, **settings(check, seq))
    for number, size in enumerate((0, 1, 2, 97, 1300)):
        for six in (False, True):
            payload = path.payload(size, six)
            tunnel = {"checksum": check, "sequence": 2 * number + six if seq else None}
            path.expect(payload, path.sent(payload), tunnel=tunnel)
            path.delivered(path.packet(payload, tunnel=tunnel), payload)
    header = path.header(b"", checksum=check, sequence=0 if seq else None, **({"protocol": wire.IPV4} if path.l3 else {}))
    path.dropped(path.packet(b"", whole=header[:-1]), "malformed", 0)


@pytest.mark.parametrize("start", [0, 5, 0xffffffff])
def test_sequence_sent(made, start):
    path = made(**settings(True, True))
    if start:
        path.dp.set("sequences", PEER, Sequence(next=start, last=0xffffffff))
    for number in (start, (start + 1) % 2 ** 32, (start + 2) % 2 ** 32):
        path.expect(path.payload(), path.sent(path.payload()), tunnel={"checksum": True, "sequence": number})


def take(path, number):
    before = path.dp.drops().get(("gre_seq", 0, TUNNEL), 0)
    verdict, _ = path.dp.from_underlay(path.packet(path.payload(), tunnel={"sequence": number}))
    after = path.dp.drops().get(("gre_seq", 0, TUNNEL), 0)
    assert (verdict, after - before) in ((REDIRECT, 0), (SHOT, 1))
    return verdict == REDIRECT


def test_sequence_received(made):
    path = made(flags=C.WEFT_TUNNEL_SEQ_NEEDED)
    assert [take(path, n) for n in (0, 1, 1, 0, 3, 2)] == [True, True, False, False, True, False]
    for last, number, want in [(0xffffffff, 0, True), (10, 10 + 2 ** 31, True), (10, 10 + 2 ** 31 + 1, False),
                               (10, 9, False), (2 ** 31, 0, True), (2 ** 31 + 1, 1, True), (2 ** 31 + 1, 2, False)]:
        path.dp.set("sequences", PEER, Sequence(next=0, last=last))
        assert take(path, number) == want, (last, number)
    path.dp.set("sequences", PEER, Sequence(next=0, last=0xffffffff))
    assert [take(path, n) for n in (5, None, 6)] == [True, True, True]


def test_sequence_not_looked_at(made):
    path = made()
    assert [take(path, n) for n in (5, 5, 4, 0)] == [True] * 4


def test_checksum_by_choice_of_the_sender(made):
    path = made()
    payload = path.payload()
    path.delivered(path.packet(payload, tunnel={"checksum": True}), payload)
    path.delivered(path.packet(payload, tunnel={"checksum": True, "reserved1": 0xffff}), payload)
    path.dropped(path.packet(payload, tunnel={"checksum": 0x1234}), "csum")


def test_checksum_demanded(made):
    path = made(flags=C.WEFT_TUNNEL_CSUM_NEEDED)
    payload = path.payload()
    path.delivered(path.packet(payload, tunnel={"checksum": True}), payload)
    verdict, _ = path.dp.from_underlay(path.packet(payload))
    assert verdict == SHOT and path.dp.drops() == {("csum_missing", 0, TUNNEL): 1}


@pytest.mark.parametrize("bit", [1, 4, 5])
def test_forbidden_bits(made, bit):
    path = made()
    path.dropped(path.packet(path.payload(), tunnel={"flags": 0x8000 >> bit}), "gre_flags", 0)


def test_rfc_1701_packet(made):
    """Routing: offset, a list of one source route entry, and the null one."""
    path = made()
    route = bytes.fromhex("0000000008000004c00002020000000000000000")
    whole = bytes.fromhex("40006558" if not path.l3 else "40000800") + route + path.payload()
    path.dropped(path.packet(b"", whole=whole), "gre_flags", 0)


@pytest.mark.parametrize("bit", range(6, 13))
def test_reserved_bits_are_ignored(made, bit):
    path = made()
    path.delivered(path.packet(path.payload(), tunnel={"flags": 0x8000 >> bit}), path.payload())


@pytest.mark.parametrize("version", range(1, 8))
def test_version(made, version):
    path = made()
    path.unmatched(path.packet(path.payload(), tunnel={"flags": version}), "gre_ver")


@pytest.mark.parametrize("protocol", [0, 0x05dc, 0x0806, 0x8847, 0xffff])
def test_protocol_type(made, protocol):
    path = made()
    path.unmatched(path.packet(path.payload(), tunnel={"protocol": protocol}), "gre_proto")


@pytest.mark.parametrize("key,other", [(None, 0), (None, 7), (0, None), (7, None), (7, 8), (7, 0)])
def test_key_mismatch(made, key, other):
    path = made(key=key)
    path.unmatched(path.packet(path.payload(), tunnel={"key": other}), "key_mismatch")


def test_any_key(made):
    path = made(key="any")
    for key in (None, 0, 7, 0xffffffff):
        path.delivered(path.packet(path.payload(), tunnel={"key": key}), path.payload())
    path.dropped(path.packet(path.payload(), src=path.other, tunnel={"key": 5}), "src_denied", 0)


def tunnel_of(path, **fields):
    """Which tunnel takes this packet, told by who counts it."""
    peers = range(10, 20)
    before = {n: path.dp.total("remote_stats", n)[0] for n in peers}
    path.delivered(path.packet(path.payload(), **fields))
    return [n for n in peers if path.dp.total("remote_stats", n)[0] != before[n]]


def test_precedence(made):
    """The key counts more than the local address, that more than the remote."""
    anything = made(key="any", number=2, peer=12)
    exact = made(key=7, number=3, peer=13)
    assert tunnel_of(exact, tunnel={"key": 7}) == [13]
    assert tunnel_of(exact, tunnel={"key": 8}) == [12]
    assert tunnel_of(exact, tunnel={"key": None}) == [12]
    exact.dp.delete("peers", next(k for k in exact.dp.items("peers") if k.port == 1))
    assert tunnel_of(exact, tunnel={"key": 7}) == [12]
    # the key, though for any addresses, before both addresses with any key
    exact.take(None, exact.remote, 14)
    assert tunnel_of(exact, tunnel={"key": 7}) == [14]
    # local, then remote
    local = made(key=7, number=4, peer=15)
    local.dp.delete("peers", next(k for k in local.dp.items("peers")
                                  if k.port == 1 and any(k.local.bytes) and any(k.remote.bytes)))
    # what comes from no known remote is counted at the prototype
    local.write(prototype=(U32 * 2)(16, 0))
    local.take(local.local, None, 0)
    assert tunnel_of(local, tunnel={"key": 7}) == [16]
    assert tunnel_of(local, tunnel={"key": 9}) == [12] and anything


@pytest.mark.parametrize("before", [
    [(wire.HOP_BY_HOP, 0)], [(wire.DESTINATION, 0)], [(wire.FRAGMENT, 0)], [(wire.DESTINATION, 70)],
    [(wire.HOP_BY_HOP, 0), (wire.DESTINATION, 1), (wire.FRAGMENT, 0), (wire.DESTINATION, 0)]],
    ids=["hop-by-hop", "destination", "atomic", "long", "four"])
@pytest.mark.parametrize("kind", ["gretap", "gre", "nvgre", "vxlan", "geneve", "geneve-l3"])
def test_extension_headers(bare, kind, before):
    """RFC 7676 4.1, RFC 6946; and cut in the middle of them nothing is ours."""
    path = Path(bare, kind, True)
    whole = path.packet(path.payload(), before=before)
    path.delivered(whole, path.payload())
    path.untouched(whole[:57])
    path.untouched(path.packet(path.payload(), before=[(wire.DESTINATION, 0)] * 5))
    path.untouched(path.packet(path.payload(), before=[(wire.DESTINATION, 130)]))


class TestNvgre:
    @pytest.mark.parametrize("size", [0, 1, 1300])
    def test_sent(self, nvgre, size):
        nvgre.write(remote_flags=C.WEFT_REMOTE_FLOWID)
        out = nvgre.sent(nvgre.payload(size))
        at = 54 if nvgre.v6 else 34
        assert out[at:at + 7] == bytes.fromhex("20006558123456")
        nvgre.expect(nvgre.payload(size), out, tunnel={"key": 0x12345600 | out[at + 7]})

    def test_unused_flow_id_is_zero(self, nvgre):
        nvgre.expect(nvgre.payload(), nvgre.sent(nvgre.payload()), tunnel={"key": 0x12345600})

    def test_every_flow_id(self, nvgre):
        for flow in range(256):
            nvgre.delivered(nvgre.packet(nvgre.payload(), tunnel={"key": 0x12345600 | flow}), nvgre.payload())

    @pytest.mark.parametrize("fields", [{"checksum": True}, {"sequence": 1}, {"key": None}])
    def test_flags(self, nvgre, fields):
        nvgre.dropped(nvgre.packet(nvgre.payload(), tunnel=fields), "gre_flags", 0 if "key" in fields else TUNNEL)

    @pytest.mark.parametrize("vsid", [0xfff, 0xffffff, 0x123457])
    def test_vsid_unknown(self, nvgre, vsid):
        nvgre.unmatched(nvgre.packet(nvgre.payload(), tunnel={"key": vsid << 8}), "vni_unknown")

    @pytest.mark.parametrize("tag", ["8100", "88a8"])
    def test_tagged(self, nvgre, tag):
        payload = nvgre.payload()
        nvgre.dropped(nvgre.packet(payload[:12] + bytes.fromhex(tag + "0005") + payload[12:]), "vlan_inner")
