# SPDX-License-Identifier: GPL-2.0-only
"""The command as a server on a host (`weft bench -s`, `weft probe -s`), and strangers that talk to it."""

import json
import socket
import subprocess
import threading

from daemon import BUILD
from lab import wait_until

# what is no request, whoever is asked
GARBAGE = (
    b"\n", b"[]\n", b"{\n", b"GET / HTTP/1.1\r\n\r\n", b"\0\xff" * 100 + b"\n", b"{}\n", b'{"do": 1}\n',
    b'{"do": "start"}\n', b'{"do": "watch"}\n', b'{"do": "take"}\n', b"[" * 100000 + b"\n", b"x" * (300 << 10),
    b'{"a": ' * 5000 + b"\n", b'{"do": "hello", "do": "hello"}\n')


class Server:
    def __init__(self, host, verb, port):
        self.host, self.port = host, port
        self.log = host.lab.tmp_path / f"{verb}-{host.name}.log"
        with open(self.log, "wb") as stderr:
            self.process = host.start(BUILD / "weft", "--rundir", host.weft.rundir, verb, "-s",
                                      stdin=subprocess.DEVNULL, stderr=stderr)
        wait_until(lambda: b"listening" in self.log.read_bytes() or self.process.poll() is not None, "the server")
        assert self.process.poll() is None, self.log.read_text()

    def children(self):
        done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return done.stdout.split()

    def connect(self, client, address):
        """A connection from another host."""
        with client.inside():
            sock = socket.create_connection((address, self.port), timeout=20)
        self.host.lab.sockets.append(sock)
        return sock

    def refuses(self, client, address, garbage):
        """It answers with an error or not at all, and serves the next one."""
        sock = self.connect(client, address)
        try:
            sock.sendall(garbage)
        except ConnectionError:
            pass
        answer = said(sock)
        if answer:  # a reset may have overtaken it
            assert "error" in json.loads(answer)
        sock = self.connect(client, address)
        assert ask(sock, do="hello")["protocol"] == 1
        sock.close()
        assert self.process.poll() is None and not self.children()


def said(sock):
    """Everything until the other end closes the connection."""
    text = b""
    try:
        while data := sock.recv(65536):
            text += data
    except ConnectionError:
        pass
    return text.decode()


def ask(sock, **request):
    sock.sendall(json.dumps(request).encode() + b"\n")
    return json.loads(sock.makefile("rb").readline())


class Liar:
    """A server that answers with what it was given, a line for each request, whatever that asks."""

    def __init__(self, host, port, *lines):
        self.lines = lines
        with host.inside():
            self.listener = socket.create_server(("", port))
        host.lab.sockets.append(self.listener)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as requests:
            lines = list(self.lines)
            try:
                while requests.readline():
                    connection.sendall(lines.pop(0) if len(lines) > 1 else lines[0])
            except OSError:
                pass  # the client has had enough
