# SPDX-License-Identifier: GPL-2.0-only
"""`weft probe` towards remotes that know nothing of it."""

import json
import threading

import pytest

import icmp
from daemon import Weftd
from lab import wait_until
from tap import Tap
from way import RA, Way

FOUND = 3
VNI = 1000
PACE = "interval 0.01"
TOO_BIG = {4: "icmp type destination-unreachable", 6: "icmpv6 type packet-too-big"}
EXPIRED = {4: "icmp type time-exceeded", 6: "icmpv6 type time-exceeded"}
ECHO = {4: "icmp type echo-request", 6: "icmpv6 type echo-request"}

class Probe:
    """A way with a weft at its near end; the other one is the kernel's own, where it has the type."""

    def __init__(self, lab, family=4, middles=1, kind="vxlan"):
        self.way = Way(lab, family, middles)
        self.near, self.far = self.way.near, self.way.far
        self.weft = Weftd(self.near)
        self._bridge(self.weft, kind, self.near.address, self.far.address)
        if kind == "vxlan":
            self.far.ip("link add bridge0 type bridge")
            self.far.ip(f"link add t0 type vxlan id {VNI} dstport 4789 local {self.far.address} remote {self.near.address}")
            self.far.ip("link set t0 master bridge0")
            self.far.ip("link set t0 up")
            self.far.ip("link set bridge0 up")
        else:
            self.far.weft = Weftd(self.far)
            self._bridge(self.far.weft, kind, self.far.address, self.near.address)
        wait_until(lambda: self.weft.show("tunnel", "t0")["state"]["remotes"][0]["state"] == "resolved", "next hop")

    def _bridge(self, weft, kind, local, remote):
        weft("bridge add br0")
        weft(f"tunnel add t0 bridge br0 type {kind} {'key' if kind == 'gretap' else 'id'} {VNI} local {local} "
             f"remote {remote}")

    def learned(self):
        """What the far end knows of MACs."""
        weft = getattr(self.far, "weft", None)
        return weft.fdb() if weft else self.far.bridge("fdb show dev t0")

    def __call__(self, words, status=0, what=None):
        """The one report; people are told the same."""
        what = what or f"remote {self.far.address}"
        done = self.weft.run(f"probe {what} {PACE} {words}")
        assert done.returncode == status and not done.stderr, done
        report, = json.loads(done.stdout)
        bad = [finding for finding in report["findings"] if finding["severity"] != "info"]
        assert bool(bad) == (status == FOUND), report
        for finding in report["findings"]:
            assert finding["text"] and finding["mend"], finding
        return report

    def text(self, words="", status=0):
        done = self.weft.run(f"probe remote {self.far.address} {PACE} {words}", json_output=False)
        assert done.returncode == status, done
        return done.stdout


def routers(report):
    return [path["routers"] for path in report["paths"]]


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("kind", ("vxlan", "geneve", "gretap"))
def test_nothing_is_wrong(lab, kind, family):
    probe = Probe(lab, family, kind=kind)
    before = probe.learned()
    report = probe("count 3 ports 4")
    assert report["tunnel"] == "t0" and report["remote"] == probe.far.address
    assert report["route"]["dev"] == "eth0" and report["route"]["source"] == probe.near.address
    assert report["route"]["gateway"] == RA[family] and report["route"]["lladdr"] == probe.way.ra.mac("near")
    assert report["echo"]["by"] == "echo" and report["echo"]["sent"] == report["echo"]["answered"] == 3
    assert 0 < report["echo"]["rtt_least"] <= report["echo"]["rtt_median"] <= report["echo"]["rtt_most"]
    assert report["hops"] == 3
    assert report["mtu"] == {"path": 1500, "link": 1500, "probes": 1}
    assert report["weft"]["mtu"] == 1500 and report["weft"]["fits"] is True
    assert routers(report) == [[RA[family], probe.way.rb[0].address]]
    assert len(report["paths"][0]["ports"]) == (0 if kind == "gretap" else 4)
    assert probe.learned() == before, "the peer has learned something"
    text = probe.text("count 1 ports 1")
    for part in ("1 of 1 answered", "mtu    1500;", "fits", f"{RA[family]} -> {probe.way.rb[0].address} -> remote"):
        assert part in text


@pytest.mark.parametrize("family", (4, 6))
def test_a_router_takes_less(lab, family):
    probe = Probe(lab, family)
    probe.way.narrow(1400)
    report = probe("count 1 ports 1", FOUND)
    assert report["mtu"]["path"] == 1400 and report["mtu"]["by"] == probe.way.rb[0].address
    assert report["mtu"]["probes"] == 3  # 1500; what the router says; one byte more
    assert "black_hole" not in report["mtu"]
    assert report["weft"]["fits"] is False
    finding, = report["findings"]
    assert "1500" in finding["text"] and "1400" in finding["text"]
    # what mends it does
    probe.near.run(*finding["mend"].split())
    wait_until(lambda: probe.weft.show("tunnel", "t0")["state"]["remotes"][0]["mtu"] == 1400, "MTU of the route")
    assert probe("count 1 ports 1")["weft"] == {"mtu": 1400, "overlay_mtu": 1400 - (50 if family == 4 else 70),
                                               "fits": True}


@pytest.mark.parametrize("family", (4, 6))
def test_a_black_hole_is_named(lab, family):
    probe = Probe(lab, family)
    probe.way.narrow(1400)
    probe.way.silence(probe.way.rb[0], TOO_BIG[family])
    report = probe("count 1 ports 1 timeout 0.3", FOUND)
    assert report["mtu"]["path"] == 1400 and "by" not in report["mtu"]
    assert report["mtu"]["probes"] <= 64
    hole = report["mtu"]["black_hole"]
    assert hole == {"size": 1401, "after": probe.way.rb[0].address, "before": probe.far.address}
    assert any("lost without a word" in finding["text"] for finding in report["findings"])


def test_a_router_that_lies_is_not_believed(lab):
    """It takes 1400, and says 1000: what it says is tried, and so is more."""
    probe = Probe(lab)
    ra = probe.way.ra
    probe.way.silence(ra, "meta length > 1400", chain="forward")
    tap, done = Tap(ra, "near"), threading.Event()
    outer = (ra.mac("near"), probe.near.mac("eth0"), RA[4], probe.near.address)

    def lie():
        while not done.wait(0.01):
            for sent in tap.drain():
                if len(sent) > 14 + 1400:
                    tap.send(icmp.too_big(outer, sent[14:][:icmp.QUOTED[4]], 1000))
    thread = threading.Thread(target=lie, daemon=True)
    thread.start()
    try:
        report = probe("count 1 ports 1 timeout 5", FOUND)
    finally:
        done.set()
        thread.join()
    mtu = report["mtu"]
    assert (mtu["path"], mtu["told"], mtu["told_by"]) == (1400, 1000, RA[4]) and "by" not in mtu


def test_source_ports_take_two_ways(lab):
    probe = Probe(lab, middles=2)
    report = probe("count 1 ports 64")
    one, two = (rb.address for rb in probe.way.rb)
    assert sorted(routers(report)) == [[RA[4], one], [RA[4], two]]
    low, high = probe.weft.show("tunnel", "t0")["srcport"]
    ports = [port for path in report["paths"] for port in path["ports"]]
    assert len(set(ports)) == len(ports) == 64 and all(low <= port < high for port in ports)
    assert max(ports) - min(ports) > (high - low) * 9 // 10, "they are not spread over the range"
    # what is said of a port is so: the kernel of the router knows where it sends such a packet
    for path in report["paths"]:
        for port in path["ports"][:4]:
            said = probe.way.ra.ip(f"route get {probe.far.address} from {probe.near.address} iif near "
                                   f"ipproto udp sport {port} dport 4789")
            assert f"via {path['routers'][1]} " in said


def test_a_router_that_says_nothing(lab):
    probe = Probe(lab)
    probe.way.silence(probe.way.ra, EXPIRED[4])
    report = probe("count 1 ports 2 timeout 0.3")
    assert report["hops"] == 3 and routers(report) == [[None, probe.way.rb[0].address]]


@pytest.mark.parametrize("family", (4, 6))
def test_no_echo_but_a_closed_port_answers(lab, family):
    probe = Probe(lab, family)
    probe.way.silence(probe.far, ECHO[family], chain="input")
    probe.far.sysctl("net.ipv4.icmp_ratelimit", 0)
    probe.far.sysctl("net.ipv6.icmp.ratelimit", 0)
    report = probe("count 2 ports 1 timeout 0.3")
    assert report["echo"]["by"] == "udp" and report["echo"]["answered"] == 2
    assert report["mtu"]["path"] == 1500 and report["hops"] == 3


def test_nobody_answers(lab):
    probe = Probe(lab)
    probe.way.silence(probe.far, ECHO[4], "udp dport 33434", chain="input")
    report = probe("count 2 ports 2 timeout 0.3", FOUND)
    assert report["echo"]["answered"] == 0 and report["hops"] is None and "mtu" not in report
    assert "answers neither" in report["findings"][0]["text"]
    assert routers(report) == [[RA[4], probe.way.rb[0].address]]  # as far as it goes


def test_a_router_has_no_way_on(lab):
    probe = Probe(lab)
    probe.way.rb[0].ip(f"route replace unreachable {probe.far.address}")
    probe.way.rb[0].ip(f"route del {probe.far.address} via 10.3.1.2", check=False)
    report = probe("count 1 ports 1 timeout 0.3", FOUND)
    assert f"{probe.way.rb[0].address} says so" in report["findings"][0]["text"]


def test_there_is_no_route(lab):
    probe = Probe(lab)
    probe.near.ip("route del default")
    report = probe("", FOUND)
    assert report["route"] is None and "no route" in report["findings"][0]["text"]
    assert report["findings"][0]["mend"].startswith(f"ip route add {probe.far.address} via GATEWAY")


def test_the_next_hop_does_not_answer(lab):
    probe = Probe(lab)
    done = probe.weft.run(f"probe remote 10.1.0.77 count 1 timeout 5")
    report, = json.loads(done.stdout)
    assert done.returncode == FOUND and report["tunnel"] is None and "paths" not in report
    assert "says so" in report["findings"][0]["text"] and "ARP" in report["findings"][0]["mend"]


def test_each_remote_of_a_tunnel(lab):
    probe = Probe(lab)
    probe.weft(f"tunnel set t0 remote + {RA[4]}")
    done = probe.weft.run(f"probe tunnel t0 {PACE} count 1 ports 1")
    reports = {report["remote"]: report for report in json.loads(done.stdout)}
    assert done.returncode == 0 and set(reports) == {probe.far.address, RA[4]}
    assert reports[RA[4]]["hops"] == 1 and routers(reports[RA[4]]) == [[]]


def test_without_weftd(lab):
    probe = Probe(lab)
    probe.weft.stop()
    report = probe("count 1")
    assert report["tunnel"] is None and report["mtu"]["path"] == 1500
    probe.weft.start()


@pytest.mark.parametrize("words, status, said", (
    ("remote", 2, "remote"), ("remote nowhere", 1, "nowhere"), ("remote 224.0.0.1", 1, "224.0.0.1"),
    ("remote any", 1, "any"), ("remote 10.9.0.1 count 0", 1, "count"), ("remote 10.9.0.1 count 1001", 1, "count"),
    ("remote 10.9.0.1 count -1", 1, "count"), ("remote 10.9.0.1 interval 0", 1, "interval"),
    ("remote 10.9.0.1 interval nan", 1, "interval"), ("remote 10.9.0.1 timeout 11", 1, "timeout"),
    ("remote 10.9.0.1 ports 257", 1, "ports"), ("remote 10.9.0.1 hops 65", 1, "hops"),
    ("remote 10.9.0.1 via t9", 1, "t9"), ("remote 10.9.0.1 loudly", 2, "loudly"), ("tunnel t9", 1, "t9"),
    ("", 2, "probe"), ("nobody", 2, "nobody")))
def test_refused(weft_host, words, status, said):
    done = weft_host.weft.run(f"probe {words}")
    assert done.returncode == status and done.stderr.count("\n") == 1 and said in done.stderr
    assert not done.stdout
