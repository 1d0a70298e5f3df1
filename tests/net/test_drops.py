# SPDX-License-Identifier: GPL-2.0-only
"""`weft drops`: the last packet of each reason, rates, and watching."""

import json
import select
import signal

import pytest

from daemon import BUILD, refused
from frames import BROADCAST, IP, TCP, UDP, Ether, Raw, frame, mac_of
from lab import wait_until
from switch import Switch
from tap import Tap
from terminal import Terminal

ZERO = "00:00:00:00:00:00"


def last(weft, reason):
    """The rows of a reason that have a packet."""
    return [row for row in weft(f"drops {reason}") if "last" in row]


def drop(switch, raw, reason="src_mac"):
    """Sends a frame that is dropped; gives the row it is kept in. One may come too soon after another to be kept."""
    def kept():
        switch.taps[1].send(raw)
        return [row for row in last(switch.weft, reason) if bytes.fromhex(row["last"]["packet"]) == raw[:128]]
    return wait_until(kept, f"{reason} to be kept")[0]


def test_last_packet(switch):
    raw = frame(ZERO, BROADCAST, length=200)
    row = drop(switch, raw)
    assert row["port"] == "p1" and "tunnel" not in row
    assert row["last"]["length"] == 200 and row["last"]["dev"] == "p1" and 0 <= row["last"]["ago"] < 20
    assert "segment" not in row["last"]
    text = switch.weft.run("drops", json_output=False).stdout
    assert f"\n    {ZERO} > {BROADCAST}, IPv4 10.0.0.1 > 10.0.0.2 ttl 64, UDP 1000 > 2000 length 166\n" in text
    assert "\nlast src_mac of port p1, " in text and " s ago, at p1, 200 bytes:\n" in text
    head = text.splitlines()[0].split()
    assert head == ["REASON", "PACKETS", "RATE/S", "PORT", "TUNNEL", "CAUSE"]


def test_tag_stands_in_the_packet(switch):
    """The kernel keeps it beside the packet; it is shown where it was on the wire."""
    row = drop(switch, frame(ZERO, BROADCAST, tags=[(0x8100, 77)], length=100))
    assert row["last"]["length"] == 100
    assert ", VLAN 77, IPv4 " in switch.weft.run("drops src_mac", json_output=False).stdout


def test_super_packet(switch):
    packet = Ether(src=ZERO, dst=BROADCAST) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1, dport=2)
    switch.taps[1].send_super(bytes(packet / Raw(b"x" * 5000)), 1000)
    row = wait_until(lambda: last(switch.weft, "src_mac"), "super-packet")[0]
    assert row["last"]["segment"] == 1000 and row["last"]["length"] == 14 + 40 + 5000
    assert ", 5054 bytes, in segments of 1000:\n" in switch.weft.run("drops", json_output=False).stdout


@pytest.mark.parametrize("port", [4789, 4444])
def test_from_the_underlay(lab, switch, port):
    """A packet of a VNI that nobody has: outer and inner headers are told, at whatever port it is."""
    lab.link(switch.host, "eth0", switch.tester, "wire")
    switch.host.ip("address add 192.0.2.1/24 dev eth0")
    switch.weft("tunnel add t bridge br0 type vxlan id 1000 remote 192.0.2.2 dstport", str(port))
    outer = Ether(src=switch.tester.mac("wire"), dst=switch.host.mac("eth0")) / IP(src="192.0.2.2", dst="192.0.2.1")
    header = bytes.fromhex("0800000000270f00")
    Tap(switch.tester, "wire").send(
        outer / UDP(sport=50000, dport=port, chksum=0) / Raw(header + frame(mac_of(1), mac_of(2))))
    row = wait_until(lambda: last(switch.weft, "vni_unknown"), "vni_unknown")[0]
    assert row["last"]["dev"] == "eth0" and "port" not in row and "tunnel" not in row
    text = switch.weft.run("drops", json_output=False).stdout
    assert f"UDP 50000 > {port}, VXLAN vni 9999\n" in text
    assert f"    {mac_of(1)} > {mac_of(2)}, IPv4 10.0.0.1 > 10.0.0.2" in text


def test_rate(switch):
    """Packets a second over the last few; it goes up with the counter, and down to 0 again."""
    def rate():
        switch.taps[1].send(*[frame(ZERO, BROADCAST)] * 100)
        return [row for row in switch.weft("drops src_mac") if row["rate"]]
    row = wait_until(rate, "rate")[0]
    assert 0 < row["rate"] <= row["packets"]
    wait_until(lambda: switch.weft("drops src_mac")[0]["rate"] == 0, "rate of 0")


def test_gone_with_its_port(switch):
    """Its id will be another port's, whose packet it is not."""
    def kept():
        number = str(switch.weft("status")["maps"]["last_drops"]["id"])
        reasons = json.loads(switch.host.run("bpftool", "-j", "map", "dump", "id", number).stdout)
        return [value for reason in reasons for value in reason["formatted"]["values"] if value["value"]["done"]]
    drop(switch, frame(ZERO, BROADCAST))
    switch.taps[2].send(frame(mac_of(1), "01:80:c2:00:00:01"))
    wait_until(lambda: last(switch.weft, "reserved_mac"), "another drop at the other port")
    assert len(kept()) >= 2
    switch.weft("port del p1")
    assert switch.weft.drops() == {"reserved_mac": 1}
    assert [value["value"]["port"] for value in kept()] == [switch.weft.show("port", "p2")["state"]["id"]]


@pytest.mark.parametrize("old_first", [True, False])
def test_datapath_of_a_weftd_that_did_not_keep_packets(lab, old_first):
    """One build has the map and the other not: either takes over what the other left, and nothing is lost."""
    switch = Switch(lab, 2)
    other = switch.weft.copy_binary("weftd-other")
    other.write_bytes(other.read_bytes().replace(b"last_drops", b"none_drops"))
    if old_first:
        switch.weft.stop()
        switch.weft.start(other)
    switch.bridge((1, 2))
    switch.talk(1, mac_of(1))
    switch.taps[1].send(frame(ZERO, BROADCAST))
    wait_until(lambda: switch.weft.drops() == {"src_mac": 1}, "drop")
    switch.weft.kill()
    switch.weft.start(None if old_first else other)
    assert switch.weft.drops() == {"src_mac": 1} and mac_of(1) in switch.where()
    if old_first:
        assert not last(switch.weft, "src_mac")
    drop(switch, frame(ZERO, BROADCAST, length=77))


# --- the command ---------------------------------------------------------------------------------


def test_words(switch):
    assert switch.weft("drops src_mac mtu") == []
    drop(switch, frame(ZERO, BROADCAST))
    assert [row["reason"] for row in switch.weft("drops mtu src_mac")] == ["src_mac"]
    for words, status in (("drops nosuch", 2), ("drops -w 0", 1), ("drops -w 5x", 1), ("drops -w 3601", 1)):
        done = switch.weft.run(words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1), words
    with refused("-w", "5x"):
        switch.weft("drops -w 5x src_mac")


def start(weft, *words, **options):
    return weft.host.start(BUILD / "weft", "--rundir", weft.rundir, *words, stdout=-1, stderr=-1, text=True, **options)


def test_watch_in_a_pipe(switch):
    """A line for each counter that went up."""
    watch = start(switch.weft, "drops", "-w", "0.1")
    wait_until(lambda: switch.taps[1].send(frame(ZERO, BROADCAST)) or select.select([watch.stdout], [], [], 0)[0],
               "line")
    when, reason, more, rate, *place = watch.stdout.readline().split()
    assert (len(when), reason, place) == (8, "src_mac", ["port", "p1"])
    assert int(more) > 0 and more[0] == "+" and rate.endswith("/s")
    watch.send_signal(signal.SIGTERM)
    assert watch.wait(10) == -signal.SIGTERM


def test_watch_as_json(switch):
    watch = start(switch.weft, "-j", "drops", "-w", "0.1")
    assert json.loads(watch.stdout.readline()) == []
    drop(switch, frame(ZERO, BROADCAST))
    row = wait_until(lambda: json.loads(watch.stdout.readline()), "list")[0]
    assert row["reason"] == "src_mac" and row["more"] == row["packets"] > 0 and row["rate"] > 0


def test_watch_whose_reader_goes(switch):
    watch = start(switch.weft, "-j", "drops", "-w", "0.1")
    watch.stdout.readline()
    watch.stdout.close()
    assert watch.wait(10) == -signal.SIGPIPE


def test_watch_until_weftd_goes(switch):
    watch = start(switch.weft, "-j", "drops", "-w", "0.1")
    watch.stdout.readline()
    switch.weft.stop()
    assert watch.wait(10) == 1 and "weftd" in watch.stderr.read()


@pytest.fixture
def terminal(switch):
    opened = []

    def make(*words, **options):
        opened.append(Terminal(switch.host, [BUILD / "weft", "--rundir", switch.weft.rundir, *words], **options))
        return opened[-1]
    yield make
    for one in opened:
        one.close()


def test_watch_on_a_terminal(switch, terminal):
    drop(switch, frame(ZERO, BROADCAST))
    shown = terminal("drops", "-w", "0.1")
    lines = shown.expect(lambda lines: "src_mac" in lines[1])
    assert lines[0].split() == ["REASON", "PACKETS", "RATE/S", "PORT", "OR", "TUNNEL", "CAUSE"]
    assert lines[1].split()[3] == "p1" and lines[1].endswith("source MAC is zero or a group")
    assert not any(lines[2:])
    shown.resize(20, 5)
    lines = shown.expect(lambda lines: lines[1].startswith("src_mac"))
    assert lines[0] == "REASON            /S" and len(lines[1]) == 20 and not any(lines[2:])
    shown.key("q")
    assert shown.end() == 0


@pytest.mark.parametrize("columns", [1, 5, 20, 59, 60, 200])
def test_watch_on_any_terminal(switch, terminal, columns):
    """No line is longer than the terminal, which would move all that is below it."""
    drop(switch, frame(ZERO, BROADCAST))
    shown = terminal("drops", "-w", "0.1", columns=columns, rows=3)
    lines = shown.expect(lambda lines: lines[1].startswith("src_mac"[:columns]))
    assert lines[0].startswith("REASON"[:columns]) and not lines[2]
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == -signal.SIGINT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_watch_gives_the_terminal_back(terminal, number):
    shown = terminal("drops", "-w", "0.1")
    shown.expect(lambda lines: lines[1] == "nothing dropped")
    shown.process.send_signal(number)
    assert shown.end() == -number


def test_watch_stops_and_goes_on(terminal):
    shown = terminal("drops", "-w", "0.1")
    shown.expect(lambda lines: lines[1] == "nothing dropped")
    shown.process.send_signal(signal.SIGTSTP)
    wait_until(lambda: shown.read() or shown.raw.endswith(b"\033[?1049l"), "terminal given back")
    shown.process.send_signal(signal.SIGCONT)
    shown.screen.reset()
    shown.expect(lambda lines: lines[1] == "nothing dropped")
    shown.key("q")
    assert shown.end() == 0


def test_terminal_that_cannot_be_drawn_on(switch, terminal):
    shown = terminal("drops", "-w", "0.1", TERM="dumb")
    shown.expect(lambda lines: switch.taps[1].send(frame(ZERO, BROADCAST)) or " src_mac +" in lines[0])
    assert b"\033" not in shown.raw
