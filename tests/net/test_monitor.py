# SPDX-License-Identifier: GPL-2.0-only
"""weft monitor and weft fdb monitor: what happens, as it happens."""

import os
import signal

from frames import mac_of
from lab import DEADLINE, wait_until
from monitor import Monitor

ONE = mac_of(1)


def test_objects(switch):
    weft = switch.weft
    monitor = Monitor(weft, "monitor").ready(weft)
    weft("bridge add br9 ageing 5")
    monitor.expect(event="add", noun="bridge", name="br9")
    weft("bridge set br9 ageing 6")
    monitor.expect(event="change", noun="bridge", name="br9")
    weft("bridge del br9")
    monitor.expect(event="delete", noun="bridge", name="br9")
    weft("port del p2")
    monitor.expect(event="delete", noun="port", name="p2")
    switch.host.ip("link del dev p1")
    monitor.expect(event="state", noun="port", name="p1")


def test_only_what_was_asked_for(switch):
    weft = switch.weft
    monitor = Monitor(weft, "monitor bridge").ready(weft)
    weft("port del p2")
    weft("bridge add br9")
    monitor.expect(event="add", noun="bridge", name="br9")
    assert {event["noun"] for event in monitor.seen} <= {"bridge"}


def fdb_monitor(switch):
    """`weft fdb monitor`, known to be subscribed."""
    monitor = Monitor(switch.weft, "fdb monitor")

    def told():
        switch.weft(f"fdb add {mac_of(0xF)} dev p1")
        switch.weft(f"fdb del {mac_of(0xF)} dev p1")
        return not monitor.empty()
    wait_until(told, "monitor to be subscribed", interval=0.1)
    return monitor


def test_fdb(switch):
    monitor = fdb_monitor(switch)
    switch.weft("bridge set br0 ageing 2")
    switch.talk(1, ONE)
    event = monitor.expect(event="learn", mac=ONE)
    assert (event["dev"], event["bridge"]) == ("p1", "br0")
    switch.talk(2, ONE)
    assert monitor.expect(event="move", mac=ONE)["dev"] == "p2"
    monitor.expect(event="age", mac=ONE)
    switch.weft(f"fdb add {ONE} dev p1")
    monitor.expect(event="add", mac=ONE)
    switch.weft(f"fdb del {ONE} dev p1")
    monitor.expect(event="del", mac=ONE)


def test_many_learned_at_once(switch):
    """Every one of them is told, or that some were lost."""
    monitor = fdb_monitor(switch)
    macs = {mac_of(0x1000 + number) for number in range(2000)}
    for mac in sorted(macs):
        switch.taps[1].send(switch.frame(mac))
    told = set()
    while told < macs:
        event = monitor.expect()
        if event["event"] == "lost":
            break
        if event["event"] == "learn":
            told.add(event["mac"])
    assert macs <= {entry["mac"] for entry in switch.weft.fdb()}


def test_a_reader_that_sleeps_holds_nothing_up(switch):
    monitor = fdb_monitor(switch)
    os.kill(monitor.process.pid, signal.SIGSTOP)
    for _ in range(3):
        for number in range(3000):
            switch.taps[1].send(switch.frame(mac_of(0x2000 + number)))
        switch.weft("fdb flush bridge br0")
    assert switch.weft("bridge show")
    os.kill(monitor.process.pid, signal.SIGCONT)
    # It catches up: what is told after the last of the backlog reaches it again.
    for _ in range(20):
        switch.weft(f"fdb add {ONE} dev p1")
        switch.weft(f"fdb del {ONE} dev p1")
        try:
            monitor.expect(timeout=2, event="del", mac=ONE)
            break
        except AssertionError:
            continue
    else:
        raise AssertionError("the reader is not told any more")


def test_ends_with_the_daemon(switch):
    monitor = Monitor(switch.weft, "monitor").ready(switch.weft)
    switch.weft.stop()
    assert monitor.process.wait(DEADLINE) == 1
    assert monitor.process.stderr.read().count("\n") == 1
