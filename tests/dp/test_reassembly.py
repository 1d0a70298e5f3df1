# SPDX-License-Identifier: GPL-2.0-only
"""Outer fragments of GRE, and what weft-holder puts back of them, as the underlay program sees them."""

import ctypes
import struct

import pytest
from scapy.all import GRE, IP, UDP, Ether, IPv6, IPv6ExtHdrFragment

from abi import C, addr
from datapath import (A, B, LOCAL, OTHER, OUT, PASS, REDIRECT, REMOTE, SHOT, UNDERLAY_MAC, checked, lib,
                      vxlan)
from datapath import TestRun as Options

MARK = 0x77656666
SIX, SIX_REMOTE, SIX_OTHER = "2001:db8::1", "2001:db8::2", "2001:db8::3"


@pytest.fixture
def gre(dp):
    """Somebody takes GRE."""
    dp.set("listen", 0, 1)
    dp.set("addresses", addr(SIX), C.WEFT_ADDRESS_UNICAST)
    return dp


def run(dp, packet, mark=0):
    """Verdict, and the mark that the packet has then."""
    data = bytes(packet)
    buffer = ctypes.create_string_buffer(data, len(data))
    out = ctypes.create_string_buffer(len(data) + 256)
    before = ctypes.create_string_buffer(struct.pack("8xI", mark).ljust(192, b"\0"), 192)
    after = ctypes.create_string_buffer(192)
    found = lib.bpf_object__find_program_by_name(dp.object, b"weft_underlay")
    options = Options(sz=ctypes.sizeof(Options), data_in=ctypes.addressof(buffer),
                      data_out=ctypes.addressof(out), data_size_in=len(data),
                      data_size_out=len(out), ctx_in=ctypes.addressof(before), ctx_size_in=192,
                      ctx_out=ctypes.addressof(after), ctx_size_out=192, repeat=1)
    checked(lib.bpf_prog_test_run_opts(lib.bpf_program__fd(found), ctypes.byref(options)), "run")
    return options.retval, struct.unpack_from("I", after, 8)[0]


def fragment(v6, offset, more, destination=None, protocol=47):
    ethernet = Ether(dst=UNDERLAY_MAC, src="02:00:00:00:00:02")
    payload = b"\0\0\x65\x58" + b"x" * 60
    if v6:
        return (ethernet / IPv6(src=SIX_REMOTE, dst=destination or SIX) /
                IPv6ExtHdrFragment(nh=protocol, offset=offset, m=more, id=7) / payload)
    return (ethernet / IP(src=REMOTE, dst=destination or LOCAL, proto=protocol, frag=offset,
                          flags="MF" if more else 0, id=7) / payload)


@pytest.mark.parametrize("offset,more", [(0, 1), (100, 1), (100, 0)], ids=["first", "middle", "last"])
@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
def test_fragments_go_up_with_the_mark(gre, v6, offset, more):
    assert run(gre, fragment(v6, offset, more)) == (PASS, MARK)
    assert gre.drops() == {}


@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
def test_other_fragments_go_unmarked(gre, v6):
    assert run(gre, fragment(v6, 0, 1, SIX_OTHER if v6 else OTHER)) == (PASS, 0)  # forwarded
    assert run(gre, fragment(v6, 100, 0, protocol=50)) == (PASS, 0)
    gre.set("listen", 0, 0)
    assert run(gre, fragment(v6, 0, 1)) == (PASS, 0)


def whole(v6, destination=None, key=99):
    outer = (IPv6(src=SIX_REMOTE, dst=destination or SIX) if v6
             else IP(src=REMOTE, dst=destination or LOCAL))
    return (Ether(dst=UNDERLAY_MAC, src=UNDERLAY_MAC) / outer /
            GRE(proto=0x6558, key_present=1, key=key) / Ether() / IP() / UDP() / b"data")


@pytest.mark.parametrize("v6", [False, True], ids=["ipv4", "ipv6"])
def test_what_was_put_back_is_not_passed_on(gre, v6):
    """It came by lo with the mark, and no tunnel takes it. Without the mark it is for the host."""
    other = SIX_OTHER if v6 else OTHER
    assert run(gre, whole(v6))[0] == PASS
    assert run(gre, whole(v6), MARK)[0] == SHOT
    assert set(gre.drops().values()) == {2}
    assert run(gre, whole(v6, other))[0] == PASS
    assert run(gre, whole(v6, other), MARK)[0] == SHOT
    gre.set("listen", 0, 0)  # the last tunnel has gone meanwhile
    assert run(gre, whole(v6), MARK)[0] == SHOT
    assert set(gre.drops().values()) == {2}


def test_the_mark_ends_with_the_tunnel(gre):
    gre.fdb(A, port=OUT)
    inner = Ether(dst=A, src=B) / IP() / UDP() / b"data"
    assert run(gre, vxlan(inner), MARK) == (REDIRECT, 0)
    assert run(gre, vxlan(inner), 5) == (REDIRECT, 5)  # the host's own mark
