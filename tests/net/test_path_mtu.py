# SPDX-License-Identifier: GPL-2.0-only
"""Rows of the path MTU of a remote (RFC 1191, RFC 8201): what ICMP errors about the DUT's own packets do, and when not."""

import time

import pytest

import encap
import icmp
from lab import DEADLINE, wait_until
from frames import BROADCAST, mac_of
from rig import LOCAL2, LOCAL2_6, TENANT_A, TENANT_R

ETHERNET = ("vxlan", "geneve", "gretap", "nvgre")
pytestmark = pytest.mark.encapsulations(*ETHERNET)
TENANT_R2 = mac_of(0x2)
FULL = 1500


def full(rig, mtu=FULL, more=0, **fields):
    """A tenant's frame that just fits an underlay of that MTU, or is `more` bytes longer; with DF."""
    return rig.tenant(**{"length": rig.room(mtu) + more, "df": True, **fields})


def quoted(rig, sent):
    """As much of a packet of the DUT as a router quotes."""
    return sent.raw[14:][:icmp.QUOTED[rig.family]]


def passes(rig, mtu=FULL, **fields):
    """The largest packets of that MTU are sent; gives one of them."""
    packet = rig.out(full(rig, mtu, **fields))
    assert packet.total == mtu
    return packet


def limited_to(rig, mtu):
    """The remote's path has that MTU, and not one byte more."""
    for version in (4, 6):
        passes(rig, mtu, version=version)
        rig.answered(full(rig, mtu, more=1, version=version), mtu)


@pytest.mark.encapsulations(*ETHERNET, "geneve-l3", "gre")
def test_PM_01_the_path_of_a_remote_gets_smaller(ready):
    ready.router_says(quoted(ready, passes(ready)), 1400)
    limited_to(ready, 1400)
    ready.router_says(quoted(ready, passes(ready, 1400)), 1366)
    limited_to(ready, 1366)
    if ready.dut.is_ours:
        name = "t0" if ready.ethernet == 0 else "v0"
        remote, = ready.dut.weft.show("tunnel", name)["state"]["remotes"]
        assert remote["path_mtu"] == 1366 and 0 < remote["path_mtu_expires"] <= 600


def test_PM_01_other_remotes_are_left_alone(rig):
    rig.up(remote=[rig.r1, rig.r2])
    rig.meet()
    hello = rig.tenant(TENANT_R2, TENANT_A)
    rig.delivered(rig.packet(hello, rig.r2), hello)
    rig.router_says(quoted(rig, passes(rig, dst=TENANT_R)), 1400)
    assert passes(rig, dst=TENANT_R2).dst == rig.r2
    limited_to(rig, 1400)
    rig.router_says(quoted(rig, passes(rig, dst=TENANT_R2)), 1350)
    assert passes(rig, 1350, dst=TENANT_R2).dst == rig.r2
    limited_to(rig, 1400)


def _until_lower(rig, mtu):
    """Sends full packets until one is not sent any more, but answered."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        inner = full(rig)
        rig.a.send(inner)
        told = rig.dut.drops().get("mtu")
        if told:
            answer = rig.a.expect(icmp.about(inner), what="ICMP error")
            assert answer.mtu == rig.room(mtu) - 14
            return
        rig.u.expect(rig.sent(inner))
    raise AssertionError("the error was never believed")


@pytest.mark.needs("weft")
def test_PM_01_a_quote_of_eight_bytes_is_enough(ready):
    """RFC 792: the IP header and 8 bytes, which do not reach the VNI."""
    sent = passes(ready)
    header = 40 if ready.family == 6 else 20
    ready.u.send(icmp.too_big(ready.path(ready.r3), sent.raw[14:14 + header + 8], 1400))
    _until_lower(ready, 1400)
    limited_to(ready, 1400)


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("vxlan")
def test_PM_01_a_quote_of_eight_bytes_is_about_every_tunnel_there(rig):
    rig.up(ports=["pa"])
    rig.meet()
    rig.dut.bridge("br1")
    rig.dut.port("pb", "br1")
    rig.tunnel("v1", "br1", id=rig.vni + 1)
    rig.dut.bridge("br2")
    rig.tunnel("v2", "br2", id=rig.vni + 2, remote=rig.r2)
    sent = passes(rig)
    header = 40 if rig.family == 6 else 20
    rig.u.send(icmp.too_big(rig.path(rig.r3), sent.raw[14:14 + header + 8], 1400))
    _until_lower(rig, 1400)

    def both():
        inner = full(rig, dst=BROADCAST)
        rig.b.send(inner)
        try:
            rig.u.expect(rig.sent(inner), timeout=0.2)
        except AssertionError:
            return True
        return False
    wait_until(both, "the other tunnel to the same address to be lowered")


@pytest.mark.needs("weft")
def test_PM_01_errors_never_raise_it(ready):
    """Those that come late, about packets that were on their way, are nothing odd."""
    first = passes(ready)
    ready.router_says(quoted(ready, first), 1350)
    notes = ready.dut.notes()
    for mtu in (1350, 1351, 1400, 1499):
        ready.u.send(icmp.too_big(ready.path(ready.r3), quoted(ready, first), mtu))
        limited_to(ready, 1350)
    assert ready.dut.notes() == notes


@pytest.mark.needs("weft")
@pytest.mark.own_weftd
@pytest.mark.encapsulations("vxlan", "gretap")
def test_PM_01_it_outlives_weftd(ready):
    ready.router_says(quoted(ready, passes(ready)), 1400)
    ready.dut.weft.kill()
    limited = full(ready, 1400, more=1)
    ready.send(limited)
    icmp.check_answer(ready.a.expect(icmp.about(limited)), limited, ready.room(1400) - 14)
    ready.dut.weft.start()
    limited_to(ready, 1400)


@pytest.mark.needs("weft")
def test_PM_01_without_df_it_goes_in_inner_fragments(ready):
    ready.router_says(quoted(ready, passes(ready)), 1400)
    ready.send(full(ready, df=False))
    for _ in range(2):
        packet = ready.u.expect(ready.outer)
        assert not packet.is_fragment and packet.total <= 1400


@pytest.mark.family(4)
@pytest.mark.needs("weft")
def test_PM_02_an_mtu_of_zero_is_the_next_plateau(ready):
    mtu = FULL
    for plateau in (1492, 1006, 508, 296):
        ready.router_says(quoted(ready, passes(ready, mtu)), 0)
        mtu = plateau
        passes(ready, mtu)
        ready.answered(full(ready, mtu, more=1), mtu)


@pytest.mark.family(4)
def test_PM_02_an_mtu_of_zero_lowers_it(ready):
    ready.router_says(quoted(ready, passes(ready)), 0)
    ready.send(full(ready))
    ready.good_pass()
    assert not [data for data in ready.u.drain() if ready.outer(data)]
    ready.out(full(ready, 500))


LEAST = {4: 68, 6: 1280}


def test_PM_03_below_the_least_it_is_ignored(ready):
    sent = passes(ready)
    for mtu in (LEAST[ready.family] - 1, 20, 1):
        ready.router_says(quoted(ready, sent), mtu, "icmp_forged")
        limited_to(ready, FULL)


@pytest.mark.needs("weft")
def test_PM_03_the_least_is_believed(ready):
    """Over IPv4 nothing is left then for tenants; they are told of 68 all the same, as no link has less (RFC 791 3.2)."""
    least = LEAST[ready.family]
    ready.router_says(quoted(ready, passes(ready)), least)
    if ready.family == 6:
        passes(ready, 1280)
        ready.answered(full(ready, 1281), 1280)
        return
    inner = full(ready, 500)
    ready.leaks()
    ready.send(inner)
    ready.check_answer(ready.a.expect(icmp.about(inner), what="ICMP error"), inner, least)
    assert not ready.leaks()


@pytest.mark.parametrize("mtu", [1500, 1501, 9000, 65535])
def test_PM_03_it_is_never_raised(ready, mtu):
    sent = passes(ready)
    ready.router_says(quoted(ready, sent), mtu, "icmp_forged")
    limited_to(ready, FULL)


def _forged(rig, sent):
    """Quotes of a packet that the DUT has never sent: name -> (quote, fields of the error)."""
    outer = rig.mac, sent.mac_dst, rig.local, rig.r1
    df = {"flags": 2} if rig.family == 4 else {}
    fields = {"ip": df, "vni": rig.vni}
    if sent.sport:
        fields.update(sport=sent.sport, csum=sent.csum)

    def quote(outer=outer, **more):
        made = rig.packet(sent.inner, outer=outer, **{**fields, **more})
        return made[14:][:icmp.QUOTED[rig.family]]
    right = quote()
    yield "peer", quote((*outer[:3], rig.r2)), {}
    yield "source", quote((*outer[:2], LOCAL2_6 if rig.family == 6 else LOCAL2, rig.r1)), {}
    yield "vni", quote(vni=rig.vni + 1), {}
    yield "checksum", right, {"csum": 0x1234}
    if rig.family == 4:
        yield "df", quote(ip={}), {}
        yield "later fragment", quote(ip={**df, "frag": 100}), {}
    if sent.sport:
        yield "source port below", quote(sport=49151), {}
        yield "source port above", quote(sport=65535), {}
        yield "port", quote(dport=8472 if rig.type == "vxlan" else 4789), {}
    else:
        yield "no key", quote(vni=None) if rig.type != "nvgre" else quote(key=rig.vni << 8 ^ 1 << 31), {}


@pytest.mark.needs("weft")
def test_PM_04_forged_errors_are_ignored_and_counted(rig):
    rig.up(ports=["pa"], local=rig.local)
    rig.dut.bridge("br1")  # so that the other port is one that weft listens at
    rig.tunnel("other", "br1", remote=rig.r2, **{"vxlan": {"dstport": 8472}, "geneve": {"dstport": 4789}}.get(
        rig.type, {"id" if rig.type == "nvgre" else "key": 7777}))
    rig.meet()
    sent = passes(rig)
    for name, quote, fields in _forged(rig, sent):
        try:
            rig.router_says(quote, 1350, "icmp_forged", **fields)
            passes(rig)
        except AssertionError as error:
            raise AssertionError(f"forged {name}") from error
    limited_to(rig, FULL)
    rig.router_says(quoted(rig, sent), 1350)  # that one is none
    limited_to(rig, 1350)


def test_PM_04_what_is_no_tunnel_is_the_hosts(ready):
    """Errors about other ports, protocols, and other kinds of errors, lower nothing and are nothing odd."""
    sent = passes(ready)
    outer = ready.mac, sent.mac_dst, ready.local, ready.r1
    plain = encap.underlay(outer, 17, encap.udp(ready.local, ready.r1, 50000, 7777, bytes(1400)))[14:]
    tcp = encap.underlay(outer, 6, bytes(1400))[14:]
    before = ready.dut.notes() if ready.dut.is_ours else None
    with ready.silent():
        for quote in (plain, tcp, quoted(ready, sent)[:24 if ready.family == 4 else 44][:-1]):
            ready.u.send(icmp.too_big(ready.path(), quote[:500], 1350))
        ready.u.send(icmp.too_big(ready.path(), quoted(ready, sent), 1350, kind=3 if ready.family == 4 else 1, code=1))
        ready.u.send(icmp.too_big(ready.path(), b"", 1350), icmp.too_big(ready.path(), plain[:12], 1350))
    limited_to(ready, FULL)
    assert before is None or ready.dut.notes() == before


@pytest.mark.needs("weft")
def test_PM_04_the_host_still_sees_every_error(rig):
    """What it thinks of them is its own affair: its counters of ICMP move."""
    rig.up()
    rig.meet()
    sent = passes(rig)

    def errors():
        with rig.host.inside(), open("/proc/thread-self/net/snmp6" if rig.family == 6 else "/proc/thread-self/net/snmp",
                                     encoding="ascii") as file:
            text = file.read()
        if rig.family == 6:
            return int(text.partition("Icmp6InPktTooBigs")[2].split()[0])
        names, values = (line.split() for line in text.splitlines() if line.startswith("Icmp:"))
        return int(values[names.index("InDestUnreachs")])
    before = errors()
    rig.router_says(quoted(rig, sent), 1400)
    rig.router_says(quoted(rig, sent), 9000, "icmp_forged")
    wait_until(lambda: errors() == before + 2, "the host to see both")


@pytest.mark.needs("weft")
def test_PM_05_it_is_forgotten_in_time(rig):
    """After `mtu_expires`, and not before; a packet of each size is sent again and again until then."""
    rig.up(mtu_expires=2)
    rig.meet()
    sent = passes(rig)
    start = time.monotonic()
    rig.router_says(quoted(rig, sent), 1400)
    while True:
        inner = full(rig)
        rig.send(inner)
        dropped = sum(rig.dut.drops().get(reason, 0) for reason in ("mtu", "mtu_limit"))
        try:
            rig.u.expect(rig.sent(inner), timeout=0.1)
        except AssertionError:
            assert dropped and time.monotonic() < start + DEADLINE
            continue
        break
    assert time.monotonic() - start >= 2 - 0.05  # of the datapath's clock, which counts in sixtieths of a second
    limited_to(rig, FULL)
    rig.router_says(quoted(rig, sent), 1350)
    limited_to(rig, 1350)


@pytest.mark.needs("weft")
def test_PM_05_the_default_is_ten_minutes(rig):
    rig.up()
    assert rig.dut.weft.show("tunnel", "v0")["mtu_expires"] == 600
