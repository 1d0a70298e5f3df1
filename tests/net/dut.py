# SPDX-License-Identifier: GPL-2.0-only
"""The device under test, behind one small interface, so that a row can be run on several.

`weft` is what the tests are for. `kernel` is Linux's own vxlan and bridge, `openvswitch` (dut_ovs.py) Open
vSwitch's userspace datapath: they show that a test measures what it says, and where weft differs from
what people know. Tunnels and their options have weft's words; a driver skips the test by name if
its device has no such thing.
"""

import functools
import json
import subprocess

import pytest

from daemon import Weftd

# What a row may need beyond tunnels, ports and their options (mark `needs`), and how the lack of
# it reads after the name of a device.
NEEDS = {
    "weft": "is not configured by weft's words",
    "closed peers": "takes packets from any address",
    "static ports": "guards static entries against tunnels only",
    "vlan to tunnel": "is told of VLANs in another way",
    "notes": "does not count what is odd but delivered",
}


class Dut:
    """What a driver has to have. An `fdb` is {MAC: (device, remote or None)} of what carries traffic
    for others; `neighbours` is {(address, device): MAC}; `drops` is {reason: packets}."""

    name = title = ""
    is_ours = False
    timeout = 4  # seconds to wait for a frame that a device other than weft may never send
    counts_drops = False  # by reason
    underlay = "u0"  # the device that has the underlay's addresses
    tells_tenants = False  # by ICMP, of frames that do not fit
    drops_fragments = False  # a fragment of a tunnel's packet is never put together with others
    abilities = frozenset()  # of NEEDS

    @classmethod
    def lacks(cls, type, routed):
        """What stands in the way of tunnels of a type, on a bridge or `routed`; None if nothing."""

    def __init__(self, host):
        self.host = host

    def bridge(self, name="br0", **options):
        raise NotImplementedError

    def port(self, dev, bridge="br0", **options):
        raise NotImplementedError

    def tunnel(self, name, bridge="br0", type="vxlan", **options):
        raise NotImplementedError

    def tunnel_delete(self, name):
        raise NotImplementedError

    def fdb_add(self, mac, dev, dst=None, **options):
        raise NotImplementedError

    def fdb(self, bridge="br0"):
        raise NotImplementedError

    def neighbours(self):
        table = json.loads(self.host.run("ip", "-j", "neigh", "show").stdout or "[]")
        return {(entry["dst"], entry["dev"]): entry["lladdr"] for entry in table
                if "lladdr" in entry}

    def drops(self):
        return {}

    def settle(self):
        """Returns when what was learned so far decides where frames go."""

    def cannot(self, what):
        """Ends the test as skipped: the device has no `what`."""
        pytest.skip(f"{self.title} has no {what}")

    def known(self, options, known):
        for option in options:
            if option not in known:
                self.cannot(option)


class WeftDut(Dut):
    name = title = "weft"
    is_ours = True
    counts_drops = True
    drops_fragments = True
    abilities = frozenset(NEEDS)

    def __init__(self, host):
        super().__init__(host)
        self.weft = Weftd(host)

    def bridge(self, name="br0", **options):
        self.weft(f"bridge add {name}", *words(options))

    def port(self, dev, bridge="br0", **options):
        self.weft(f"port add {dev} bridge {bridge}", *words(options))

    def tunnel(self, name, bridge="br0", type="vxlan", **options):
        where = f"bridge {bridge}" if bridge else ""
        self.weft(f"tunnel add {name} {where} type {type}", *words(options))

    def tunnel_delete(self, name):
        self.weft(f"tunnel del {name}")

    def fdb_add(self, mac, dev, dst=None, **options):
        self.weft(f"fdb add {mac} dev {dev}", f"dst {dst}" if dst else "", *words(options))

    def fdb(self, bridge="br0"):
        return {entry["mac"]: (entry["dev"], entry.get("dst"))
                for entry in self.weft.fdb(f"bridge {bridge}") if entry["state"] != "local"}

    def drops(self):
        return self.weft.drops()

    def notes(self):
        """note -> packets, over all tunnels."""
        total = {}
        for line in self.weft("notes"):
            total[line["note"]] = total.get(line["note"], 0) + line["packets"]
        return {note: count for note, count in total.items() if count}


class KernelDut(Dut):
    name, title = "kernel", "Linux"
    tells_tenants = True
    OPTIONS = {
        "vxlan": {"id", "dev", "group", "remote", "local", "dstport", "srcport", "learning",
                  "ageing", "maxaddress", "udpcsum", "udp6zerocsumtx", "udp6zerocsumrx", "ttl",
                  "tos", "flowlabel", "df"},
        "geneve": {"id", "dev", "remote", "local", "dstport", "udpcsum", "udp6zerocsumtx",
                   "udp6zerocsumrx", "ttl", "tos", "flowlabel", "df", "innerprotoinherit"},
        "gretap": {"dev", "remote", "local", "key", "ikey", "okey", "csum", "icsum", "ocsum", "seq",
                   "iseq", "oseq", "ttl", "tos", "fwmark"},
    }
    OPTIONS["gre"] = OPTIONS["gretap"]

    @classmethod
    @functools.cache
    def lacks(cls, type, routed):
        if type not in cls.OPTIONS:
            return type
        end = "remote 192.0.2.1" + (" id 1" if type in ("vxlan", "geneve") else "")
        made = subprocess.run(f"unshare -n ip link add t0 type {type} {end}".split(),
                              capture_output=True)
        return type if made.returncode else None

    def bridge(self, name="br0", **options):
        self.known(options, {"vlan_filtering"})
        self.host.ip(f"link add {name} type bridge mcast_snooping 0")
        self.host.ip(f"link set {name} up")

    def port(self, dev, bridge="br0", **options):
        self.known(options, ())
        self.host.ip(f"link set dev {dev} master {bridge}")

    def tunnel(self, name, bridge="br0", type="vxlan", **options):
        if self.lacks(type, not bridge):
            self.cannot(type)
        options.pop("innervlan", None)  # it always is so
        self.known(options, self.OPTIONS[type])
        remotes = options.pop("remote", ())
        remotes = [remotes] if isinstance(remotes, str) else list(remotes)
        if "any" in remotes:  # as it always is
            remotes.remove("any")
        if len(remotes) > 1 and type != "vxlan":
            self.cannot(f"{type} to several remotes")
        if remotes:
            options["remote"] = remotes[0]
        if ":" in f"{options.get('remote', '')}{options.get('local', '')}":
            type = {"gretap": "ip6gretap", "gre": "ip6gre"}.get(type, type)
        self.host.run("ip", "link", "add", name, "type", type, *" ".join(words(options)).split())
        if bridge:
            self.host.ip(f"link set {name} master {bridge}")
        self.host.ip(f"link set {name} up")
        for remote in remotes[1:]:
            self.host.bridge(f"fdb append 00:00:00:00:00:00 dev {name} dst {remote}")

    def tunnel_delete(self, name):
        self.host.ip(f"link del {name}")

    def fdb_add(self, mac, dev, dst=None, **options):
        self.known(options, ())
        if dst:
            self.host.bridge(f"fdb append {mac} dev {dev} dst {dst} self static")
        self.host.bridge(f"fdb add {mac} dev {dev} master static")

    def fdb(self, bridge="br0"):
        master = {link["ifname"]: link.get("master")
                  for link in json.loads(self.host.run("ip", "-j", "link", "show").stdout)}
        entries = {}
        for entry in json.loads(self.host.bridge("-j fdb show") or "[]"):
            ours = master.get(entry["ifname"]) == bridge
            if not ours or "permanent" == entry.get("state") or entry["mac"].startswith(
                    ("33:33", "01:00", "00:00:00:00:00:00")):
                continue
            known = entries.get(entry["mac"], (None, None))
            entries[entry["mac"]] = (entry["ifname"], entry.get("dst", known[1]))
        return entries


def words(options):
    """Keyword options as iproute2's words: `udpcsum=False` is noudpcsum, a list repeats."""
    result = []
    for key, value in options.items():
        if value is True:
            result.append(key)
        elif value is False:
            result.append("no" + key)
        elif isinstance(value, list):
            result += [f"{key} {item}" for item in value]
        elif isinstance(value, tuple):
            result.append(" ".join([key, *map(str, value)]))
        elif value is not None:
            result.append(f"{key} {value}")
    return result
