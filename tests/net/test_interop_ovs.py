# SPDX-License-Identifier: GPL-2.0-only
"""weft on one side, Open vSwitch's userspace datapath on the other."""

import shutil

import pytest

from decode import decode
from lab import wait_until
from ovs import TOOLS
from pair import Pair
from tap import Tap
from traffic import tcp_transfer

pytestmark = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs openvswitch-switch")

KINDS = ("weft", "ovs")
# name -> options of the tunnel at both ends, and whether weft's packets have a checksum (IPv4, IPv6)
TUNNELS = {
    "vxlan": (dict(type="vxlan", id=1000), (False, True)),
    "vxlan-8472": (dict(type="vxlan", id=0xFFFFFF, dstport=8472), (False, True)),
    "vxlan-csum": (dict(type="vxlan", id=1000, udpcsum=True), (True, None)),
    "vxlan-zero6": (dict(type="vxlan", id=1000, udp6zerocsumtx=True, udp6zerocsumrx=True),
                    (None, False)),
    "geneve": (dict(type="geneve", id=77), (True, True)),
    "geneve-nocsum": (dict(type="geneve", id=77, udpcsum=False), (False, None)),
    "geneve-zero6": (dict(type="geneve", id=77, udp6zerocsumtx=True, udp6zerocsumrx=True),
                     (None, False)),
    "gre": (dict(type="gretap"), (False, False)),
    "gre-key": (dict(type="gretap", key=0xFFFFFFFF), (False, False)),
    "gre-key-0": (dict(type="gretap", key=0), (False, False)),
    "gre-csum": (dict(type="gretap", key=9, csum=True), (True, True)),
    "gre-seq": (dict(type="gretap", key=9, seq=True), (False, False)),
    # Open vSwitch computes the checksum before it writes the number, so it only gets such packets.
    "gre-all": (dict(type="gretap", key=9, csum=True, oseq=True), (True, True)),
}
CASES = [pytest.param(name, family, id=f"{name}-ipv{family}")
         for name, (_, csums) in TUNNELS.items() for family in (4, 6)
         if csums[family == 6] is not None]


@pytest.mark.parametrize("name, family", CASES)
def test_ping_and_tcp(lab, name, family):
    options, csums = TUNNELS[name]
    pair = Pair(lab, KINDS, family)
    cable = Tap(pair.two, "eth0")
    pair.up(**options)
    pair.ping()
    one, two = pair.one.c, pair.two.c
    for offload in ("off", "on"):  # of weft's container: single packets, then super-packets
        one.offload("eth0", offload)
        tcp_transfer(one, two, two.address, size=2 << 20)
        tcp_transfer(one, two, two.address6, size=2 << 20)
        tcp_transfer(two, one, one.address, size=2 << 20)
    _check_headers(cable, options, csums[family == 6])


def _check_headers(cable, options, csum):
    """What weft sent was what its tunnel says, also where a super-packet was cut."""
    sent = [packet for packet in map(decode, cable.drain()) if packet]
    assert len(sent) > 3000
    none = None if options["type"] == "gretap" else 0  # which in GRE is a checksum as any
    assert {packet.csum != none for packet in sent} == {csum}
    assert all(packet.csum_is_right() for packet in sent if csum)
    if options["type"] == "gretap":
        assert {packet.key for packet in sent} == {options.get("key")}
        numbers = [packet.seq for packet in sent]
        if options.get("seq") or options.get("oseq"):
            assert sorted(numbers) == list(range(len(numbers)))
        else:
            assert set(numbers) == {None}
    else:
        assert {packet.vni for packet in sent} == {options["id"]}


def _drops(pair, reason):
    """What Open vSwitch sends comes to nothing, and is counted under `reason`."""
    before = pair.one.weft.drops().get(reason, 0)

    def counted():
        assert not pair.two.c.ping(pair.one.c.address, timeout=1, check=False)
        return pair.one.weft.drops().get(reason, 0) > before
    wait_until(counted, f"drop {reason}")


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("key, other", [(1, 2), (None, 0), (0, None)])
def test_gre_keys_have_to_agree(lab, family, key, other):
    pair = Pair(lab, KINDS, family)
    pair.up(type="gretap", one={"key": key}, two={"key": other})
    _drops(pair, "key_mismatch")
    assert not pair.one.c.ping(pair.two.c.address, timeout=1, check=False)
    pair.delete()
    pair.tunnel(type="gretap", key=key)
    pair.ping()


# GENEVE options: (class, type, bytes) -> tun_metadata of Open vSwitch
TLVS = ("{class=0x102,type=0x80,len=4}->tun_metadata0,{class=0x102,type=3,len=8}->tun_metadata1,"
        "{class=0x103,type=1,len=4}->tun_metadata2,{class=0x103,type=0x81,len=8}->tun_metadata3")
CRITICAL, OTHER = "0x0102:0x80:0011aabb", "0x0102:0x03:0102030405060708"
WITH_BOTH = "tun_metadata0=0x11aabb,tun_metadata1=0x102030405060708"


def _reported(weft):
    """The options that weft says it saw last from the only remote of the tunnel."""
    [remote] = weft.show("tunnel", "t0")["state"]["remotes"]
    return remote.get("options")


def _flows(pair, accept, send=""):
    """Open vSwitch passes what matches `accept`, and sends with the actions `send`; no else."""
    switch = pair.two.switch
    switch.ofctl("del-flows", "br0")
    for flow in (f"in_port=t0,{accept},actions=output:vnet0",
                 f"in_port=vnet0,actions={send}output:t0"):
        switch.ofctl("add-flow", "br0", flow)


@pytest.fixture(params=[4, 6], ids=["ipv4", "ipv6"])
def tlv_pair(request, lab):
    """A pair whose Open vSwitch knows the options, with no tunnel yet."""
    pair = Pair(lab, KINDS, request.param)
    for end in pair.ends:
        end.bridge()
    pair.two.switch.ofctl("add-tlv-map", "br0", TLVS)
    return pair


def test_geneve_options_are_seen_at_both_ends(tlv_pair):
    pair = tlv_pair
    pair.tunnel(type="geneve", id=77, one={"option": [CRITICAL, OTHER]})
    _flows(pair, WITH_BOTH, "set_field:0x99887766->tun_metadata2,")
    pair.ping()
    wait_until(lambda: any(WITH_BOTH in flow and packets
                           for flow, packets in pair.two.switch.flows().items()), "flow to count")
    assert _reported(pair.one.weft) == ["0x0103:0x01:99887766"]
    for offload in ("off", "on"):  # every segment has the options, or it does not match
        pair.one.c.offload("eth0", offload)
        tcp_transfer(pair.one.c, pair.two.c, pair.two.c.address, size=2 << 20)
        tcp_transfer(pair.two.c, pair.one.c, pair.one.c.address, size=2 << 20)
    _flows(pair, "tun_metadata0=0x11aabc,tun_metadata1=0x102030405060708")
    assert not pair.one.c.ping(pair.two.c.address, timeout=1, check=False)


def test_geneve_options_of_an_fdb_entry(tlv_pair):
    pair = tlv_pair
    pair.tunnel(type="geneve", id=77, one={"optmax": 8})
    _flows(pair, "tun_metadata0=0xdeadbeef")
    mac = pair.two.c.mac("eth0")
    pair.one.c.ip(f"neigh add {pair.two.c.address} lladdr {mac} dev eth0 nud permanent")
    assert not pair.one.c.ping(pair.two.c.address, timeout=1, check=False)
    pair.one.weft(f"fdb replace {mac} dev t0 dst {pair.two.underlay} option 0x0102:0x80:deadbeef")
    pair.two.c.ip(f"neigh add {pair.one.c.address} lladdr {pair.one.c.mac('eth0')} dev eth0 "
                  "nud permanent")
    pair.one.c.ping(pair.two.c.address)


def test_geneve_match(tlv_pair):
    pair = tlv_pair
    pair.tunnel(type="geneve", id=77, one={"match": ["0x0103:0x81:1122334455667788"]})
    _flows(pair, "priority=1", "set_field:0x1122334455667788->tun_metadata3,")
    pair.ping()
    assert "opt_match" not in pair.one.weft.drops()
    for send in ("set_field:0x1122334455667789->tun_metadata3,", ""):
        _flows(pair, "priority=1", send)
        _drops(pair, "opt_match")


def test_geneve_critical_option_that_weft_does_not_know(tlv_pair):
    pair = tlv_pair
    pair.tunnel(type="geneve", id=77, one={"accept": ["0x0103:0x81:8"]})
    _flows(pair, "priority=1", "set_field:0x1122334455667788->tun_metadata3,")
    pair.ping()
    pair.one.weft("tunnel set t0 accept - 0x0103:0x81:8")
    _drops(pair, "opt_crit")


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("key", [None, 5])
def test_gre_without_ethernet(lab, family, key):
    """weft's device has a route to a container of Open vSwitch, which writes the MACs for it."""
    pair = Pair(lab, KINDS, family)
    one, two = pair.hosts
    two.end.bridge()
    two.end.tunnel(type="gre", local=two.underlay, remote=one.underlay, key=key)
    two.switch.vsctl("set interface t0 options:packet_type=legacy_l3")
    mac = two.c.mac("eth0")
    switch = two.switch
    switch.ofctl("del-flows", "br0")
    for flow in (f"in_port=t0,actions=set_field:{mac}->eth_dst,"
                 "set_field:02:00:00:00:00:99->eth_src,output:vnet0",
                 "in_port=vnet0,actions=output:t0"):
        switch.ofctl("add-flow", "br0", flow)
    for address in ("10.0.0.1", "fd00::1"):
        two.c.ip(f"neigh add {address} lladdr 02:00:00:00:00:99 dev eth0 nud permanent")
    one.end.tunnel(bridge=None, type="gre", local=one.underlay, remote=two.underlay, key=key)
    one.ip("link set t0 up")
    for address in ("10.0.0.1/24", "fd00::1/64 nodad"):
        one.ip(f"address add {address} dev t0")
    for address in (two.c.address, two.c.address6):
        one.ping(address, size=1300)
        tcp_transfer(one, two.c, address, size=2 << 20)
    for address in ("10.0.0.1", "fd00::1"):
        two.c.ping(address)
        tcp_transfer(two.c, one, address, size=2 << 20)
