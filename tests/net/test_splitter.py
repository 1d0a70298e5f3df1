# SPDX-License-Identifier: GPL-2.0-only
"""The devices that cut super-packets: there as long as there are tunnels, whatever happens to weftd or to them."""

import json

import pytest

import hooks
from daemon import Weftd
from lab import wait_until

HALVES = ("weft-split", "weft-cut")


@pytest.fixture
def host(lab):
    made = lab.host("host", ipv6=True)
    lab.link(made, "eth0", lab.host("peer"), "eth0")
    made.ip("address add 10.9.0.1/24 dev eth0")
    made.weft = Weftd(made)
    made.weft("bridge add br0")
    return made


def halves(host):
    """ifindex by name of those of the two that are there."""
    found = {link["ifname"]: link["ifindex"] for link in json.loads(host.ip("-j link show"))}
    return {name: found[name] for name in HALVES if name in found}


def used(host):
    """ifindex of the one that the datapath is told of; 0: none."""
    device = host.weft("status")["splitter"]
    return device["ifindex"] if device else 0


def filters(host):
    return hooks.programs(host, "weft-split", "egress")


def add(host, name, vni):
    host.weft(f"tunnel add {name} bridge br0 type vxlan id {vni} remote 10.9.0.2")


def test_comes_with_the_first_tunnel_and_goes_with_the_last(host):
    assert not halves(host) and not used(host)
    add(host, "vx0", 1)
    made = halves(host)
    assert set(made) == set(HALVES) and used(host) == made["weft-cut"]
    assert "weft_split" in filters(host)
    add(host, "vx1", 2)
    host.weft("tunnel del vx0")
    assert halves(host) == made
    host.weft("tunnel del vx1")
    assert not halves(host) and not used(host)
    add(host, "vx0", 1)
    assert used(host) == halves(host)["weft-cut"]


def test_the_next_weftd_takes_it_up(host):
    add(host, "vx0", 1)
    made = halves(host)
    host.weft.kill()
    assert halves(host) == made
    host.weft.start()
    assert halves(host) == made and used(host) == made["weft-cut"]
    host.weft.stop()
    assert halves(host) == made
    # somebody took it away meanwhile
    host.ip("link del weft-cut")
    host.weft.start()
    assert used(host) == halves(host)["weft-cut"] != made["weft-cut"]
    assert "warning" not in host.weft.log()
    host.weft("tunnel del vx0")
    assert not halves(host)


def test_left_over_without_tunnels_it_goes(host):
    add(host, "vx0", 1)
    host.weft.kill()
    (host.weft.rundir / "state.json").unlink()
    wait_until(lambda: start(host.weft), "the lease of the one before to run out", interval=1)
    assert not halves(host)


def start(weft):
    try:
        return weft.start()
    except AssertionError as error:
        assert "another weftd serves this network namespace" in str(error)
        weft.process = None
        return None


@pytest.mark.parametrize("harm", ["link del weft-cut", "link del weft-split",
                                  "link set weft-cut down", "link set weft-split down"])
def test_is_put_right(host, harm):
    add(host, "vx0", 1)
    host.ip(harm)

    def right():
        there = halves(host)
        lines = [host.ip(f"link show {name}", check=False) for name in HALVES]
        return (set(there) == set(HALVES) and used(host) == there["weft-cut"]
                and all("UP," in line for line in lines) and filters(host))
    wait_until(right, f"the splitter to be right after `ip {harm}`")
    assert "warning" not in host.weft.log()


def test_filter_is_put_back(host):
    add(host, "vx0", 1)
    hooks.detach(host, "weft-split", "egress")
    wait_until(lambda: filters(host), "the program to be there again")


def test_without_it_tunnels_work(host):
    """The name is taken: one warning, however many tunnels."""
    host.ip("link add weft-cut type bridge")
    for vni in range(1, 4):
        add(host, f"vx{vni}", vni)
    assert not used(host) and "weft-split" not in halves(host)
    assert host.weft.log().count("splitter: device weft-cut: exists and was not made by weft") == 1
    host.weft.kill()
    host.weft.start()
    assert host.weft.log().count("splitter:") == 1
    assert "weft-split" not in halves(host)
