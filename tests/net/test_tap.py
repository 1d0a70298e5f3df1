# SPDX-License-Identifier: GPL-2.0-only
"""A TAP as a port, with what stands for a virtual machine behind it."""

import os

import pytest

from frames import ARP, BROADCAST, Ether, mac_of
from overlay import Overlay
from traffic import tcp_transfer
from virtio import Machine, TapDevice


def test_frames_of_a_machine(weft_host):
    """It asks for the container's MAC and is answered."""
    host = weft_host
    host.weft("bridge add br0")
    container = host.container("c", "vnet0", "10.0.0.1/24")
    host.weft("port add vnet0 bridge br0")
    vm = TapDevice(host, "tap0")
    try:
        host.weft("port add tap0 bridge br0")
        os.write(vm.fd, bytes(Ether(src=mac_of(1), dst=BROADCAST)
                              / ARP(hwsrc=mac_of(1), psrc="10.0.0.2", pdst="10.0.0.1")))
        answer = Ether(vm.read(lambda data: data[12:14] == b"\x08\x06"))
        assert (answer[ARP].op, answer[ARP].psrc) == (2, "10.0.0.1")
        assert answer.src == container.mac("eth0")
        entries = {entry["mac"]: entry["dev"] for entry in host.weft.fdb()}
        assert entries[mac_of(1)] == "tap0"
    finally:
        os.close(vm.fd)


@pytest.mark.parametrize("kinds", [("weft", "weft"), ("weft", "kernel")], ids="-".join)
def test_tcp_across_the_tunnel(lab, kinds):
    """Super-packets out of a container on the other host reach the machine as plain packets."""
    overlay = Overlay(lab, kinds).up()
    one, two = overlay.hosts
    machine = Machine(one, "tap0", "10.0.0.9/24")
    try:
        one.weft("port add tap0 bridge br0")
        machine.guest.ping(two.c.address)
        tcp_transfer(two.c, machine.guest, "10.0.0.9", size=2 << 20)
        tcp_transfer(machine.guest, two.c, two.c.address, size=2 << 20)
        tcp_transfer(one.c, machine.guest, "10.0.0.9", size=2 << 20)
        assert machine.largest <= 1464
    finally:
        machine.close()


def test_machine_is_stopped_and_started(weft_host):
    """The TAP goes with its monitor; the next one of the name is the port again."""
    host = weft_host
    host.weft("bridge add br0")
    host.container("c", "vnet0", "10.0.0.1/24")
    host.weft("port add vnet0 bridge br0")
    machine = Machine(host, "tap0", "10.0.0.9/24")
    host.weft("port add tap0 bridge br0")
    try:
        machine.guest.ping("10.0.0.1")
    finally:
        machine.close()
    assert not host.has("tap0")
    machine = Machine(host, "tap0", "10.0.0.8/24")
    try:
        machine.guest.ping("10.0.0.1")
    finally:
        machine.close()
