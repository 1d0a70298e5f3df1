# SPDX-License-Identifier: GPL-2.0-only
"""The device under test, behind one small interface, so that a row can be run on several.

`weft` is what the tests are for. `kernel` is Linux's own vxlan and bridge: it shows that a test
measures what it says, and where weft differs from what people know.
"""

import json

from daemon import Weftd


class WeftDut:
    name = "weft"
    drops_fragments = True
    counts_drops = True

    def __init__(self, host):
        self.host = host
        self.weft = Weftd(host)

    def bridge(self, name="br0", **options):
        self.weft(f"bridge add {name}", *_words(options))

    def port(self, dev, bridge="br0", **options):
        self.weft(f"port add {dev} bridge {bridge}", *_words(options))

    def tunnel(self, name, bridge="br0", **options):
        where = f"bridge {bridge}" if bridge else ""
        self.weft(f"tunnel add {name} {where} type vxlan", *_words(options))

    def tunnel_delete(self, name):
        self.weft(f"tunnel del {name}")

    def fdb_add(self, mac, dev, dst=None):
        self.weft(f"fdb add {mac} dev {dev}", f"dst {dst}" if dst else "")

    def fdb(self, bridge="br0"):
        """{MAC: (device, remote or None)} of what carries traffic for others."""
        return {entry["mac"]: (entry["dev"], entry.get("dst"))
                for entry in self.weft.fdb(f"bridge {bridge}") if entry["state"] != "local"}

    def drops(self):
        return self.weft.drops()


class KernelDut:
    name = "kernel"
    drops_fragments = False
    counts_drops = False

    def __init__(self, host):
        self.host = host

    def bridge(self, name="br0", **_):
        self.host.ip(f"link add {name} type bridge mcast_snooping 0")
        self.host.ip(f"link set {name} up")

    def port(self, dev, bridge="br0", **_):
        self.host.ip(f"link set dev {dev} master {bridge}")

    def tunnel(self, name, bridge="br0", **options):
        for ours in ("innervlan",):
            options.pop(ours, None)
        remotes = options.pop("remote", ())
        remotes = [remotes] if isinstance(remotes, str) else list(remotes)
        options.setdefault("dstport", 4789)
        options.setdefault("srcport", (49152, 65535))
        options.setdefault("udpcsum", False)
        if remotes:
            options["remote"] = remotes[0]
        self.host.run("ip", "link", "add", name, "type", "vxlan",
                      *" ".join(_words(options)).split())
        if bridge:
            self.host.ip(f"link set {name} master {bridge}")
        self.host.ip(f"link set {name} up")
        for remote in remotes[1:]:
            self.host.bridge(f"fdb append 00:00:00:00:00:00 dev {name} dst {remote}")

    def tunnel_delete(self, name):
        self.host.ip(f"link del {name}")

    def fdb_add(self, mac, dev, dst=None):
        if dst:
            self.host.bridge(f"fdb append {mac} dev {dev} dst {dst} self static")
        self.host.bridge(f"fdb add {mac} dev {dev} master static")

    def fdb(self, bridge="br0"):
        entries = {}
        for entry in json.loads(self.host.bridge("-j fdb show") or "[]"):
            device = self.host.run("ip", "-j", "link", "show", entry["ifname"]).stdout
            ours = json.loads(device)[0].get("master") == bridge
            if not ours or "permanent" == entry.get("state") or entry["mac"].startswith(
                    ("33:33", "01:00", "00:00:00:00:00:00")):
                continue
            known = entries.get(entry["mac"], (None, None))
            entries[entry["mac"]] = (entry["ifname"], entry.get("dst", known[1]))
        return entries

    def drops(self):
        return {}


def _words(options):
    """Keyword options as iproute2's words: `udpcsum=False` is noudpcsum, a list repeats."""
    words = []
    for key, value in options.items():
        if value is True:
            words.append(key)
        elif value is False:
            words.append("no" + key)
        elif isinstance(value, list):
            words += [f"{key} {item}" for item in value]
        elif isinstance(value, tuple):
            words.append(" ".join([key, *map(str, value)]))
        elif value is not None:
            words.append(f"{key} {value}")
    return words


DUTS = {dut.name: dut for dut in (WeftDut, KernelDut)}
