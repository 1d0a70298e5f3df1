# SPDX-License-Identifier: GPL-2.0-only
"""`weft doctor`: nothing where nothing is wrong, and each fault that is planted."""

import json
import os
import shutil
import signal
import subprocess

import pytest

import hooks
from daemon import BUILD
from frames import BROADCAST, frame, mac_of
from lab import wait_until
from maps import Slot, learn_path_mtu
from offloads import TARGETS
from overlay import Overlay
from pair import Pair
from tap import Tap
from traffic import tcp_transfer

ZERO = "00:00:00:00:00:00"
FOUND = 3


class Patient:
    """Two hosts with an overlay that works."""

    def __init__(self, lab, up=True):
        self.lab = lab
        self.overlay = Overlay(lab, ["weft"] * 2)
        self.one, self.two = self.overlay.hosts
        self.weft = self.one.weft
        if up:
            self.overlay.up()
            self.overlay.ping_all()

    def examine(self, status=None):
        done = self.weft.run("doctor")
        assert not done.stderr and (status is None or done.returncode == status), done
        report = json.loads(done.stdout)
        bad = [finding for finding in report["findings"] if finding["severity"] != "info"]
        assert done.returncode == (FOUND if bad else 0)
        assert not report["skipped"] and report["checks"] > 20
        for finding in report["findings"]:
            assert all(finding.values()), finding
        return report["findings"]

    def finding(self, check, **members):
        """The one finding of a check, once it has these texts in its members: weftd may still learn more."""
        findings = []

        def found():
            findings[:] = [finding for finding in self.examine() if finding["check"] == check]
            return any(all(text in finding[name] for name, text in members.items()) for finding in findings)
        try:
            wait_until(found, f"finding of {check}", interval=0.1)
        finally:
            assert len(findings) == 1, findings
            for name, text in members.items():
                assert text in findings[0][name], findings[0]
        # people are told the same
        said = self.weft.run("doctor", json_output=False)
        for member in ("subject", "mend"):
            assert findings[0][member] in said.stdout
        return findings[0]

    def well(self, check):
        wait_until(lambda: all(finding["check"] != check for finding in self.examine()), f"{check} mended", interval=0.1)


@pytest.fixture
def patient(lab):
    return Patient(lab)


def test_nothing_is_wrong(patient):
    assert patient.examine(0) == []
    text = patient.weft.run("doctor", json_output=False).stdout
    assert text.endswith(" checks, errors: 0, warnings: 0, notes: 0\n") and text.count("\n") == 1


def test_nothing_is_configured(lab):
    patient = Patient(lab, up=False)
    assert patient.examine(0) == []


def test_weftd_is_not_there(patient):
    patient.weft.kill()
    report = patient.weft.run("doctor", json_output=False)
    assert report.returncode == FOUND and report.stdout.startswith("error: weftd (weftd)\n  seen  ")
    assert str(patient.weft.rundir) in report.stdout
    patient.weft.start()
    assert patient.examine(0) == []


def test_netns(patient):
    """The command is in another namespace than weftd."""
    done = patient.two.run(BUILD / "weft", "--rundir", patient.weft.rundir, "doctor", check=False)
    assert done.returncode == FOUND and "this command (netns)\n" in done.stdout
    assert f"nsenter -n -t {patient.weft.process.pid} weft --rundir {patient.weft.rundir} doctor\n" in done.stdout


def test_no_route(patient):
    patient.weft("tunnel set vxlan0 remote + 198.51.100.7")
    patient.finding("remotes", severity="error", subject="tunnel vxlan0 remote 198.51.100.7", evidence="no way to",
                    mend="ip route add 198.51.100.7 ")
    patient.one.ip(f"route add 198.51.100.7 via {patient.two.underlay}")
    patient.well("remotes")


def test_neighbour_that_does_not_answer(patient):
    patient.weft("tunnel set vxlan0 remote + 192.168.1.77")
    patient.finding("remotes", severity="error", subject="192.168.1.77",
                    evidence="192.168.1.77 does not answer ARP or ND at eth0", mend="ping -I eth0 192.168.1.77")
    patient.weft("tunnel set vxlan0 remote - 192.168.1.77")
    patient.well("remotes")


def test_no_remote(patient):
    patient.weft("tunnel add lonely bridge br0 type vxlan id 7")
    patient.finding("no_remote", subject="tunnel lonely", mend="weft tunnel set lonely remote + ")
    patient.weft("tunnel set lonely remote + 192.168.1.20")
    patient.well("no_remote")


def test_local_address_that_is_not_here(patient):
    patient.one.ip("address add 192.168.1.11/24 dev eth0")
    patient.weft("tunnel set vxlan0 local 192.168.1.11")
    assert patient.examine(0) == []
    patient.one.ip("address del 192.168.1.11/24 dev eth0")
    patient.finding("local", severity="error", subject="tunnel vxlan0", evidence="192.168.1.11")


def test_nobody_answers(patient):
    """The far end is there, and has no such tunnel."""
    patient.two.weft("tunnel del vxlan0")
    patient.weft("tunnel del vxlan0")
    patient.weft(f"tunnel add vxlan0 bridge br0 type vxlan id 1000 remote {patient.two.underlay}")
    tap = Tap(patient.one.c, "eth0")

    def sent():
        tap.send(frame(mac_of(1), BROADCAST))
        return patient.weft.stats()["tunnels"]["vxlan0"]["tx_packets"] >= 3
    wait_until(sent, "packets sent")
    patient.finding("answers", subject=f"tunnel vxlan0 remote {patient.two.underlay}", evidence="none ever came back")
    patient.two.weft(f"tunnel add vxlan0 bridge br0 type vxlan id 1000 remote {patient.one.underlay}")
    patient.two.c.ping(patient.one.c.address)
    patient.well("answers")


def test_path_mtu(patient):
    """What is said to mend it does."""
    remote = patient.weft.show("tunnel", "vxlan0")["state"]["remotes"][0]
    learn_path_mtu(Slot(patient.one, "remotes", remote["id"]), 1400)
    finding = patient.finding("path_mtu", severity="info", evidence="takes 1400 bytes, eth0 takes 1500",
                              mend=f"ip route replace {patient.two.underlay} dev eth0 mtu 1400")
    patient.one.run(*finding["mend"].split())
    patient.well("path_mtu")


def test_path_mtu_behind_a_gateway(patient):
    patient.one.ip(f"route add 198.51.100.7 via {patient.two.underlay}")
    patient.weft("tunnel set vxlan0 remote + 198.51.100.7")
    remote = patient.weft.show("tunnel", "vxlan0")["state"]["remotes"]
    remote = next(one for one in remote if one["addr"] == "198.51.100.7")
    learn_path_mtu(Slot(patient.one, "remotes", remote["id"]), 1400)
    patient.finding("path_mtu", mend=f"ip route replace 198.51.100.7 via {patient.two.underlay} dev eth0 mtu 1400")


def test_port_whose_device_is_down(patient):
    patient.one.ip("link set dev vnet0 down")
    patient.finding("port", severity="error", subject="port vnet0", evidence="down", mend="ip link set dev vnet0 up")
    patient.one.ip("link set dev vnet0 up")
    patient.well("port")


def test_port_whose_device_is_gone(patient):
    patient.one.ip("link del vnet0")
    patient.finding("port", severity="error", evidence="gone", mend="weft port del vnet0")


def test_port_with_too_large_an_mtu(patient):
    patient.one.ip("link set dev vnet0 mtu 1500")
    patient.finding("port_mtu", subject="port vnet0", evidence="MTU 1500, and the tunnels of bridge br0 carry 1450",
                    mend="ip link set dev vnet0 mtu 1450")
    patient.one.ip("link set dev vnet0 mtu 1450")
    patient.well("port_mtu")
    patient.one.c.ip("link set dev eth0 mtu 1451")
    patient.finding("port_mtu", evidence="MTU 1451 at its far end")


@pytest.mark.parametrize("noun, name", [("bridge", "br0"), ("tunnel", "vxlan0")])
def test_fdb_almost_full(patient, noun, name):
    patient.weft(f"{noun} set {name} maxaddress 20")
    assert patient.examine(0) == []
    dst = f"dev vxlan0 dst {patient.two.underlay}"
    entries = patient.weft.show(noun, name)["state"]["entries"]
    for number in range(18 - entries):
        assert "fdb_room" not in [finding["check"] for finding in patient.examine()]
        patient.weft(f"fdb add {mac_of(0x100 + number)} {dst}")
    patient.finding("fdb_room", subject=f"{noun} {name}", evidence="18 FDB entries of 20", mend="maxaddress 40")


def test_ageing_that_is_too_short(patient):
    patient.weft("bridge set br0 ageing 60")
    assert patient.examine(0) == []
    patient.weft("bridge set br0 ageing 59")
    patient.finding("ageing", subject="bridge br0", evidence="59 s", mend="weft bridge set br0 ageing 300")


def test_wrong_vni(patient):
    patient.two.weft("tunnel set vxlan0 id 1001")
    tap = Tap(patient.two.c, "eth0")
    wait_until(lambda: tap.send(frame(mac_of(2), BROADCAST)) or patient.weft.drops().get("vni_unknown"), "drop")
    patient.finding("vni", evidence=f"IPv4 {patient.two.underlay} > {patient.one.underlay}")
    patient.finding("vni", evidence="VXLAN vni 1001")


def test_peer_that_is_none(patient):
    patient.weft(f"tunnel set vxlan0 remote - {patient.two.underlay} remote + 192.168.1.30")
    tap = Tap(patient.two.c, "eth0")
    wait_until(lambda: tap.send(frame(mac_of(2), BROADCAST)) or patient.weft.drops().get("src_denied"), "drop")
    patient.finding("peer", evidence=f"IPv4 {patient.two.underlay} > ",
                    mend=f"remote + {patient.two.underlay};")


def test_mac_that_two_have(patient):
    patient.weft(f"fdb add {mac_of(9)} dev vxlan0 dst {patient.two.underlay}")
    tap = Tap(patient.one.c, "eth0")
    wait_until(lambda: tap.send(frame(mac_of(9), BROADCAST)) or patient.weft.drops().get("fdb_static"), "drop")
    patient.finding("mac", severity="error", subject="port vnet0", evidence=mac_of(9))


def test_mac_that_moves_to_and_fro(patient):
    """The same MAC behind a port and behind a remote; once is a move and no finding."""
    here, there = Tap(patient.one.c, "eth0"), Tap(patient.two.c, "eth0")
    raw = frame(mac_of(9), BROADCAST)

    def place():
        return {entry["dev"] for entry in patient.weft("fdb show") if entry["mac"] == mac_of(9)}

    def move(tap, dev):
        wait_until(lambda: tap.send(raw) or place() == {dev}, f"the MAC at {dev}")
    move(here, "vnet0")
    move(there, "vxlan0")
    assert patient.examine() == []
    for _ in range(3):
        move(here, "vnet0")
        move(there, "vxlan0")
    patient.finding("flapping", severity="error", subject=mac_of(9), evidence="from vnet0 to vxlan0")


def test_events_that_were_lost(patient):
    """weftd is held up while more is learned than its ring has room for."""
    os.kill(patient.weft.process.pid, signal.SIGSTOP)
    try:
        tap = Tap(patient.one.c, "eth0")
        for start in range(0, 40_000, 400):
            tap.send(*[frame(mac_of(number), BROADCAST) for number in range(start + 100, start + 500)])
    finally:
        os.kill(patient.weft.process.pid, signal.SIGCONT)
    finding = wait_until(lambda: [one for one in patient.examine() if one["check"] == "events"], "finding of events")
    assert "events of the datapath" in finding[0]["evidence"] and finding[0]["severity"] == "info"


def test_underlay_without_a_place(patient):
    """The hook has as many programs as it can have."""
    patient.weft.stop()
    hooks.detach(patient.one, "eth0")
    theirs = []
    with pytest.raises(OSError):
        for _ in range(65):
            theirs.append(hooks.attach(patient.one, "eth0"))
    patient.weft.start()
    patient.finding("underlay", severity="error", subject="device eth0", evidence="tcx")
    for program in theirs:
        hooks.detach_own(patient.one, "eth0", program)
    patient.weft.stop()
    patient.weft.start()
    patient.well("underlay")


def test_whatever_is_being_dropped(patient):
    tap = Tap(patient.one.c, "eth0")

    def rate():
        tap.send(*[frame(ZERO, BROADCAST)] * 100)
        return any(row["rate"] for row in patient.weft("drops"))
    wait_until(rate, "rate")
    patient.finding("drops", subject="port vnet0", consequence="source MAC is zero or a group address",
                    mend="weft drops src_mac; give the sender a MAC of its own: ip link set dev DEVICE address MAC")
    patient.well("drops")  # what was lost long ago is no finding


def test_device_of_the_kernel_at_the_same_port(patient):
    patient.one.ip("link add vx type vxlan id 5 dstport 4790")
    assert patient.examine(0) == []
    patient.one.ip("link add vx2 type vxlan id 5 dstport 4789")
    patient.finding("vxlan_device", subject="device vx2", evidence="UDP port 4789", mend="ip link del vx2")
    patient.one.ip("link del vx2")
    patient.well("vxlan_device")


def test_filter_before_ours(patient):
    """On tcx ours is before all filters, and behind the programs that were there."""
    patient.one.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    patient.one.run("tc", "filter", "add", "dev", "eth0", "ingress", "pref", "7", "bpf", "bytecode", "1,6 0 0 0,")
    assert patient.examine(0) == []
    patient.one.weft.stop()
    hooks.detach(patient.one, "eth0")
    theirs = hooks.attach(patient.one, "eth0")
    patient.one.weft.start()
    patient.finding("filter", subject="device eth0", evidence="(ingress): 1 that see what comes in before",
                    mend="bpftool net detach tcx_ingress dev eth0")
    hooks.detach_own(patient.one, "eth0", theirs)
    patient.well("filter")


def test_filter_behind_ours(patient):
    patient.one.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    patient.one.run("tc", "filter", "add", "dev", "eth0", "egress", "pref", "300", "bpf", "bytecode", "1,6 0 0 0,")
    finding = patient.finding("filter", subject="device eth0", evidence="goes out behind")
    patient.one.run(*finding["mend"].partition("; ")[2].split())
    patient.well("filter")
    theirs = hooks.attach(patient.one, "eth0", "egress")
    patient.finding("filter", subject="device eth0", evidence="(egress): 1 that see what goes out behind")
    hooks.detach_own(patient.one, "eth0", theirs, "egress")
    patient.well("filter")


def nft(host, *lines):
    for line in lines:
        host.run("nft", line)


def test_firewall_is_no_matter(patient):
    """No chain of this host sees a tunnel's single packets, so that none is a finding."""
    if not shutil.which("nft"):
        pytest.skip("no nft (package nftables)")
    nft(patient.one, "add table inet f", "add table netdev t")
    for hook in ("prerouting", "input", "forward", "output", "postrouting"):
        nft(patient.one, f"add chain inet f {hook} {{ type filter hook {hook} priority 0; policy drop; }}")
    for hook in ("ingress", "egress"):
        nft(patient.one, f"add chain netdev t {hook} {{ type filter hook {hook} device eth0 priority 0; }}",
            f"add rule netdev t {hook} udp dport 4789 counter drop")
    for _ in range(3):
        patient.one.c.ping(patient.two.c.address)
        patient.two.c.ping(patient.one.c.address)
    assert patient.examine(0) == []


def test_firewall_that_refuses_what_is_merged(lab):
    """Super-packets that the kernel made of received ones do pass the host's input."""
    if not shutil.which("nft"):
        pytest.skip("no nft (package nftables)")
    pair = Pair(lab, ("weft", "weft")).up(type="vxlan", id=7)
    target = TARGETS["vm"](pair)
    try:
        nft(pair.two, "add table inet f", "add chain inet f in { type filter hook input priority 0; }",
            "add rule inet f in udp dport 4789 drop")
        tcp_transfer(pair.one.c, target.host, target.address, size=8 << 20)
        wait_until(lambda: pair.two.weft("status")["listen"][0].get("refused"), "weftd to see it")
        report = json.loads(pair.two.weft.run("doctor").stdout)
        finding, = [finding for finding in report["findings"] if finding["check"] == "gro"]
        assert finding["subject"] == "UDP port 4789" and "firewall" in finding["evidence"]
    finally:
        target.close()


@pytest.mark.parametrize("check, device, said", [
    ("gro", "weft-vx4789 type bridge", {"subject": "UDP port 4789", "evidence": "weft-vx4789: exists and was not made by weft"}),
    ("splitter", "weft-cut type veth peer name other", {"subject": "weft-cut", "mend": "restart weftd"})])
def test_no_device_of_its_own(lab, check, device, said):
    """Somebody else's has its name."""
    patient = Patient(lab, up=False)
    patient.one.ip(f"link add {device}")
    patient.overlay.up()
    patient.finding(check, **said)
    patient.one.ip(f"link del {device.split()[0]}")
    patient.weft.kill()
    patient.weft.start()
    patient.well(check)


def test_xdp(patient, tmp_path):
    (tmp_path / "pass.c").write_text('__attribute__((section("xdp"), used)) int passes(void *c) { return 2; }\n')
    subprocess.run(["clang", "-target", "bpf", "-O2", "-g", "-c", tmp_path / "pass.c", "-o", tmp_path / "pass.o"],
                   check=True)
    patient.one.c.run("ip", "link", "set", "dev", "eth0", "xdpgeneric", "obj", tmp_path / "pass.o", "sec", "xdp")
    assert patient.examine(0) == []  # no underlay device
    patient.one.run("ip", "link", "set", "dev", "eth0", "xdpgeneric", "obj", tmp_path / "pass.o", "sec", "xdp")
    patient.finding("xdp", subject="device eth0", evidence="XDP program passes", mend="ip link set dev eth0 xdpgeneric off")
    patient.one.ip("link set dev eth0 xdpgeneric off")
    patient.well("xdp")


def test_two_tunnels_to_the_same_remote(patient):
    patient.weft(f"tunnel add second bridge br0 type vxlan id 7 remote {patient.two.underlay}")
    finding = patient.finding("twins", evidence="is on bridge br0, too", subject="tunnel ")
    patient.weft.run(finding["mend"].removeprefix("weft "))
    patient.well("twins")
    patient.weft("tunnel del second")
    patient.weft("bridge add br1")
    patient.weft(f"tunnel add third bridge br1 type vxlan id 8 remote {patient.two.underlay}")
    assert "twins" not in [finding["check"] for finding in patient.examine()]


def test_version(patient):
    """A weftd that was not restarted. In the program the version stands alone, or at the end of what --version prints."""
    other = patient.weft.copy_binary("weftd-other")
    version = patient.weft("status")["version"]
    program = other.read_bytes()
    for before in (b"weftd ", b"\0"):
        program = program.replace(before + version.encode() + b"\0", before + b"9" * len(version) + b"\0")
    other.write_bytes(program)
    patient.weft.stop()
    patient.weft.start(other)
    patient.finding("version", evidence=f"it is version {'9' * len(version)}, and this command is {version}")
    patient.weft.stop()
    patient.weft.start()
    patient.well("version")


@pytest.mark.parametrize("name", ["net_raw", "net_bind_service"])
def test_privileges(patient, name):
    wrapper = patient.lab.tmp_path / "weftd-less"
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --bounding-set -{name} {patient.weft.binary} "$@"\n')
    wrapper.chmod(0o755)
    patient.weft.stop()
    patient.weft.start(wrapper)
    patient.finding("privileges", subject="weftd", evidence=f"it runs without CAP_{name.upper()}",
                    mend=f"add CAP_{name.upper()} to ")


@pytest.mark.parametrize("feature, said", [("tx", "tx-checksumming"), ("tso", "tcp-segmentation-offload")])
def test_offload_that_is_off(patient, feature, said):
    patient.one.run("ethtool", "-K", "eth0", feature, "off")
    patient.finding("offload", subject="device eth0", evidence=said, mend="ethtool -K eth0 tx on tso on")
    patient.one.run("ethtool", "-K", "eth0", "tx", "on", "tso", "on")
    patient.well("offload")


def test_words(patient):
    assert patient.weft.run("doctor now").returncode == 2


def test_without_iproute2(patient):
    """Checks that cannot be made are said to be skipped; the others are made."""
    patient.one.ip("link set dev vnet0 down")
    done = patient.one.run(BUILD / "weft", "--rundir", patient.weft.rundir, "doctor", check=False,
                           env={"PATH": "/nowhere"})
    assert done.returncode == FOUND and "error: port vnet0 (port)\n" in done.stdout
    for check in ("local", "vxlan_device", "filter", "xdp"):
        assert f"\nskipped: {check}: " in done.stdout
