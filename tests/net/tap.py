# SPDX-License-Identifier: GPL-2.0-only
"""Frames in and out of a device, raw (AF_PACKET), and what tshark says of them."""

import json
import select
import socket
import struct
import subprocess
import time

from lab import DEADLINE

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_AUXDATA = 8
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
PACKET_MR_PROMISC = 1
SO_RCVBUFFORCE = 33
TP_STATUS_VLAN_VALID = 1 << 4
TP_STATUS_VLAN_TPID_VALID = 1 << 6


def _shorten(frames):
    return [frame[:80].hex() for frame in frames[:8]]


class Tap:
    """Sees every frame that comes in by a device from the moment it is made, and sends.

    Frames sent by the namespace of the device itself are not seen unless `outgoing`.
    """

    def __init__(self, host, dev, outgoing=False, timeout=DEADLINE):
        self.host, self.dev = host, dev
        self._super = None
        self.timeout = timeout
        self.seen = []
        with host.inside():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            index = socket.if_nametoindex(dev)
        host.lab.sockets.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        if not outgoing:
            sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                        struct.pack("IHH8s", index, PACKET_MR_PROMISC, 0, b""))
        sock.bind((dev, ETH_P_ALL))
        sock.setblocking(False)
        self.socket = sock

    def send(self, *frames):
        for frame in frames:
            self.socket.send(bytes(frame))

    def send_super(self, frame, segment):
        """Sends a TCP frame as a super-packet, which the kernel cuts into segments with that many
        bytes of payload wherever the way needs single packets. Checksums are left to be filled in.
        """
        start = 14 + ((frame[14] & 15) * 4 if frame[14] >> 4 == 4 else 40)
        six = frame[14] >> 4 == 6
        addresses = frame[22:54] if six else frame[26:34]
        total = sum(struct.unpack(f"!{len(addresses) // 2}H", addresses)) + 6 + len(frame) - start
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        frame = frame[:start + 16] + total.to_bytes(2, "big") + frame[start + 18:]
        header = struct.pack("=BBHHHH", 1, 4 if six else 1, start + (frame[start + 12] >> 4) * 4,
                             segment, start, 16)
        if self._super is None:  # not the other one, which would have headers on what it receives
            with self.host.inside():
                self._super = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.host.lab.sockets.append(self._super)
            self._super.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            self._super.bind((self.dev, 0))
        self._super.send(header + frame)

    def _receive(self):
        try:
            data, extra, _, _ = self.socket.recvmsg(1 << 17, 64)
        except BlockingIOError:
            return None
        for level, kind, value in extra:
            if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                continue
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
            if status & TP_STATUS_VLAN_VALID:
                tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
        self.seen.append(data)
        return data

    def drain(self):
        """All that has come in so far, oldest first, including what expect() passed over."""
        while self._receive() is not None:
            pass
        seen, self.seen = self.seen, []
        return seen

    def expect(self, match, timeout=None, what="frame"):
        """The first frame from now on that `match` gives something true for; gives that.

        `match` may also be the bytes of the frame. Whatever else came stays for drain().
        """
        wanted = match if callable(match) else (lambda frame: frame if frame == match else None)
        timeout = timeout or self.timeout
        end = time.monotonic() + timeout
        while True:
            frame = self._receive()
            if frame is None:
                if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                    raise AssertionError(f"{self.dev}: no {what} within {timeout} s; "
                                         f"saw {len(self.seen)}: {_shorten(self.seen)}")
                continue
            found = wanted(frame)
            if found:
                self.seen.pop()
                return found

    def collect(self, match, count, timeout=None):
        return [self.expect(match, timeout, f"frame {i + 1} of {count}") for i in range(count)]


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
        for frame in frames:
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def _tshark(path, frames, *arguments):
    """What tshark prints of the frames, checksums verified."""
    write_pcap(path, frames)
    checks = [word for layer in ("ip", "udp", "tcp")
              for word in ("-o", f"{layer}.check_checksum:TRUE")]
    return subprocess.run(["tshark", "-r", path, *checks, *arguments], check=True, capture_output=True, text=True).stdout


def tshark(path, frames, *arguments):
    """tshark's JSON of the frames."""
    return json.loads(_tshark(path, frames, "-T", "json", *arguments) or "[]")


def tshark_fields(path, frames, fields, *arguments):
    """A tuple of these fields for each frame, texts as tshark prints them: of thousands, JSON takes too long."""
    words = [word for field in fields for word in ("-e", field)]
    return [tuple(line.split("\t"))
            for line in _tshark(path, frames, "-T", "fields", *words, *arguments).splitlines()]


def tshark_errors(path, frames):
    """The frames that tshark finds malformed, or wrong in a checksum."""
    return tshark(path, frames, "-Y", "_ws.malformed || _ws.expert.severity >= error || "
                  "ip.checksum.status == bad || udp.checksum.status == bad || "
                  "tcp.checksum.status == bad")
