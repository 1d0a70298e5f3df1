# SPDX-License-Identifier: GPL-2.0-only
"""Storm limits of a port: what is above is dropped, known unicast never is, and a restart lets no second burst through.

A place in the bucket takes a day to come back, written into the map, so that time decides nothing.
"""

import pytest

from frames import BROADCAST, mac_of
from maps import Slot
from switch import Switch

DAY = 86400 * 10**9
CLASSES = {"storm_broadcast": (0, BROADCAST), "storm_unknown": (1, mac_of(99)), "storm_multicast": (2, "01:00:5e:01:02:03"),
           "storm_multicast 1": (2, "01:80:c2:00:00:0e")}  # link-local, and the bridge forwards it by default


@pytest.mark.parametrize("words", CLASSES)
def test_port(lab, words):
    index, limited = CLASSES[words]
    name = words.split()[0]
    switch = Switch(lab, 2)
    switch.bridge((1, 2))
    assert switch.talk(2, mac_of(2)) == {1}
    switch.weft(f"port set p1 {name} 1")
    assert switch.weft.save()["ports"]["p1"][name] == 1
    number = switch.weft.show("port", "p1")["state"]["id"]
    Slot(switch.host, "storms", number).set(**{f"Q@{24 * index}": DAY})

    sent = [switch.send(1, switch.frame(mac_of(1), limited)) for _ in range(4)]
    assert sent == [{2}, set(), set(), set()]
    assert switch.weft.drops()["storm"] == 3
    for _ in range(4):
        assert switch.send(1, switch.frame(mac_of(1), mac_of(2))) == {2}
        assert switch.send(2, switch.frame(mac_of(2), BROADCAST)) == {1}, "another port has no limit"

    switch.weft.kill()
    switch.weft.start()
    assert switch.weft.save()["ports"]["p1"][name] == 1
    assert switch.send(1, switch.frame(mac_of(1), limited)) == set()
    switch.weft(f"port set p1 {name} off")
    assert switch.send(1, switch.frame(mac_of(1), limited)) == {2}
    assert name not in switch.weft.save()["ports"]["p1"]
