# SPDX-License-Identifier: GPL-2.0-only
"""weft on one side, the kernel's vxlan and bridge on the other."""

import pytest

from decode import decode
from frames import BROADCAST, LLDP_MAC, Ether, Raw, frame, mac_of
from overlay import Overlay
from tap import Tap, tshark, tshark_errors
from traffic import tcp_transfer

PAIR = ("weft", "kernel")
GROUP = "239.1.1.1"


@pytest.fixture(params=["weft", "kernel"], ids=lambda kind: f"{kind}-starts")
def pair(request, lab):
    """A weft host and a kernel host; `first` and `second` in the order they speak."""
    overlay = Overlay(lab, PAIR, ipv6=True)
    overlay.first, overlay.second = overlay.hosts[::1 if request.param == "weft" else -1]
    return overlay


@pytest.mark.parametrize("tunnel", [{}, {"group": GROUP, "dev": "eth0"}, {"dstport": 8472},
                                    {"udpcsum": True}], ids=["unicast", "group", "8472", "csum"])
def test_ping(pair, tunnel):
    pair.up(**tunnel)
    one, two = pair.first.c, pair.second.c
    one.ping(two.address)
    two.ping(one.address)
    one.ping(two.address6)
    two.ping(one.address6, size=1300)


@pytest.mark.parametrize("kinds", [("weft", "kernel", "kernel"), ("weft", "weft", "kernel")],
                         ids="-".join)
@pytest.mark.parametrize("tunnel", [{}, {"group": GROUP, "dev": "eth0"}], ids=["mesh", "group"])
def test_many_remotes(lab, kinds, tunnel):
    Overlay(lab, kinds).up(**tunnel).ping_all()


@pytest.mark.parametrize("offload", ["on", "off"])
@pytest.mark.parametrize("address", ["address", "address6"], ids=["ipv4", "ipv6"])
def test_tcp(pair, offload, address):
    pair.up()
    one, two = pair.first.c, pair.second.c
    for host in (one, two):
        host.offload("eth0", offload)
    tap = Tap(pair.lan.host, pair.first.name)  # what the first host sends
    tcp_transfer(one, two, getattr(two, address))
    largest = max(len(data) for data in tap.drain())
    assert largest > 4000 if offload == "on" else largest <= 1514
    tcp_transfer(two, one, getattr(one, address), size=2 << 20)


def test_tcp_on_a_jumbo_underlay(lab):
    overlay = Overlay(lab, PAIR, underlay_mtu=9000).up()
    one, two = (host.c for host in overlay.hosts)
    for host in (one, two):
        host.offload("eth0", "off")
    one.ping(two.address, size=8950 - 28)
    tap = Tap(overlay.lan.host, overlay.hosts[0].name)
    tcp_transfer(one, two, two.address)
    tcp_transfer(two, one, one.address)
    assert max(len(data) for data in tap.drain()) == 9014


def test_jumbo_containers_on_an_ordinary_underlay_do_not_black_hole(lab):
    """An inner packet that fits passes beside one that does not."""
    overlay = Overlay(lab, PAIR, container_mtu=9000).up()
    one, two = (host.c for host in overlay.hosts)
    one.ping(two.address, size=1450 - 28)
    one.ping(two.address)


def _carried(pair, raw):
    """Sends a raw frame from the first host's container; gives it as the second's received it."""
    sender, receiver = Tap(pair.first.c, "eth0"), Tap(pair.second.c, "eth0")
    sender.send(raw)
    return receiver.expect(lambda data: data if raw[14:] in data else None)


def test_frames_pass_unchanged(pair):
    """Not IP, of many lengths, unicast and broadcast."""
    pair.up()
    pair.first.c.ping(pair.second.c.address)
    for length in (60, 61, 777, 1464):
        for dst in (BROADCAST, pair.second.c.mac("eth0"), mac_of(0x77)):
            raw = bytes(Ether(src=pair.first.c.mac("eth0"), dst=dst, type=0x88B5)
                        / Raw(f"{length} {dst} ".encode().ljust(length - 14, b".")))
            assert _carried(pair, raw) == raw


def test_lldp(pair):
    """01:80:c2:00:00:0e passes as the bridges' group_fwd_mask says: weft's does by default."""
    pair.up()
    for host in pair.hosts:
        if host.weft is None:
            host.ip("link set dev br0 type bridge group_fwd_mask 0x4000")
    raw = bytes(Ether(src=mac_of(0x11), dst=LLDP_MAC, type=0x88CC)
                / Raw(b"\x02\x07\x04" + b"\x02\0\0\0\0\x11" + b"\x04\x02\x05x" + b"\x06\x02\0x\0\0"))
    assert _carried(pair, raw) == raw
    for host in pair.hosts:
        if host.weft:
            host.weft("bridge set br0 group_fwd_mask 0")
    receiver, sender = Tap(pair.second.c, "eth0"), Tap(pair.first.c, "eth0")
    marker = frame(mac_of(0x11), BROADCAST, "marker")
    sender.send(raw, marker)
    receiver.expect(marker)
    assert raw not in receiver.drain()


def test_tagged_frames_with_innervlan(pair):
    pair.up(innervlan=True)
    raw = frame(pair.first.c.mac("eth0"), BROADCAST, "tagged", tags=[(0x8100, 42)])
    assert _carried(pair, raw) == raw


def test_vlan_aware_bridge_with_a_trunk(lab):
    """weft carries VLAN 10 and 20 tagged inside; its container is in VLAN 10, untagged."""
    overlay = Overlay(lab, PAIR)
    ours, theirs = overlay.hosts
    theirs.dut.bridge()
    theirs.dut.port("vnet0")
    theirs.dut.tunnel("vxlan0", id=1000, local=theirs.underlay, remote=ours.underlay,
                      dstport=4789)
    ours.weft("bridge add br0 vlan_filtering")
    ours.weft("port add vnet0 bridge br0 vlan 10")
    ours.weft(f"tunnel add vxlan0 bridge br0 type vxlan id 1000 local {ours.underlay} "
              f"remote {theirs.underlay} trunk 10,20")
    inside, outside = Tap(ours.c, "eth0"), Tap(theirs.c, "eth0")
    untagged = frame(mac_of(1), BROADCAST, "there")
    tagged = frame(mac_of(1), BROADCAST, "there", tags=[(0x8100, 10)])
    inside.send(untagged)
    outside.expect(tagged)
    back = frame(mac_of(2), mac_of(1), "back")
    for vlan in (20, 30, 10):
        outside.send(back[:12] + b"\x81\0" + vlan.to_bytes(2, "big") + back[12:])
    outside.send(back)  # untagged: a VLAN the tunnel does not have
    marker = frame(mac_of(2), mac_of(1), "marker")
    outside.send(marker[:12] + b"\x81\0\0\x0a" + marker[12:])
    inside.expect(marker)
    assert inside.drain() == [back]


def test_tshark_decodes_what_weft_sends(lab, tmp_path):
    overlay = Overlay(lab, PAIR, ipv6=True).up(udpcsum=True)
    one, two = (host.c for host in overlay.hosts)
    for host in (one, two):
        host.offload("eth0", "off")
    overlay.hosts[0].offload("eth0", "off")
    tap = Tap(overlay.lan.host, overlay.hosts[0].name)
    one.ping(two.address)
    one.ping(two.address6)
    tcp_transfer(one, two, two.address, size=1 << 20)
    frames = [data for data in tap.drain() if decode(data)]
    assert len(frames) > 500
    assert not tshark_errors(tmp_path / "sent.pcap", frames)
    seen = tshark(tmp_path / "sent.pcap", frames)
    protocols = {packet["_source"]["layers"]["frame"]["frame.protocols"] for packet in seen}
    for wanted in ("vxlan:eth:ethertype:arp", "vxlan:eth:ethertype:ip:icmp",
                   "vxlan:eth:ethertype:ipv6:icmpv6", "vxlan:eth:ethertype:ip:tcp"):
        assert any(wanted in protocol for protocol in protocols), (wanted, protocols)
    assert {packet["_source"]["layers"]["vxlan"]["vxlan.vni"] for packet in seen} == {"1000"}
