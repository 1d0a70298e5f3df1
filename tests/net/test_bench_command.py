# SPDX-License-Identifier: GPL-2.0-only
"""`weft bench` between two hosts, and what its server makes of strangers."""

import json
import os
import re
import signal
import socket
import xml.dom.minidom

import pytest

from daemon import BUILD, Weftd
from lab import DEADLINE, wait_until
from pair import UNDERLAY
from serve import GARBAGE, Liar, Server, ask, said

PORT = 7473
SHORT = "seconds 0.2 rounds 2"
METRICS = {"throughput", "cpu", "packets", "p50", "p99", "connections"}


class Two:
    """Two hosts on a cable that are joined by a tunnel with internal ports at both ends."""

    def __init__(self, lab, family=4):
        self.lab, self.family = lab, family
        self.one, self.two = self.hosts = [lab.host(f"h{number}", ipv6=True) for number in (1, 2)]
        lab.link(self.one, "eth0", self.two, "eth0")
        for number, host in enumerate(self.hosts, 1):
            for prefix, _ in UNDERLAY.values():
                host.ip(f"address add {prefix.format(number)} dev eth0 {'nodad' if ':' in prefix else ''}")
            host.number, host.underlay = number, UNDERLAY[family][1].format(number)
            host.overlay = f"10.0.0.{number}" if family == 4 else f"fd00::{number}"
            host.weft = Weftd(host)
            host.weft("bridge add br0")
            host.weft(f"port add in0 bridge br0 type internal address {host.overlay}/{24 if family == 4 else 64}")
        for host, other in ((self.one, self.two), (self.two, self.one)):
            host.weft(f"tunnel add t0 bridge br0 id 7 local {host.underlay} remote {other.underlay}")
        self.one.ping(self.two.overlay)

    def serve(self):
        self.server = Server(self.two, "bench", PORT)
        return self

    def connect(self):
        return self.server.connect(self.one, self.two.underlay)


@pytest.mark.parametrize("family", (4, 6))
def test_overlay_against_underlay(lab, family):
    two = Two(lab, family).serve()
    plot = lab.tmp_path / "plot.svg"
    done = two.one.weft.run(f"bench {two.two.underlay} {SHORT} --plot {plot}")
    assert done.returncode == 0, done
    report = json.loads(done.stdout)
    assert (report["tunnel"], report["underlay"], report["overlay"]) == ("t0", two.two.underlay, two.two.overlay)
    assert {line["metric"] for line in report["summary"]} == METRICS
    for line in report["summary"]:
        if line["metric"] != "cpu":  # whose clock may not have ticked
            assert line["underlay"] > 0 and line["overlay"] > 0, line
        assert line["ratio_least"] <= line["ratio"] <= line["ratio_most"]
    # in turns, and said so
    order = re.findall(r"^round (\d) of 2: (\w+): (.+)$", done.stderr, re.MULTILINE)
    assert [(number, path) for number, path, what in order if what == "throughput"] == [
        ("1", "underlay"), ("1", "overlay"), ("2", "overlay"), ("2", "underlay")]
    assert len(order) == 16 and len(report["rounds"]) == 4
    picture = xml.dom.minidom.parse(str(plot))
    assert len(picture.getElementsByTagName("rect")) == 1 + len(METRICS)
    assert not two.server.children(), "what served is still there"
    # what cannot be written is known before anything is measured
    done = two.one.weft.run(f"bench t0 {SHORT} --plot {lab.tmp_path}/none/plot.svg")
    assert done.returncode == 1 and "--plot" in done.stderr and done.stderr.count("\n") == 1


def test_a_table_for_people(lab):
    two = Two(lab).serve()
    done = two.one.weft.run("bench t0 seconds 0.2 rounds 1", json_output=False)
    assert done.returncode == 0, done
    assert done.stdout.splitlines()[0].split() == ["METRIC", "UNIT", "UNDERLAY", "OVERLAY", "RATIO", "SPREAD"]
    assert len(done.stdout.splitlines()) == 1 + len(METRICS)


def test_what_goes_around_the_tunnel_is_no_overlay(lab):
    two = Two(lab).serve()
    two.two.ip("address add 192.168.1.77/32 dev lo")
    two.one.ip("route add 192.168.1.77 via 192.168.1.2")
    done = two.one.weft.run(f"bench t0 overlay 192.168.1.77 {SHORT}")
    assert done.returncode == 1 and "does not go by tunnel t0" in done.stderr


def test_a_dead_overlay(lab):
    two = Two(lab).serve()
    two.two.weft("tunnel set t0 id 8")
    done = two.one.weft.run(f"bench t0 {SHORT}")
    assert done.returncode == 1 and "overlay: nothing comes back" in done.stderr
    assert not two.server.children()


def test_no_overlay_address_is_known(lab):
    two = Two(lab).serve()
    two.two.weft("port del in0")
    done = two.one.weft.run(f"bench t0 {SHORT}")
    assert done.returncode == 1 and "overlay ADDRESS" in done.stderr


def test_nobody_serves(lab):
    two = Two(lab)
    done = two.one.weft.run(f"bench t0 {SHORT}")
    assert done.returncode == 1 and "is weft bench -s running there?" in done.stderr


HELLO = b'{"protocol": 1, "iperf3": true, "overlay": [7, "x", "10.0.0.2/99", "10.0.0.1/24", "224.0.0.1/24"%s]}\n'


@pytest.mark.parametrize("lines, text", (
    ((b"nonsense\n",), "no JSON object"), ((b'{"protocol": 2}\n',), "version"),
    ((b'{"protocol": 1, "iperf3": false}\n',), "iperf3"), ((HELLO % b"",), "overlay ADDRESS"),
    ((HELLO % b', "10.0.0.2/24"', b'{"port": 0}\n'), "no port"),
    ((HELLO % b', "10.0.0.2/24"', b'{"port": "7"}\n'), "no port"),
    ((HELLO % b', "10.0.0.2/24"', b'{"port": 7}\n'), "nothing comes back"), ((b"x" * (300 << 10),), "longer"),
    ((b'{"error": "\\u001b[31m"}\n',), "refuses")), ids=range(9))
def test_a_server_that_is_none(lab, lines, text):
    two = Two(lab)
    Liar(two.two, PORT, *lines)
    done = two.one.weft.run(f"bench t0 {SHORT}")
    assert done.returncode == 1 and text in done.stderr and "\x1b" not in done.stderr, done


@pytest.mark.parametrize("where", ("one", "two"))
def test_iperf3_is_missing(lab, where):
    two = Two(lab)
    folder = lab.tmp_path / "bin"
    folder.mkdir()
    host, words = (two.two, "-s") if where == "two" else (two.one, "t0")
    done = host.run(BUILD / "weft", "--rundir", host.weft.rundir, "bench", words, check=False, env={"PATH": str(folder)})
    assert done.returncode == 1 and "iperf3 is not installed" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("garbage", GARBAGE + (
    b'{"do": "start", "what": "sink", "address": "any", "from": "10.0.0.1"}\n',
    b'{"do": "start", "what": "sh", "address": "192.168.1.2", "from": "10.0.0.1"}\n',
    b'{"do": "start", "what": "sink", "address": "192.0.2.1", "from": "10.0.0.1"}\n',
    b'{"do": "start", "what": "sink", "address": "224.0.0.1", "from": "10.0.0.1"}\n',
    b'{"do": "start", "what": "throughput", "address": "192.0.2.1;sh", "from": "x"}\n'), ids=range(len(GARBAGE) + 5))
def test_garbage_is_refused(shared_two, garbage):
    shared_two.server.refuses(shared_two.one, shared_two.two.underlay, garbage)


@pytest.fixture(scope="module")
def shared_two(module_lab):
    return Two(module_lab).serve()


def test_one_client_at_a_time(lab):
    two = Two(lab).serve()
    first = two.connect()
    assert ask(first, do="hello")
    assert "busy" in said(two.connect())
    assert ask(first, do="start", what="sink", address=two.two.underlay, **{"from": two.one.underlay})["port"]
    assert len(two.server.children()) == 1
    first.close()
    wait_until(lambda: not two.server.children(), "the client's process to end with its connection")
    assert ask(two.connect(), do="hello")


def test_many_connections_before_any_is_taken(lab):
    """A server that is held up for a moment does not make the clients' SYNs come again a second later."""
    two = Two(lab).serve()
    sock = two.connect()
    port = ask(sock, do="start", what="connections", address=two.two.underlay, **{"from": two.one.underlay})["port"]
    child, = two.server.children()
    os.kill(int(child), signal.SIGSTOP)
    with two.one.inside():
        for _ in range(300):
            lab.sockets.append(socket.create_connection((two.two.underlay, port), timeout=DEADLINE))


def test_the_echo_answers_nobody_else(lab):
    two = Two(lab).serve()
    sock = two.connect()
    port = ask(sock, do="start", what="echo", address=two.two.underlay, **{"from": two.one.underlay})["port"]
    with two.one.inside():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lab.sockets.append(udp)
    udp.settimeout(20)
    two.one.ip("address add 192.168.1.99/24 dev eth0")
    udp.bind(("192.168.1.99", 0))
    udp.sendto(b"stranger", (two.two.underlay, port))
    with two.one.inside():
        good = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lab.sockets.append(good)
    good.settimeout(20)
    good.bind((two.one.underlay, 0))
    good.sendto(b"friend", (two.two.underlay, port))
    assert good.recv(100) == b"friend"  # what came before it was read before it
    udp.setblocking(False)
    with pytest.raises(BlockingIOError):
        udp.recv(100)


def test_the_server_ends_with_what_it_started(lab):
    two = Two(lab).serve()
    sock = two.connect()
    ask(sock, do="start", what="throughput", address=two.two.underlay, **{"from": two.one.underlay})
    child, = two.server.children()
    two.server.process.terminate()
    assert two.server.process.wait(20) == 0
    assert not os.path.exists(f"/proc/{child}")


@pytest.mark.parametrize("words, status, said_", (
    ("", 2, "bench"), ("224.0.0.1", 1, "224.0.0.1"), ("t9", 1, "t9"), ("t0 seconds 0", 1, "seconds"),
    ("t0 seconds 61", 1, "seconds"), ("t0 rounds 21", 1, "rounds"), ("t0 port 70000", 1, "port"),
    ("t0 overlay me", 1, "overlay"), ("t0 fast", 2, "fast"), ("-s me", 1, "me"), ("-s port 0", 1, "port"),
    ("192.0.2.9", 1, "remote 192.0.2.9")))
def test_refused(weft_host, words, status, said_):
    done = weft_host.weft.run(f"bench {words}")
    assert done.returncode == status and done.stderr.count("\n") == 1 and said_ in done.stderr
