# SPDX-License-Identifier: GPL-2.0-only
"""The conformance rows, and the table docs/conformance.md that a run of their tests writes.

A test belongs to a row by its name: test_VX_01_... is about row VX-01.
"""

import collections
import dataclasses
import re


@dataclasses.dataclass
class Row:
    requirement: str
    section: str
    choice: str = ""  # what weft does where the text leaves a choice, or where it differs
    linux: str = ""  # how Linux's vxlan differs, so that the test fails there


ROWS = {
    "VX-01": Row(
        "The header is sent with the I flag and the VNI; every other bit is zero.",
        "RFC 7348 §5"),
    "VX-02": Row(
        "A VNI counts only with the I flag; without it nothing is decapsulated.",
        "RFC 7348 §5", "Counted as `no_i_flag`."),
    "VX-03": Row(
        "The 39 reserved bits are ignored on receipt.",
        "RFC 7348 §5", "Ignored, as the RFC has it (Linux and Open vSwitch drop).",
        linux="drops packets with a reserved bit set"),
    "VX-04": Row(
        "VNIs are 24 bits wide and kept apart.",
        "RFC 7348 §4.1, §5", "An unknown VNI is counted as `vni_unknown`."),
    "VX-05": Row(
        "UDP port 4789 unless configured otherwise.",
        "RFC 7348 §5", "`dstport`, default 4789; a port that no tunnel has is the host's."),
    "VX-06": Row(
        "The UDP source port is a hash of the inner headers, within 49152-65535.",
        "RFC 7348 §5", "`srcport`, default 49152 to 65534."),
    "VX-07": Row(
        "The UDP checksum is sent as zero over IPv4; one that is not zero covers everything.",
        "RFC 7348 §5", "Zero by default, `udpcsum` sends it."),
    "VX-08": Row(
        "A zero checksum is accepted; another may be verified, and is then dropped if wrong.",
        "RFC 7348 §5", "Verified by default (`csum`); `noudpcsumrx` does not look."),
    "VX-09": Row(
        "VXLAN packets are never fragmented by the sender.",
        "RFC 7348 §4.3", "DF is set; a frame that does not fit is counted as `mtu`.",
        linux="fragments the outer packet (df unset)"),
    "VX-10": Row(
        "Fragments of VXLAN packets may be discarded.",
        "RFC 7348 §4.3", "The first fragment is dropped as `frag`; so nothing is ever put together."),
    "VX-11": Row(
        "Inner source MACs are learned with their outer source, per VNI, and move with it.",
        "RFC 7348 §4.1", "Zero and group source MACs are dropped as `src_mac`."),
    "VX-12": Row(
        "Broadcast, multicast and unknown unicast go to the group of the VNI, joined by IGMP.",
        "RFC 7348 §4.2", "An own packet that comes back is dropped as `own_source`."),
    "VX-13": Row(
        "Decapsulated frames with a VLAN tag are discarded unless configured.",
        "RFC 7348 §6.1", "Dropped as `vlan_inner`; `innervlan` or `trunk` lets them in.",
        linux="delivers tagged frames"),
    "VX-14": Row(
        "The encapsulator strips the tag; the VLAN selects the VNI.",
        "RFC 7348 §6.1", "`vlan V` maps V to the VNI untagged; `trunk` carries tags; "
        "a VLAN that is neither is dropped as `vlan`."),
    "VX-15": Row(
        "The inner FCS is not carried and outer lengths are exact.",
        "RFC 7348 §5"),
    "VX-16": Row(
        "Malformed packets are dropped, and padding does not get into the inner frame.",
        "RFC 7348 §5", "Counted as `malformed`; IP options and padding are accepted."),
    "VX-17": Row(
        "Only what is for an address of the tunnel is decapsulated; tenants' frames are payload.",
        "RFC 7348 §5, §7", "Packets to other addresses are the host's to route or ignore."),
    "IP-01": Row(
        "`id` is 0 to 16777215; `dev` ties the tunnel to a device, from which its MTU follows.",
        "ip-link(8)", "MTU auto is that of `dev` less 50."),
    "IP-02": Row(
        "`group` is joined, needs `dev` and excludes `remote`.",
        "ip-link(8)"),
    "IP-03": Row(
        "`remote` is where unknown MACs go; Linux receives from anywhere.",
        "ip-link(8)", "Differs: packets are taken from the remotes only (`src_denied`); "
        "`remote any` opens the tunnel."),
    "IP-04": Row(
        "`local` is the outer source address.",
        "ip-link(8)", "It also is the only destination at which the tunnel receives."),
    "IP-05": Row(
        "`dstport` is the UDP destination and the port listened on.",
        "ip-link(8)", "Differs: the default is IANA's 4789, not Linux's 8472."),
    "IP-06": Row(
        "`srcport MIN MAX`: MAX itself is not used.",
        "ip-link(8)", "As Linux; MAX not above MIN is refused."),
    "IP-07": Row(
        "`[no]learning`; a static entry never migrates, and frames that would move it are dropped.",
        "ip-link(8)", "Counted as `fdb_static`."),
    "IP-08": Row(
        "`ageing` is the lifetime of learned entries that are not heard of; static ones stay.",
        "ip-link(8)", "0 keeps learned entries for ever. Default: the bridge's, 300 s."),
}


def row_of(test):
    return ROWS.get(row_id(test))


def row_id(test):
    """VX-01 of test_VX_01_header[weft]."""
    found = re.match(r"test_([A-Z]{2})_(\d\d)_", test)
    return f"{found[1]}-{found[2]}" if found else None


HEAD = """\
# Conformance

Written by the tests (`make conformance`); do not edit. Each row is one requirement of RFC 7348
(VX) or one option of `ip link add … type vxlan` (IP), in our words; the tests are in `tests/net`.
Drops are counted under the reason named (`weft drops`).

| Row | Requirement | Source | What weft does | Tests | Result |
|---|---|---|---|---|---|
"""


class Table:
    """A pytest plugin that collects the results of the rows, from workers too."""

    def __init__(self, path):
        self.path = path
        self.results = collections.defaultdict(dict)

    def pytest_runtest_logreport(self, report):
        test = report.nodeid.rpartition("::")[2]
        if row_id(test) is None or "[kernel" in test:
            return
        name = test.partition("[")[0]
        results = self.results[row_id(test)]
        if report.failed:
            results[name] = "**fails**"
        elif report.skipped:
            results.setdefault(name, "skipped")
        elif report.when == "call":
            results.setdefault(name, "passes")

    def pytest_sessionfinish(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(HEAD)
            for row, text in ROWS.items():
                tests = self.results.get(row, {})
                names = "<br>".join(f"`{name}`" for name in sorted(tests)) or "none"
                states = sorted(set(tests.values())) or ["not run"]
                file.write(f"| {row} | {text.requirement} | {text.section} | {text.choice} "
                           f"| {names} | {', '.join(states)} |\n")
