# SPDX-License-Identifier: GPL-2.0-only
"""The API's socket: who may use it, and what hostile messages do (nothing)."""

import contextlib
import grp
import json
import os
import random
import socket
import stat

import pytest

from lab import DEADLINE


@pytest.fixture
def host(weft_host):
    weft_host.weft("bridge add br0")
    return weft_host


class Client:
    """A raw connection to weftd."""

    def __init__(self, host):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        host.lab.sockets.append(self.socket)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(host.weft.rundir / "weft.sock"))
        self.file = self.socket.makefile("rb")

    def send(self, data):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def ask(self, data):
        """The reply to a line; None if weftd closed the connection."""
        self.send(data + b"\n")
        try:
            line = self.file.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line else None

    def call(self, method, **params):
        return self.ask(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                                    "params": params}).encode())


def test_permissions(host):
    state = (host.weft.rundir / "weft.sock").stat()
    assert stat.S_ISSOCK(state.st_mode)
    assert state.st_uid == 0
    try:
        group = grp.getgrnam("weft").gr_gid
    except KeyError:
        assert stat.S_IMODE(state.st_mode) in (0o600, 0o660)
        assert state.st_gid == 0
    else:
        assert (state.st_gid, stat.S_IMODE(state.st_mode)) == (group, 0o660)
    for path in host.weft.rundir.iterdir():
        assert not path.stat().st_mode & 0o022, f"{path.name} is writable for others"


def test_nobody_is_refused(host):
    """Also where the path would let them in: weftd looks at the peer's credentials."""
    path = host.weft.rundir / "weft.sock"
    for parent in path.parents:
        if os.stat(parent).st_uid == 0 and str(parent).startswith("/tmp/"):
            os.chmod(parent, 0o755)
    os.chmod(path, 0o666)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(DEADLINE)
                client.connect(str(path))
                client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"bridge.show"}\n')
                status = 2 if b"br0" in client.recv(65536) else 0
        except OSError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("line, code", [
    (b"x", -32700),
    (b"{", -32700),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.show"', -32700),
    (b"\xff\xfe\x00\x01", -32700),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.sho\xff"}', -32700),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.show"} {}', -32700),
    (b"[" * 5000, -32700),
    (b'{"a":' * 3000 + b"1" + b"}" * 3000, -32700),
    (b'{"id":1,"id":2,"jsonrpc":"2.0","method":"status"}', -32700),
    (b"[]", -32600),
    (b'"text"', (-32700, -32600)),
    (b"{}", -32600),
    (b'{"jsonrpc":"1.0","id":1,"method":"status"}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
    (b'{"jsonrpc":"2.0","id":{},"method":"status"}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"no.such"}', -32601),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.add","params":[1]}', (-32600, -32602)),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.add","params":{}}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.add","params":{"name":5}}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.add","params":{"name":"b\\u0000x"}}',
     (-32700, -32602)),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.add","params":{"name":"b","agein":1}}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.add","params":{"name":"b","ageing":1e99}}',
     -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"bridge.add","params":{"name":"b","ageing":-1}}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"fdb.add","params":{"entries":7}}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"fdb.show","params":{"cursor":7}}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"monitor","params":{"objects":["x"]}}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"config.apply","params":{"config":{"x":{}}}}', -32602),
], ids=range(27))
def test_hostile_message(host, line, code):
    before = host.weft.save()
    reply = Client(host).ask(line)
    assert reply["error"]["code"] in (code if isinstance(code, tuple) else (code,)), reply
    message = reply["error"]["message"]
    assert message and "\n" not in message and len(message) < 600
    assert host.weft.alive()
    assert host.weft.save() == before


def test_truncated_message(host):
    client = Client(host)
    client.send(b'{"jsonrpc":"2.0","id":1,"method":"bridge.add","params":{"name":"br9"}}')
    client.socket.close()
    assert [bridge["name"] for bridge in host.weft("bridge show")] == ["br0"]


def test_one_byte_at_a_time(host):
    client = Client(host)
    for byte in b'{"jsonrpc":"2.0","id":"x","method":"bridge.show"}':
        client.send(bytes([byte]))
    reply = client.ask(b"")
    assert reply["id"] == "x" and reply["result"][0]["name"] == "br0"


def test_many_requests_in_one_write(host):
    client = Client(host)
    line = b'{"jsonrpc":"2.0","id":%d,"method":"bridge.show"}\n'
    client.send(b"".join(line % number for number in range(500)))
    assert [json.loads(client.file.readline())["id"] for _ in range(500)] == list(range(500))


def test_request_that_is_too_long(host):
    client = Client(host)
    for _ in range(66):
        client.send(b"x" * (1 << 20))
    with contextlib.suppress(OSError, ValueError):
        client.file.readline()
    client.socket.close()
    assert host.weft("bridge show")[0]["name"] == "br0"


def test_a_peer_that_does_not_read_holds_nobody_up(host):
    """Its replies pile up only so far, and others are served meanwhile."""
    silent = Client(host)
    silent.socket.setblocking(False)
    line = b'{"jsonrpc":"2.0","id":1,"method":"status"}\n' * 1000
    with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
        for _ in range(200):
            silent.socket.send(line)
    assert host.weft("bridge show")[0]["name"] == "br0"


def test_many_connections(host):
    clients = [Client(host) for _ in range(100)]
    for client in clients[::-1]:
        assert client.call("bridge.show")["result"][0]["name"] == "br0"


def test_random_bytes(host):
    """The bytes are the same in every run."""
    source = random.Random(7348)
    good = b'{"jsonrpc":"2.0","id":1,"method":"port.add","params":{"name":"p","bridge":"br0"}}'
    client = Client(host)
    for _ in range(300):
        line = bytearray(good)
        for _ in range(source.randint(1, 6)):
            line[source.randrange(len(line))] = source.choice(b'{}[]",:0x\\\xff e')
        client.send(bytes(line) + b"\n")
        if client.call("status") is None:  # the answer to either; or it hung up on us
            client = Client(host)
    assert host.weft.alive()
    assert host.weft("bridge show")[0]["name"] == "br0"


def test_output_is_json_or_text(host):
    compact = host.weft.run("bridge show").stdout
    assert json.loads(compact)[0]["name"] == "br0"
    assert compact.count("\n") == 1
    pretty = host.weft.run("-p bridge show").stdout
    assert json.loads(pretty) == json.loads(compact)
    assert pretty.count("\n") > 3
    text = host.weft.run("bridge show", json_output=False).stdout
    assert "br0" in text and "{" not in text


@pytest.mark.parametrize("words", ["", "nonsense", "bridge", "bridge frobnicate", "bridge add",
                                   "fdb add", "tunnel add t0 bridge", "--no-such-option"])
def test_usage_is_status_2(host, words):
    done = host.weft.run(words) if words else host.weft.run(json_output=False)
    if words == "bridge":
        assert done.returncode == 0, "shows them, as iproute2 does"
    else:
        assert done.returncode == 2
        assert done.stderr and not done.stdout


def test_no_daemon(host):
    host.weft.stop()
    done = host.weft.run("bridge show")
    assert done.returncode == 1
    assert str(host.weft.rundir) in done.stderr and done.stderr.count("\n") == 1


def test_second_daemon_in_one_rundir_is_refused(host):
    done = host.run(host.weft.binary, "--rundir", host.weft.rundir, check=False)
    assert done.returncode not in (0, None)
    assert "rundir" in done.stderr
    assert host.weft("bridge show")[0]["name"] == "br0"
