# SPDX-License-Identifier: GPL-2.0-only
"""Underlay packets, built byte by byte, so that any field of the outer headers can be wrong.

    vxlan((mac_from, mac_to, "192.0.2.1", "192.0.2.2"), 1000, inner)
    geneve(outer, 77, inner, options=[geneve_option(0x102, 0x80, b"abcd")], version=1)
    gre(outer, inner, key=7, seq=0, csum=True, flags=0x4000)
    nvgre(outer, 5000, inner, flow=9)

The addresses say whether it is IPv4 or IPv6. `ip` and `udp` override fields of those headers (the
keywords of ipv4(), ipv6() and udp()); `keep=N` keeps the first N bytes of the tunnel header and what
is inside, with right lengths around; for a frame that ends too early, cut the bytes returned.
"""

import socket
import struct

AUTO = "auto"
ETHERNET, IPV4, IPV6 = 0x6558, 0x0800, 0x86DD  # protocol types of GENEVE and GRE
GRE_C, GRE_K, GRE_S = 0x8000, 0x2000, 0x1000
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS = 0, 43, 44, 60  # IPv6's extension headers


def family_of(address):
    return 6 if ":" in address else 4


def octets(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def mac_octets(mac):
    return bytes.fromhex(mac.replace(":", ""))


def checksum(data):
    """The Internet checksum (RFC 1071), not complemented."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo_header(src, dst, proto, length):
    """What UDP's checksum covers of the IP header; the same sum for IPv4 and IPv6."""
    return octets(src) + octets(dst) + struct.pack("!IHH", length, 0, proto)


def ipv4(src, dst, proto, payload, *, tos=0, ttl=64, id=0, flags=0, frag=0, options=b"",
         length=None, csum=None, version=4, ihl=None):
    """`flags` are the three bits (DF is 2, MF is 1), `frag` the offset in units of 8 bytes."""
    options = options.ljust((len(options) + 3) & ~3, b"\0")
    ihl = 5 + len(options) // 4 if ihl is None else ihl
    length = 20 + len(options) + len(payload) if length is None else length
    header = struct.pack("!BBHHHBBH4s4s", version << 4 | ihl, tos, length, id, flags << 13 | frag,
                         ttl, proto, 0, octets(src), octets(dst)) + options
    if csum is None:
        csum = 0xFFFF - checksum(header)
    return header[:10] + csum.to_bytes(2, "big") + header[12:] + payload


def ipv6(src, dst, proto, payload, *, tos=0, ttl=64, flow=0, extensions=(), length=None,
         version=6):
    """`extensions` are (header type, its bytes after the next-header byte) from outside in."""
    for kind, body in reversed(extensions):
        payload = bytes([proto]) + body + payload
        proto = kind
    length = len(payload) if length is None else length
    return struct.pack("!IHBB16s16s", version << 28 | tos << 20 | flow, length, proto, ttl,
                       octets(src), octets(dst)) + payload


def fragment_header(offset, more, id):
    """Of IPv6, as an extension of ipv6(); `offset` in bytes, a multiple of 8."""
    return struct.pack("!xHI", offset | more, id)


def ip(src, dst, proto, payload, **fields):
    return (ipv6 if family_of(dst) == 6 else ipv4)(src, dst, proto, payload, **fields)


def udp(src, dst, sport, dport, payload, *, csum=None, length=None):
    """`csum`: None to compute it, or a value."""
    length = 8 + len(payload) if length is None else length
    header = struct.pack("!HHHH", sport, dport, length, 0)
    if csum is None:
        data = pseudo_header(src, dst, 17, length) + (header + payload)[:max(length, 8)]
        csum = 0xFFFF - checksum(data) or 0xFFFF
    return header[:6] + csum.to_bytes(2, "big") + payload


def underlay(outer, proto, payload, **fields):
    """A frame with an IP packet of any protocol. `outer`: MAC from, MAC to, address from, to."""
    mac_src, mac_dst, src, dst = outer
    ethertype = IPV6 if family_of(dst) == 6 else IPV4
    return (mac_octets(mac_dst) + mac_octets(mac_src) + ethertype.to_bytes(2, "big")
            + ip(src, dst, proto, payload, **fields))


def _in_udp(outer, payload, dport, sport, csum, ip_fields, udp_fields):
    src, dst = outer[2:]
    udp_fields = {"csum": csum, **(udp_fields or {})}
    return underlay(outer, 17, udp(src, dst, sport, dport, payload, **udp_fields),
                    **(ip_fields or {}))


# VXLAN, RFC 7348 --------------------------------------------------------------------------


def vxlan_header(vni, flags=8, reserved24=0, reserved8=0):
    return struct.pack("!II", flags << 24 | reserved24, vni << 8 | reserved8)


def vxlan(outer, vni, inner, *, header=None, dport=4789, sport=50000, csum=AUTO, ip=None,
          udp=None, keep=None):
    """`csum`: None to compute it, or a value; by default zero over IPv4, computed over IPv6."""
    if csum == AUTO:
        csum = None if family_of(outer[3]) == 6 else 0
    payload = ((vxlan_header(vni) if header is None else header) + inner)[:keep]
    return _in_udp(outer, payload, dport, sport, csum, ip, udp)


# GENEVE, RFC 8926 -------------------------------------------------------------------------


def geneve_option(klass, kind, data=b"", reserved=0, length=None):
    """`length` is the field, in words; by default that of the data."""
    length = len(data) // 4 if length is None else length
    return struct.pack("!HBB", klass, kind, reserved << 5 | length) + data


def geneve_header(vni, options=(), *, version=0, optlen=None, control=0, critical=None,
                  reserved6=0, protocol=ETHERNET, reserved8=0):
    """`options` as geneve_option() gives them; `critical` is the C bit, by default as they say."""
    if critical is None:
        critical = any(option[2] & 0x80 for option in options)
    options = b"".join(options)
    optlen = len(options) // 4 if optlen is None else optlen
    return struct.pack("!BBHI", version << 6 | optlen, control << 7 | critical << 6 | reserved6,
                       protocol, vni << 8 | reserved8) + options


def geneve(outer, vni, inner, *, header=None, dport=6081, sport=50000, csum=AUTO, ip=None,
           udp=None, keep=None, options=(), **fields):
    """`fields` are geneve_header()'s. The checksum is computed by default."""
    if header is None:
        header = geneve_header(vni, options, **fields)
    return _in_udp(outer, (header + inner)[:keep], dport, sport, None if csum == AUTO else csum,
                   ip, udp)


# GRE, RFC 2784 and 2890; NVGRE, RFC 7637 ---------------------------------------------------


def gre_header(protocol=ETHERNET, *, key=None, seq=None, csum=False, flags=0, version=0,
               reserved1=0, payload=b""):
    """The fields that are given have their bit set; `flags` are more bits of the first two bytes.

    `csum`: False for none, True for that of this header and `payload`, or a value.
    """
    bits = flags | version | (GRE_C if csum is not False else 0)
    bits |= (GRE_K if key is not None else 0) | (GRE_S if seq is not None else 0)
    rest = b"".join(struct.pack("!I", field) for field in (key, seq) if field is not None)
    if csum is False:
        return struct.pack("!HH", bits, protocol) + rest
    value = 0 if csum is True else csum
    header = struct.pack("!HHHH", bits, protocol, value, reserved1) + rest
    if csum is True:
        value = 0xFFFF - checksum(header + payload)
        header = struct.pack("!HHHH", bits, protocol, value, reserved1) + rest
    return header


def gre(outer, inner, *, header=None, keep=None, ip=None, **fields):
    """`fields` are gre_header()'s."""
    if header is None:
        header = gre_header(payload=inner, **fields)
    return underlay(outer, 47, (header + inner)[:keep], **(ip or {}))


def nvgre(outer, vsid, inner, *, flow=0, **fields):
    fields.setdefault("key", vsid << 8 | flow)
    return gre(outer, inner, **fields)
