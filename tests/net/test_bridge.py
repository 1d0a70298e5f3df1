# SPDX-License-Identifier: GPL-2.0-only
"""A bridge: flooding, learning, moving, ageing, static entries, limits, flushing."""

import pytest

from daemon import refused
from frames import BROADCAST, LLDP_MAC, mac_of
from lab import wait_until
from switch import Switch

ONE, TWO, THREE = mac_of(1), mac_of(2), mac_of(3)


@pytest.fixture
def switch(lab):
    """Three ports on br0."""
    made = Switch(lab, 3)
    made.bridge((1, 2, 3))
    return made


@pytest.mark.parametrize("dst", [BROADCAST, "01:00:5e:01:02:03", "33:33:00:00:00:01", TWO])
def test_floods_go_to_every_other_port(switch, dst):
    assert switch.send(1, switch.frame(ONE, dst)) == {2, 3}


def test_known_unicast_goes_to_its_port_only(switch):
    switch.talk(2, TWO)
    assert switch.where() == {TWO: "p2"}
    assert switch.send(1, switch.frame(ONE, TWO)) == {2}
    assert switch.send(2, switch.frame(TWO, ONE)) == {1}


def test_frame_is_not_sent_back(switch):
    switch.talk(1, ONE)
    before = switch.weft.drops()
    assert switch.send(1, switch.frame(TWO, ONE)) == set()
    assert switch.counted(before, switch.weft.drops()) == {"same_port": 1}


def test_entry_moves_with_its_mac(switch):
    for number in (1, 2, 3, 1):
        switch.talk(number, ONE)
        assert switch.where()[ONE] == f"p{number}"
        other = number % 3 + 1
        assert switch.send(other, switch.frame(TWO, ONE)) == {number}


def test_entry_ages(switch):
    switch.weft("bridge set br0 ageing 1")
    switch.talk(1, ONE)
    assert ONE in switch.where()
    wait_until(lambda: ONE not in switch.where(), "entry to age", interval=0.1)
    assert switch.send(2, switch.frame(TWO, ONE)) == {1, 3}


def test_static_entry_never_moves_and_never_ages(switch):
    switch.weft("bridge set br0 ageing 1")
    switch.weft(f"fdb add {ONE} dev p1")
    switch.talk(3, THREE)
    before = switch.weft.drops()
    assert switch.send(2, switch.frame(ONE, THREE)) == set()
    assert switch.counted(before, switch.weft.drops()) == {"fdb_static": 1}
    wait_until(lambda: THREE not in switch.where(), "learned entry to age", interval=0.1)
    assert switch.where() == {ONE: "p1"}
    assert switch.send(2, switch.frame(TWO, ONE)) == {1}
    assert switch.send(1, switch.frame(ONE)) == {2, 3}, "welcome from where it belongs"


def test_static_entry_wins_over_a_learned_one(switch):
    switch.talk(2, ONE)
    switch.weft(f"fdb add {ONE} dev p1")
    assert switch.where() == {ONE: "p1"}
    assert [entry["state"] for entry in switch.weft.fdb()] == ["static"]
    assert switch.send(3, switch.frame(THREE, ONE)) == {1}


def test_static_entry_add_replace_delete(switch):
    switch.weft(f"fdb add {ONE} dev p1")
    with refused(ONE):
        switch.weft(f"fdb add {ONE} dev p2")
    assert switch.where() == {ONE: "p1"}
    switch.weft(f"fdb replace {ONE} dev p2")
    assert switch.where() == {ONE: "p2"}
    entry = switch.weft(f"fdb get {ONE} bridge br0")
    entry = entry[0] if isinstance(entry, list) else entry
    assert (entry["dev"], entry["state"]) == ("p2", "static")
    switch.weft(f"fdb del {ONE} dev p2")
    assert switch.where() == {}
    with refused(ONE):
        switch.weft(f"fdb del {ONE} dev p2")


def test_port_with_nolearning(switch):
    switch.weft("port set p1 nolearning")
    switch.talk(1, ONE)
    assert switch.where() == {}
    assert switch.send(2, switch.frame(TWO, ONE)) == {1, 3}


def test_maxaddress_stops_learning_but_not_frames(switch):
    switch.weft("bridge set br0 maxaddress 2")
    switch.weft(f"fdb add {ONE} dev p1")
    assert switch.talk(2, TWO) == {1, 3}
    assert switch.talk(3, THREE) == {1, 2}
    assert switch.where() == {ONE: "p1", TWO: "p2"}
    switch.weft(f"fdb del {ONE} dev p1")
    switch.talk(3, THREE)
    assert switch.where() == {TWO: "p2", THREE: "p3"}


def test_flush_by_port_and_all(switch):
    for number in (1, 2, 3):
        switch.talk(number, mac_of(number))
        switch.weft(f"fdb add {mac_of(0x10 + number)} dev p{number}")
    switch.weft("fdb flush dev p1")
    assert set(switch.where(state="learned")) == {TWO, THREE}
    switch.weft("fdb flush bridge br0")
    assert not switch.where(state="learned")
    assert len(switch.where(state="static")) == 3
    switch.talk(1, ONE)
    switch.weft("fdb flush")
    assert not switch.where(state="learned")


def test_flush_by_vlan(lab):
    switch = Switch(lab, 2)
    switch.bridge((1, 2), options="vlan_filtering")
    switch.weft("port set p1 trunk 10,20")
    for vlan in (10, 20):
        switch.talk(1, ONE, tags=[(0x8100, vlan)])
    assert len(switch.weft.fdb()) == 2
    switch.weft("fdb flush vlan 10")
    assert [entry["vlan"] for entry in switch.weft.fdb()] == [20]


def test_flush_by_tunnel(lab):
    switch = Switch(lab, 1)
    switch.bridge((1,))
    switch.host.ip("address add 10.9.0.1/24 dev lo")
    for number in (1, 2):
        switch.weft(f"tunnel add v{number} bridge br0 type vxlan id {number} local 10.9.0.1 "
                    f"remote 10.9.0.9")
        switch.weft(f"fdb add {mac_of(number)} dev v{number} dst 10.9.0.9 dynamic")
    switch.weft("fdb flush dev v1")
    assert switch.where() == {TWO: "v2"}


@pytest.mark.parametrize("src", ["00:00:00:00:00:00", "01:00:5e:00:00:01", BROADCAST])
def test_source_that_no_host_can_have(switch, src):
    before = switch.weft.drops()
    assert switch.send(1, switch.frame(src)) == set()
    assert switch.counted(before, switch.weft.drops()) == {"src_mac": 1}
    assert switch.where() == {}


def test_group_fwd_mask(switch):
    """LLDP passes as long as its bit is set; pause frames never do."""
    assert switch.send(1, switch.frame(ONE, LLDP_MAC)) == {2, 3}
    before = switch.weft.drops()
    assert switch.send(1, switch.frame(ONE, "01:80:c2:00:00:01")) == set()
    assert switch.counted(before, switch.weft.drops()) == {"reserved_mac": 1}
    switch.weft("bridge set br0 group_fwd_mask 0")
    assert switch.send(1, switch.frame(ONE, LLDP_MAC)) == set()
    with refused("group_fwd_mask"):
        switch.weft("bridge set br0 group_fwd_mask 2")


def test_many_bridges_keep_the_same_macs_apart(lab):
    switch = Switch(lab, 16)
    for number in range(1, 17, 2):
        switch.bridge((number, number + 1), f"br{number}")
    for number in range(1, 17, 2):
        assert switch.talk(number, ONE) == {number + 1}
        assert switch.send(number + 1, switch.frame(TWO, ONE)) == {number}
        known = {entry["mac"]: entry["dev"] for entry in switch.weft.fdb(f"bridge br{number}")}
        assert known == {ONE: f"p{number}", TWO: f"p{number + 1}"}


def test_port_moves_to_another_bridge(switch):
    switch.weft("bridge add br1")
    switch.talk(1, ONE)
    switch.weft("port set p1 bridge br1")
    assert ONE not in switch.where()
    assert switch.send(2, switch.frame(TWO)) == {3}
    switch.weft("port set p3 bridge br1")
    assert switch.send(1, switch.frame(ONE)) == {3}


def test_deleted_port_forwards_nothing(switch):
    switch.talk(1, ONE)
    switch.weft("port del p1")
    assert switch.where() == {}
    switch.taps[1].send(switch.frame(ONE, TWO))
    assert switch.send(2, switch.frame(TWO, ONE)) == {3}
    assert switch.where() == {TWO: "p2"}


def test_bridge_in_use_is_not_deleted(switch):
    with refused("br0"):
        switch.weft("bridge del br0")
    assert switch.send(1, switch.frame(ONE)) == {2, 3}
