# SPDX-License-Identifier: GPL-2.0-only
"""Bad input: one clear line that names the field, and nothing changed."""

import pytest

from daemon import BUILD, refused
from snapshot import snapshot


@pytest.fixture
def host(weft_host):
    """A host with something of everything, so that there is something to harm."""
    weft_host.lab.link(weft_host, "eth0", weft_host.lab.host("peer"), "eth0")
    weft_host.ip("address add 10.9.0.1/24 dev eth0")
    for port in ("p0", "p1"):
        weft_host.container(f"c-{port}", port)
    for line in ("bridge add br0", "bridge add br1", "bridge add brv vlan_filtering",
                 "port add p0 bridge br0",
                 "tunnel add v0 bridge br0 type vxlan id 1000 local 10.9.0.1 remote 10.9.0.2",
                 "fdb add 02:00:00:00:00:01 dev v0 dst 10.9.0.2"):
        weft_host.weft(line)
    return weft_host


TUNNEL = "tunnel add v1 bridge br1 type vxlan id 7 local 10.9.0.1"

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
    f"{TUNNEL} remote 10.9.0.2 dstport 0": ("dstport",),
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


@pytest.mark.parametrize("command", REFUSED)
def test_refused(host, command):
    before = host.weft.save(), snapshot(host)
    with refused(*REFUSED[command]):
        host.weft(command)
    after = host.weft.save(), snapshot(host)
    assert after == before
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
def test_file_is_refused(host, text):
    before = host.weft.save()
    with refused(*FILES[text]):
        host.weft.apply(text)
    assert host.weft.save() == before


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
