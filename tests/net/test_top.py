# SPDX-License-Identifier: GPL-2.0-only
"""`weft top`, on terminals of all sizes and in batches."""

import json
import re
import select
import signal
import threading

import pytest

from daemon import BUILD
from frames import BROADCAST, frame, mac_of
from lab import wait_until
from overlay import Overlay
from terminal import Terminal

ZERO = "00:00:00:00:00:00"


@pytest.fixture
def busy(switch):
    """Frames go from p1 to p2 as long as the test runs."""
    done = threading.Event()

    def send():
        while not done.wait(0.01):
            switch.taps[1].send(frame(mac_of(1), BROADCAST, length=1000), frame(ZERO, BROADCAST))
    thread = threading.Thread(target=send)
    thread.start()
    yield switch
    done.set()
    thread.join()


@pytest.fixture
def terminal(switch):
    opened = []

    def make(*words, **options):
        argv = [BUILD / "weft", "--rundir", switch.weft.rundir, "top", *words]
        opened.append(Terminal(switch.host, argv, **options))
        return opened[-1]
    yield make
    for one in opened:
        one.close()


def names(lines):
    """The rows of a wide picture: "NOUN NAME" -> the rest of its words."""
    rows = {}
    for line in lines[2:]:
        found = re.match(r"(port|tunnel|remote|drop) +(\S+(?: \S+)?)  +(.*)", line)
        if found:
            rows[f"{found[1]} {found[2].strip()}"] = found[3].split()
    return rows


def test_rates(busy, terminal):
    shown = terminal("-w", "0.2")
    lines = shown.expect(lambda lines: "k" in names(lines).get("port p1", ["-"])[0])
    rows = names(lines)
    assert lines[1].split() == ["NAME", "IN", "b/s", "OUT", "DROP/S", "PKT/S", "OUT"]
    assert set(rows) == {"port p1", "port p2", "drop src_mac p1"}
    assert rows["port p1"][1] == "0" and "k" in rows["port p2"][1] and rows["port p2"][0] == "0"
    assert rows["drop src_mac p1"][0] == "-" and float(rows["drop src_mac p1"][2]) > 0
    shown.key("q")
    assert shown.end() == 0


def test_keys(busy, terminal):
    shown = terminal("-w", "0.1")
    shown.expect(lambda lines: len(names(lines)) == 3)
    for order in ("packets", "drops", "name", "bytes"):
        shown.key("s")
        shown.expect(lambda lines, order=order: f" by {order} " in lines[0])
    for noun, count in (("port", 2), ("tunnel", 0), ("remote", 0), ("drop", 1), ("all", 3)):
        shown.key("v")
        lines = shown.expect(lambda lines, noun=noun: f" {noun} by " in lines[0])
        assert len(names(lines)) == count
    shown.key("sss")
    lines = shown.expect(lambda lines: " by name " in lines[0])
    assert list(names(lines)) == ["port p1", "port p2", "drop src_mac p1"]
    shown.key("\x1b[Azx\0 ")  # none of them means anything
    shown.key("q")
    assert shown.end() == 0


def test_more_rows_than_lines(switch, terminal):
    for number in range(30):
        switch.weft(f"tunnel add t{number:02} bridge br0 type vxlan id {number + 1} remote 192.0.2.1")
    shown = terminal("-w", "0.1", rows=12)
    shown.key("sss")
    shown.key("vv")
    lines = shown.expect(lambda lines: " 30 tunnel by name " in lines[0] and "t00" in lines[2])
    assert list(names(lines)) == [f"tunnel t{number:02}" for number in range(10)]
    shown.key("jj")
    shown.expect(lambda lines: "t02" in lines[2])
    shown.key("k")
    shown.expect(lambda lines: "t01" in lines[2])
    shown.key("j" * 100)
    lines = shown.expect(lambda lines: "t29" in lines[11])
    assert "t20" in lines[2]
    shown.resize(80, 40)
    shown.expect(lambda lines: "t00" in lines[2] and "t29" in lines[31])
    shown.key("q")
    assert shown.end() == 0


@pytest.mark.parametrize("columns", [1, 2, 6, 12, 13, 20, 27, 41, 80, 300])
def test_any_size(busy, terminal, columns):
    """The picture is never wider than the terminal, or higher: that would move it."""
    shown = terminal("-w", "0.1", columns=columns, rows=5)
    lines = shown.expect(lambda lines: lines[4] and lines[1])
    assert lines[1].startswith("NAME"[:columns])
    if columns == 20:
        assert lines[1].split() == ["NAME", "IN", "b/s", "OUT"]
        assert [line.split()[0] for line in lines[2:4]] == ["p1", "p2"] or \
            [line.split()[0] for line in lines[2:4]] == ["p2", "p1"]
    for rows in (1, 2, 3):
        shown.resize(columns, rows)
        shown.expect(lambda lines: lines[0])
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == -signal.SIGINT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_gives_the_terminal_back(terminal, number):
    shown = terminal()
    shown.expect(lambda lines: "NAME" in lines[1])
    shown.process.send_signal(number)
    assert shown.end() == -number


def test_stops_and_goes_on(terminal):
    shown = terminal("-w", "0.1")
    shown.expect(lambda lines: "NAME" in lines[1])
    shown.process.send_signal(signal.SIGTSTP)
    wait_until(lambda: shown.read() or shown.raw.endswith(b"\033[?1049l"), "terminal given back")
    shown.screen.reset()
    shown.process.send_signal(signal.SIGCONT)
    shown.expect(lambda lines: "NAME" in lines[1])
    shown.key("q")
    assert shown.end() == 0


def test_weftd_goes(switch, terminal):
    """The terminal is given back, and then it is said why."""
    shown = terminal("-w", "0.1")
    shown.expect(lambda lines: "NAME" in lines[1])
    switch.weft.stop()
    assert shown.end() == 1
    assert shown.raw.rstrip().rpartition(b"\n")[2].startswith(b"\x1b[?1049lweft: ") or \
        b"weft: " in shown.raw[shown.raw.rindex(b"\033[?1049l"):]


def test_ends_by_itself(terminal):
    shown = terminal("-n", "2", "-w", "0.1")
    assert shown.end() == 0


# --- batches -------------------------------------------------------------------------------------------


def test_batch(busy):
    done = busy.weft.run("top -b -n 2 -w 0.3", json_output=False)
    assert done.returncode == 0 and not done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * 5 and re.fullmatch(r"\d\d:\d\d:\d\d", lines[0])
    assert lines[1].split() == ["NOUN", "NAME", "RX-PACKETS/S", "RX-BYTES/S", "TX-PACKETS/S", "TX-BYTES/S", "DROPS/S"]
    row = [line for line in lines if line.startswith("port") and " p1 " in line][0].split()
    # half of them are dropped behind the counter
    size = (1000 + len(frame(ZERO, BROADCAST))) / 2
    assert float(row[2]) > 0 and float(row[3]) / float(row[2]) == pytest.approx(size, 0.1) and float(row[4]) == 0
    assert float(row[6]) > 0


def test_batch_as_json(lab):
    overlay = Overlay(lab, ["weft"] * 2).up()
    overlay.ping_all()
    rows = overlay.hosts[0].weft("top -n 1 -w 0.1")
    assert {(row["noun"], row["name"]) for row in rows if row["noun"] != "drop"} == {
        ("port", "vnet0"), ("tunnel", "vxlan0"), ("remote", f"vxlan0 {overlay.hosts[1].underlay}")}
    remote = next(row for row in rows if row["noun"] == "remote")
    assert set(remote) == {"noun", "name", "rx_packets", "rx_bytes", "tx_packets", "tx_bytes"}


def test_batch_whose_reader_goes(switch):
    top = switch.host.start(BUILD / "weft", "--rundir", switch.weft.rundir, "top", "-b", "-w", "0.1", stdout=-1,
                            stderr=-1, text=True)
    assert select.select([top.stdout], [], [], 20)[0]
    top.stdout.close()
    assert top.wait(10) == -signal.SIGPIPE


@pytest.mark.parametrize("words, status", [("top -n 0", 1), ("top -n x", 1), ("top -n", 2), ("top -n 1000001", 1),
                                           ("top -w 0.01", 1), ("top vxlan0", 2), ("top -b -n -1", 1)])
def test_words(switch, words, status):
    done = switch.weft.run(words, json_output=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)


def test_no_terminal(switch, terminal):
    done = switch.weft.run("top", json_output=False)
    assert done.returncode == 1 and "-b" in done.stderr
    assert terminal(TERM="dumb").end() == 1
    assert json.loads(switch.weft.run("top -n 1 -w 0.1").stdout)
