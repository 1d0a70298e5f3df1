# SPDX-License-Identifier: GPL-2.0-only
"""Packets of every encapsulation, byte by byte from the standards. Nothing here knows of the datapath."""

import socket
import struct

UDP, GRE, HOP_BY_HOP, FRAGMENT, DESTINATION = 17, 47, 0, 44, 60
ETHERNET, IPV4, IPV6 = 0x6558, 0x0800, 0x86dd


def total(data):
    """RFC 1071: the sum, not complemented."""
    value = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1]))
    if len(data) & 1:
        value += data[-1] << 8
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return value


def raw(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ethernet(dst, src, kind, payload=b""):
    return mac(dst) + mac(src) + struct.pack("!H", kind) + payload


def ipv4(src, dst, protocol, payload, tos=0, ttl=64, ident=0, fragment=0x4000, options=b"", length=None):
    header = struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, tos,
                         20 + len(options) + len(payload) if length is None else length, ident, fragment,
                         ttl, protocol, 0, raw(src), raw(dst)) + options
    return header[:10] + struct.pack("!H", 0xffff ^ total(header)) + header[12:] + payload


def ipv6(src, dst, protocol, payload, tos=0, ttl=64, label=0, length=None):
    return struct.pack("!IHBB16s16s", 6 << 28 | tos << 20 | label, len(payload) if length is None else length,
                       protocol, ttl, raw(src), raw(dst)) + payload


def ip(src, dst, protocol, payload, **fields):
    return (ipv6 if ":" in src else ipv4)(src, dst, protocol, payload, **fields)


def pseudo(src, dst, length):
    if ":" in src:
        return raw(src) + raw(dst) + struct.pack("!IxxxB", length, UDP)
    return raw(src) + raw(dst) + struct.pack("!xBH", UDP, length)


def udp(src, dst, sport, dport, payload, check=None, length=None):
    """`check`: None is the right one."""
    length = 8 + len(payload) if length is None else length
    header = struct.pack("!HHHH", sport, dport, length, 0)
    if check is None:
        check = 0xffff ^ total(pseudo(src, dst, length) + header + payload) or 0xffff
    return header[:6] + struct.pack("!H", check) + payload


def extension(following, words=0):
    """Hop-by-hop or destination options of 8 + 8 * `words` bytes, all of them padding (RFC 8200 4.2)."""
    left = 6 + 8 * words
    body = b""
    while left > 1:
        size = min(left, 257)
        if left - size == 1:
            size -= 1
        body += bytes([1, size - 2]) + bytes(size - 2)
        left -= size
    return bytes([following, words]) + body


def vxlan(vni, payload, flags=8):
    return struct.pack("!BxxxI", flags, vni << 8) + payload


def option(kind, data=b"", group=0x0102, reserved=0):
    """RFC 8926 3.5; `kind` of 0x80 and above is critical."""
    return struct.pack("!HBB", group, kind, reserved << 5 | len(data) // 4) + data


def geneve(vni, payload, options=b"", protocol=ETHERNET, version=0, control=0, critical=None, words=None):
    """`critical`: None is what the options say."""
    if critical is None:
        critical = any(kind & 0x80 for kind in option_types(options))
    return struct.pack("!BBHI", version << 6 | (len(options) // 4 if words is None else words),
                       control << 7 | critical << 6, protocol, vni << 8) + options + payload


def option_types(options):
    found = []
    while len(options) >= 4:
        found.append(options[2])
        options = options[4 + 4 * (options[3] & 31):]
    return found


def gre(payload, protocol=ETHERNET, key=None, checksum=False, sequence=None, flags=0, reserved1=0):
    """RFC 2784, RFC 2890. `checksum`: True is the right one, a number is that one."""
    present = checksum is not False
    flags |= present << 15 | (key is not None) << 13 | (sequence is not None) << 12
    rest = b"" if key is None else struct.pack("!I", key)
    rest += b"" if sequence is None else struct.pack("!I", sequence)
    first = struct.pack("!HH", flags, protocol)
    if not present:
        return first + rest + payload
    value = checksum
    if checksum is True:
        value = 0xffff ^ total(first + struct.pack("!HH", 0, reserved1) + rest + payload)
    return first + struct.pack("!HH", value, reserved1) + rest + payload


def nvgre(vsid, payload, flow=0):
    return gre(payload, key=vsid << 8 | flow)
