# SPDX-License-Identifier: GPL-2.0-only
"""weftd is killed, stopped, replaced: packets go on, and nothing is forgotten."""

import subprocess

import pytest
import yaml

from daemon import BUILD
from frames import BROADCAST, mac_of
from lab import wait_until
from overlay import Overlay
from snapshot import loaded, programs
from switch import Switch
from tap import Tap
from traffic import NumberedUdp, tcp_transfer


@pytest.fixture
def overlay(lab):
    """Two hosts that have met."""
    made = Overlay(lab, ("weft", "weft")).up()
    made.ping_all()
    return made


def both_ways(overlay):
    one, two = (host.c for host in overlay.hosts)
    return [NumberedUdp(one, two, two.address), NumberedUdp(two, one, one.address)]


def kill_and_start(weft):
    weft.kill()
    weft.start()


def kill_and_start_new_build(weft):
    weft.kill()
    weft.start(weft.copy_binary("weftd-new"))


def stop_and_start(weft):
    weft.stop()
    weft.start()


def stop_and_start_new_build(weft):
    weft.stop()
    weft.start(weft.copy_binary("weftd-new"))


RESTARTS = [kill_and_start, kill_and_start_new_build, stop_and_start, stop_and_start_new_build]


@pytest.mark.parametrize("restart", RESTARTS, ids=lambda restart: restart.__name__)
def test_restart_under_traffic_loses_nothing(overlay, restart):
    weft = overlay.hosts[0].weft
    config, fdb = weft.save(), known(weft)
    flows = both_ways(overlay)
    assert all(flow.passing() for flow in flows)
    for _ in range(3):
        restart(weft)
        assert all(flow.passing() for flow in flows)
    assert [flow.lost() for flow in flows] == [[], []]
    assert known(weft) == fdb
    assert weft.apply(config) == []
    assert weft.save() == config


LAYOUTS = {  # of the bridge, its ports, the tunnel to the others
    "flooded": ("", "nolearning", "nolearning"),
    "vlans": ("vlan_filtering", "vlan 10", "trunk 10,20"),
    "group": ("", "", "group 239.1.1.1 dev eth0"),
    "own-device": ("", "", None),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_restarts_under_many_packets_lose_nothing(lab, layout):
    """Ten thousands of echoes, as fast as they come back, while weftd comes and goes."""
    overlay = Overlay(lab, ("weft", "weft", "weft"))
    for_bridge, for_port, for_tunnel = LAYOUTS[layout]
    for host in overlay.hosts:
        remotes = " ".join(f"remote {other}" for other in overlay.others(host))
        if for_tunnel is None:
            host.weft(f"tunnel add own0 type vxlan id 7 {remotes} address 10.0.1.{host.number}/24")
            continue
        host.weft("bridge add br0", for_bridge)
        host.container("idle", "idle0")
        for port in ("idle0", "vnet0"):
            host.weft(f"port add {port} bridge br0", for_port)
        host.weft("tunnel add v0 bridge br0 type vxlan id 7", for_tunnel,
                  "" if "group" in for_tunnel else remotes)
    one, two, _ = overlay.hosts
    sender, address = (two, "10.0.1.1") if for_tunnel is None else (two.c, "10.0.0.1")
    sender.ping(address)
    drops = one.weft.drops()
    ping = sender.start("ping", "-f", "-q", "-n", "-c", "60000", "-w", "60", address,
                        stdout=subprocess.PIPE, text=True)
    restarts = 0
    while ping.poll() is None:
        (kill_and_start, stop_and_start)[restarts % 2](one.weft)
        restarts += 1
    assert "60000 packets transmitted, 60000 received" in ping.stdout.read()
    assert one.weft.drops() == drops
    assert restarts


def known(weft):
    return sorted((entry["mac"], entry["dev"], entry.get("dst"), entry["state"])
                  for entry in weft.fdb())


def test_restart_keeps_programs_and_counters(overlay):
    host = overlay.hosts[0]
    weft, before, drops = host.weft, programs(host), host.weft.drops()
    stats = weft.stats()["ports"]["vnet0"]["rx_packets"]
    kill_and_start(weft)
    assert len(programs(host)) == len(before)
    assert loaded(before) == before & programs(host), "programs of the last weftd stay"
    assert weft.stats()["ports"]["vnet0"]["rx_packets"] >= stats
    assert weft.drops() == drops
    weft("bridge add br9")
    weft("bridge del br9")
    overlay.ping_all()


def test_stopped_daemon_leaves_forwarding_on(overlay):
    """For new flows, for MACs never seen, and for ARP from cold, in both directions."""
    for host in overlay.hosts:
        host.weft.stop()
    one, two = (host.c for host in overlay.hosts)
    flows = both_ways(overlay)
    assert all(flow.passing() for flow in flows)
    for host in overlay.hosts:
        host.c.ip("neigh flush all")
        host.ip("neigh flush all")
    overlay.ping_all()
    tcp_transfer(one, two, two.address)
    one.ip("link set dev eth0 address 02:00:00:00:77:01")
    two.ip("neigh flush all")
    one.ping(two.address)
    two.ping(one.address)
    assert [flow.stop().sent > 0 for flow in flows] == [True, True]
    for host in overlay.hosts:
        host.weft.start()
    overlay.ping_all()


def test_learning_goes_on_without_the_daemon(lab):
    switch = Switch(lab, 3)
    switch.bridge((1, 2, 3))
    switch.weft.kill()
    marker = switch.frame(mac_of(2))
    switch.taps[2].send(marker)
    for number in (1, 3):
        switch.taps[number].expect(marker)
    raw = switch.frame(mac_of(1), mac_of(2))
    switch.taps[1].send(raw)
    switch.taps[2].expect(raw)
    after = switch.frame(mac_of(1), BROADCAST)
    switch.taps[1].send(after)
    switch.taps[3].expect(after)
    assert raw not in switch.taps[3].drain()
    switch.weft.start()
    assert {entry["mac"] for entry in switch.weft.fdb()} >= {mac_of(1), mac_of(2)}


def test_what_changed_meanwhile_is_noticed(lab):
    """A device went and came back with another ifindex, an address and a route changed."""
    overlay = Overlay(lab, ("weft", "weft")).up()
    overlay.ping_all()
    one, two = overlay.hosts
    one.weft.kill()
    one.ip("link del dev vnet0")
    lab.link(one, "vnet0", one.c, "eth0", mtu=1450)
    one.c.ip("address add 10.0.0.1/24 dev eth0")
    two.ip("link set dev eth0 address 02:00:00:00:fe:05")
    one.ip("neigh flush all")
    one.weft.start()
    one.c.ping(two.c.address)
    two.c.ping(one.c.address)


def test_killed_in_the_middle_of_changes(lab):
    """kill -9 at any point of an apply: the next weftd is consistent, and can go on."""
    overlay = Overlay(lab, ("weft", "weft")).up()
    overlay.ping_all()
    one = overlay.hosts[0]
    base = one.weft.save()
    big = dict(base)
    big["bridges"] = dict(base["bridges"], **{f"b{number}": {} for number in range(200)})
    big["tunnels"] = dict(base["tunnels"], **{
        f"t{number}": {"bridge": f"b{number}", "id": 5000 + number, "local": one.underlay,
                       "remote": [overlay.hosts[1].underlay]} for number in range(200)})
    path = lab.tmp_path / "big.yaml"
    path.write_text(yaml.safe_dump(big))
    for _ in range(3):
        command = one.start(BUILD / "weft", "--rundir", one.weft.rundir, "apply", path, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
        wait_until(lambda: command.poll() is not None or _busy(one), "apply to be under way",
                   interval=0.001)
        one.weft.kill()
        command.wait()
        one.weft.start()
        names = set(one.weft.save()["tunnels"])
        assert names in (set(base["tunnels"]), set(big["tunnels"])), "half of it"
        overlay.ping_all()
        one.weft.apply(base)
    assert one.weft.save() == base


def _busy(host):
    """weftd has used CPU since it was ready: it is at work on the request."""
    fields = open(f"/proc/{host.weft.process.pid}/stat", encoding="ascii").read().split()
    ticks = int(fields[13]) + int(fields[14])
    if getattr(host, "idle_ticks", None) is None:
        host.idle_ticks = ticks
    return ticks > host.idle_ticks + 1


def test_restart_without_objects(weft_host):
    weft_host.weft.kill()
    weft_host.weft.start()
    assert not any(weft_host.weft.save().values())


def test_own_device_and_group_survive(lab):
    """Addresses of an own device stay, and so does the membership of the group."""
    overlay = Overlay(lab, ("weft", "weft"))
    for host in overlay.hosts:
        host.weft(f"tunnel add own0 type vxlan id 9 group 239.1.1.9 dev eth0 "
                  f"address 192.168.100.{host.number}/24")
    one, two = overlay.hosts
    one.ping("192.168.100.2")
    wire = Tap(overlay.lan.host, one.name)
    flow = NumberedUdp(two, one, "192.168.100.1")
    assert flow.passing()
    for _ in range(2):
        kill_and_start(one.weft)
        assert flow.passing()
    assert flow.lost() == []
    assert "239.1.1.9" in one.ip("maddress show dev eth0")
    left = [data for data in wire.drain() if data[12:14] == b"\x08\0" and data[23] == 2]
    assert not [data for data in left if b"\xef\x01\x01\x09" in data and data[38] in (3, 1)], \
        "left the group"
