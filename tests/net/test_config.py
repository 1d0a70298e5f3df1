# SPDX-License-Identifier: GPL-2.0-only
"""weft apply, diff and save: the configuration as a file, in one transaction."""

import copy

import pytest
import yaml

from daemon import refused
from snapshot import snapshot

CONFIG = {
    "bridges": {"br0": {"ageing": 60}, "brv": {"vlan_filtering": True}},
    "ports": {
        "p0": {"bridge": "br0"},
        "p1": {"bridge": "brv", "vlan": 10, "trunk": "20-30,40"},
        "host0": {"bridge": "br0", "type": "internal", "address": ["10.0.0.254/24"]},
    },
    "tunnels": {
        "v0": {"bridge": "br0", "type": "vxlan", "id": 1000, "local": "10.9.0.1",
               "remote": ["10.9.0.2", "10.9.0.3"], "srcport": [50000, 50010]},
        "v1": {"bridge": "brv", "id": 20, "group": "239.1.1.1", "dev": "eth0", "vlan": 20},
        "own0": {"id": 5001, "local": "10.9.0.1", "remote": ["10.9.0.2"], "dev": "eth0",
                 "address": ["192.168.100.1/24"]},
    },
    "fdb": [{"mac": "02:00:00:00:00:01", "dev": "p0"},
            {"mac": "02:00:00:00:00:02", "dev": "v0", "dst": "10.9.0.3"},
            {"mac": "02:00:00:00:00:03", "dev": "p1", "vlan": 10}],
}


@pytest.fixture
def host(two_port_host):
    return two_port_host


def ops(changes):
    return sorted((change["op"], change["noun"], change["name"]) for change in changes)


def test_apply_is_what_save_gives(host):
    changes = host.weft.apply(CONFIG)
    assert len([change for change in changes if change["op"] == "add"]) == 11
    saved = host.weft.save()
    assert host.weft.apply(CONFIG) == []
    assert host.weft.apply(saved) == []
    assert host.weft.diff(saved) == []
    assert saved["tunnels"]["v0"]["remote"] == ["10.9.0.2", "10.9.0.3"]
    assert "ttl" not in saved["tunnels"]["v0"], "defaults are left out"
    host.weft.apply({})
    assert not any(host.weft.save().values())
    host.weft.apply(saved)
    assert host.weft.save() == saved


def test_diff_tells_and_changes_nothing(host):
    host.weft.apply(CONFIG)
    before = host.weft.save(), snapshot(host)
    config = copy.deepcopy(CONFIG)
    config["bridges"]["br0"]["ageing"] = 30
    config["bridges"]["new"] = {}
    del config["tunnels"]["v1"]
    config["fdb"].pop(0)
    changes = host.weft.diff(config)
    assert [(op, noun) for op, noun, _ in ops(changes)] == [
        ("add", "bridge"), ("change", "bridge"), ("delete", "fdb"), ("delete", "tunnel")]
    change = next(change for change in changes if change["op"] == "change")
    assert change["fields"] == {"ageing": {"old": 60, "new": 30}}
    assert (host.weft.save(), snapshot(host)) == before
    assert ops(host.weft.apply(config)) == ops(changes)
    assert host.weft.diff(config) == []


def test_commands_and_files_mean_the_same(host):
    host.weft.apply(CONFIG)
    saved = host.weft.save()
    host.weft.apply({})
    for line in ("bridge add br0 ageing 60", "bridge add brv vlan_filtering",
                 "port add p0 bridge br0", "port add p1 bridge brv vlan 10 trunk 20-30,40",
                 "port add host0 bridge br0 type internal address 10.0.0.254/24",
                 "tunnel add v0 bridge br0 type vxlan id 1000 local 10.9.0.1 remote 10.9.0.2 "
                 "remote 10.9.0.3 srcport 50000 50010",
                 "tunnel add v1 bridge brv type vxlan id 20 group 239.1.1.1 dev eth0 vlan 20",
                 "tunnel add own0 type vxlan id 5001 local 10.9.0.1 remote 10.9.0.2 dev eth0 "
                 "address 192.168.100.1/24",
                 "fdb add 02:00:00:00:00:01 dev p0",
                 "fdb add 02:00:00:00:00:02 dev v0 dst 10.9.0.3",
                 "fdb add 02:00:00:00:00:03 dev p1 vlan 10"):
        host.weft(line)
    assert host.weft.save() == saved


def faults():
    """Configurations that fail late: everything before the fault would work."""
    def broken(section, name, value):
        config = copy.deepcopy(CONFIG)
        config[section][name] = value
        config["bridges"]["zz"] = {}
        return config
    return {
        "no such device": (broken("ports", "zz-none", {"bridge": "br0"}), "zz-none"),
        "no such underlay": (broken("tunnels", "zz", {"bridge": "br0", "id": 9, "dev": "none0",
                                                      "remote": ["10.9.0.2"]}), "none0"),
        "identity twice": (broken("tunnels", "zz", {"bridge": "br0", "id": 1000,
                                                    "local": "10.9.0.1", "remote": ["10.9.0.9"]}),
                           "id"),
        "name taken": (broken("tunnels", "zz", {"id": 77, "remote": ["10.9.0.2"],
                                                "address": ["10.0.0.300/24"]}), "address"),
        "device is no port": (broken("ports", "lo", {"bridge": "br0"}), "lo"),
    }


@pytest.mark.parametrize("fault", faults())
@pytest.mark.parametrize("first", [{}, {"bridges": {"br0": {}, "old": {}},
                                        "ports": {"p0": {"bridge": "old"}}}], ids=["empty", "other"])
def test_apply_is_all_or_nothing(host, fault, first):
    host.weft.apply(first)
    before = host.weft.save(), snapshot(host)
    config, field = faults()[fault]
    with refused(field):
        host.weft.apply(config)
    assert (host.weft.save(), snapshot(host)) == before
    # What was undone can be done again.
    host.weft.apply(CONFIG)
    assert host.weft.diff(CONFIG) == []


def test_port_moves_between_bridges_in_one_apply(host):
    host.weft.apply({"bridges": {"a": {}, "b": {}}, "ports": {"p0": {"bridge": "a"}}})
    changes = host.weft.apply({"bridges": {"b": {}}, "ports": {"p0": {"bridge": "b"}}})
    assert ("delete", "bridge", "a") in ops(changes)
    assert host.weft.save()["ports"] == {"p0": {"bridge": "b"}}


def test_two_tunnels_swap_their_ids_in_one_apply(host):
    config = {"bridges": {"a": {}, "b": {}},
              "tunnels": {name: {"bridge": name[0], "id": vni, "local": "10.9.0.1",
                                 "remote": ["10.9.0.2"]} for name, vni in (("a1", 1), ("b1", 2))}}
    host.weft.apply(config)
    config["tunnels"]["a1"]["id"], config["tunnels"]["b1"]["id"] = 2, 1
    assert len(host.weft.apply(config)) == 2
    assert host.weft.diff(config) == []


def test_apply_from_standard_input(host):
    host.weft("apply -", data=yaml.safe_dump({"bridges": {"x": {}}}))
    assert host.weft.save()["bridges"] == {"x": {}}


def test_learned_entries_are_no_configuration(host):
    host.weft.apply(CONFIG)
    saved = host.weft.save()
    host.weft("fdb add 02:00:00:00:00:77 dev p0 dynamic")
    assert host.weft.save() == saved
    assert host.weft.apply(saved) == []
    assert "02:00:00:00:00:77" in {entry["mac"] for entry in host.weft.fdb()}
