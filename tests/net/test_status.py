# SPDX-License-Identifier: GPL-2.0-only
"""`weft status`: what a look at the whole begins with."""

from frames import BROADCAST, frame
from lab import wait_until
from overlay import Overlay
from tap import Tap

ZERO = "00:00:00:00:00:00"


def summary(weft):
    status = weft("status")
    return tuple(status.get(name) for name in ("ports_down", "remotes_unresolved", "entries", "dropped"))


def test_summary(lab):
    overlay = Overlay(lab, ["weft"] * 2)
    one, two = overlay.hosts
    assert summary(one.weft) == (None,) * 4
    overlay.up()
    overlay.ping_all()
    wait_until(lambda: summary(one.weft) == (0, 0, 2, 0), "both containers and the remote known")
    assert one.weft("status")["remotes"] == 1
    one.weft("tunnel set vxlan0 remote + 198.51.100.7")
    assert summary(one.weft)[1] == 1 and one.weft("status")["remotes"] == 2
    one.ip("link set dev vnet0 down")
    wait_until(lambda: summary(one.weft)[0] == 1, "port down")
    one.ip("link set dev vnet0 up")
    wait_until(lambda: summary(one.weft)[0] == 0, "port up")
    tap = Tap(one.c, "eth0")
    before = summary(one.weft)[3]
    wait_until(lambda: tap.send(frame(ZERO, BROADCAST)) or summary(one.weft)[3] > before, "drops")
    assert summary(one.weft)[3] == sum(one.weft.drops().values())
    text = one.weft.run("status", json_output=False).stdout
    assert any(line.split() == ["ports_down", "0"] for line in text.splitlines())
