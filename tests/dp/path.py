# SPDX-License-Identifier: GPL-2.0-only
"""A tunnel of any type over either version of IP: its objects in the datapath, and the packets of both ends."""

import wire
from abi import U8, U32, C, Options, Peer, PeerKey, Port, Remote, Tunnel, VniKey, addr, mac
from datapath import (A, B, BRIDGE, LO, LOCAL, NEXT_HOP, OTHER, OUT, OWN, PASS, PEER, PROTOTYPE, REDIRECT, REMOTE,
                      SHOT, TUNNEL, UNDERLAY_MAC, ticks)

SIX, SIX_REMOTE, SIX_OTHER = "2001:db8::1", "2001:db8::2", "2001:db8::3"
TYPES = {"vxlan": 1, "geneve": 2, "gretap": 3, "gre": 4, "nvgre": 5}
PORTS = {"vxlan": 4789, "geneve": 6081}
NO_KEY, KEY, ANY_KEY = 0, 1, 2  # enum weft_gre_key
LISTEN = {"gretap": 1 | 8, "gre": 1, "nvgre": 1 | 2}  # WEFT_LISTEN_*
DEVICE, DEVICE_MAC = 3, "0a:00:00:00:00:33"  # of an L3 tunnel

ALL = [(kind, v6) for kind in (*TYPES, "geneve-l3") for v6 in (False, True)]
IDS = [f"{kind}-{'ipv6' if v6 else 'ipv4'}" for kind, v6 in ALL]


def frame(size=20, dst=A, src=B, tos=0, ttl=64):
    """Ethernet, IPv4 and UDP with `size` bytes, checksums right."""
    data = bytes(i * 7 % 251 for i in range(size))
    inner = wire.udp("10.0.0.2", "10.0.0.1", 9, 7, data)
    return wire.ethernet(dst, src, wire.IPV4,
                         wire.ipv4("10.0.0.2", "10.0.0.1", wire.UDP, inner, tos=tos, ttl=ttl, fragment=0))


def frame6(size=20, dst=A, src=B, tos=0, ttl=64):
    inner = wire.udp("fd00::2", "fd00::1", 9, 7, bytes(i * 7 % 251 for i in range(size)))
    return wire.ethernet(dst, src, wire.IPV6, wire.ipv6("fd00::2", "fd00::1", wire.UDP, inner, tos=tos, ttl=ttl))


def prepare(dp):
    """What every path needs: a bridge, its ports, A behind port OUT and B behind the remote."""
    dp.ports()
    for address in (LOCAL, SIX):
        dp.set("addresses", addr(address), C.WEFT_ADDRESS_UNICAST)


class Path:
    def __init__(self, dp, kind, v6=False, key=1000, number=TUNNEL, peer=PEER, **settings):
        """`key`: VNI, VSID or GRE key; None is none, "any" is any. `settings` are those of write()."""
        self.dp, self.v6, self.key, self.number, self.peer = dp, v6, key, number, peer
        self.l3 = kind in ("gre", "geneve-l3")
        self.kind = kind.removesuffix("-l3")
        self.gre = self.kind not in PORTS
        self.port = PORTS.get(self.kind, 0)
        self.local, self.remote = (SIX, SIX_REMOTE) if v6 else (LOCAL, REMOTE)
        self.other = SIX_OTHER if v6 else OTHER
        prepare(dp)
        dp.fdb(A, port=OUT)
        if self.l3:
            dp.set("ports", DEVICE, Port(ifindex=LO, bridge=BRIDGE, flags=C.WEFT_PORT_UP | C.WEFT_PORT_L3,
                                         mac=mac(DEVICE_MAC), remote=peer))
            dp.set("devices", LO, DEVICE)
        else:
            dp.fdb(B, remote=peer)
        if self.gre:
            listen = dp.get("listen", 0).value
            dp.set("listen", 0, listen | LISTEN[kind] | (4 if key == "any" else 0))
        else:
            dp.set("listen", self.port, TYPES[self.kind])
        self.write(**settings)
        self.take(self.local, self.remote, peer)

    # the datapath's objects

    def write(self, flags=0, without=0, remote_flags=0, template=None, ip=None, options=b"", mtu=1500, **fields):
        """Tunnel and remote: what differs from a tunnel with every default. `template`: of the tunnel header."""
        flags |= C.WEFT_TUNNEL_LEARNING | C.WEFT_TUNNEL_CSUM_RX | C.WEFT_TUNNEL_OPTIONS
        flags |= C.WEFT_TUNNEL_L3 if self.l3 else 0
        self.dp.set("tunnels", self.number, Tunnel(**{
            "bridge": BRIDGE, "vni": self.key if isinstance(self.key, int) else 0, "flags": flags & ~without,
            "ageing": ticks(300), "prototype": (U32 * 2)(PROTOTYPE, 0), "type": TYPES[self.kind],
            "srcport_min": 49152, "srcport_range": 16383, "local": addr(self.local), "options_max": 252,
            "port": DEVICE if self.l3 else 0, **fields}))
        header = self.template(template or {}, ip or {}, options)
        remote_flags |= C.WEFT_REMOTE_RESOLVED | (C.WEFT_REMOTE_L3 if self.l3 else 0)
        remote_flags |= (C.WEFT_REMOTE_IPV6 if self.v6 else 0) | (C.WEFT_REMOTE_GRE if self.gre else 0)
        ethernet = wire.ethernet(NEXT_HOP, OWN, wire.IPV6 if self.v6 else wire.IPV4)
        # BPF_F_ADJ_ROOM_FIXED_GSO, ENCAP_L3_IPV4 or _IPV6, ENCAP_L4_GRE or _UDP, ENCAP_L2_ETH
        room = 1 | (4 if self.v6 else 2) | (8 if self.gre else 16) | (0 if self.l3 else 64)
        place = 4
        place += 4 if (template or {}).get("checksum") is not None else 0
        place += 4 if self.key not in (None, "any") else 0
        self.dp.set("remotes", self.peer, Remote(
            tunnel=self.number, flags=remote_flags, ifindex=LO, mtu=mtu, header_len=len(header),
            options_len=len(options), room=room, addr=addr(self.remote), header=(U8 * 56)(*header),
            sequence=(40 if self.v6 else 20) + place if self.gre else 0, ethernet=(U8 * 14)(*ethernet)))
        if options:
            self.dp.set("options", self.peer, Options(len=len(options), bytes=(U8 * 252)(*options)))

    def template(self, tunnel, ip, options):
        """The outer header from the IP header on, as abi/datapath.h wants it."""
        protocol = 0 if self.l3 else wire.ETHERNET
        if self.kind == "geneve":
            inner = wire.geneve(self.key, b"", options, **{"protocol": protocol, **tunnel})[:8]
        elif self.gre:
            inner = self.header(b"", **{"protocol": protocol, **tunnel})
        else:
            inner = self.header(b"", **tunnel)
        if not self.gre:
            inner = wire.udp(self.local, self.remote, 0, self.port, inner, check=0, length=0)
        header = wire.ip(self.local, self.remote, wire.GRE if self.gre else wire.UDP, inner,
                         **{"length": 0, **ip})
        if not self.v6:
            without = header[:10] + b"\0\0" + header[12:20]
            header = header[:10] + wire.total(without).to_bytes(2, "big") + header[12:]
        return header

    def take(self, local, remote, number, form=None, count=True):
        """An entry of `peers`: who may send to the tunnel."""
        if form is None:
            form = self.port or {None: NO_KEY, "any": ANY_KEY}.get(self.key, KEY)
        key = {"vni": self.key if isinstance(self.key, int) else 0, "port": form, "type": TYPES[self.kind]}
        self.dp.set("peers", PeerKey(local=addr(local), remote=addr(remote), **key),
                    Peer(tunnel=self.number, remote=number))
        if count:
            self.dp.set("vnis", VniKey(**key), 1)

    # packets

    def payload(self, size=20, six=False, **fields):
        """What the tunnel carries."""
        made = (frame6 if six else frame)(size, **fields)
        return made[14:] if self.l3 else made

    def header(self, payload, **fields):
        """The payload behind a tunnel header."""
        if self.kind == "vxlan":
            return wire.vxlan(self.key, payload, **fields)
        protocol = wire.ETHERNET
        if self.l3:
            protocol = wire.IPV6 if payload[:1] and payload[0] >> 4 == 6 else wire.IPV4
        fields = {"protocol": protocol, **fields}
        if self.kind == "geneve":
            return wire.geneve(self.key, payload, **fields)
        key = self.key if isinstance(self.key, int) else None
        return wire.gre(payload, **{"key": key << 8 if self.kind == "nvgre" else key, **fields})

    def packet(self, payload, src=None, dst=None, tunnel=None, udp=None, ip=None, outward=False, before=(),
               whole=None):
        """
        What the remote sends, or (`outward`) what weft does. `before`: extension headers, each (protocol, 8-byte
        words behind the first). `whole`: UDP or GRE header and all behind it.
        """
        ends = (self.local, self.remote) if outward else (self.remote, self.local)
        src, dst = src or ends[0], dst or ends[1]
        if whole is None:
            whole = self.header(payload, **(tunnel or {}))
            if not self.gre:
                whole = wire.udp(src, dst, payload=whole, **{"sport": 50000, "dport": self.port, **(udp or {})})
        protocol = wire.GRE if self.gre else wire.UDP
        for kind, words in reversed(before):
            if kind == wire.FRAGMENT:  # one that is whole (RFC 6946)
                whole = bytes([protocol, 0, 0, 0, 0, 0, 0, 9]) + whole
            else:
                whole = wire.extension(protocol, words) + whole
            protocol = kind
        macs = (NEXT_HOP, OWN) if outward else (UNDERLAY_MAC, NEXT_HOP)
        return wire.ethernet(*macs, wire.IPV6 if self.v6 else wire.IPV4,
                             wire.ip(src, dst, protocol, whole, **(ip or {})))

    # what the datapath does

    def delivery(self, payload):
        """The bytes that come out for this payload."""
        if not self.l3:
            return payload
        return wire.ethernet(DEVICE_MAC, DEVICE_MAC, wire.IPV6 if payload[0] >> 4 == 6 else wire.IPV4, payload)

    def delivered(self, packet, payload=None):
        verdict, out = self.dp.from_underlay(packet)
        assert verdict == REDIRECT, (verdict, self.dp.drops())
        if payload is not None:
            assert out == self.delivery(payload)

    def counted(self):
        return sum(self.dp.drops().values())

    def dropped(self, packet, reason, tunnel=TUNNEL, verdict=SHOT):
        """Counted once, under that reason, and nothing learned; the next good packet passes."""
        before, entries = self.dp.drops(), {bytes(k) for k in self.dp.items("fdb")}
        result, out = self.dp.from_underlay(packet)
        after = self.dp.drops()
        new = {k: n - before.get(k, 0) for k, n in after.items() if n != before.get(k, 0)}
        assert (result, new) == (verdict, {(reason, 0, tunnel): 1})
        assert {bytes(k) for k in self.dp.items("fdb")} == entries
        if verdict == PASS:
            assert out == packet
        self.delivered(self.packet(self.payload()), self.payload())

    def unmatched(self, packet, reason):
        """For no tunnel: counted, and left to the host."""
        self.dropped(packet, reason, 0, PASS)

    def untouched(self, packet):
        """None of ours: neither counted nor changed."""
        before = self.dp.drops()
        assert self.dp.from_underlay(packet) == (PASS, packet)
        assert self.dp.drops() == before

    def sent(self, payload):
        """What leaves for this payload."""
        carried = self.carried(payload)
        verdict, out = self.dp.from_port(carried)
        assert verdict == REDIRECT, (verdict, self.dp.drops())
        return out

    def carried(self, payload):
        """The frame by which the payload comes from the host."""
        if not self.l3:
            return wire.mac(B) + wire.mac(A) + payload[12:]
        return wire.ethernet(B, A, wire.IPV6 if payload[0] >> 4 == 6 else wire.IPV4, payload)

    def expect(self, payload, out, udp=None, ip=None, **fields):
        """`out` is the packet for `payload`, down to every byte but those that are a hash."""
        ip = dict(ip or {})
        if not self.l3:
            payload = self.carried(payload)
        if self.v6:
            ip.setdefault("label", int.from_bytes(out[15:18], "big") & 0xfffff)
        if not self.gre:
            place = 54 if self.v6 else 34
            udp = {"sport": int.from_bytes(out[place:place + 2], "big"), **(udp or {})}
        assert out == self.packet(payload, outward=True, udp=udp, ip=ip, **fields)
