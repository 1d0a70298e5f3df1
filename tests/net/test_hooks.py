# SPDX-License-Identifier: GPL-2.0-only
"""Programs at the hooks of devices that go elsewhere."""

import hooks
from overlay import Overlay


def test_device_that_moves_to_another_namespace_is_left_alone(lab):
    """A program on tcx goes along, and must not bring what it sees there to the namespace it was loaded for."""
    one, two = Overlay(lab, ("weft", "weft")).up().hosts
    one.c.ping(two.c.address)
    guest = lab.host("guest")
    two.ip(f"link set dev eth0 netns {guest.netns}")
    guest.ip(f"address add {two.underlay}/24 dev eth0")
    guest.ip("link set dev eth0 up")
    guest.ping(one.underlay)
    assert not one.c.ping(two.c.address, check=False, timeout=2)
    before = two.weft("stats")
    one.c.ping(two.c.address, check=False, timeout=2)
    assert two.weft("stats") == before
    # the frames did reach the device, and the host behind it
    assert guest.run("nstat", "-asz", "UdpNoPorts").stdout.split()[-2] != "0"


def test_kind(lab):
    """tcx wherever the kernel has it; nothing of weft's is on clsact then."""
    one, _ = Overlay(lab, ("weft", "weft")).up().hosts
    kinds = {dev["dev"]: dev["hook"] for dev in one.weft("status")["underlay"]}
    for dev, kind in kinds.items():
        found = hooks.tcx(one, dev) if kind == "tcx" else hooks.clsact(one, dev)
        assert set(hooks.programs(one, dev).values()) <= set(found) and found
