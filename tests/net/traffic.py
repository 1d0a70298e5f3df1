# SPDX-License-Identifier: GPL-2.0-only
"""Traffic between hosts, by sockets of this process that were made inside their namespaces."""

import hashlib
import os
import socket
import struct
import threading
import time

from lab import DEADLINE

PORT = 7001
SO_RCVBUFFORCE = 33


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _socket(host, address, kind):
    with host.inside():
        sock = socket.socket(_family(address), kind)
    host.lab.sockets.append(sock)
    sock.settimeout(DEADLINE)
    return sock


def tcp_transfer(sender, receiver, address, size=8 << 20, port=PORT):
    """Sends `size` random bytes from one host to `address` at the other; the hashes must agree.

    The connection stays half closed until the lab ends: a segment that was sent twice on a busy machine may come after
    the last one, and an end that is gone by then answers with a reset.
    """
    listener = _socket(receiver, address, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(1)
    data = os.urandom(1 << 20) * (size >> 20)
    client = _socket(sender, address, socket.SOCK_STREAM)

    def send():
        try:
            client.connect((address, port))
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            client.close()  # the receiver's deadline tells
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    got = hashlib.sha256()
    count = 0
    connection, _ = listener.accept()
    receiver.lab.sockets.append(connection)
    connection.settimeout(DEADLINE)
    with listener:
        while chunk := connection.recv(1 << 20):
            got.update(chunk)
            count += len(chunk)
    thread.join(DEADLINE)
    assert count == len(data)
    assert got.digest() == hashlib.sha256(data).digest(), "content was changed on the way"


def tcp_stream(sender, receiver, address, seconds, window=512 << 10, port=PORT):
    """Sends for so long, with at most `window` bytes under way, fewer than a device's queue takes in single packets.
    Gives the bytes that came. All of it is done by one CPU: on several, packets overtake each other in the queues
    that veths have, with or without anything between them, and TCP takes those for lost."""
    cpu = {min(os.sched_getaffinity(0))}
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpu)
    try:
        return _tcp_stream(sender, receiver, address, seconds, window, port)
    finally:
        os.sched_setaffinity(0, before)


def _tcp_stream(sender, receiver, address, seconds, window, port):
    listener = _socket(receiver, address, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window // 2)
    listener.bind((address, port))
    listener.listen(1)
    client = _socket(sender, address, socket.SOCK_STREAM)
    client.connect((address, port))
    connection, _ = listener.accept()
    connection.settimeout(DEADLINE)
    sent = []

    def send():
        data, total, end = bytes(256 << 10), 0, time.monotonic() + seconds
        with client:
            while time.monotonic() < end:
                client.sendall(data)
                total += len(data)
        sent.append(total)
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    count = 0
    with connection, listener:
        while chunk := connection.recv(1 << 20):
            count += len(chunk)
    thread.join(DEADLINE)
    assert sent == [count]
    return count


def counter(host, name):
    """One of the kernel's counters of TCP, as nstat(8) names them: TcpRetransSegs, TcpExtTCPTimeouts."""
    values = {}
    with host.inside():
        for path in ("snmp", "netstat"):
            with open(f"/proc/thread-self/net/{path}", encoding="ascii") as file:
                lines = file.read().splitlines()
            for names, numbers in zip(lines[::2], lines[1::2]):
                group, *names = names.split()
                values.update(zip((group.rstrip(":") + word for word in names), map(int, numbers.split()[1:])))
    return values[name]


class NumberedUdp:
    """Numbered datagrams at a steady pace, from one host to another, until stop().

    `lost()` then gives the numbers that never came.
    """

    def __init__(self, sender, receiver, address, port=PORT, rate=500):
        self._to = (address, port)
        self._pause = 1 / rate
        self._rx = _socket(receiver, address, socket.SOCK_DGRAM)
        self._rx.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self._rx.bind((address, port))
        self._tx = _socket(sender, address, socket.SOCK_DGRAM)
        self._done = threading.Event()
        self.sent = 0
        self.got = set()
        self._threads = [threading.Thread(target=run, daemon=True)
                         for run in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        # One CPU (this thread's affinity only): on several, packets overtake each other on a busy machine, and a tunnel
        # with sequence numbers drops those.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        while not self._done.is_set():
            self._tx.sendto(struct.pack("!I", self.sent), self._to)
            self.sent += 1
            time.sleep(self._pause)

    def _receive(self):
        self._rx.settimeout(0.1)
        end = None
        while end is None or (len(self.got) < self.sent and time.monotonic() < end):
            if end is None and self._done.is_set():
                end = time.monotonic() + 3  # what is still under way
            try:
                self.got.add(struct.unpack("!I", self._rx.recv(64))[0])
            except TimeoutError:
                continue

    def passing(self):
        """True once some more datagrams have come through from now on."""
        start, end = len(self.got), time.monotonic() + DEADLINE
        while len(self.got) < start + 20:
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def stop(self):
        self._done.set()
        for thread in self._threads:
            thread.join(DEADLINE)
        return self

    def lost(self):
        self.stop()
        return sorted(set(range(self.sent)) - self.got)
