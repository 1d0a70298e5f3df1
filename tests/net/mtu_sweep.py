# SPDX-License-Identifier: GPL-2.0-only
"""Packets of many sizes from one socket to another, and what became of each of them.

    way = Way(one.c, two.c, {4: ("10.0.0.1", "10.0.0.2"), 6: ("fd00::1", "fd00::2")})
    outcome = way.udp(6, True, sizes, expected)
    outcome.arrived, outcome.told          # {size: parts that arrived}, {size: [what its sender was told]}

A packet says its size, and which of the parts of a super-packet it is; every byte of it is looked at. Senders are told
through the error queue of their socket (ip(7), IP_RECVERR), by which the kernel has checked the ICMP error.
"""

import collections
import dataclasses
import errno
import os
import select
import socket
import struct
import time

import encap
import icmp
from tap import SO_RCVBUFFORCE, Tap

PORT = 7011
MARK = struct.Struct("!IB")  # size of the packet, number of the part
PATTERN = os.urandom(1 << 17)
HEADERS = {4: 28, 6: 48}
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER = 10, 23
PMTUDISC_PROBE, PMTUDISC_INTERFACE = 3, 4  # with DF whatever is known of the path; without
IP_RECVERR, IPV6_RECVERR = 11, 25
UDP_SEGMENT = 103
MSG_ERRQUEUE = 0x2000
ORIGIN = {4: 2, 6: 3}
IDLE = 2  # seconds in which nothing came, after which nothing is waited for any more


def payload(size, part, length):
    return MARK.pack(size, part) + PATTERN[size % 4096 + part:][:length - MARK.size]


@dataclasses.dataclass
class Told:
    """What a sender was told about a packet."""

    mtu: int
    right: bool  # type and code are those of "too big"
    by: str


@dataclasses.dataclass
class Outcome:
    """`arrived`: size -> numbers of parts that came, one for each time; `told`: size -> [Told]; `wrong`: what came
    with other bytes than were sent; `limited`: answers that were not given, for there were many just before."""

    arrived: dict = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    told: dict = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    wrong: list = dataclasses.field(default_factory=list)
    limited: int = 0

    def count(self):
        return sum(map(len, self.arrived.values())), sum(map(len, self.told.values()))


class Way:
    """From a host of the lab to another; `addresses`: version -> (source, destination)."""

    def __init__(self, sender, receiver, addresses, limited=lambda: 0):
        self.sender, self.receiver, self.addresses = sender, receiver, addresses
        self._limited = limited  # gives how many answers have not been given so far

    def _sockets(self, version, df):
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        made = []
        for host, address in zip((self.sender, self.receiver), self.addresses[version]):
            with host.inside():
                sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
            sock.bind((address, PORT))
            sock.setblocking(False)
            made.append(sock)
        sending = made[0]
        discover = PMTUDISC_PROBE if df else PMTUDISC_INTERFACE
        if version == 4:
            sending.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, discover)
            sending.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        else:
            sending.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover)
            sending.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 << 20)
        return made

    def _send(self, sock, version, size, parts):
        length = size - HEADERS[version]
        data = b"".join(payload(size, part, length) for part in range(parts))
        to = (self.addresses[version][1], PORT)
        extra = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("H", length))] if parts > 1 else []
        for _ in range(100):  # an error about a packet before this one is told here, too, and this one is not sent
            try:
                sock.sendmsg([data], extra, 0, to)
                return
            except BlockingIOError:
                select.select([], [sock], [], 1)
            except OSError as error:
                if error.errno == errno.ENOBUFS:  # the device dropped it, which may be what it had to do
                    return
                if error.errno != errno.EMSGSIZE:
                    raise
        raise AssertionError(f"{size} bytes cannot be sent")

    def udp(self, version, df, sizes, expected, parts=1):
        """Sends a packet of each size, or a super-packet of `parts` of them. `expected`: how many should arrive, and
        of how many the sender should be told; that is waited for."""
        outcome = Outcome()
        sending, receiving = self._sockets(version, df)
        with sending, receiving:
            def receive():
                return self._receive(outcome, receiving, version) + self._errors(outcome, sending, version)
            limited = self._limited()
            for size in sizes:
                self._send(sending, version, size, parts)
                receive()
            poll = select.poll()
            poll.register(sending, 0)
            poll.register(receiving, select.POLLIN)
            self._wait(outcome, expected, poll, receive, lambda: self._again(
                outcome, sending, version, sizes, parts, limited))
            self._finish(outcome, sending, receiving, version, receive)
        return outcome

    def _wait(self, outcome, expected, poll, receive, again):
        end = time.monotonic() + IDLE
        while any(came < least for came, least in zip(outcome.count(), expected)):
            poll.poll(200)
            if receive():
                end = time.monotonic() + IDLE
            elif again():
                end = time.monotonic() + IDLE
            elif time.monotonic() > end:
                return

    def _again(self, outcome, sending, version, sizes, parts, before):
        """Sends those again that were not answered for being too many in too short a time; true if there were any."""
        limited = self._limited() - before - outcome.limited
        missing = [size for size in sizes if size not in outcome.arrived and size not in outcome.told]
        if not limited or len(missing) < limited:
            return False
        outcome.limited += limited
        for size in missing[-limited:]:
            self._send(sending, version, size, parts)
        return True

    def _finish(self, outcome, sending, receiving, version, receive):
        """All that was sent before it has come when the last packet has."""
        for _ in range(10):
            self._send(sending, version, HEADERS[version] + 64, 1)
            sending_done = time.monotonic() + IDLE
            while time.monotonic() < sending_done:
                select.select([receiving], [], [], 0.2)
                receive()
                if outcome.arrived.pop(HEADERS[version] + 64, None):
                    return
        raise AssertionError("not even a small packet arrives")

    def _receive(self, outcome, sock, version):
        count = 0
        while True:
            try:
                data = sock.recv(1 << 17)
            except BlockingIOError:
                return count
            count += 1
            size, part = MARK.unpack_from(data)
            if data != payload(size, part, size - HEADERS[version]):
                outcome.wrong.append((size, part, len(data)))
            outcome.arrived[size].append(part)

    def _errors(self, outcome, sock, version):
        count = 0
        while True:
            try:
                data, extra, _, _ = sock.recvmsg(1 << 12, 512, MSG_ERRQUEUE)
            except BlockingIOError:
                return count
            for level, kind, value in extra:
                if (level, kind) not in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
                    continue
                count += 1
                _, origin, icmp_type, code, mtu = struct.unpack("=IBBBxI", value[:12])
                by = (socket.inet_ntoa(value[20:24]) if version == 4
                      else socket.inet_ntop(socket.AF_INET6, value[24:40]))
                size, _ = MARK.unpack_from(data)
                outcome.told[size].append(Told(
                    mtu, (origin, icmp_type, code) == (ORIGIN[version], *icmp.KIND[version]), by))

    def tcp(self, version, sizes, expected, parts=3, gateway=None):
        """As udp(), with super-packets of TCP whose segments have these sizes, straight out of the sender's device
        `eth0` to the MAC `gateway`, or the receiver's."""
        outcome = Outcome()
        out = Tap(self.sender, "eth0")
        came = Tap(self.receiver, "eth0")
        pair = self.addresses[version]
        macs = self.sender.mac("eth0"), gateway or self.receiver.mac("eth0")
        headers = HEADERS[version] + 12
        more = {"flags": 2} if version == 4 else {}
        bytes_of = collections.defaultdict(dict)

        def send(size):
            data = b"".join(payload(size, part, size - headers) for part in range(parts))
            segment = struct.pack("!HHIIBBHHH", PORT, PORT, size << 16, 0, 5 << 4, 0x10, 500, 0, 0)
            out.send_super(encap.underlay((*macs, *pair), 6, segment + data, **more), size - headers)

        def receive():
            before = outcome.count()
            for data in came.drain():
                _, kind, packet = icmp.split_ethernet(data)
                at = 20 if kind == b"\x08\x00" else 40
                if packet[9 if at == 20 else 6] != 6 or icmp.addresses(packet) != pair:
                    continue
                total = int.from_bytes(packet[2:4], "big") if at == 20 else 40 + int.from_bytes(packet[4:6], "big")
                seq = int.from_bytes(packet[at + 4:at + 8], "big")
                self._part(outcome, bytes_of, seq, packet[at + 20:total], headers, parts)
            for answer in filter(None, map(icmp.read_answer, out.drain())):
                at = 20 if answer.version == 4 else 40
                size = int.from_bytes(answer.quote[at + 4:at + 8], "big") >> 16
                outcome.told[size].append(Told(answer.mtu, answer.whole and (answer.src == pair[1] or bool(gateway)),
                                               answer.src))
            return outcome.count() != before
        limited = self._limited()
        for size in sizes:
            send(size)
        poll = select.poll()
        poll.register(out.socket, select.POLLIN)
        poll.register(came.socket, select.POLLIN)

        def again():
            new = self._limited() - limited - outcome.limited
            missing = [size for size in sizes if size not in outcome.arrived and size not in outcome.told]
            outcome.limited += new
            for size in missing[len(missing) - new:]:
                send(size)
            return new
        self._wait(outcome, expected, poll, receive, again)
        receive()
        return outcome

    @staticmethod
    def _part(outcome, bytes_of, seq, data, headers, parts):
        """One packet of a super-packet, or several that travelled together."""
        size = seq >> 16
        length = size - headers
        whole = b"".join(payload(size, part, length) for part in range(parts))
        offset = seq & 0xFFFF
        if whole[offset:offset + len(data)] != data or offset % length or len(data) % length:
            outcome.wrong.append((size, offset, len(data)))
        outcome.arrived[size] += range(offset // length, (offset + len(data)) // length)
