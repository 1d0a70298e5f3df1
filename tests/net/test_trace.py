# SPDX-License-Identifier: GPL-2.0-only
"""`weft trace` says what then happens: for each drop reason and each way that a packet takes, sent for real and compared
(traced.py). `pytest tests/net --rows --traced` does the same for everything that the conformance rows send."""

import pathlib
import re
import struct

import pytest

from encap import geneve_option
from frames import BROADCAST, Ether, Raw, mac_of
from lab import wait_until
from rig import TENANT_A, TENANT_R
from traced import Traced

TOP = pathlib.Path(__file__).resolve().parents[2]
REASONS = re.findall(r'\tWEFT_DROP\([\s\\]*\w+,[\s\\]*"(\w+)"', (TOP / "abi/drops.h").read_text())
BAD = mac_of(0xBAD)
B = mac_of(0xB)

# What no trace can say, and why.
NEVER = {
    "port_unknown": "a race: the device of a port that has just gone",
    "truncated": "the kernel hands out no frame without an Ethernet header, and a test run takes none",
    "mtu_limit": "many packets within 17 ms",
    "encap": "super-packets in a tunnel, which only the kernel marks as such",
    "decap": "the kernel refuses what it marks as encapsulated, or is out of memory",
    "vlan_tags": "the kernel refuses to move a tag",
}

# What the rows send, compared with `--traced`, and a file of its own: reason -> the file that makes it.
ROWS = {
    "vlan": "test_vxlan_send.py", "own_source": "test_vxlan_receive.py", "reserved": "test_vxlan_receive.py",
    "opt_match": "test_geneve_receive.py", "csum_zero6": "test_udp6_checksum.py",
    "csum_missing": "test_iproute2_options.py", "gre_seq": "test_gre_receive.py", "loop": "test_gre_receive.py",
    "inner_ttl": "test_dscp_ttl.py", "l3_remote": "test_l3.py",
    "storm": "test_trace_storm.py",
}


def big(rig):
    return rig.tenant(length=1514, df=True)


def plain(rig):
    """A frame that is too big and no IP."""
    return bytes(Ether(dst=TENANT_R, src=TENANT_A, type=0x88b5) / Raw(bytes(1500)))


def port_down(rig):
    rig.dut.weft(f"fdb add {B} dev pb")
    rig.host.ip("link set dev pb down")
    wait_until(lambda: rig.dut.weft.show("port", "pb")["state"]["state"] == "down", "pb to be down")
    rig.a.send(rig.tenant(dst=B))


def static(rig):
    rig.dut.weft(f"fdb add {BAD} dev v0 dst {rig.r1}")
    rig.a.send(rig.tenant(src=BAD, dst=TENANT_R))


def no_route(rig):
    rig.dut.weft(f"fdb add {BAD} dev v0 dst 203.0.113.9")
    rig.a.send(rig.tenant(dst=BAD))


def no_df(rig):
    rig.dut.weft("tunnel set v0 toobig drop")
    rig.a.send(rig.tenant(length=1514))


def no_receiver(rig):
    rig.dut.weft("bridge add br9")
    rig.dut.weft("port set pb bridge br9")
    rig.b.send(rig.tenant(B, BROADCAST))


def outside(rig, **fields):
    return rig.u.send(rig.packet(rig.tenant(BAD, TENANT_A), **fields))


SCENES = {
    "vxlan": {
        "src_mac": lambda rig: rig.a.send(rig.tenant("01:00:00:00:00:01", TENANT_R)),
        "reserved_mac": lambda rig: rig.a.send(rig.tenant(dst="01:80:c2:00:00:02")),
        "fdb_static": static,
        "same_port": lambda rig: rig.a.send(rig.tenant(mac_of(0x55), TENANT_A)),
        "port_down": port_down,
        "no_receiver": no_receiver,
        "vlan_inner": lambda rig: rig.a.send(rig.tenant(dst=TENANT_R, tags=[(0x8100, 7)])),
        "mtu": lambda rig: rig.a.send(big(rig)),
        "mtu_silent": lambda rig: rig.a.send(plain(rig)),
        "mtu_no_df": no_df,
        "no_route": no_route,
        "malformed": lambda rig: outside(rig, udp={"length": 4000}),
        "frag": lambda rig: outside(rig, ip={"flags": 1}),
        "no_i_flag": lambda rig: outside(rig, header=bytes(8)),
        "csum": lambda rig: outside(rig, csum=0x1234),
        "vni_unknown": lambda rig: outside(rig, vni=999),
        "src_denied": lambda rig: outside(rig, source=rig.r3),
        "ecn_drop": lambda rig: outside(rig, ip={"tos": 3}),
        "split_horizon": lambda rig: rig.u.send(rig.packet(rig.tenant(BAD, TENANT_R))),
    },
    "geneve": {
        "bad_ver": lambda rig: outside(rig, version=1),
        "opt_len": lambda rig: outside(rig, options=[geneve_option(0xFFFF, 1, bytes(8), length=31)]),
        "opt_crit": lambda rig: outside(rig, options=[geneve_option(0xFFFF, 0x81, b"weft")], critical=1),
        "opt_toolong": lambda rig: (rig.dut.weft("tunnel set v0 optmax 4"),
                                    outside(rig, options=[geneve_option(0xFFFF, 1, b"weft")])),
        "ctrl_rx": lambda rig: outside(rig, control=1),
        "inner_proto": lambda rig: outside(rig, protocol=0x88b5),
    },
    "gretap": {
        "gre_flags": lambda rig: outside(rig, flags=0x4000),
        "gre_ver": lambda rig: outside(rig, version=1),
        "gre_proto": lambda rig: outside(rig, protocol=0xFFFF),
        "key_mismatch": lambda rig: outside(rig, vni=77),
    },
}


def check(rig, encapsulation, reason):
    traced = Traced(rig)
    SCENES[encapsulation][reason](rig)
    assert traced.dropped[reason] == 1
    traced.check()


@pytest.mark.family(4)
@pytest.mark.parametrize("reason", SCENES["vxlan"])
def test_reasons(ready, reason):
    check(ready, "vxlan", reason)


@pytest.mark.family(4)
@pytest.mark.encapsulations("geneve")
@pytest.mark.parametrize("reason", SCENES["geneve"])
def test_reasons_of_geneve(ready, reason):
    check(ready, "geneve", reason)


@pytest.mark.family(4)
@pytest.mark.encapsulations("gretap")
@pytest.mark.parametrize("reason", SCENES["gretap"])
def test_reasons_of_gre(ready, reason):
    check(ready, "gretap", reason)


def test_every_reason_has_its_place():
    made = [reason for scenes in SCENES.values() for reason in scenes]
    assert sorted([*made, *NEVER, *ROWS]) == sorted(REASONS)
    for reason, name in ROWS.items():
        assert (TOP / "tests/net" / name).exists(), reason


# what is sent -----------------------------------------------------------------------------


@pytest.mark.encapsulations("vxlan", "geneve", "gretap", "nvgre")
def test_ways(ready):
    """Known, flooded, answered, fragmented, and out of the tunnel: what was said is what came, byte for byte."""
    traced = Traced(ready)
    ready.a.send(ready.tenant(), ready.tenant(dst=BROADCAST), ready.tenant(dst=mac_of(0x77)), big(ready),
                 ready.tenant(length=1514), ready.tenant(version=6))
    ready.u.send(ready.packet(ready.tenant(TENANT_R, TENANT_A)), ready.packet(ready.tenant(TENANT_R, BROADCAST)))
    assert {tap for tap, _, _ in traced.expected} == {"a", "b", "u"}
    traced.check()


@pytest.mark.family(4)
def test_many_copies(rig):
    remotes = [f"172.16.0.{number}" for number in range(50, 90)]
    rig.up(remote=[rig.r1, *remotes])
    traced = Traced(rig)
    steps = traced.trace("a", rig.tenant(dst=BROADCAST))
    assert {step["remote"] for step in steps if step["step"] in ("send", "resolve")} == {rig.r1, *remotes}


# words ------------------------------------------------------------------------------------


def said(rig, *words, status=0):
    done = rig.host.run(*[word for word in rig.dut.weft.argv(*words) if word != "-j"], check=False)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout if status == 0 else done.stderr.strip()


@pytest.mark.family(4)
def test_words(ready):
    text = said(ready, "trace", "in", "pa", "icmp, src 10.0.0.1, dst 10.0.0.2")
    assert "the FDB has it behind remote 172.16.0.11 of tunnel v0" in text
    assert "VXLAN vni 1000" in text and "ICMP echo request" in text
    # quoted or not
    assert said(ready, "trace", "in", "pa", *"icmp, src 10.0.0.1, dst 10.0.0.2".split()) == text
    text = said(ready, "trace", "underlay", "from", ready.r1, "vxlan", "vni", "1000",
                f"icmp, src 10.0.0.2, dst 10.0.0.1, smac {TENANT_R}, dmac {TENANT_A}")
    assert "delivered to port pa" in text
    text = said(ready, "trace", "underlay", "from", ready.r1, "vxlan", "vni", "9",
                f"arp, src 10.0.0.2, dst 10.0.0.1, smac {TENANT_R}")
    assert "dropped: vni_unknown, counted for no port or tunnel" in text
    assert "mend: weft tunnel set TUNNEL id VNI" in text and "goes on to the host" in text
    text = said(ready, "trace", "underlay", "from", ready.r1, "vxlan", "vni", "1000", "dport", "8472",
                f"arp, src 10.0.0.2, dst 10.0.0.1, smac {TENANT_R}")
    assert "left to the host: no tunnel listens at UDP port 8472" in text and "dropped" not in text
    text = said(ready, "trace", "underlay", "u0", "from", "172.16.0.99", "to", ready.local, "vxlan", "vni", "1000",
                f"arp, src 10.0.0.2, dst 10.0.0.1, smac {TENANT_R}")
    assert "remote + 172.16.0.99\n" in text
    # names in place of the words for them, as far as they are known
    text = said(ready, "trace", "in", "pa", f"icmp, vlan 7, src 10.0.0.1, dst 10.0.0.2, dmac {TENANT_R}")
    assert "mend: weft tunnel set v0 innervlan" in text
    ready.dut.weft(f"fdb add {BAD} dev v0 dst 203.0.113.9")
    text = said(ready, "trace", "in", "pa", f"icmp, src 10.0.0.1, dst 10.0.0.2, dmac {BAD}")
    assert "mend: ip route add 203.0.113.9 via GATEWAY" in text
    ready.dut.weft(f"fdb del {BAD} dev v0")
    # each run says where it comes from
    text = said(ready, "trace", "in", "pa", f"hex {ready.tenant(length=1514).hex()}")
    assert text.count("comes back from the splitter, to have a fragment sent") == 2 and "first" not in text


@pytest.mark.family(4)
@pytest.mark.parametrize("packet, names", [
    ("", "nothing between"), ("icmp, bogus", "bogus"), ("icmp, src 10.0.0.300, dst 10.0.0.2", "src"),
    ("tcp, udp", "udp"), ("src 10.0.0.1", "what it is"), ("icmp, src 10.0.0.1", "dst"),
    ("icmp, src fd00::1, dst 10.0.0.1", "versions"), ("udp, sport 70000", "sport"), ("icmp, len 99999", "len"),
    ("hex 0g", "hex"), ("hex 00", "packet"), (f"hex {'00' * 4000}", "packet"), (f"hex {'00' * 5000}", "hex"),
    ("icmp, src 10.0.0.1, dst 10.0.0.2, sport 7", "sport"),
    ("vlan 5000, arp", "vlan"), ("arp, src fd00::1, dst fd00::2", "arp"),
])
def test_packets_without_sense(ready, packet, names):
    line = said(ready, "trace", "in", "pa", packet, status=1)
    assert names in line and "\n" not in line


@pytest.mark.family(4)
@pytest.mark.parametrize("words", ("in pa", "underlay", "underlay from 172.16.0.11 vxlan vni 1000"))
def test_no_packet(ready, words):
    assert "a packet must follow" in said(ready, "trace", *words.split(), status=2)


@pytest.mark.family(4)
def test_capture_files(ready, tmp_path):
    frame = ready.tenant()
    record = struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
    path = tmp_path / "some.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + record + record)
    assert "sent to remote" in said(ready, "trace", "-r", str(path), "-n", "2", "in", "pa")
    assert "2 packets" in said(ready, "trace", "-r", str(path), "-n", "3", "in", "pa", status=1)
    path.write_bytes(path.read_bytes()[:-20])
    line = said(ready, "trace", "-r", str(path), "-n", "2", "in", "pa", status=1)
    assert "packet 2" in line and "\n" not in line
    path.write_bytes(b"no capture file at all")
    assert "\n" not in said(ready, "trace", "-r", str(path), "in", "pa", status=1)
