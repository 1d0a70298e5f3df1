# SPDX-License-Identifier: GPL-2.0-only
"""`weft probe from PORT`: frames through the overlay, hop by hop, with and without somebody who watches over there."""

import json

import pytest

from daemon import Weftd
from frames import mac_of
from lab import wait_until
from overlay import Overlay
from serve import GARBAGE, Liar, Server, ask
from way import Way

FOUND = 3
PORT = 7474
VNI = 1000
PACE = "interval 0.01 count 3"


class Course:
    """Containers behind weft at both ends of a way of several hops; `server` watches at the far end."""

    def __init__(self, lab, family=4, serve=True):
        self.way = Way(lab, family)
        self.near, self.far = self.way.near, self.way.far
        for number, (host, other) in enumerate(((self.near, self.far), (self.far, self.near)), 1):
            host.c = host.container(f"c{number}", "vnet0", f"10.0.0.{number}/24", ipv6=True, mtu=1430)
            host.c.ip(f"address add fd00::{number}/64 dev eth0 nodad")
            host.c.address, host.c.address6 = f"10.0.0.{number}", f"fd00::{number}"
            host.weft = Weftd(host)
            host.weft("bridge add br0")
            host.weft("port add vnet0 bridge br0")
            host.weft(f"tunnel add t0 bridge br0 id {VNI} local {host.address} remote {other.address}")
        self.mtu = 1450 if family == 4 else 1430
        for host in (self.near, self.far):
            for dev, where in (("vnet0", host), ("eth0", host.c)):
                where.ip(f"link set {dev} mtu 1500")
        self.near.c.ping(self.far.c.address)
        self.near.c.ping(self.far.c.address6)
        self.server = Server(self.far, "probe", PORT) if serve else None

    def __call__(self, words="", status=0, to=None, at=True):
        to = to or self.far.c.address
        at = f"at {self.far.address}" if at and self.server else ""
        done = self.near.weft.run(f"probe from vnet0 to {to} {at} {PACE} {words}")
        assert done.returncode == status and not done.stderr, done
        report = json.loads(done.stdout)
        bad = [finding for finding in report["findings"] if finding["severity"] != "info"]
        assert bool(bad) == (status == FOUND), report
        return report

    def hops(self, report, which="hops"):
        return [(hop["host"], hop["point"]) for hop in report[which]]

    def tables(self):
        """What both ends' hosts and bridges know, but for the age of it."""
        macs = [sorted((entry["mac"], entry["dev"]) for entry in host.weft.fdb() if entry["state"] != "local")
                for host in (self.near, self.far)]
        neighbours = [sorted((entry["dst"], entry.get("lladdr")) for entry in
                             json.loads(host.c.run("ip", "-j", "neigh", "show").stdout or "[]"))
                      for host in (self.near, self.far)]
        return macs, neighbours


@pytest.mark.parametrize("inner", (4, 6))
@pytest.mark.parametrize("family", (4, 6))
def test_nothing_is_wrong(lab, family, inner):
    course = Course(lab, family)
    before = course.tables()
    report = course(to=course.far.c.address6 if inner == 6 else None)
    there = course.far.address
    assert report["source"] == course.near.c.mac("eth0") and report["mac"] == course.far.c.mac("eth0")
    assert report["answers"]["sent"] == report["answers"]["answered"] == 3 and report["answers"]["rtt_least"] > 0
    assert course.hops(report) == [("here", "port-in"), ("here", "underlay-out"), (there, "underlay-in"),
                                   (there, "port-out")]
    assert all(hop["seen"] == 3 for hop in report["hops"])
    assert course.hops(report, "back") == [(there, "port-in"), (there, "underlay-out"), ("here", "underlay-in"),
                                           ("here", "port-out")]
    places = {(hop["host"], hop["point"]): hop["place"] for hop in report["hops"]}
    assert places["here", "port-in"] == "vnet0" and places[there, "port-out"] == "vnet0"
    assert places["here", "underlay-out"] == f"t0 with {there}"
    assert report["frames"] == {"sent": 3, "arrived": 3} and report["checksums"] is True
    assert report["ecn"] == {"frame": "ect0", "sent": "ect0", "received": "ect0", "delivered": "ect0"}
    assert report["mtu"]["path"] == report["mtu"]["overlay"] == course.mtu and report["mtu"]["device"] == 1500
    assert course.tables() == before, "somebody has learned something"


@pytest.mark.parametrize("inner", (4, 6))
def test_without_anybody_there(lab, inner):
    course = Course(lab, serve=False)
    report = course(to=course.far.c.address6 if inner == 6 else None)
    assert report["answers"]["answered"] == 3 and "frames" not in report
    assert course.hops(report) == [("here", "port-in"), ("here", "underlay-out")]
    assert report["mtu"]["path"] == course.mtu  # questions that are long enough find it, too
    report = course(to=course.far.c.mac("eth0"))
    assert "answers" not in report and "mtu" not in report
    assert course.hops(report) == [("here", "port-in"), ("here", "underlay-out")]


def test_between_ports_of_one_host(lab):
    course = Course(lab, serve=False)
    inner = course.near.container("c3", "vnet1", "10.0.0.3/24")
    course.near.weft("port add vnet1 bridge br0")
    report = course(to="10.0.0.3")
    assert course.hops(report) == [("here", "port-in"), ("here", "port-out")]
    assert report["mac"] == inner.mac("eth0") and report["frames"]["arrived"] == 3 and report["checksums"] is True


def test_from_the_host_itself(lab):
    course = Course(lab)
    course.near.weft("port add in0 bridge br0 type internal address 10.0.0.9/24")
    done = course.near.weft.run(f"probe from in0 to {course.far.c.address} at {course.far.address} {PACE}")
    assert done.returncode == 0, done
    report = json.loads(done.stdout)
    assert report["source"] == course.near.mac("in0") and report["answers"]["answered"] == 3
    assert course.hops(report) == [("here", "port-in"), ("here", "underlay-out"), (course.far.address, "underlay-in"),
                                   (course.far.address, "port-out")]
    assert report["frames"]["arrived"] == 3 and report["checksums"] is True and report["mtu"]["path"] == course.mtu


def test_for_people(lab):
    course = Course(lab)
    done = course.near.weft.run(f"probe from vnet0 to {course.far.c.address} at {course.far.address} {PACE}",
                                json_output=False)
    assert done.returncode == 0, done
    for part in ("3 of 3", "checksums  right", f"mtu        {course.mtu}", "port-in", "underlay-out", "and back"):
        assert part in done.stdout, done.stdout
    # a device that is smaller than the overlay is no fault of the way
    course.near.ip("link set vnet0 mtu 1400")
    assert course()["mtu"]["path"] == 1400


@pytest.mark.parametrize("family", (4, 6))
def test_a_router_clears_congestion_marks(lab, family):
    course = Course(lab, family)
    router = course.way.rb[0]
    router.run("nft", "add table inet marks")
    router.run("nft", "add chain inet marks forward { type filter hook forward priority 0; }")
    word = "ip" if family == 4 else "ip6"
    router.run("nft", f"add rule inet marks forward udp dport 4789 {word} ecn set not-ect")
    report = course(status=FOUND)
    assert report["ecn"] == {"frame": "ect0", "sent": "ect0", "received": "not-ect", "delivered": "ect0"}
    assert "clears congestion marks" in report["findings"][0]["text"]
    course.near.weft("tunnel set t0 ecn compat")  # as it is said
    assert "weft tunnel set TUNNEL ecn compat" in report["findings"][0]["mend"]
    course.near.weft("tunnel set t0 ecn default")
    # one that marks congestion does what it should, and the frame says so
    router.run("nft", "flush chain inet marks forward")
    router.run("nft", f"add rule inet marks forward udp dport 4789 {word} ecn set ce")
    report = course()
    assert report["ecn"]["received"] == report["ecn"]["delivered"] == "ce"


def test_a_middlebox_changes_bytes(lab):
    course = Course(lab)
    router = course.way.rb[0]
    router.run("nft", "add table ip change")
    router.run("nft", "add chain ip change forward { type filter hook forward priority 0; }")
    # behind UDP, VXLAN, Ethernet, IP, UDP and the mark
    router.run("nft", "add rule ip change forward udp dport 4789 @th,512,16 set 0x1234")
    report = course(status=FOUND)
    assert report["checksums"] is False and report["frames"]["arrived"] == 3
    assert "other bytes than were sent" in report["findings"][0]["text"]


@pytest.mark.parametrize("serve", (True, False))
def test_a_black_hole(lab, serve):
    course = Course(lab, serve=serve)
    course.way.narrow(1400)
    course.way.silence(course.way.rb[0], "icmp type destination-unreachable")
    report = course("timeout 0.5", status=FOUND)
    assert report["mtu"]["path"] == 1350 and report["mtu"]["overlay"] == 1450
    assert "1350" in report["findings"][0]["text"]
    # an answer that does not come may be the asked host's doing
    assert ("device there" in report["findings"][0]["mend"]) != serve


def test_it_is_dropped_over_there(lab):
    course = Course(lab)
    course.far.weft(f"fdb add {course.near.c.mac('eth0')} dev vnet0")
    report = course(to=course.far.c.mac("eth0"), status=FOUND, words="timeout 0.5")
    drop, = (hop for hop in report["hops"] if hop["point"] == "drop")
    assert drop["host"] == course.far.address and "fdb_static" in drop["place"] and drop["seen"] == 3
    assert any("fdb_static" in finding["text"] for finding in report["findings"])
    assert report["frames"] == {"sent": 3, "arrived": 0}
    # and before anybody knows whose it is
    course.far.weft(f"tunnel set t0 id {VNI + 1}")
    report = course(to=course.far.c.mac("eth0"), status=FOUND, words="timeout 0.5")
    places = {hop["point"]: hop["place"] for hop in report["hops"] if hop["host"] == course.far.address}
    assert places == {"underlay-in": "no tunnel", "drop": "vni_unknown"}


def test_nobody_has_that_address(lab):
    course = Course(lab)
    report = course(to="10.0.0.77", status=FOUND, words="timeout 0.3")
    assert report["answers"]["answered"] == 0 and "nobody answers" in report["findings"][0]["text"]
    assert (course.far.address, "port-out") in course.hops(report)  # the question got there


def test_whose_frames_it_sends(lab):
    course = Course(lab, serve=False)
    weft, mac = course.near.weft, course.far.c.mac("eth0")
    done = weft.run(f"probe from vnet0 to {course.far.c.address} source {mac}")
    assert done.returncode == 1 and "is behind t0" in done.stderr
    course(words=f"source {course.near.c.mac('eth0')}")
    weft("fdb flush dev vnet0")
    done = weft.run(f"probe from vnet0 to {course.far.c.address}")
    assert done.returncode == 1 and "source MAC" in done.stderr and "no MACs" in done.stderr
    course.near.c.ip("link set eth0 promisc on")
    assert course(words=f"source {mac_of(0x77)}")["source"] == mac_of(0x77)
    wait_until(lambda: weft.fdb(f"mac {mac_of(0x77)}"), "the new MAC")


def test_in_a_vlan(lab):
    """From a trunk port, by a tunnel that carries VLAN 10 with its tag and 20 without, to ports in these and to a trunk port."""
    one, two = Overlay(lab, ["weft"] * 2).hosts
    for host, other in ((one, two), (two, one)):
        host.weft("bridge add br0 vlan_filtering")
        host.weft(f"tunnel add t0 bridge br0 id {VNI} local {host.underlay} remote {other.underlay} vlan 20 trunk 10")
    one.weft("port add vnet0 bridge br0 trunk 10,20")
    two.weft("port add vnet0 bridge br0 vlan 10")
    inner = two.container("c3", "vnet1", "10.0.0.2/24")
    two.weft("port add vnet1 bridge br0 vlan 20")
    two.container("c4", "vnet2", "10.0.0.4/24")
    two.weft("port add vnet2 bridge br0 trunk 10")
    two.weft(f"fdb add {mac_of(0x77)} dev vnet2 vlan 10")
    source, there = one.c.mac("eth0"), two.underlay
    server = Server(two, "probe", PORT)

    def probe(words, status=0, port="vnet0"):
        done = one.weft.run(f"probe from {port} to {words} at {there} {PACE}")
        assert done.returncode == status and not done.stderr, done
        return json.loads(done.stdout)

    def way(report, which="hops"):
        return [(hop["host"], hop["point"], hop.get("vlan"), hop["seen"]) for hop in report[which]]

    # the same address in two VLANs; the source is taken from the other VLAN where it is not known in this one
    for words, vlan, inside, mac in ((f"10.0.0.2 vlan 10 source {source}", 10, 10, two.c.mac("eth0")),
                                     ("10.0.0.2 vlan 20", 20, None, inner.mac("eth0"))):
        report = probe(words)
        assert (report["vlan"], report["source"], report["mac"]) == (vlan, source, mac)
        assert report["answers"]["answered"] == 3 and report["frames"] == {"sent": 3, "arrived": 3}
        assert way(report) == [("here", "port-in", vlan, 3), ("here", "underlay-out", inside, 3),
                               (there, "underlay-in", inside, 3), (there, "port-out", None, 3)]
        assert way(report, "back") == [(there, "port-in", None, 3), (there, "underlay-out", inside, 3),
                                       ("here", "underlay-in", inside, 3), ("here", "port-out", vlan, 3)]
        assert report["mtu"]["path"] == report["mtu"]["overlay"] == (1446 if inside else 1450)
        assert report["checksums"] is True and not report["findings"]
    assert way(probe(f"{mac_of(0x77)} vlan 10"))[-1] == (there, "port-out", 10, 3)
    # neither without a tag nor in a VLAN that is not the port's
    for words in ("", "vlan 30"):
        hops = probe(f"{mac_of(0x77)} {words} timeout 0.1", FOUND)["hops"]
        assert [hop["place"] for hop in hops] == ["vnet0", "vnet0: vlan"], hops
    # from the host itself, where what the datapath drops comes back to the sender
    one.weft("port add in0 bridge br0 type internal trunk 10")
    report = probe("10.0.0.2 vlan 10", port="in0")
    assert report["mtu"]["path"] == 1446 and way(report)[0] == ("here", "port-in", 10, 3)
    hops = probe("10.0.0.2 vlan 20 timeout 0.1", FOUND, port="in0")["hops"]
    assert [hop["place"] for hop in hops] == ["in0", "in0: vlan"], hops
    text = one.weft.run(f"probe from vnet0 to 10.0.0.2 vlan 10 {PACE}", json_output=False).stdout
    assert f"from vnet0, {source}, VLAN 10, to {two.c.mac('eth0')}" in text and "vnet0, VLAN 10 (3)" in text
    done = one.weft.run("probe from vnet0 to 10.0.0.2 vlan 4095")
    assert done.returncode == 1 and "vlan" in done.stderr
    assert server.process.poll() is None


def test_nobody_watches_there(lab):
    course = Course(lab, serve=False)
    done = course.near.weft.run(f"probe from vnet0 to {course.far.c.address} at {course.far.address}")
    assert done.returncode == 1 and "is weft probe -s running there?" in done.stderr


SIGHT = {"time": 1, "point": "port-out", "port": "a", "kind": "frame", "number": 1, "length": 86, "ecn": 2, "outer": 4,
         "right": True}
NONSENSE = [7, None, [], {}, "x", {**SIGHT, "point": "nowhere"}, {**SIGHT, "time": -1}, {**SIGHT, "number": 65536},
            {**SIGHT, "ecn": 9}, {**SIGHT, "length": "86"}, {**SIGHT, "kind": 3}, {**SIGHT, "mac": "me"}]


def test_what_the_other_end_says_is_not_believed(lab):
    course = Course(lab, serve=False)
    hello, watching = b'{"protocol": 1}\n', b'{"watching": true}\n'
    many = [{**SIGHT, "port": f"p{number}"} for number in range(300)]
    seen = json.dumps({"seen": NONSENSE + [{**SIGHT, "port": "\x1b[31mred"}] + many}).encode() + b"\n"
    Liar(course.far, PORT, hello, watching, seen)
    done = course.near.weft.run(f"probe from vnet0 to {course.far.c.mac('eth0')} at {course.far.address} {PACE}")
    assert done.returncode in (0, FOUND), done
    there = [hop for hop in json.loads(done.stdout)["hops"] if hop["host"] != "here"]
    assert {hop["place"] for hop in there} > {"?[31mred"} and {hop["point"] for hop in there} == {"port-out"}
    assert {hop["place"] for hop in there} < {"?[31mred"} | {hop["port"] for hop in many}


@pytest.mark.parametrize("lines", (
    (b"nonsense\n",), (b'{"protocol": 2}\n',), (b'{"protocol": 1}\n', b"[]\n"), (b"x" * (300 << 10),),
    (b'{"error": "no"}\n',), (b'{"protocol": 1}\n', b'{"watching": true}\n', b'{"error": "\\u001b[31m"}\n')),
    ids=range(6))
def test_an_end_that_is_no_end(lab, lines):
    course = Course(lab, serve=False)
    Liar(course.far, PORT, *lines)
    done = course.near.weft.run(f"probe from vnet0 to {course.far.c.address} at {course.far.address} {PACE}")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "\x1b" not in done.stderr, done


@pytest.fixture(scope="module")
def shared_course(module_lab):
    return Course(module_lab)


@pytest.mark.parametrize("garbage", GARBAGE + (
    b'{"do": "watch", "source": "me", "token": 1}\n', b'{"do": "watch", "source": "02:00:00:00:00:01", "token": 0}\n',
    b'{"do": "watch", "source": "02:00:00:00:00:01", "token": 1, "target": "ff02::1"}\n',
    b'{"do": "watch", "source": "02:00:00:00:00:01", "token": 4294967296}\n'), ids=range(len(GARBAGE) + 4))
def test_garbage_is_refused(shared_course, garbage):
    shared_course.server.refuses(shared_course.near, shared_course.far.address, garbage)


def test_it_tells_nothing_of_others(shared_course):
    course = shared_course
    sock = course.server.connect(course.near, course.far.address)
    assert ask(sock, do="watch", source=course.near.c.mac("eth0"), token=7)["watching"] is True
    course.near.c.ping(course.far.c.address, count=3)
    assert ask(sock, do="take") == {"seen": []}
    sock.close()


@pytest.mark.parametrize("words, status, said", (
    ("from", 2, "from"), ("from vnet0", 2, "to"), ("from vnet0 to", 2, "to"), ("from vnet0 to x", 1, "x"),
    ("from vnet0 to 224.0.0.1", 1, "224.0.0.1"), ("from vnet0 to ff:ff:ff:ff:ff:ff", 1, "ff:ff"),
    ("from vnet0 to 10.0.0.2 source 01:00:00:00:00:01", 1, "source"), ("from vnet0 to 10.0.0.2 count 0", 1, "count"),
    ("from vnet0 to 10.0.0.2 at x", 1, "at"), ("from vnet0 to 10.0.0.2 at 10.0.0.3 port 0", 1, "port"),
    ("from vnet0 to 10.0.0.2" + " at 10.0.0.3" * 5, 1, "4 hosts"), ("from vnet9 to 10.0.0.2", 1, "vnet9"),
    ("from vnet0 to ff02::1", 1, "ff02::1"), ("from vnet0 to 10.0.0.2 fast", 2, "fast"), ("-s me", 1, "me")))
def test_refused(weft_host, words, status, said):
    done = weft_host.weft.run(f"probe {words}")
    assert done.returncode == status and done.stderr.count("\n") == 1 and said in done.stderr, done
