# SPDX-License-Identifier: GPL-2.0-only
"""Virtual machines behind a TAP: what a virtual machine monitor does with it, and with what comes out of it.

A TAP may have a virtio-net header in front of each frame (virtio 1.2, 5.1.6), by which checksums and the cutting of
super-packets are left to the other side. `packets()` does here what that leaves to be done, in so many bytes, and
takes nothing for granted: a header that does not fit its frame is a failure.
"""

import contextlib
import fcntl
import os
import select
import struct
import threading
import time

import encap
from lab import DEADLINE

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_USO4, TUN_F_USO6 = 0x01, 0x02, 0x04, 0x20, 0x40
OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6

HEADER = struct.Struct("=BBHHHH")  # flags, type, length of headers, segment, start, place of checksum
NEEDS_CSUM = 1
TCP4, TCP6, UDP = 1, 4, 5
PLAIN = HEADER.pack(0, 0, 0, 0, 0, 0)
TCP, UDP_PROTOCOL = 6, 17
CSUM_AT = {TCP: 16, UDP_PROTOCOL: 6}
FIN, PSH, CWR = 0x01, 0x08, 0x80


class Layout:
    """Where in a frame its headers are."""

    def __init__(self, frame):
        self.ip = 14
        while frame[self.ip - 2:self.ip] in (b"\x81\x00", b"\x88\xa8"):
            self.ip += 4
        kind = frame[self.ip - 2:self.ip]
        self.version = {b"\x08\x00": 4, b"\x86\xdd": 6}.get(kind)
        if self.version == 4:
            self.l4, self.protocol = self.ip + (frame[self.ip] & 15) * 4, frame[self.ip + 9]
            self.addresses = frame[self.ip + 12:self.ip + 20]
        elif self.version == 6:
            self.l4, self.protocol = self.ip + 40, frame[self.ip + 6]
            self.addresses = frame[self.ip + 8:self.ip + 40]


def _pseudo(layout, length):
    return encap.checksum(layout.addresses + struct.pack("!HHI", 0, layout.protocol, length))


def completed(frame, layout):
    """The frame with its transport checksum filled in."""
    at = layout.l4 + CSUM_AT[layout.protocol]
    frame = frame[:at] + b"\0\0" + frame[at + 2:]
    value = 0xFFFF - encap.checksum(struct.pack("!H", _pseudo(layout, len(frame) - layout.l4))
                                    + frame[layout.l4:])
    if not value and layout.protocol == UDP_PROTOCOL:
        value = 0xFFFF
    return frame[:at] + struct.pack("!H", value) + frame[at + 2:]


def _segment(frame, layout, headers, payload, offset, last, number):
    """One packet of a super-packet, its checksum still to be filled in."""
    head = bytearray(frame[:headers])
    if layout.version == 4:
        length = headers - layout.ip + len(payload)
        ident = struct.unpack_from("!H", head, layout.ip + 4)[0] + number
        struct.pack_into("!HH", head, layout.ip + 2, length, ident & 0xFFFF)
        struct.pack_into("!H", head, layout.ip + 10, 0)
        struct.pack_into("!H", head, layout.ip + 10,
                         0xFFFF - encap.checksum(bytes(head[layout.ip:layout.l4])))
    else:
        struct.pack_into("!H", head, layout.ip + 4, headers - layout.l4 + len(payload))
    if layout.protocol == TCP:
        sequence = struct.unpack_from("!I", head, layout.l4 + 4)[0] + offset
        struct.pack_into("!I", head, layout.l4 + 4, sequence & 0xFFFFFFFF)
        if not last:
            head[layout.l4 + 13] &= ~(FIN | PSH)
        if offset:
            head[layout.l4 + 13] &= ~CWR
    else:
        struct.pack_into("!H", head, layout.l4 + 4, 8 + len(payload))
    return bytes(head) + payload


def packets(data):
    """The frames, whole and with checksums, of what was read from a TAP with virtio-net headers."""
    flags, kind, length, size, start, place = HEADER.unpack_from(data)
    frame = data[HEADER.size:]
    kind &= ~0x80  # ECN says only how CWR is to be treated, which is as it is here
    if not kind and not flags & NEEDS_CSUM:
        return [frame]
    layout = Layout(frame)
    assert flags & NEEDS_CSUM, f"a super-packet with its checksum done: {data[:80].hex()}"
    assert layout.version and layout.protocol in CSUM_AT, f"not to be completed: {data[:80].hex()}"
    assert (start, place) == (layout.l4, CSUM_AT[layout.protocol]), \
        f"checksum from {start} at {place}, not of the outermost header: {data[:80].hex()}"
    if not kind:
        field = struct.unpack_from("!H", frame, start + place)[0]
        assert field == _pseudo(layout, len(frame) - layout.l4), "sum of another pseudo-header"
        return [completed(frame, layout)]
    assert (kind, layout.protocol, layout.version) in (
        (TCP4, TCP, 4), (TCP6, TCP, 6), (UDP, UDP_PROTOCOL, layout.version)), \
        f"type {kind} does not fit: {data[:80].hex()}"
    headers = layout.l4 + (8 if kind == UDP else (frame[layout.l4 + 12] >> 4) * 4)
    # a hint, in which the kernel does not count a tag that it keeps beside the frame
    assert not length or length + layout.ip - 14 >= headers, f"headers of {length} bytes, not {headers}"
    payload = frame[headers:]
    parts = [(at, payload[at:at + size]) for at in range(0, len(payload), size)]
    return [completed(_segment(frame, layout, headers, part, at, number == len(parts) - 1, number), layout)
            for number, (at, part) in enumerate(parts)]


class TapDevice:
    """A TAP as a virtual machine monitor has it; `offloads` (TUN_F_*) are what the machine can do, None: there are
    no virtio-net headers."""

    def __init__(self, host, name, offloads=None, mtu=1450):
        header = 0 if offloads is None else IFF_VNET_HDR
        with host.inside():
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(),
                                                        IFF_TAP | IFF_NO_PI | header))
            if offloads is not None:
                fcntl.ioctl(self.fd, TUNSETOFFLOAD, offloads)
        host.ip(f"link set dev {name} mtu {mtu} up")

    def read(self, wanted):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.5)[0]:
                data = os.read(self.fd, 1 << 17)
                if wanted(data):
                    return data
        raise AssertionError("TAP: no such frame")


class Machine:
    """A TAP `name` at the host, and what stands for the machine behind it: `guest`, a namespace whose `eth0` is a TAP as
    well. Frames are relayed between both.

    `tag`: the VLAN in whose frames it speaks, by an 802.1Q header of their own, and of which alone it takes any.
    `offloads` as for TapDevice. What the machine receives is cut and completed here, and handed on
    as plain packets whose checksums the guest's kernel verifies; what it sends keeps its header.
    """

    def __init__(self, host, name, address, offloads=None, ipv6=False, mtu=1450, tag=None):
        self.device = TapDevice(host, name, offloads, mtu)
        self.tag = tag and struct.pack("!HH", 0x8100, tag)
        self.guest = host.lab.host("guest", ipv6=ipv6)
        self._far = TapDevice(self.guest, "eth0", offloads, mtu)
        self.guest.ip(f"address add {address} dev eth0")
        self._headers = offloads is not None
        self.largest = 0  # frame received
        self.failure = None
        self._done = False
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def _in(self, data):
        """To the guest."""
        if not self._headers:
            self.largest = max(self.largest, len(data))
            return [data]
        self.largest = max(self.largest, len(data) - HEADER.size)
        return [PLAIN + self._untagged(frame) for frame in packets(data) if not self.tag or frame[12:16] == self.tag]

    def _untagged(self, frame):
        return frame[:12] + frame[16:] if self.tag else frame

    def _tagged(self, data):
        """What the guest sends, with its virtio-net header."""
        if not self.tag:
            return data
        flags, kind, length, size, start, place = HEADER.unpack_from(data)
        header = HEADER.pack(flags, kind, length + 4 if length else 0, size, start + 4 if flags & NEEDS_CSUM else 0, place)
        frame = data[HEADER.size:]
        return header + frame[:12] + self.tag + frame[12:]

    def _relay(self):
        near, far = self.device.fd, self._far.fd
        while not self._done:
            for ready in select.select([near, far], [], [], 0.2)[0]:
                with contextlib.suppress(BlockingIOError):
                    data = os.read(ready, 1 << 17)
                    if ready == far:
                        os.write(near, self._tagged(data))
                        continue
                    try:
                        frames = self._in(data)
                    except AssertionError as failure:
                        self.failure = self.failure or failure
                        continue
                    for frame in frames:
                        os.write(far, frame)

    def close(self):
        self._done = True
        self._thread.join()
        os.close(self.device.fd)
        os.close(self._far.fd)
        if self.failure:
            raise self.failure
