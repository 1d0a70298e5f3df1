# SPDX-License-Identifier: GPL-2.0-only
"""Mutated packets from the underlay, judged by a second reading of the standards.

`good` says, from the bytes alone and by other code than the datapath's, whether a packet may be
delivered and learned from. The seed is fixed: a failure can be repeated.
"""

import random

from scapy.all import ARP, IP, UDP, Dot1Q, Ether, IPv6

from datapath import A, B, LOCAL, OUT, PASS, REDIRECT, REMOTE, SHOT, vxlan

ROUNDS = 10000


def addresses():
    return bytes(int(x) for x in REMOTE.split(".")), bytes(int(x) for x in LOCAL.split("."))


def ours(packet):
    """UDP over IPv4 to port 4789, not a later fragment: what the datapath looks at."""
    if len(packet) < 42 or packet[12:14] != b"\x08\x00" or packet[14] >> 4 != 4:
        return False
    if packet[:6] != bytes(6) and not packet[0] & 1:  # another host's MAC
        return False
    header = (packet[14] & 15) * 4
    if header < 20 or packet[23] != 17 or int.from_bytes(packet[20:22], "big") & 0x1fff:
        return False
    udp = 14 + header
    return len(packet) >= udp + 8 and packet[udp + 2:udp + 4] == (4789).to_bytes(2, "big")


def good(packet):
    """Is its inner frame to be believed? Only said of packets that are ours."""
    source, destination = addresses()
    udp = 14 + (packet[14] & 15) * 4
    total = int.from_bytes(packet[16:18], "big")
    length = int.from_bytes(packet[udp + 4:udp + 6], "big")
    header = packet[udp + 8:udp + 16]
    inner = packet[udp + 16:udp + length]
    if int.from_bytes(packet[20:22], "big") & 0x2000 or packet[26:34] != source + destination:
        return False
    if 14 + total > len(packet) or udp + length > 14 + total or length < 30:
        return False
    if not header[0] & 8 or header[4:7] != (1000).to_bytes(3, "big"):
        return False
    if packet[udp + 6:udp + 8] != b"\0\0":
        data = packet[26:34] + b"\0\x11" + packet[udp + 4:udp + 6] + packet[udp:udp + length]
        value = sum(int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big")
                    for i in range(0, len(data), 2))
        if value == 0 or value % 0xffff:
            return False
    return not (inner[6] & 1 or not any(inner[6:12]) or
                inner[12:14] in (b"\x81\x00", b"\x88\xa8") or ecn_drop(packet))


def to_a(packet):
    """For the host behind the port, and not claiming to be it."""
    inner = 14 + (packet[14] & 15) * 4 + 16
    host = bytes.fromhex(A.replace(":", ""))
    return packet[inner:inner + 6] == host != packet[inner + 6:inner + 12]


def ecn_drop(packet):
    """RFC 6040: CE on the outside, no ECN inside."""
    inner = 14 + (packet[14] & 15) * 4 + 16
    kind = packet[inner + 12:inner + 14]
    if packet[15] & 3 != 3 or kind not in (b"\x08\x00", b"\x86\xdd") or len(packet) < inner + 16:
        return False
    byte = packet[inner + 15] if kind == b"\x08\x00" else packet[inner + 15] >> 4
    return not byte & 3


def mutate(source, packet):
    packet = bytearray(packet)
    for _ in range(source.choice((0, 1, 1, 1, 2, 4))):
        where = source.randrange(min(len(packet), source.choice((14, 50, 80, 120))))
        packet[where] = source.choice((0, 0xff, packet[where] ^ 1 << source.randrange(8),
                                       source.randrange(256)))
    if source.random() < 0.1:
        del packet[source.randrange(42, len(packet)):]
    if source.random() < 0.1:
        packet += bytes(source.randrange(30))
    return bytes(packet)


def test_mutated_packets(dp):
    source = random.Random(7348)
    inner = [Ether(dst=A, src=B) / x for x in (
        IP(src="10.0.0.2", dst="10.0.0.1", tos=1) / UDP() / b"data", IPv6(tc=2) / UDP() / b"data",
        ARP(), Dot1Q(vlan=5) / IP() / b"tagged", b"")]
    seeds = [bytes(vxlan(x)) for x in inner]
    for packet in (vxlan(x) for x in inner[:3]):
        del packet[UDP].chksum
        seeds.append(bytes(packet))
    counts = dict.fromkeys((SHOT, REDIRECT, PASS), 0)
    for number in range(ROUNDS):
        packet = mutate(source, source.choice(seeds))
        # learned entries would make a second sending of the same frame something else
        for key in list(dp.items("fdb")):
            dp.delete("fdb", key)
        dp.fdb(A, port=OUT)
        try:
            verdict, out = dp.from_underlay(packet)
        except OSError:
            continue  # too short for the kernel's test run to take
        counts[verdict] += 1
        what = f"round {number}: {packet.hex()}"
        if not ours(packet):
            assert verdict == PASS and out == packet, what
        elif good(packet) and to_a(packet):
            assert verdict == REDIRECT, what
        else:
            assert verdict in (SHOT, PASS), what
        if not ours(packet) or not good(packet):
            assert len(list(dp.items("fdb"))) == 1, what
    assert sum(dp.drops().values()) == counts[SHOT]
    assert min(counts.values()) > ROUNDS / 100, counts
