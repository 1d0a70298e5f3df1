# SPDX-License-Identifier: GPL-2.0-only
"""weftd is killed and started again under tunnels with a state of their own: options, sequence numbers, L3 devices, IPv6."""

import pytest

from decode import decode
from lab import wait_until
from pair import Pair
from snapshot import loaded, programs, snapshot
from tap import Tap
from traffic import NumberedUdp

OWN, ENTRY = "0x0102:0x01:00112233", "0x0103:0x02:aabbccddeeff0011"
TUNNELS = {
    "geneve": {"type": "geneve", "id": 77, "optmax": 12, "option": [OWN], "accept": ["0x0103:0x02:8"]},
    "gretap": {"type": "gretap", "key": 9, "seq": True, "csum": True},
    "vxlan": {"type": "vxlan", "id": 77},
    "gre": {"type": "gre", "key": 9, "seq": True},
    "geneve-l3": {"type": "geneve", "id": 77, "innerprotoinherit": True, "option": [OWN]},
}
ROUTED = ("gre", "geneve-l3")


def _routed(pair, options):
    """The tunnel as a device with addresses, by which the hosts themselves reach each other."""
    pair.tunnel(bridge=None, **options)
    for host in pair.hosts:
        host.ip(f"address add 10.7.0.{host.number}/24 dev t0")
        host.ip(f"address add fd07::{host.number}/64 dev t0 nodad")
    return [(pair.one, pair.two, "10.7.0.2"), (pair.two, pair.one, "fd07::1")]


def _bridged(pair, options):
    """With an entry of its own for the far container, with other options where there are some."""
    pair.up(**options).ping()
    if options["type"] == "geneve":
        pair.one.weft(f"fdb replace {pair.two.c.mac('eth0')} dev t0 dst {pair.two.underlay} option {ENTRY}")
    return [(pair.one.c, pair.two.c, pair.two.c.address), (pair.two.c, pair.one.c, pair.one.c.address6)]


def _entries(weft):
    return sorted((entry["mac"], entry["dev"], entry.get("dst"), entry["state"], str(entry.get("option")))
                  for entry in weft.fdb())


def _remotes(weft):
    return sorted((remote["addr"], remote["id"], str(remote.get("option")), str(remote.get("options")))
                  for remote in weft.show("tunnel", "t0")["state"]["remotes"])


@pytest.fixture(params=[4, 6], ids=["over-ipv4", "over-ipv6"])
def pair(request, lab):
    return Pair(lab, ("weft", "weft"), family=request.param)


@pytest.mark.parametrize("tunnel", TUNNELS)
def test_killed_under_traffic(pair, tunnel):
    ways = (_routed if tunnel in ROUTED else _bridged)(pair, TUNNELS[tunnel])
    weft = pair.one.weft
    for sender, _, address in ways:
        sender.ping(address)
    flows = [NumberedUdp(*way) for way in ways]
    assert all(flow.passing() for flow in flows)
    config, fdb, remotes, drops = weft.save(), _entries(weft), _remotes(weft), weft.drops()
    wire = Tap(pair.two, "eth0")
    for restart in (weft.kill, weft.stop, weft.kill):
        restart()
        assert all(flow.passing() for flow in flows)
        weft.start()
        assert all(flow.passing() for flow in flows)
    assert [flow.lost() for flow in flows] == [[], []]
    assert (_entries(weft), _remotes(weft), weft.drops()) == (fdb, remotes, drops)
    assert weft.apply(config) == [] and weft.save() == config
    sent = [packet for packet in map(decode, wire.drain()) if packet]
    assert len(sent) > 60
    _header_went_on(sent, tunnel)


def _header_went_on(sent, tunnel):
    """Numbers without a gap, and the same options all the time."""
    if TUNNELS[tunnel].get("seq"):
        assert [packet.seq for packet in sent] == [*range(sent[0].seq, sent[0].seq + len(sent))]
        assert sent[0].seq > 0
        assert {packet.key for packet in sent} == {9}
    seen = {":".join((f"{option.klass:#06x}", f"{option.kind:#04x}", option.data.hex()))
            for packet in sent for option in packet.options}
    if tunnel == "geneve":
        assert ENTRY in seen and seen <= {ENTRY, OWN}
    if tunnel == "geneve-l3":
        assert seen == {OWN} and all(packet.options for packet in sent)


@pytest.mark.parametrize("tunnel", ["geneve", "gretap", "gre"])
def test_nothing_stays_behind(pair, tunnel):
    """Devices, filters, sockets, processes, after a restart, too."""
    host = pair.one
    before = snapshot(host)
    ways = (_routed if tunnel in ROUTED else _bridged)(pair, TUNNELS[tunnel])
    for sender, _, address in ways:
        sender.ping(address)
    assert host.has("weft-split") and host.has("weft-cut")
    attached = programs(host)
    host.weft.kill()
    host.weft.start()
    attached |= programs(host)
    host.weft.apply({})
    after = snapshot(host)
    for state in (before, after):
        state.pop("processes")
    assert after == before
    host.weft.stop()
    assert not snapshot(host)["processes"]
    wait_until(lambda: not loaded(attached), "programs to be gone")


def test_known_options_are_known_afterwards(pair):
    """What is demanded, what is accepted though critical, and what the far end was seen to send."""
    critical, demanded = "0x0104:0x81:01020304", "0x0105:0x01:0a0b0c0d"
    pair.up(type="geneve", id=77, one={"accept": ["0x0104:0x81:4"], "match": [demanded]},
            two={"option": [critical, demanded]}).ping()
    weft = pair.one.weft
    remotes, drops = _remotes(weft), weft.drops()
    assert critical in str(remotes)
    weft.kill()
    weft.start()
    pair.ping()
    assert (_remotes(weft), weft.drops()) == (remotes, drops)
    weft.kill()
    pair.two.weft(f"tunnel set t0 option {critical}")
    weft.start()
    assert not pair.two.c.ping(pair.one.c.address, check=False, timeout=1)
    assert weft.drops()["opt_match"] >= 1
    weft("tunnel set t0 match - " + demanded)
    pair.two.c.ping(pair.one.c.address)
    weft("tunnel set t0 accept - 0x0104:0x81:4")
    assert not pair.two.c.ping(pair.one.c.address, check=False, timeout=1)
    assert weft.drops()["opt_crit"] >= 1
