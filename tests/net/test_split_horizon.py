# SPDX-License-Identifier: GPL-2.0-only
"""Three hosts and more, in a full mesh and with a group: no loop, no storm, no duplicate."""

import pytest

from decode import decode
from frames import BROADCAST, frame, mac_of
from overlay import Overlay
from tap import Tap

GROUP = {"group": "239.1.1.1", "dev": "eth0"}


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("tunnel", [{}, GROUP], ids=["mesh", "group"])
def test_one_copy_for_everybody(lab, count, tunnel):
    overlay = Overlay(lab, ["weft"] * count).up(**tunnel)
    overlay.ping_all()  # the next hops are known, and everybody has been heard of
    taps = [Tap(host.c, "eth0") for host in overlay.hosts]
    wires = [Tap(overlay.lan.host, host.name) for host in overlay.hosts]
    for dst in (BROADCAST, "01:00:5e:01:02:03", mac_of(0x77)):
        for number, tap in enumerate(taps):
            raw = frame(mac_of(0x100 + number), dst, f"{number} {dst}")
            tap.send(raw)
            for other in taps:
                if other is not tap:
                    other.expect(raw)
            # A storm or a second copy would be on the wire before what is sent after it.
            marker = frame(mac_of(0x100 + number), BROADCAST, f"marker {number} {dst}")
            tap.send(marker)
            for other in taps:
                if other is not tap:
                    other.expect(marker)
            assert not [data for other in taps for data in other.drain() if data in (raw, marker)]
            carried = [packet for wire in wires for packet in map(decode, wire.drain()) if packet]
            expected = 2 if tunnel else 2 * (count - 1)
            assert len(carried) == expected, f"{len(carried)} packets on the underlay"
    for host in overlay.hosts:
        assert "loop" not in host.weft.drops()


def test_what_came_by_a_tunnel_is_not_sent_into_another(lab):
    """Two tunnels on one bridge: hosts 1 and 3 both know host 2 only."""
    overlay = Overlay(lab, ["weft"] * 3)
    one, two, three = overlay.hosts
    for host in overlay.hosts:
        host.weft("bridge add br0")
        host.weft("port add vnet0 bridge br0")
    for host, peer in ((one, two), (three, two), (two, one), (two, three)):
        host.weft(f"tunnel add v{peer.number} bridge br0 type vxlan id {100 + one.number} "
                  f"local {host.underlay} remote {peer.underlay}"
                  if peer is one or host is one else
                  f"tunnel add v{peer.number} bridge br0 type vxlan id 200 "
                  f"local {host.underlay} remote {peer.underlay}")
    taps = [Tap(host.c, "eth0") for host in overlay.hosts]
    hello = frame(mac_of(1), BROADCAST, "hello")
    taps[0].send(hello)
    taps[1].expect(hello)
    marker = frame(mac_of(2), BROADCAST, "marker")
    taps[1].send(marker)
    for tap in (taps[0], taps[2]):
        tap.expect(marker)
    assert hello not in taps[2].drain()
    # Not by an entry either: host 3 is behind v3, and a frame for it comes in by v1.
    answer = frame(mac_of(3), BROADCAST, "answer")
    taps[2].send(answer)
    taps[1].expect(answer)
    taps[0].send(frame(mac_of(1), mac_of(3), "through"))
    after = frame(mac_of(1), BROADCAST, "after")
    taps[0].send(after)
    taps[1].expect(after)
    assert two.weft.drops().get("split_horizon") == 1
