# SPDX-License-Identifier: GPL-2.0-only
"""The API's `inject`: a frame enters at a port as if it had come from there. Nothing else can."""

import json
import socket
import time

import pytest

import encap
from frames import frame, mac_of
from overlay import Overlay
from tap import Tap

SOURCE, OTHER = mac_of(0xA1), mac_of(0xB1)


def call(weft, **params):
    """One call of the API, by its socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(weft.rundir / "weft.sock"))
        sock.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "inject", "params": params}).encode() + b"\n")
        return json.loads(sock.makefile("rb").readline())


def sent(weft, data, **more):
    reply = call(weft, packet=bytes(data).hex(), **more)
    assert reply.get("result") == {"sent": 1}, reply


def _overlay(lab):
    made = Overlay(lab, ["weft", "weft"]).up()
    made.one, made.two = made.hosts
    made.tap = Tap(made.two.c, "eth0")
    return made


@pytest.fixture
def overlay(lab):
    return _overlay(lab)


@pytest.fixture(scope="module")
def unchanged(module_lab):
    """An overlay that nothing is sent through."""
    return _overlay(module_lab)


def test_it_goes_where_a_frame_of_the_port_goes(overlay):
    weft = overlay.one.weft
    data = frame(SOURCE, overlay.two.c.mac("eth0"), payload="probe")
    sent(weft, data, port="vnet0")
    overlay.tap.expect(bytes(data), what="the frame")
    entry, = weft.fdb(f"mac {SOURCE}")
    assert entry["dev"] == "vnet0"
    stats = weft.stats()
    assert stats["ports"]["vnet0"]["rx_packets"] >= 1 and stats["tunnels"]["vxlan0"]["tx_packets"] >= 1


def test_from_an_internal_port(overlay):
    weft = overlay.one.weft
    weft("port add in0 bridge br0 type internal")
    data = frame(overlay.one.mac("in0"), overlay.two.c.mac("eth0"), payload="probe")
    sent(weft, data, port="in0")
    overlay.tap.expect(bytes(data), what="the frame")


@pytest.mark.parametrize("length", (60, 1000, 1464))
def test_longer_than_what_is_given(overlay, length):
    data = encap.mac_octets(overlay.two.c.mac("eth0")) + encap.mac_octets(SOURCE) + b"\x88\xb5probe"
    sent(overlay.one.weft, data, port="vnet0", length=length)
    overlay.tap.expect(data.ljust(length, b"\0"), what="the frame with zeros")


def test_a_tag_is_taken_like_that_of_a_frame(overlay):
    for host in overlay.hosts:
        host.weft("tunnel set vxlan0 innervlan")
    data = (encap.mac_octets(overlay.two.c.mac("eth0")) + encap.mac_octets(SOURCE) + b"\x81\0\0\x07\x88\xb5"
            + b"tagged".ljust(60))
    sent(overlay.one.weft, data, port="vnet0")
    overlay.tap.expect(data, what="the frame with its tag")


GOOD = frame(SOURCE, OTHER, payload="probe")


@pytest.mark.parametrize("params, said", (
    ({}, "port"), ({"port": "vnet9", "packet": bytes(GOOD).hex()}, "vnet9"),
    ({"port": "vxlan0", "packet": bytes(GOOD).hex()}, "vxlan0"), ({"port": "eth0", "packet": bytes(GOOD).hex()}, "eth0"),
    ({"port": "vnet0"}, "packet"), ({"port": "vnet0", "packet": ""}, "packet"), ({"port": "vnet0", "packet": "0"}, "packet"),
    ({"port": "vnet0", "packet": "zz" * 20}, "packet"), ({"port": "vnet0", "packet": "00" * 13}, "packet"),
    ({"port": "vnet0", "packet": "00" * 2049}, "packet"), ({"port": "vnet0", "packet": 7}, "packet"),
    ({"port": "vnet0", "packet": "00" * 20, "length": 19}, "length"),
    ({"port": "vnet0", "packet": "00" * 20, "length": 9235}, "length"),
    ({"port": "vnet0", "packet": "00" * 20, "length": "60"}, "length"),
    ({"port": "vnet0", "packet": "00" * 20, "count": 60}, "count")))
def test_refused(unchanged, params, said):
    reply = call(unchanged.one.weft, **params)
    assert "error" in reply and said in reply["error"]["message"], reply


def test_a_port_that_is_down(overlay):
    overlay.one.ip("link set vnet0 down")
    assert "down" in call(overlay.one.weft, port="vnet0", packet=bytes(GOOD).hex())["error"]["message"]
    overlay.one.ip("link del vnet0")
    assert "gone" in call(overlay.one.weft, port="vnet0", packet=bytes(GOOD).hex())["error"]["message"]


def test_it_is_limited(overlay):
    """Never more than 64 at once and 1000 a second, however fast a client asks."""
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "inject",
                       "params": {"port": "vnet0", "packet": bytes(GOOD).hex()}}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(overlay.one.weft.rundir / "weft.sock"))
        stream = sock.makefile("rb")
        replies = []
        start = time.monotonic()
        for _ in range(40):
            sock.sendall(line * 100)
            replies += [json.loads(stream.readline()) for _ in range(100)]
        seconds = time.monotonic() - start
    refused = [reply for reply in replies if "error" in reply]
    assert all("frames a second" in reply["error"]["message"] for reply in refused)
    assert len(replies) - len(refused) <= 64 + 1000 * seconds + 1
    assert overlay.one.weft.stats()["ports"]["vnet0"]["rx_packets"] >= len(replies) - len(refused)
