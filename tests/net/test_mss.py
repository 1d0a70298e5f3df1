# SPDX-License-Identifier: GPL-2.0-only
"""MSS clamping with real TCP: what SYNs say on the wire and at the far end, checksums verified, in both directions."""

import contextlib
import socket

import pytest

from decode import decode
from encap import checksum, pseudo_header
from frames import IP, TCP, Ether, IPv6
from lab import DEADLINE, wait_until
from maps import Slot, learn_path_mtu
from pair import Pair
from tap import Tap
from traffic import tcp_transfer

PORT = 7100
TUNNELS = {"vxlan": ({"id": 77}, 50), "geneve": ({"id": 77, "option": "0x0102:0x01:00112233"}, 58),
           "gretap": ({"key": 5}, 42), "nvgre": ({"id": 5000}, 42)}  # options, and bytes over IPv4
SIZES = {4: 40, 6: 60}


def _syn(data, ack):
    """The MSS of a SYN, or of a SYN-ACK, that has the right checksum."""
    packet = Ether(data)
    tcp = packet.getlayer(TCP)
    if tcp is None or str(tcp.flags).replace("E", "").replace("C", "") != ("SA" if ack else "S"):
        return None
    ip = packet[IP] if IP in packet else packet[IPv6]
    segment = data[14 + (ip.ihl * 4 if ip.version == 4 else 40):]
    assert checksum(pseudo_header(ip.src, ip.dst, 6, len(segment)) + segment) == 0xFFFF, "checksum"
    return dict(tcp.options).get("MSS")


def _tunnelled(data, ack):
    packet = decode(data)
    return _syn(packet.inner, ack) if packet and packet.inner else None


def _connect(one, two, address):
    """A connection from one host to another's address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as stack:
        ends = []
        for host in (two, one):
            with host.inside():
                ends.append(stack.enter_context(socket.socket(family, socket.SOCK_STREAM)))
            ends[-1].settimeout(DEADLINE)
        ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ends[0].bind((address, PORT))
        ends[0].listen(1)
        ends[1].connect((address, PORT))
        stack.enter_context(ends[0].accept()[0])


def _pair(lab, tunnel, family=4, offload="on", **fields):
    """Containers that believe in 1500; the underlay has whole packets with checksums, as on a wire."""
    pair = Pair(lab, ("weft", "weft"), family=family)
    for host in pair.hosts:
        host.ip("link set dev vnet0 mtu 1500")
        host.c.ip("link set dev eth0 mtu 1500")
        host.c.offload("eth0", offload)
        host.offload("eth0", "off")
    return pair.up(type=tunnel, **TUNNELS[tunnel][0], **fields)


class Seen:
    """What passes of connections: the SYN on the wire and at the far end, the SYN-ACK at the near one."""

    def __init__(self, pair):
        self.taps = [(Tap(pair.two, "eth0"), _tunnelled, False), (Tap(pair.two.c, "eth0"), _syn, False),
                     (Tap(pair.one.c, "eth0"), _syn, True)]

    def expect(self):
        return [tap.expect(lambda data, read=read, ack=ack: read(data, ack), what="SYN-ACK" if ack else "SYN")
                for tap, read, ack in self.taps]

    def forget(self):
        for tap, _, _ in self.taps:
            tap.drain()


@pytest.mark.parametrize("tunnel,family,offload", [
    ("vxlan", 4, "on"), ("vxlan", 4, "off"), ("vxlan", 6, "on"), ("geneve", 4, "on"), ("geneve", 6, "off"),
    ("gretap", 4, "on"), ("nvgre", 6, "off")])
def test_by_one_end_in_both_directions(lab, tunnel, family, offload):
    """Only the first host clamps: SYNs as they leave, SYN-ACKs as they come; with checksums done by either side."""
    pair = _pair(lab, tunnel, family, offload, one={"mss": "auto"})
    pair.one.c.ping(pair.two.c.address)
    seen = Seen(pair)
    overhead = TUNNELS[tunnel][1] + (20 if family == 6 else 0)
    for address, headers in ((pair.two.c.address, 40), (pair.two.c.address6, 60)):
        fits = 1500 - overhead - headers
        seen.forget()
        _connect(pair.one.c, pair.two.c, address)
        assert seen.expect() == [fits, fits, fits]
        tcp_transfer(pair.one.c, pair.two.c, address, size=1 << 20)
        tcp_transfer(pair.two.c, pair.one.c, address.replace("2", "1"), size=1 << 20)
    for host in pair.hosts:
        assert not {"mtu", "mtu_silent", "mtu_limit", "csum", "encap"} & set(host.weft.drops())
        assert "fragmented" not in {note["note"] for note in host.weft("notes")}


def test_it_is_set_live_and_follows_the_path(lab):
    pair = _pair(lab, "vxlan", one={"mss": "auto"})
    seen = Seen(pair)
    one = pair.one.weft

    def mss(words=None):
        if words:
            one("tunnel set t0", words)
        _connect(pair.one.c, pair.two.c, pair.two.c.address)
        found = seen.expect()
        assert len(set(found)) == 1
        return found[0]
    assert [mss(), mss("mss 1200"), mss("mss 64"), mss("mss off"), mss("mss 65495"), mss("mss auto")] == [
        1410, 1200, 64, 1460, 1460, 1410]
    [remote] = one.show("tunnel", "t0")["state"]["remotes"]
    learn_path_mtu(Slot(pair.one, "remotes", remote["id"]), 1300)
    assert mss() == 1210
    pair.one.ip("link set dev eth0 mtu 1400")
    wait_until(lambda: one.show("tunnel", "t0")["state"]["mtu"] == 1350, "the tunnel to follow")
    assert mss() == 1310


def test_a_syn_that_is_flooded(lab):
    """To nobody knows where, among other remotes: each gets its own."""
    pair = _pair(lab, "vxlan", one={"mss": "auto"})
    one, two = pair.hosts
    for host, other in ((one, two), (two, one)):
        host.c.ip(f"neigh add {other.c.address} lladdr {other.c.mac('eth0')} dev eth0 nud permanent")
    one.ip("route add 192.168.9.0/24 via 192.168.1.2 mtu 1300")
    one.weft("tunnel set t0 remote + 192.168.9.9")
    wire = Tap(two, "eth0")
    one.weft("fdb flush dev t0")
    _connect(one.c, two.c, two.c.address)
    found = {}
    wire.collect(lambda data: (packet := decode(data)) and (mss := _tunnelled(data, False))
                 and not found.update({packet.dst: mss}), 2)
    assert found == {"192.168.1.2": 1410, "192.168.9.9": 1210}


def test_l3(lab):
    """Out of the host by the tunnel's own device, and into it."""
    pair = Pair(lab, ("weft", "weft"))
    one, two = pair.hosts
    for host, other in ((one, two), (two, one)):
        host.offload("eth0", "off")
        host.weft(f"tunnel add t0 type gre local {host.underlay} remote {other.underlay} "
                  f"address 10.9.0.{host.number}/30")
    one.weft("tunnel set t0 mss 1111")
    wire, inside = Tap(two, "eth0"), Tap(one, "t0")
    _connect(one, two, "10.9.0.2")

    def on_wire(data):
        packet = decode(data)
        return packet and packet.inner and _syn(bytes(12) + b"\x08\x00" + packet.inner, False)
    assert wire.expect(on_wire, what="SYN") == 1111
    assert inside.expect(lambda data: _syn(data, True), what="SYN-ACK") == 1111
