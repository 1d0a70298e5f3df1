# SPDX-License-Identifier: GPL-2.0-only
"""What a tunnel tells of odd packets, options of FDB entries, and changes of a tunnel under traffic."""

import itertools
import re

import pytest

import encap
from daemon import Weftd, refused
from decode import decode
from frames import frame, mac_of
from lab import wait_until
from maps import Slot
from monitor import Monitor
from pair import Pair
from tap import Tap
from traffic import NumberedUdp

A, B = "0x0102:0x01:00112233", "0x0103:0x02:aabbccddeeff0011"


@pytest.fixture
def far(lab, monkeypatch):
    """A host with weftd whose log is quick, a container, and the far end of its underlay in the test's hands."""
    monkeypatch.setenv("WEFT_LOG_INTERVAL", "1")
    host = lab.host("h1")
    lab.link(host, "eth0", lab.host("peer"), "eth0", mac2=mac_of(0x99))
    host.ip("address add 192.168.1.1/24 dev eth0")
    for number in (2, 3):
        host.ip(f"neigh add 192.168.1.{number} lladdr {mac_of(0x99)} dev eth0 nud permanent")
    host.c = host.container("c1", "vnet0", "10.0.0.1/24")
    host.weft = Weftd(host)
    host.weft("bridge add br0")
    host.weft("port add vnet0 bridge br0")
    host.wire, host.inside_tap = Tap(lab.hosts[1], "eth0"), Tap(host.c, "eth0")
    host.outer = (mac_of(0x99), host.mac("eth0"), "192.168.1.2", "192.168.1.1")
    host.weft("tunnel add g0 bridge br0 type geneve id 77 local 192.168.1.1 remote 192.168.1.2 remote 192.168.1.3")
    return host


_numbers = itertools.count()


def _inner(dst="ff:ff:ff:ff:ff:ff"):
    return frame(mac_of(0x55), dst, f"tenant {next(_numbers)}", length=100)


def _receive(host, **fields):
    """A packet from the far end that comes out at the container."""
    inner = _inner()
    host.wire.send(encap.geneve(host.outer, 77, inner, **fields))
    host.inside_tap.expect(inner)


def _lines(host, text):
    return [line for line in host.weft.log().splitlines() if text in line]


def _odd(host, count):
    """GENEVE whose C bit says what its options do not."""
    for _ in range(count):
        _receive(host, critical=True, options=[encap.geneve_option(0x102, 1, bytes(4))])


def test_notes_and_the_log(far):
    """One line for however many packets there were, and again only if there are more."""
    assert far.weft("notes") == []
    _odd(far, 5)
    wait_until(lambda: far.weft("notes"), "the note")
    [note] = far.weft("notes")
    assert (note["note"], note["packets"], note["tunnel"]) == ("not_critical", 5, "g0") and note["meaning"]
    text = far.weft.run("notes", json_output=False).stdout
    assert "not_critical" in text and "g0" in text and note["meaning"] in text

    def told():
        return sum(int(re.search(r"g0: (\d+) packets", line)[1])
                   for line in _lines(far, note["meaning"]))
    wait_until(lambda: told() == 5, "the log to say it")
    _odd(far, 3)
    wait_until(lambda: told() == 8, "the log to say it of the others")
    assert len(_lines(far, note["meaning"])) <= 8
    assert far.weft.drops().get("opt_crit", 0) == 0


def test_nolog(far):
    """It is counted but not said; another tunnel's is, which shows that the log's turn has come."""
    far.weft("tunnel set g0 nolog")
    far.weft("tunnel add g1 bridge br0 type geneve id 78 local 192.168.1.1 remote 192.168.1.2")
    _odd(far, 2)
    inner = _inner()
    far.wire.send(encap.geneve(far.outer, 78, inner, critical=True))
    far.inside_tap.expect(inner)
    wait_until(lambda: _lines(far, "tunnel g1: 1 packets"), "the log to speak of the other tunnel")
    assert not _lines(far, "tunnel g0:")
    assert {note["tunnel"]: note["packets"] for note in far.weft("notes")} == {"g0": 2, "g1": 1}
    far.weft("tunnel set g0 log")
    _odd(far, 1)
    wait_until(lambda: _lines(far, "tunnel g0: 1 packets"), "the log to speak of what came since")
    far.weft("tunnel del g0")
    assert [note["tunnel"] for note in far.weft("notes")] == ["g1"]


def test_monitor_control(far):
    """Control packets are shown whole, new options once; neither reaches another noun's reader."""
    monitor = Monitor(far.weft, "monitor control")
    other = Monitor(far.weft, "monitor bridge").ready(far.weft)
    option = encap.geneve_option(0x102, 1, b"\0\x11\x22\x33")

    def told():
        far.wire.send(encap.geneve(far.outer, 77, _inner(), control=1))
        return not monitor.empty()
    wait_until(told, "monitor to be subscribed", interval=0.1)
    inner = _inner()
    far.wire.send(encap.geneve(far.outer, 77, inner, control=1, options=[option]))
    event = wait_until(lambda: (seen := monitor.expect(event="control")) and inner.hex() in seen["packet"] and seen,
                       "the control packet")
    assert (event["tunnel"], event["remote"]) == ("g0", "192.168.1.2")
    assert option.hex() in event["packet"]
    for _ in range(3):
        _receive(far, options=[option])
    event = monitor.expect(event="options")
    assert (event["tunnel"], event["remote"], event["options"]) == ("g0", "192.168.1.2", [A])
    assert far.weft.drops()["ctrl_rx"] >= 2
    assert inner not in far.inside_tap.drain()
    second = encap.geneve_option(0x103, 2, bytes.fromhex("aabbccddeeff0011"))
    _receive(far, options=[option, second])
    assert monitor.expect(event="options")["options"] == [A, B]
    assert all(event["event"] == "control" for event in monitor.seen), "said more than once"
    remotes = far.weft.show("tunnel", "g0")["state"]["remotes"]
    assert [remote.get("options") for remote in remotes if remote["addr"] == "192.168.1.2"] == [[A, B]]
    assert other.find(event="control") is None and other.find(event="options") is None


def _sent(host, dst):
    """Options and destination with which a frame to `dst` leaves."""
    inner = _inner(dst)
    Tap(host.c, "eth0").send(inner)
    packet = host.wire.expect(lambda data: (packet := decode(data)) and packet.inner == inner and packet)
    return packet.dst, [f"{option.klass:#06x}:{option.kind:#04x}:{option.data.hex()}"
                        for option in packet.options]


def test_fdb_entries_with_options(far):
    """Several at one address, each with its own; added, replaced, removed, saved and put back."""
    weft, macs = far.weft, [mac_of(0x70 + number) for number in range(4)]
    weft(f"tunnel set g0 optmax 24 option {A}")
    weft(f"fdb add {macs[0]} dev g0 dst 192.168.1.2")
    weft(f"fdb add {macs[1]} dev g0 dst 192.168.1.2 option {B}")
    weft(f"fdb add {macs[2]} dev g0 dst 192.168.1.2 option {B} option {A}")
    weft(f"fdb add {macs[3]} dev g0 dst 192.168.1.3 option {B}")
    wanted = [("192.168.1.2", [A]), ("192.168.1.2", [B]), ("192.168.1.2", [B, A]), ("192.168.1.3", [B])]
    assert [_sent(far, mac) for mac in macs] == wanted
    shown = {entry["mac"]: entry.get("option") for entry in weft.fdb()}
    assert [shown[mac] for mac in macs] == [None, [B], [B, A], [B]]
    assert B in weft.run("fdb show", json_output=False).stdout
    with refused("option"):
        weft(f"fdb add {mac_of(0x7f)} dev g0 dst 192.168.1.2 option {B} option {B} option {A}")
    with refused():
        weft(f"fdb add {macs[1]} dev g0 dst 192.168.1.2 option {A}")
    saved = weft.save()
    assert weft.apply(saved) == []
    weft.apply({})
    weft.apply(saved)
    assert weft.save() == saved
    far.inside_tap.drain()
    assert [_sent(far, mac) for mac in macs] == wanted
    weft(f"fdb replace {macs[1]} dev g0 dst 192.168.1.2 option {A} option {A}")
    weft(f"fdb replace {macs[2]} dev g0 dst 192.168.1.3")
    weft(f"fdb replace {macs[0]} dev g0 dst 192.168.1.2 option {B}")
    assert [_sent(far, mac) for mac in macs] == [
        ("192.168.1.2", [B]), ("192.168.1.2", [A, A]), ("192.168.1.3", [A]), ("192.168.1.3", [B])]
    for mac in macs:
        weft(f"fdb del {mac} dev g0")
    assert not set(macs) & {entry["mac"] for entry in weft.fdb()}
    inner = _inner(macs[1])
    Tap(far.c, "eth0").send(inner)  # nobody's: flooded, as the tunnel has it
    copies = far.wire.collect(lambda data: (packet := decode(data)) and packet.inner == inner and packet, 2)
    assert [[option.klass for option in packet.options] for packet in copies] == [[0x102], [0x102]]
    assert {packet.dst for packet in copies} == {"192.168.1.2", "192.168.1.3"}
    assert len(weft.show("tunnel", "g0")["state"]["remotes"]) == 2


CHANGES = {  # type, words set one after another on both ends, what the wire then has
    "geneve": ({"type": "geneve", "id": 77},
               [(f"option {A}", lambda packet: len(packet.options) == 1),
                (f"option + {B}", lambda packet: len(packet.options) == 2),
                ("noudpcsum", lambda packet: packet.csum == 0),
                ("udpcsum", lambda packet: packet.csum),
                (f"option - {A}", lambda packet: packet.options[0].klass == 0x103),
                ("tos 0x28", lambda packet: packet.tos == 0x28),
                ("ttl 9", lambda packet: packet.ttl == 9),
                ("df unset", lambda packet: not packet.df),
                ("ecn compat", lambda packet: not packet.ecn),
                ("option default", lambda packet: not packet.options)]),
    "gretap": ({"type": "gretap", "key": 1},
               [("ocsum", lambda packet: packet.flags & 0x8000),
                ("icsum", lambda packet: packet.csum_is_right()),
                ("noicsum", lambda packet: packet.flags & 0x8000),
                ("noocsum", lambda packet: not packet.flags & 0x8000),
                ("oseq", lambda packet: packet.seq is not None),
                ("nooseq", lambda packet: packet.seq is None),
                ("ecn rfc3168", lambda packet: packet.key == 1)]),
}


@pytest.mark.parametrize("tunnel", CHANGES)
def test_set_under_traffic_loses_nothing(lab, tunnel):
    options, changes = CHANGES[tunnel]
    pair = Pair(lab, ("weft", "weft")).up(**options)
    pair.ping()
    one, two = pair.hosts
    flows = [NumberedUdp(one.c, two.c, two.c.address), NumberedUdp(two.c, one.c, one.c.address)]
    wire = Tap(two, "eth0")
    for words, holds in changes:
        for host in pair.hosts:
            host.weft("tunnel set t0", words)
        wire.drain()
        wire.expect(lambda data, holds=holds: (packet := decode(data)) and holds(packet), what=f"packet after {words}")
        assert all(flow.passing() for flow in flows), words
        assert one.weft.apply(one.weft.save()) == []
    assert [flow.lost() for flow in flows] == [[], []]
    assert not set(one.weft.drops()) - {"no_receiver"}


def _slot(host, tunnel):
    """What the datapath has of the tunnel: (flags of `toobig` and `mss`, the MSS, seconds of a path MTU)."""
    slot = Slot(host, "tunnels", host.weft.show("tunnel", tunnel)["state"]["id"])
    return slot.field(8, "I") >> 17 & 7, slot.field(-4), slot.field(-2)


def test_fields_of_mtu(far):
    """`toobig`, `mss` and `mtu_expires`: set, shown, saved, and what the datapath is told of them at once."""
    weft = far.weft
    assert _slot(far, "g0") == (0, 0, 600)
    shown = weft.show("tunnel", "g0")
    assert [shown[field] for field in ("toobig", "mss", "mtu_expires")] == ["fragment", "off", 600]
    for words, wanted in (("toobig reject", (1, 0, 600)), ("toobig drop mss 1360", (6, 1360, 600)),
                          ("toobig default mss auto", (4, 0, 600)), ("mtu_expires 65535", (4, 0, 65535)),
                          ("mss 64 mtu_expires 1", (4, 64, 1)), ("mss off", (0, 0, 1))):
        weft("tunnel set g0", words)
        assert _slot(far, "g0") == wanted, words
        saved = weft.save()
        assert weft.diff(saved) == []
    assert saved["tunnels"]["g0"]["mtu_expires"] == 1 and "mss" not in saved["tunnels"]["g0"]
    saved["tunnels"]["g0"].update(toobig="reject", mss="auto", mtu_expires=10)
    assert {field: change["new"] for field, change in weft.diff(saved)[0]["fields"].items()} == {
        "toobig": "reject", "mss": "auto", "mtu_expires": 10}
    weft.apply(saved)
    assert _slot(far, "g0") == (5, 0, 10)
    assert weft.save() == saved
    weft.kill()
    weft.start()
    assert weft.save() == saved and _slot(far, "g0") == (5, 0, 10)


def test_keys_change_under_traffic(lab):
    """From one key to another by `ikey any`, so that nothing is lost on the way."""
    pair = Pair(lab, ("weft", "weft")).up(type="gretap", key=1)
    pair.ping()
    one, two = pair.hosts
    flow = NumberedUdp(one.c, two.c, two.c.address)
    wire = Tap(two, "eth0")
    assert flow.passing()
    for words in ("ikey any", "okey 2", "ikey 2"):
        for host in pair.hosts:
            host.weft("tunnel set t0", words)
        assert flow.passing(), words
    wire.drain()
    assert wire.expect(decode).key == 2
    assert flow.lost() == []
    one.weft("tunnel set t0 okey 3")
    wait_until(lambda: two.weft.drops().get("key_mismatch"), "another key to be dropped")


def test_storm_limits(far):
    """Packets a second become what the datapath counts with, and its flag; both go with the last limit."""
    weft = far.weft
    number = weft.show("tunnel", "g0")["state"]["id"]
    flags = Slot(far, "tunnels", number)
    assert not flags.field(8, "I") >> 24 & 1
    weft("tunnel set g0 storm_broadcast 100 storm_multicast 1")
    limits = Slot(far, "storms", number | 1 << 31)
    assert flags.field(8, "I") >> 24 & 1
    assert [limits.field(at, "Q") for at in (0, 8, 24, 48, 56)] == [10**7, 99 * 10**7, 0, 10**9, 0]
    saved = weft.save()
    assert saved["tunnels"]["g0"]["storm_broadcast"] == 100 and "storm_unknown" not in saved["tunnels"]["g0"]
    assert weft.diff(saved) == []
    weft("tunnel set g0 storm_broadcast off storm_multicast 0")
    assert not flags.field(8, "I") >> 24 & 1
