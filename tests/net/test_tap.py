# SPDX-License-Identifier: GPL-2.0-only
"""A TAP as a port, with what stands for a virtual machine behind it."""

import contextlib
import fcntl
import os
import select
import struct
import threading
import time

import pytest

from frames import ARP, BROADCAST, Ether, mac_of
from lab import DEADLINE
from overlay import Overlay
from tap import Tap
from traffic import tcp_transfer

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000


class TapDevice:
    """What a virtual machine monitor does with a TAP."""

    def __init__(self, host, name):
        with host.inside():
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(),
                                                        IFF_TAP | IFF_NO_PI))
        host.ip(f"link set dev {name} mtu 1450 up")

    def read(self, wanted):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.5)[0]:
                data = os.read(self.fd, 65536)
                if wanted(data):
                    return data
        raise AssertionError("TAP: no such frame")


class Machine:
    """A TAP whose frames are relayed to and from a namespace with a network stack: `guest`."""

    def __init__(self, host, name, address):
        self.device = TapDevice(host, name)
        monitor = host.lab.host("monitor")
        self.guest = host.lab.host("guest")
        host.lab.link(monitor, "wire", self.guest, "eth0", mtu=1450)
        self.guest.ip(f"address add {address} dev eth0")
        self.guest.offload("eth0", "off")  # a NIC without offloads: whole packets
        self.largest = 0
        self._wire = Tap(monitor, "wire").socket
        self._done = False
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def _relay(self):
        device = self.device.fd
        while not self._done:
            for ready in select.select([device, self._wire], [], [], 0.2)[0]:
                with contextlib.suppress(BlockingIOError):
                    if ready == device:
                        data = os.read(device, 65536)
                        self.largest = max(self.largest, len(data))
                        self._wire.send(data)
                    else:
                        os.write(device, self._wire.recv(65536))

    def close(self):
        self._done = True
        self._thread.join()
        os.close(self.device.fd)


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
