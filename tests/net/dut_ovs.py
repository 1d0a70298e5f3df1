# SPDX-License-Identifier: GPL-2.0-only
"""Open vSwitch's userspace datapath as a device under test.

A tunnel with several remotes is as many ports, between which nothing is forwarded (`protected`).
"""

import ipaddress
import json
import re

from dut import Dut
from ovs import OpenVSwitch


class OvsDut(Dut):
    name, title = "openvswitch", "Open vSwitch"
    OPTIONS = {  # weft's word -> OVS's option, if it is only another name
        "id": "key", "key": "key", "ikey": "in_key", "okey": "out_key", "local": "local_ip",
        "dstport": "dst_port", "udpcsum": "csum", "csum": "csum", "ttl": "ttl", "tos": "tos",
        "seq": "seq", "fwmark": "egress_pkt_mark",
    }
    underlay = "phy"
    drops_fragments = True
    TYPES = {"vxlan": "vxlan", "geneve": "geneve", "gretap": "gre"}

    @classmethod
    def lacks(cls, type, routed):
        if type == "gre" or routed:
            return f"routed {type} device"
        return None if type in cls.TYPES else type

    def __init__(self, host):
        super().__init__(host)
        self.switch = OpenVSwitch(host)
        self.devices = {}  # OVS port -> (device of the driver's interface, remote)
        self._metadata = {}  # (class, type, length) of a GENEVE option -> tun_metadata number
        self.switch.underlay("u0")

    def bridge(self, name="br0", **options):
        self.known(options, ())
        self.switch.bridge(name)

    def port(self, dev, bridge="br0", **options):
        self.known(options, ())
        self.switch.port(dev, bridge)
        self.devices[dev] = (dev, None)

    def tunnel(self, name, bridge="br0", type="vxlan", **options):
        if lack := self.lacks(type, not bridge):
            self.cannot(lack)
        remotes = options.pop("remote", ["flow"])
        remotes = [remotes] if isinstance(remotes, str) else list(remotes)
        if remotes == ["any"]:
            remotes = ["flow"]
        elif "any" in remotes:
            self.cannot("remote any beside a remote")
        df = options.pop("df", None)
        if df == "inherit":
            self.cannot("df inherit")
        if options.pop("innervlan", True) is False:
            self.cannot("noinnervlan")
        options.pop("udp6zerocsumrx", None)  # it always takes packets without a checksum
        tlvs = [(tlv, True) for tlv in options.pop("option", [])]
        tlvs += [(tlv, False) for tlv in options.pop("accept", [])]
        self.known(options, self.OPTIONS)
        renamed = {self.OPTIONS[key]: self._value(key, value) for key, value in options.items()}
        if df:
            renamed["df_default"] = df == "set"
        if mark := options.get("fwmark"):
            self._route_marked(mark)
        for number, remote in enumerate(remotes):
            port = f"{name}-{number}" if number else name
            self.switch.tunnel(port, bridge, type=self.TYPES[type], remote_ip=remote, **renamed)
            if len(remotes) > 1:
                self.switch.vsctl(f"set port {port} other_config:protected=true")
            self.devices[port] = (name, remote)
        self._options(bridge, tlvs)
        self.settle()

    def _route_marked(self, mark):
        """Its table of routes knows no mark but those it is told of."""
        for link in json.loads(self.host.run("ip", "-j", "address", "show", self.underlay).stdout):
            for address in link["addr_info"]:
                subnet = ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}").network
                self.switch.appctl(f"ovs/route/add {subnet} {self.underlay} pkt_mark={mark}")

    @staticmethod
    def _value(key, value):
        if key in ("key", "ikey", "okey") and "." in str(value):
            return int(ipaddress.ip_address(value))
        return "flow" if (key, value) in (("key", "any"), ("ikey", "any")) else value

    def _options(self, bridge, tlvs):
        """GENEVE options: known to the bridge, and sent with everything by a flow."""
        actions = []
        for tlv, send in tlvs:
            klass, kind, last = tlv.split(":")
            data = last.removeprefix("0x")
            size = len(data) // 2 if send else int(last)
            if not size:
                self.cannot("GENEVE options without data")
            key = (int(klass, 0), int(kind, 0), size)
            if key not in self._metadata:
                number = self._metadata[key] = len(self._metadata)
                self.switch.ofctl("add-tlv-map", bridge, "{class=%#x,type=%#x,len=%d}->tun_metadata%d"
                                  % (*key, number))
            if send:
                actions.append(f"set_field:0x{data}->tun_metadata{self._metadata[key]}")
        if actions:
            self.switch.ofctl("add-flow", bridge, f"priority=1,actions={','.join(actions)},NORMAL")

    def tunnel_delete(self, name):
        for port in [port for port, (device, _) in self.devices.items() if device == name]:
            self.switch.vsctl(f"del-port {port}")
            del self.devices[port]

    def fdb_add(self, mac, dev, dst=None, **options):
        self.known(options, ())
        port = next(port for port, device in self.devices.items()
                    if device[0] == dev and dst in (None, device[1]))
        bridge = self.switch.vsctl(f"port-to-br {port}").strip()
        self.switch.appctl(f"fdb/add {bridge} {port} 0 {mac}")

    def fdb(self, bridge="br0"):
        ports = {}
        for port, device in self.devices.items():
            number = self.switch.vsctl(f"get interface {port} ofport").strip()
            ports[number] = device
        found = re.findall(r"^\s*(\d+)\s+\d+\s+([0-9a-f:]{17})\s", self.switch.appctl(
            f"fdb/show {bridge}"), re.M)
        return {mac: ports[number] for number, mac in found if number in ports}

    def settle(self):
        self.switch.appctl("revalidator/purge")  # cached flows, which are adapted only after a while

    def neighbours(self):
        table = self.switch.appctl("tnl/neigh/show")
        return {tuple(line.split()[::2]): line.split()[1] for line in table.splitlines()[2:]}
