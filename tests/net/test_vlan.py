# SPDX-License-Identifier: GPL-2.0-only
"""VLAN-aware bridges: access and trunk ports, VLANs kept apart."""

import pytest

from frames import BROADCAST, mac_of
from switch import Switch

ONE, TWO = mac_of(1), mac_of(2)


def tag(raw, vlan, priority=0):
    return raw[:12] + b"\x81\0" + (priority << 13 | vlan).to_bytes(2, "big") + raw[12:]


@pytest.fixture
def switch(lab):
    """p1, p2: access 10. p3: access 20. p4: trunk 10,20. p5: access 10, trunk 20-30."""
    made = Switch(lab, 5)
    made.weft("bridge add br0 vlan_filtering")
    for line in ("p1 bridge br0 vlan 10", "p2 bridge br0 vlan 10", "p3 bridge br0 vlan 20",
                 "p4 bridge br0 trunk 10,20", "p5 bridge br0 vlan 10 trunk 20-30"):
        made.weft(f"port add {line}")
    return made


def flood(switch, number, raw, sent):
    """Sends `sent` by a tap; gives {tap: VLAN tag or None} of where `raw` came out."""
    found = {}
    for at, data in switch.exchange(number, sent):
        if data == raw:
            found[at] = None
        elif data[:12] + data[16:] == raw and data[12:14] == b"\x81\0":
            found[at] = int.from_bytes(data[14:16], "big") & 0xFFF
    return found


def test_access_port_reaches_its_vlan(switch):
    raw = switch.frame(ONE)
    assert flood(switch, 1, raw, raw) == {2: None, 4: 10, 5: None}
    raw = switch.frame(TWO)
    assert flood(switch, 3, raw, raw) == {4: 20, 5: 20}


@pytest.mark.parametrize("vlan, reached", [(10, {1: None, 2: None, 5: None}), (20, {3: None, 5: 20})])
def test_trunk_port_carries_tags(switch, vlan, reached):
    raw = switch.frame(ONE)
    assert flood(switch, 4, raw, tag(raw, vlan)) == reached


def test_known_unicast_is_tagged_as_the_port_wants_it(switch):
    hello = switch.frame(ONE)
    flood(switch, 4, hello, tag(hello, 10))
    raw = switch.frame(TWO, ONE)
    assert flood(switch, 1, raw, raw) == {4: 10}
    back = switch.frame(ONE, TWO)
    assert flood(switch, 4, back, tag(back, 10)) == {1: None}


@pytest.mark.parametrize("number, vlan", [(4, None), (4, 30), (1, 20), (5, 31)])
def test_vlan_that_is_not_the_ports_is_dropped(switch, number, vlan):
    raw = switch.frame(ONE)
    before = switch.weft.drops()
    assert flood(switch, number, raw, tag(raw, vlan) if vlan else raw) == {}
    assert switch.counted(before, switch.weft.drops()) == {"vlan": 1}
    assert switch.where() == {}


def test_frame_tagged_with_the_access_vlan_or_priority_only(switch):
    for vlan in (10, 0):
        raw = switch.frame(ONE)
        assert flood(switch, 1, raw, tag(raw, vlan, priority=5)) == {2: None, 4: 10, 5: None}


def test_one_mac_in_two_vlans(switch):
    for number in (1, 3):
        raw = switch.frame(ONE)
        flood(switch, number, raw, raw)
    assert {(entry["vlan"], entry["dev"]) for entry in switch.weft.fdb()} == {(10, "p1"),
                                                                               (20, "p3")}
    for vlan, number in ((10, 1), (20, 3)):
        raw = switch.frame(TWO, ONE)
        assert flood(switch, 4, raw, tag(raw, vlan)) == {number: None}


def test_static_entry_in_a_vlan(switch):
    switch.weft(f"fdb add {ONE} dev p4 vlan 20")
    raw = switch.frame(TWO, ONE)
    assert flood(switch, 3, raw, raw) == {4: 20}
    raw = switch.frame(TWO, ONE)
    assert flood(switch, 1, raw, raw) == {2: None, 4: 10, 5: None}


def test_second_tag_is_payload(switch):
    raw = switch.frame(ONE, BROADCAST, tags=[(0x8100, 99)])
    assert flood(switch, 4, raw, tag(raw, 20)) == {3: None, 5: 20}


def test_without_vlan_filtering_tags_are_payload(lab):
    switch = Switch(lab, 3)
    switch.bridge((1, 2, 3))
    for tags in ([(0x8100, 10)], [(0x88A8, 5)], [(0x8100, 1), (0x8100, 2)]):
        assert switch.send(1, switch.frame(ONE, tags=tags)) == {2, 3}
    assert switch.where() == {ONE: "p1"}


def test_vlan_membership_changes(switch):
    switch.weft("port set p2 vlan 20")
    raw = switch.frame(ONE)
    assert flood(switch, 1, raw, raw) == {4: 10, 5: None}
    raw = switch.frame(TWO)
    assert flood(switch, 3, raw, raw) == {2: None, 4: 20, 5: 20}
