# SPDX-License-Identifier: GPL-2.0-only
"""A second reading of the standards: what becomes of a packet from the underlay, said from its bytes alone.

Other code than the datapath's, and in no order: everything that is wrong with a packet is collected, and the datapath may
name any of it. The tunnel is the one of path.Path with its defaults, which has a single remote.
"""

import wire

UP = {"vni_unknown", "key_mismatch", "gre_ver", "gre_proto"}  # counted, and left to the host
EXTENSIONS = (wire.HOP_BY_HOP, wire.DESTINATION, wire.FRAGMENT)


class Packet:
    """`host`: none of ours. Else `faults`, and if there are none `payload`."""

    def __init__(self, path, data):
        self.path, self.data = path, data
        self.faults = set()
        self.host = not self.outer()
        if self.host:
            return
        if self.end > len(data):  # cut on the way: no length in it is right
            self.end = 0
        self.tunnelled()
        if self.faults and self.destination != wire.raw(path.local):
            self.host = True

    def number(self, at, size=2):
        return int.from_bytes(self.data[at:at + size], "big")

    # IP: is it UDP to our port, or GRE?

    def outer(self):
        data = self.data
        if len(data) < 34 or (data[:6] != bytes(6) and not data[0] & 1):
            return False
        kind = self.number(12)
        if kind == wire.IPV4 and data[14] >> 4 == 4:
            found = self.outer4()
        elif kind == wire.IPV6 and len(data) >= 54 and data[14] >> 4 == 6:
            found = self.outer6()
        else:
            return False
        if not found:
            return False
        if self.protocol == wire.GRE:
            return self.path.gre
        return (not self.path.gre and self.protocol == wire.UDP and len(data) >= self.l4 + 8 and
                self.number(self.l4 + 2) == self.path.port)

    def outer4(self):
        data = self.data
        self.l4 = 14 + (data[14] & 15) * 4
        self.protocol, self.tos = data[23], data[15]
        self.source, self.destination = data[26:30], data[30:34]
        self.end = 14 + self.number(16)
        if data[14] & 15 < 5 or self.number(20) & 0x1fff:
            return False
        if self.number(20) & 0x2000:
            self.faults.add("frag")
        return not (self.faults and self.protocol == wire.GRE)  # the host puts those together

    def outer6(self):
        data = self.data
        self.protocol, self.l4, self.tos = data[20], 54, self.number(14) >> 4 & 255
        self.source, self.destination = data[22:38], data[38:54]
        self.end = 54 + self.number(18)
        seen = 0
        while self.protocol in EXTENSIONS:
            if seen == 4 or self.l4 + 8 > len(data):
                return False
            seen += 1
            fragment, following = self.protocol == wire.FRAGMENT, data[self.l4]
            if fragment and self.number(self.l4 + 2) & 0xfff9:
                if self.number(self.l4 + 2) & 0xfff8 or following != wire.UDP:
                    return False
                self.faults.add("frag")
            self.l4 += 8 if fragment else 8 + 8 * data[self.l4 + 1]
            self.protocol = following
            if self.faults:
                break
        return self.l4 <= 54 + 640  # more than that is left to the host

    # UDP or GRE, and the tunnel's header

    def tunnelled(self):
        path = self.path
        local, remote = wire.raw(path.local), wire.raw(path.remote)
        if (self.source, self.destination) != (remote, local):
            self.faults.add("src_denied")
        if not path.gre:
            self.udp()
        if "malformed" in self.faults:
            return
        {"vxlan": self.vxlan, "geneve": self.geneve}.get(path.kind, self.gre)()
        if "malformed" not in self.faults and "gre_proto" not in self.faults:
            (self.packet if path.l3 else self.frame)()

    def checksum(self, data):
        if wire.total(data) != 0xffff:
            self.faults.add("csum")

    def udp(self):
        length = self.number(self.l4 + 4)
        if length < 8 or self.l4 + length > self.end:
            self.faults.add("malformed")
            return
        self.end = self.l4 + length
        if self.number(self.l4 + 6):
            six = b"\0\0" if len(self.source) == 16 else b""
            pseudo = self.source + self.destination + six + b"\0\x11" + length.to_bytes(2, "big")
            self.checksum(pseudo + self.data[self.l4:self.end])
        elif len(self.source) == 16:
            self.faults.add("csum_zero6")

    def vxlan(self):
        at = self.l4 + 8
        if at + 8 > self.end:
            self.faults.add("malformed")
            return
        if not self.data[at] & 8:
            self.faults.add("no_i_flag")
        if self.number(at + 4, 3) != self.path.key:
            self.faults.add("vni_unknown")
        self.inner = at + 8

    def geneve(self):
        at = self.l4 + 8
        if at + 8 > self.end:
            self.faults.add("malformed")
            return
        data, options = self.data, at + 8
        if data[at] >> 6:
            self.faults.add("bad_ver")
        if data[at + 1] & 0x80:
            self.faults.add("ctrl_rx")
        if self.number(at + 4, 3) != self.path.key:
            self.faults.add("vni_unknown")
        self.kind = self.number(at + 2)
        if self.kind not in ((wire.IPV4, wire.IPV6) if self.path.l3 else (wire.ETHERNET,)):
            self.faults.add("inner_proto")
        self.inner = options + (data[at] & 63) * 4
        if self.inner > self.end:
            self.faults.add("malformed")
        while options < self.inner and self.inner <= self.end:
            if data[options + 2] & 0x80:
                self.faults.add("opt_crit")
            options += 4 + (data[options + 3] & 31) * 4
        if options > self.inner:
            self.faults.add("opt_len")

    def gre(self):
        at = self.l4
        if at + 4 > self.end:
            self.faults.add("malformed")
            return
        flags, self.kind = self.number(at), self.number(at + 2)
        present = flags & 0x8000, flags & 0x2000, flags & 0x1000
        self.inner = at + 4 + 4 * sum(map(bool, present))
        if flags & 7:
            self.faults.add("gre_ver")
        if flags & 0x4c00:
            self.faults.add("gre_flags")
        if self.kind not in (wire.ETHERNET, wire.IPV4, wire.IPV6):
            self.faults.add("gre_proto")
        if self.inner > self.end:
            self.faults.add("malformed")
            return
        if present[0]:
            self.checksum(self.data[at:self.end])
        key = self.number(at + 4 + 4 * bool(present[0]), 4)
        self.keyed(present, key)

    def keyed(self, present, key):
        if self.path.kind == "nvgre":
            if present[0] or present[2] or not present[1]:
                self.faults.add("gre_flags")
            if self.kind != wire.ETHERNET:
                self.faults.add("key_mismatch")
            if present[1] and key >> 8 != self.path.key:
                self.faults.add("vni_unknown")
            return
        if not present[1] or key != self.path.key or self.path.l3 != (self.kind != wire.ETHERNET):
            self.faults.add("key_mismatch")

    # what is inside

    def frame(self):
        data = self.data[:self.end]
        inner = data[self.inner:]
        if len(inner) < 14:
            self.faults.add("malformed")
            return
        kind = int.from_bytes(inner[12:14], "big")
        if kind in (0x8100, 0x88a8):
            self.faults.add("vlan_inner")
        if inner[6] & 1 or not any(inner[6:12]):
            self.faults.add("src_mac")
        if inner[:5] == bytes.fromhex("0180c20000") and inner[5] < 16:
            self.faults.add("reserved_mac")
        host = wire.mac("0a:00:00:00:00:0a")
        if inner[:6] != host:
            self.faults.add("no_receiver")
        elif inner[6:12] == host:
            self.faults.add("split_horizon")  # it is where it says to come from
        self.payload = inner[:14] + self.ecn(inner[14:], kind)

    def packet(self):
        inner = self.data[self.inner:self.end]
        six = self.kind == wire.IPV6
        if len(inner) < (40 if six else 20) or inner[0] >> 4 != (6 if six else 4):
            self.faults.add("malformed")
            return
        if not inner[7 if six else 8]:
            self.faults.add("inner_ttl")
        if inner[24:40] == self.source if six else inner[16:20] == self.source:
            self.faults.add("loop")
        self.payload = self.ecn(inner, self.kind)

    def ecn(self, inner, kind):
        """RFC 6040 figure 4."""
        outer = self.tos & 3
        if not outer or kind not in (wire.IPV4, wire.IPV6):
            return inner
        if len(inner) < 20:  # no IP packet, whatever the Ethertype says: it need not be looked into
            self.faults.add("maybe")
            return inner
        tos = inner[1] if kind == wire.IPV4 else int.from_bytes(inner[:2], "big") >> 4 & 255
        if not tos & 3:
            if outer == 3:
                self.faults.add("ecn_drop")
            return inner
        mark = 3 if outer == 3 else 1 if (outer, tos & 3) == (1, 2) else tos & 3
        if mark == tos & 3:
            return inner
        tos = tos & 0xfc | mark
        if kind == wire.IPV6:
            word = int.from_bytes(inner[:2], "big") & 0xf00f | tos << 4
            return word.to_bytes(2, "big") + inner[2:]
        # the checksum takes over the difference and stays as wrong or right as it was (RFC 1624)
        was = int.from_bytes(inner[10:12], "big")
        change = (0xffff ^ was) + (0xffff ^ inner[1]) + tos
        while change >> 16:
            change = (change & 0xffff) + (change >> 16)
        return inner[:1] + bytes([tos]) + inner[2:10] + (0xffff ^ change).to_bytes(2, "big") + inner[12:]

    def judge(self, verdict, out, counted, learned):
        """An empty string, or what is wrong with what the datapath did; `counted`: drop reasons, `learned`: FDB entries."""
        redirect, shot, host = 7, 2, 0xffffffff
        if self.host:
            good = (verdict, out, counted, learned) == (host, self.data, [], 0)
            return "" if good else "is none of ours"
        if "maybe" in self.faults:
            self.faults = self.faults - {"maybe"}
            if not self.faults and verdict == shot and counted in (["ecn_drop"], ["malformed"]):
                return ""
        if not self.faults:
            want = self.path.delivery(self.payload)
            if (verdict, counted) != (redirect, []):
                return "is good"
            return "" if out == want else f"should come out as {want.hex()}"
        if len(counted) != 1 or counted[0] not in self.faults:
            return f"counts once, as one of {sorted(self.faults)}"
        if verdict != (host if counted[0] in UP else shot) or (verdict == host and out != self.data):
            return "has a verdict that is not its reason's"
        believed = not self.faults - {"no_receiver", "split_horizon"}
        return "" if believed or not learned else "taught the bridge"
