# SPDX-License-Identifier: GPL-2.0-only
"""Tenants' frames and packets, built with scapy."""

from scapy.config import conf

conf.ipv6_enabled = False
# pylint: disable=wrong-import-position
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

__all__ = ["ARP", "Dot1AD", "Dot1Q", "Ether", "ICMP", "IP", "IPv6", "Raw", "TCP", "UDP",
           "BROADCAST", "LLDP_MAC", "frame", "ip_packet", "mac_of"]

BROADCAST = "ff:ff:ff:ff:ff:ff"
LLDP_MAC = "01:80:c2:00:00:0e"


def mac_of(number):
    """A unicast MAC, locally administered."""
    return "02:00:00:%02x:%02x:%02x" % (number >> 16 & 255, number >> 8 & 255, number & 255)


def ip_packet(payload=b"weft", version=4, src=None, dst=None, sport=1000, dport=2000, tos=0,
              ttl=64, df=False):
    """A tenant's IP packet (scapy) with UDP in it; `version` 4 or 6, `tos` also is IPv6's class."""
    if isinstance(payload, str):
        payload = payload.encode()
    if version == 4:
        layers = IP(src=src or "10.0.0.1", dst=dst or "10.0.0.2", tos=tos, ttl=ttl,
                    flags="DF" if df else 0)
    else:
        layers = IPv6(src=src or "2001:db8:a::1", dst=dst or "2001:db8:a::2", tc=tos, hlim=ttl)
    return layers / UDP(sport=sport, dport=dport) / Raw(payload)


def frame(src, dst, payload=b"weft", tags=(), length=None, **packet):
    """A tenant's frame: IP and UDP, with a unique payload; `tags` as (tpid, vid) from outside in.

    `length` fills up to that many bytes, `packet` is what ip_packet() takes.
    """
    layers = Ether(src=src, dst=dst)
    for tpid, vid in tags:
        layers = layers / (Dot1AD if tpid == 0x88A8 else Dot1Q)(vlan=vid)
    if isinstance(payload, str):
        payload = payload.encode()
    if length:
        headers = 62 if packet.get("version") == 6 else 42
        payload = payload.ljust(length - headers - 4 * len(tags), b".")
    return bytes(layers / ip_packet(payload, **packet))
