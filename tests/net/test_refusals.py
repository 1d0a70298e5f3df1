# SPDX-License-Identifier: GPL-2.0-only
"""Bad input: one clear line that names the field, and nothing changed."""

import pytest

from daemon import BUILD, refused
from snapshot import snapshot


@pytest.fixture(scope="module")
def host(module_host):
    """A host with something of everything, so that there is something to harm."""
    for line in ("bridge add br0", "bridge add br1", "bridge add brv vlan_filtering",
                 "port add p0 bridge br0",
                 "tunnel add v0 bridge br0 type vxlan id 1000 local 10.9.0.1 remote 10.9.0.2",
                 "fdb add 02:00:00:00:00:01 dev v0 dst 10.9.0.2"):
        module_host.weft(line)
    return module_host


@pytest.fixture(scope="module")
def untouched(host):
    """All that is configured and all that the kernel has, before anything was refused."""
    return host.weft.save(), snapshot(host)


TUNNEL = "tunnel add v1 bridge br1 type vxlan id 7 local 10.9.0.1"
GENEVE = "tunnel add t1 bridge br1 type geneve id 7 remote 10.9.0.2"
GRETAP = "tunnel add t1 bridge br1 type gretap remote 10.9.0.2"

# iproute2's words for what weft has not
WITHOUT = ("external", "vnifilter", "gbp", "gpe", "proxy", "rsc", "l2miss", "l3miss", "mcroute",
           "localbypass", "encap fou", "encap-sport auto", "encaplimit 4", "erspan_ver 1", "remcsumtx")

# command -> what the line has to say (the field, the reason)
REFUSED = {
    # values out of bounds, of the wrong type, or in no form known
    f"{TUNNEL} id 16777216 remote 10.9.0.2": ("id",),
    "tunnel add v1 bridge br1 type vxlan id 16777216 remote 10.9.0.2": ("id", "16777216",
                                                                         "16777215"),
    "tunnel add v1 bridge br1 type vxlan id seven remote 10.9.0.2": ("id", "seven"),
    "tunnel add v1 bridge br1 type vxlan remote 10.9.0.2": ("id", "required"),
    f"{TUNNEL} remote 10.9.0.256": ("remote", "10.9.0.256"),
    f"{TUNNEL} remote 239.1.1.1": ("remote", "239.1.1.1"),
    f"{TUNNEL} remote 10.9.0.2 dstport 65536": ("dstport", "65536"),
    f"{TUNNEL} remote 10.9.0.2 dstport -1": ("dstport", "-1"),
    f"{TUNNEL} remote 10.9.0.2 ttl 256": ("ttl", "256"),
    f"{TUNNEL} remote 10.9.0.2 tos 0xb9": ("tos",),
    f"{TUNNEL} remote 10.9.0.2 srcport 5 4": ("srcport",),
    f"{TUNNEL} remote 10.9.0.2 ageing -1": ("ageing", "-1"),
    "bridge add br9 ageing x": ("ageing",),
    "bridge add br9 maxaddress 99999999999": ("maxaddress",),
    "bridge add br9 group_fwd_mask 0x10000": ("group_fwd_mask",),
    "port add p1 bridge brv vlan 4095": ("vlan", "4095"),
    "port add p1 bridge brv trunk 10-5": ("trunk",),
    "port add i0 bridge br1 type internal address 10.0.0.1/33": ("address", "10.0.0.1/33"),
    "port add i0 bridge br1 type internal lladdr 01:00:00:00:00:01": ("lladdr",),
    # keys nobody knows
    "bridge add br9 agein 5": ("agein",),
    f"{TUNNEL} remote 10.9.0.2 gpe": ("gpe",),
    # what does not go together
    f"{TUNNEL} group 239.1.1.1 dev eth0 remote 10.9.0.2": ("group", "remote"),
    f"{TUNNEL} group 239.1.1.1": ("group", "dev"),
    f"{TUNNEL} group 10.9.0.7 dev eth0": ("group", "10.9.0.7"),
    f"{TUNNEL} remote 10.9.0.1": ("remote", "10.9.0.1"),
    "port add p1 bridge br1 vlan 10": ("vlan", "br1"),
    "port add p1 bridge br1 address 10.0.0.1/24": ("address",),
    # what is not there, or belongs to somebody else
    "port add nosuch bridge br0": ("nosuch",),
    f"{TUNNEL} remote 10.9.0.2 dev nosuch": ("dev", "nosuch"),
    "port add p1 bridge nosuch": ("bridge", "nosuch"),
    "port add p0 bridge br1": ("p0",),
    "port add v0 bridge br1": ("v0",),
    "port set nosuch learning": ("nosuch",),
    "bridge del br0": ("br0",),
    "bridge add br0": ("br0",),
    "tunnel add v1 bridge br1 type vxlan id 1000 local 10.9.0.1 remote 10.9.0.3": ("id", "v0"),
    f"{TUNNEL} remote 10.9.0.2 type gre": ("type",),
    # the types: identifiers and keys
    "tunnel add t1 bridge br1 type geneve remote 10.9.0.2": ("id", "required"),
    "tunnel add t1 bridge br1 type geneve id 16777216 remote 10.9.0.2": ("id", "16777215"),
    "tunnel add t1 bridge br1 type nvgre id 0xfff remote 10.9.0.2": ("id", "4095", "reserved"),
    "tunnel add t1 bridge br1 type nvgre id 0xffffff remote 10.9.0.2": ("id", "16777215"),
    f"{GRETAP} id 5": ("id", "nvgre"),
    f"{GRETAP} key 4294967296": ("key", "4294967296"),
    f"{GRETAP} key 1.2.3": ("key", "1.2.3"),
    f"{GRETAP} okey any": ("okey", "any"),
    f"{TUNNEL} remote 10.9.0.2 key 5": ("key", "gretap and gre"),
    f"{TUNNEL} remote 10.9.0.2 type ip6gretap": ("type",),
    "tunnel add t1 type ip6gretap remote 10.9.0.2": ("type", "ip6gretap", "gretap"),
    # the types: what each has and has not
    f"{GRETAP} dstport 5": ("dstport", "geneve"),
    f"{GRETAP} udpcsum": ("udpcsum", "geneve"),
    f"{GRETAP} option 1:2:": ("option", "geneve"),
    f"{GENEVE} csum": ("csum", "gretap"),
    f"{GENEVE} noudpcsumrx": ("udpcsumrx", "vxlan"),
    f"{GENEVE} reserved_bits 0": ("reserved_bits", "vxlan"),
    "tunnel add t1 type nvgre id 4096 remote 10.9.0.2 seq": ("seq", "gretap"),
    "tunnel add t1 bridge brv type nvgre id 4096 remote 10.9.0.2 trunk 5": ("trunk", "nvgre"),
    "tunnel add t1 type nvgre id 4096 remote 10.9.0.2 innervlan": ("innervlan", "nvgre"),
    "tunnel add t1 bridge br1 type gre remote 10.9.0.2": ("bridge", "Ethernet"),
    "tunnel add t1 type gre group 239.1.1.1 dev eth0": ("group", "Ethernet"),
    f"{GENEVE} innerprotoinherit": ("bridge", "Ethernet"),
    # GENEVE options
    f"{GENEVE} option 1:2": ("option", "1:2", "CLASS:TYPE:DATA"),
    f"{GENEVE} option 1:2:0g112233": ("option", "1:2:0g112233"),
    f"{GENEVE} option 1:2:001122": ("option", "4 bytes"),
    f"{GENEVE} option 0x10000:2:": ("option", "0x10000:2:"),
    f"{GENEVE} option 1:2:{'00' * 128}": ("option", "124"),
    f"{GENEVE} option 1:2:{'00' * 124} option 1:3:{'00' * 124}": ("option", "256", "252"),
    f"{GENEVE} optmax 4 option 1:2:00000000": ("option", "optmax", "4"),
    f"{GENEVE} optmax 5": ("optmax", "5"),
    f"{GENEVE} optmax 256": ("optmax", "256"),
    f"{GENEVE} accept 1:2:5": ("accept", "1:2:5"),
    f"{GENEVE} accept 1:2:": ("accept", "LENGTH"),
    f"{GENEVE} option 1:2: accept 1:2:4": ("accept", "0x0001:0x02"),
    f"{GENEVE} match 1:2:00000000 match 1:2:00000001": ("match", "0x0001:0x02"),
    f"{GENEVE} nooptions match 1:2:": ("match", "options"),
    "fdb add 02:00:00:00:00:02 dev v0 dst 10.9.0.2 option 1:2:": ("option", "geneve"),
    "fdb add 02:00:00:00:00:02 dev p0 option 1:2:": ("option", "p0"),
    "fdb add 02:00:00:00:00:02 dev v0 option x": ("option", "x"),
    # the outer header
    f"{TUNNEL} remote 10.9.0.2 flowlabel 5": ("flowlabel", "IPv4"),
    "tunnel add t1 type vxlan id 7 remote 2001:db8::2 flowlabel 0x100000": ("flowlabel", "1048575"),
    f"{TUNNEL} remote 10.9.0.2 df yes": ("df", "yes"),
    f"{TUNNEL} remote 10.9.0.2 ecn ce": ("ecn", "ce"),
    f"{TUNNEL} remote 10.9.0.2 dscp outer": ("dscp", "outer"),
    f"{TUNNEL} remote 10.9.0.2 toobig cut": ("toobig", "cut", "fragment reject drop"),
    f"{TUNNEL} remote 10.9.0.2 mss 63": ("mss", "63", "64"),
    f"{TUNNEL} remote 10.9.0.2 mss 65496": ("mss", "65496", "65495"),
    f"{TUNNEL} remote 10.9.0.2 mss on": ("mss", "on"),
    f"{TUNNEL} remote 10.9.0.2 mtu_expires 0": ("mtu_expires", "0"),
    f"{TUNNEL} remote 10.9.0.2 mtu_expires 65536": ("mtu_expires", "65536", "65535"),
    "port add p1 bridge br1 mtu 1400": ("mtu", "internal"),
    f"{TUNNEL} remote 10.9.0.2 fwmark 4294967296": ("fwmark", "4294967296"),
    f"{TUNNEL} remote 10.9.0.2 reserved_bits 0x10000000000000000": ("reserved_bits",),
    f"{TUNNEL} remote 10.9.0.2 pmtudisc ignore-df": ("df", "twice"),
    # IPv6 underlay
    f"{TUNNEL} remote 2001:db8::2": ("remote", "2001:db8::2", "10.9.0.1"),
    "tunnel add t1 type vxlan id 7 remote 2001:db8::2 remote 10.9.0.2": ("remote", "2001:db8::2"),
    "tunnel add t1 type vxlan id 7 remote fe80::2": ("remote", "fe80::2", "dev"),
    "tunnel add t1 type vxlan id 7 local fe80::2": ("local", "fe80::2", "dev"),
    "tunnel add t1 type vxlan id 7 remote ::1": ("remote", "::1"),
    "tunnel add t1 type vxlan id 7 remote ff02::1": ("remote", "ff02::1"),
    "tunnel add t1 type vxlan id 7 local 10.9.0.1 group ff05::1 dev eth0": ("group", "ff05::1"),
    "tunnel add t1 type vxlan id 7 group ff01::1 dev eth0": ("group", "ff01::1"),
    "tunnel add t1 type vxlan id 7 group ff05::1": ("group", "dev"),
    # one port, one type
    "tunnel add t1 type geneve id 7 remote 10.9.0.2 dstport 4789": ("dstport", "4789", "v0"),
    # names
    "port add sixteen-letters- bridge br0": ("sixteen-letters-", "15"),
    "bridge add sixteen-letters-": ("sixteen-letters-", "15"),
    "bridge add a/b": ("a/b",),
    "port add i/0 bridge br1 type internal": ("i/0",),
    "port add eth0 bridge br1 type internal": ("eth0",),
    # FDB
    "fdb add 02:00:00:00:00:02 dev nosuch": ("dev", "nosuch"),
    "fdb add 02:00:00:00:00 dev p0": ("mac",),
    "fdb add 01:00:5e:00:00:01 dev p0": ("mac",),
    "fdb add 02:00:00:00:00:02 dev p0 dst 10.9.0.2": ("dst", "p0"),
    "fdb add 02:00:00:00:00:02 dev p0 vlan 10": ("vlan", "br0"),
    "fdb add 02:00:00:00:00:02 dev v0 dst 10.9.0.2 vni 16777216": ("vni",),
    "fdb add 02:00:00:00:00:01 dev v0 dst 10.9.0.2": ("02:00:00:00:00:01",),
    "fdb del 02:00:00:00:00:09 dev v0": ("02:00:00:00:00:09",),
}


@pytest.mark.parametrize("words", WITHOUT)
def test_option_that_weft_has_not(host, untouched, words):
    """It is refused by name, with a reason."""
    with refused(words.split()[0], "does not have this option: "):
        host.weft(f"tunnel add t1 type vxlan id 7 remote 10.9.0.2 {words}")
    assert host.weft.save() == untouched[0]


@pytest.mark.parametrize("command", REFUSED)
def test_refused(host, untouched, command):
    with refused(*REFUSED[command]):
        host.weft(command)
    assert (host.weft.save(), snapshot(host)) == untouched
    assert host.weft.alive()


FILES = {
    "bridges: [br0]": ("bridges",),
    "bridges: {br0: {ageing: soon}}": ("br0", "ageing"),
    "bridges: {br0: {ageing: 300, ageing: 5}}": ("ageing",),
    "brigdes: {br0: {}}": ("brigdes",),
    "bridges: {br0: {}}\nports: {p0: {bridge: br0, vlna: 5}}": ("p0", "vlna"),
    "bridges: {br0: {}}\nports: {p0: {}}": ("p0", "bridge"),
    "bridges: {br0: {}}\ntunnels: {v0: {bridge: br0, id: '7', remote: 10.9.0.2}}": ("v0", "id"),
    "bridges: {br0: {}}\ntunnels: {v0: {bridge: br0, id: 7, remote: {x: 1}}}": ("v0", "remote"),
    "bridges: {br0: {}}\nfdb: [{mac: x, dev: p0}]": ("mac",),
    "bridges: {br0: &a {x: *a}}": ("",),
    "bridges: {br0: {}": ("line",),
    "- 1": ("bridges",),
    "\x00\x01": ("",),
}


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_file_is_refused(host, untouched, text):
    with refused(*FILES[text]):
        host.weft.apply(text)
    assert host.weft.save() == untouched[0]


def test_file_that_is_not_there(host):
    with refused("/no/such/file"):
        host.weft("apply /no/such/file")


def test_without_privilege(host):
    """One line that names what is missing; nothing is made."""
    rundir = host.lab.tmp_path / "run-unprivileged"
    done = host.run("setpriv", "--bounding-set", "-sys_admin,-bpf,-net_admin", "--inh-caps",
                    "-sys_admin,-bpf,-net_admin", BUILD / "weftd", "--rundir", rundir, check=False)
    assert done.returncode not in (0, None)
    assert done.stderr.count("\n") == 1, done.stderr
    assert "permitted" in done.stderr and "CAP_BPF" in done.stderr, done.stderr
    assert not (rundir / "weft.sock").exists()


@pytest.mark.parametrize("words", ["--nonsense", "--rundir", "extra"])
def test_weftd_usage(host, words):
    done = host.run(BUILD / "weftd", *words.split(), check=False)
    assert done.returncode == 2
    assert done.stderr
