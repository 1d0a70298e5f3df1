# SPDX-License-Identifier: GPL-2.0-only
"""The metrics page: what it says, by Prometheus' own tool, and what a client may do to it."""

import contextlib
import http.client
import json
import re
import shutil
import socket
import struct
import subprocess

import pytest

from daemon import BUILD, TOP, Weftd
from frames import BROADCAST, frame
from lab import wait_until
from maps import Slot, learn_path_mtu
from overlay import Overlay
from switch import Switch

FAKE = BUILD / "tests" / "unit" / "weftd-fake"
PORT = 9469
ZERO = "00:00:00:00:00:00"
DASHBOARD = TOP / "contrib" / "grafana" / "weft.json"


def connect(host, address="127.0.0.1", port=PORT, timeout=20):
    with host.inside():
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.settimeout(timeout)
    sock.connect((address, port))
    return sock


def everything(sock):
    data = b""
    while more := sock.recv(1 << 16):
        data += more
    return data


def ask(host, request, **where):
    """The whole reply to a request, until the server has closed."""
    with contextlib.closing(connect(host, **where)) as sock:
        sock.sendall(request)
        return everything(sock)


def page(host, **where):
    """The page as http.client reads it: chunks put together."""
    with contextlib.closing(connect(host, **where)) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: weft\r\n\r\n")
        reply = http.client.HTTPResponse(sock)
        reply.begin()
        assert reply.status == 200 and reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return reply.read().decode()


def samples(text):
    """{(name, ((label, value), ...)): number}; nothing stands twice."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line)
        labels = tuple((name, value.replace('\\"', '"').replace("\\\\", "\\"))
                       for name, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
        assert (match[1], labels) not in found, line
        found[match[1], labels] = float(match[3])
    return found


def start(weft, *options):
    """weftd again, with these options."""
    if weft.process:
        weft.stop()
    wrapper = weft.host.lab.tmp_path / f"weftd-{len(weft.logs)}"
    wrapper.write_text(f'#!/bin/sh\nexec {weft.binary} "$@" {" ".join(options)}\n')
    wrapper.chmod(0o755)
    return weft.start(wrapper)


@pytest.fixture
def fake(lab):
    if not FAKE.exists():
        pytest.skip("weftd-fake was not built")
    return start(Weftd(lab.host("host", ipv6=True), FAKE), "--metrics", str(PORT))


# --- what it says -----------------------------------------------------------------------------------


@pytest.fixture
def overlay(lab):
    overlay = Overlay(lab, ["weft"] * 2).up()
    overlay.one, overlay.two = overlay.hosts
    start(overlay.one.weft, "--metrics", str(PORT))
    overlay.ping_all()
    return overlay


def test_counters(overlay):
    host = overlay.one
    host.weft("bridge add br1")
    stats = host.weft.stats()
    found = samples(page(host))
    for direction, word in (("rx", "receive"), ("tx", "transmit")):
        for unit in ("packets", "bytes"):
            name, member = f"weft_{{}}_{word}_{unit}_total", f"{direction}_{unit}"
            tunnel = stats["tunnels"]["vxlan0"]
            assert tunnel[member] > 0
            assert found[name.format("port"), (("port", "vnet0"),)] == stats["ports"]["vnet0"][member]
            assert found[name.format("tunnel"), (("tunnel", "vxlan0"),)] == tunnel[member]
            remote = (("tunnel", "vxlan0"), ("remote", overlay.two.underlay))
            assert found[name.format("remote"), remote] == tunnel["remotes"][overlay.two.underlay][member]
    assert found["weft_fdb_entries", (("bridge", "br0"),)] == len(host.weft.fdb("bridge br0")) > 0
    assert found["weft_fdb_entries", (("bridge", "br1"),)] == 0
    assert found["weft_port_up", (("port", "vnet0"),)] == 1
    assert found["weft_port_mtu_bytes", (("port", "vnet0"),)] == 1450
    assert found["weft_tunnel_mtu_bytes", (("tunnel", "vxlan0"),)] == 1450
    assert found["weft_tunnel_remotes", (("tunnel", "vxlan0"),)] == 1
    assert found["weft_remote_resolved", (("tunnel", "vxlan0"), ("remote", overlay.two.underlay))] == 1
    assert found["weft_remote_hop_mtu_bytes", (("tunnel", "vxlan0"), ("remote", overlay.two.underlay))] == 1500
    info = (("tunnel", "vxlan0"), ("bridge", "br0"), ("type", "vxlan"), ("id", "1000"))
    assert found["weft_tunnel_info", info] == 1
    version = host.weft("status")["version"]
    assert found["weft_build_info", (("version", version),)] == 1
    assert found["weft_datapath_loaded", ()] == 1
    assert found["process_resident_memory_bytes", ()] > 1 << 20
    assert found["process_virtual_memory_bytes", ()] >= found["process_resident_memory_bytes", ()]
    assert 5 < found["process_open_fds", ()] < found["process_max_fds", ()]
    assert found["process_cpu_seconds_total", ()] > 0


def test_drops(lab):
    switch = Switch(lab, 2)
    switch.bridge((1, 2))
    start(switch.weft, "--metrics", str(PORT))
    switch.taps[1].send(*[frame(ZERO, BROADCAST)] * 3)
    wait_until(lambda: switch.weft.drops() == {"src_mac": 3}, "drops")
    found = samples(page(switch.host))
    assert {key: value for key, value in found.items() if key[0] == "weft_drops_total"} == {
        ("weft_drops_total", (("reason", "src_mac"), ("port", "p1"), ("tunnel", ""))): 3}


def test_path_mtu(overlay):
    remote = overlay.one.weft.show("tunnel", "vxlan0")["state"]["remotes"][0]
    key = ("weft_remote_path_mtu_bytes", (("tunnel", "vxlan0"), ("remote", remote["addr"])))
    assert key not in samples(page(overlay.one))
    learn_path_mtu(Slot(overlay.one, "remotes", remote["id"]), 1400)
    assert samples(page(overlay.one))[key] == 1400


def test_promtool(overlay):
    if not shutil.which("promtool"):
        pytest.skip("no promtool (package prometheus)")
    done = subprocess.run(["promtool", "check", "metrics"], input=page(overlay.one), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_labels_are_escaped(lab):
    switch = Switch(lab, 1)
    lab.link(switch.host, 'a"b\\c', switch.tester, "far")
    switch.weft("bridge add br0")
    switch.weft('port add a"b\\c bridge br0')
    start(switch.weft, "--metrics", str(PORT))
    text = page(switch.host)
    assert 'weft_port_up{port="a\\"b\\\\c"} 1\n' in text
    assert samples(text)["weft_port_up", (("port", 'a"b\\c'),)] == 1


def test_nothing_configured(lab):
    host = lab.host("host")
    weft = start(Weftd(host), "--metrics", str(PORT))
    found = samples(page(host))
    assert found["weft_datapath_loaded", ()] == 0 and ("weft_events_lost_total", ()) in found
    assert not any(name.startswith(("weft_port", "weft_map")) for name, _ in found)
    weft.stop()


def test_dashboard_asks_for_what_there_is(overlay):
    """Every metric that an expression of the dashboard names is on a page, and every label with it."""
    dashboard = json.loads(DASHBOARD.read_text())
    text = page(overlay.one)
    known = {match[1] for match in re.finditer(r"^# TYPE (\w+) ", text, re.M)}
    # what only bad luck makes
    table = (TOP / "daemon" / "metrics.c").read_text()
    known |= {name for name in ("weft_drops_total", "weft_notes_total", "weft_remote_path_mtu_bytes")
              if f'"{name}"' in table}
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    expressions += [re.sub(r"^label_values\((\w+), \w+\)$", r"\1", variable["query"])
                    for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    named = {name for expression in expressions for name in re.findall(r"\b(?:weft|process)_\w+", expression)}
    assert len(expressions) > 10 and named <= known, named - known
    assert {"weft_drops_total", "weft_port_receive_bytes_total", "weft_remote_resolved"} <= named
    if shutil.which("promtool"):
        rules = {"groups": [{"name": "dashboard", "rules": [
            {"record": f"dashboard:{number}", "expr": expression.replace("$__rate_interval", "5m")}
            for number, expression in enumerate(expressions)]}]}
        (overlay.lab.tmp_path / "rules.yaml").write_text(json.dumps(rules))
        done = subprocess.run(["promtool", "check", "rules", overlay.lab.tmp_path / "rules.yaml"], capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stderr


# --- what a client may do ------------------------------------------------------------------------------


def test_off_unless_asked_for(lab):
    host = lab.host("host")
    Weftd(host)
    assert host.run("ss", "-Hltn").stdout == ""


@pytest.mark.parametrize("where, local", [("9470", "127.0.0.1:9470"), ("127.0.0.2:9470", "127.0.0.2:9470"),
                                          ("[::1]:9470", "[::1]:9470"), ("0.0.0.0:9470", "0.0.0.0:9470")])
def test_where(lab, where, local):
    host = lab.host("host", ipv6=True)
    start(Weftd(host, FAKE), "--metrics", where)
    assert host.run("ss", "-Hltn").stdout.split()[3] == local


@pytest.mark.parametrize("where", ["''", "0", "65536", "localhost:9470", "1.2.3.4", ":9470", "::1:9470", "x" * 100,
                                   "9470x", "127.0.0.1:9470x", "-1", "192.0.2.77:9470"])
def test_where_not(lab, where):
    host = lab.host("host")
    done = host.run("sh", "-c", f"{FAKE} --rundir {lab.tmp_path}/run --metrics {where}", check=False, timeout=20)
    assert done.returncode == 1 and "--metrics: " in done.stderr and done.stderr.count("\n") == 1


def test_port_that_is_taken(fake):
    done = fake.host.run(FAKE, "--rundir", fake.host.lab.tmp_path / "other", "--metrics", PORT, check=False)
    assert done.returncode == 1 and f"--metrics: {PORT}: Address already in use" in done.stderr


@pytest.mark.parametrize("request_, status", [
    (b"GET /metrics HTTP/1.1\r\n\r\n", b"200 OK"), (b"GET /metrics?x=1 HTTP/1.1\r\nA: b\r\n\r\n", b"200 OK"),
    (b"GET /metrics HTTP/1.0\n\n", b"200 OK"), (b"GET / HTTP/1.1\r\n\r\n", b"404 Not Found"),
    (b"GET /metrics/ HTTP/1.1\r\n\r\n", b"404 Not Found"), (b"POST /metrics HTTP/1.1\r\n\r\nx", b"405 Method Not Allowed"),
    (b"get /metrics HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"), (b"GET /metrics\r\n\r\n", b"400 Bad Request"),
    (b"GET /metrics HTTP/2\r\n\r\n", b"400 Bad Request"), (b"\r\n\r\n", b"400 Bad Request"),
    (b"\0\0\0\r\n\r\n", b"400 Bad Request"), (b"GET /metrics HTTP/1.1 x\r\n\r\n", b"400 Bad Request"),
    (b"GET " + b"/" * 9000, b"431 Request Header Fields Too Large"),
    (b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 2000, b"431 Request Header Fields Too Large"),
])
def test_requests(fake, request_, status):
    head, _, body = ask(fake.host, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status + b"\r\n") and b"\r\nConnection: close" in head
    assert body and (b"fake 1\n" in body) == (status == b"200 OK")
    assert (b"Transfer-Encoding: chunked" in head) == (status == b"200 OK" and b"1.0" not in request_)


def test_request_in_pieces(fake):
    with contextlib.closing(connect(fake.host)) as sock:
        for byte in b"GET /metrics HTTP/1.1\r\n\r\n":
            sock.send(bytes([byte]))
        assert b"fake 1\n" in everything(sock)


def test_one_who_closes_its_half(fake):
    with contextlib.closing(connect(fake.host)) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert b"fake 1\n" in everything(sock)


def test_ones_who_say_nothing(fake):
    """They fill all places; whoever comes next is served as soon as one leaves, and weftd as before."""
    idle = [connect(fake.host) for _ in range(16)]
    with contextlib.closing(connect(fake.host)) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        fake("bridge add br0")
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        idle.pop().close()
        sock.settimeout(20)
        assert b"fake 1\n" in everything(sock)
    for sock in idle:  # a reset is an end as well
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    assert "fake 1" in page(fake.host)


def many(count):
    """A configuration with that many tunnels, one remote each."""
    return {"bridges": {"br0": {}}, "tunnels": {
        f"t{i}": {"bridge": "br0", "id": i, "remote": [f"192.0.2.{i % 250 + 1}"]} for i in range(1, count + 1)}}


def test_page_of_many_pieces(lab):
    """More than is made at once, to a reader that stops in the middle: weftd answers others meanwhile."""
    host = lab.host("host")
    weft = start(Weftd(host), "--metrics", str(PORT))
    weft.apply(json.dumps(many(2000)))
    found = samples(page(host))
    assert sum(name == "weft_tunnel_info" for name, _ in found) == 2000
    assert sum(name == "weft_remote_receive_packets_total" for name, _ in found) == 2000
    with host.inside():
        slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", PORT))
    slow.settimeout(20)
    slow.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    slow.recv(10)
    # objects go while the page is under way, and the datapath with the last of them
    weft.apply("")
    assert weft("status")["loaded"] is False
    rest = everything(slow)
    assert rest.endswith(b"0\r\n\r\n")
    slow.close()
    weft.stop()


def test_status_says_where(fake):
    assert fake("status")["metrics"] == str(PORT)
    start(fake)
    assert fake("status")["metrics"] is None
