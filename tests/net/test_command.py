# SPDX-License-Identifier: GPL-2.0-only
"""What the command prints for people, and how it reads files, against a weftd without a kernel side."""

import json

import pytest

from daemon import BUILD, Weftd

FAKE = BUILD / "tests" / "unit" / "weftd-fake"

CONFIG = """\
bridges:
  br0: {ageing: 600}
  br1:
tunnels:
  vxlan0: {bridge: br0, id: 1000, remote: [192.0.2.3, 192.0.2.2]}
fdb:
  - {mac: 00:11:22:33:44:55, dev: vxlan0, dst: 192.0.2.2}
"""


@pytest.fixture
def weft(lab):
    if not FAKE.exists():
        pytest.skip("weftd-fake was not built")
    return Weftd(lab.host("host"), FAKE)


def text(weft, *words, status=0, **options):
    """What a command prints: on stdout if it is done, else its one line on stderr."""
    done = weft.run(*words, json_output=False, **options)
    assert done.returncode == status, done.stderr
    if not status:
        assert not done.stderr
        return done.stdout
    assert not done.stdout and done.stderr.startswith("weft: ") and done.stderr.count("\n") == 1
    return done.stderr[6:-1]


def rows(table):
    return [line.split() for line in table.splitlines()]


def test_help_of_every_command(weft):
    """By any of the words for it, without asking weftd, and not as a filter, a file or a tunnel of that name."""
    commands = [row[0] for row in rows(text(weft, "help").split("\n\n")[-1])]
    assert len(commands) > 15 and "capture" in commands
    for command in commands:
        assert text(weft, f"{command} -h") == text(weft, f"{command} --help") == text(weft, f"{command} help")
        assert text(weft, f"{command} -h").startswith(f"usage:\n  weft {command}")
    assert "underlay-out" in text(weft, "capture -h") and "vni_unknown" in text(weft, "drops -h")


def test_apply_diff_save(weft):
    added = ["+ bridge br0", "+ bridge br1", "+ tunnel vxlan0", "+ fdb 00:11:22:33:44:55 dev vxlan0"]
    assert sorted(text(weft, "diff -", data=CONFIG).splitlines()) == sorted(added)
    assert text(weft, "save") == "{}\n"
    assert sorted(text(weft, "apply -", data=CONFIG).splitlines()) == sorted(added)
    assert text(weft, "apply -", data=CONFIG) == "no change\n"
    saved = text(weft, "save")
    assert saved == """\
bridges:
  br0:
    ageing: 600
  br1: {}
tunnels:
  vxlan0:
    bridge: br0
    id: 1000
    remote: [192.0.2.2, 192.0.2.3]
fdb:
- {mac: "00:11:22:33:44:55", dev: vxlan0, dst: 192.0.2.2}
"""
    assert text(weft, "diff -", data=saved) == "no change\n"
    changed = CONFIG.replace("ageing: 600", "ageing: none").replace(", 192.0.2.2]", "]")
    changed = changed[:changed.index("fdb:")]
    assert sorted(text(weft, "apply -", data=changed).splitlines()) == [
        "- fdb 00:11:22:33:44:55 dev vxlan0", "~ bridge br0: ageing 600 -> none",
        "~ tunnel vxlan0: remote 192.0.2.2,192.0.2.3 -> 192.0.2.3"]
    assert weft("save")["bridges"]["br0"] == {"ageing": "none"}
    text(weft, "apply -", data="")
    assert text(weft, "save") == "{}\n"


@pytest.mark.parametrize("config, line", [
    ("a: {", "standard input: line 2: "),
    ("bridges: {br0: {}}\nbridges: {}\n", 'standard input: line 2: "bridges" stands there twice'),
    ("- 1\n", "standard input: is not made of the sections bridges, ports, tunnels and fdb"),
    ("bridges: {br0: {agein: 5}}\n", "agein: is not a field of a bridge"),
    ("tunnels: {v: {id: 16777216}}\n", "tunnel v: id: 16777216 is above 16777215"),
    ("routers: {}\n", "routers"),
])
def test_bad_files(weft, config, line):
    assert line in text(weft, "apply -", data=config, status=1)
    assert weft("save") == {}


def test_file_that_is_not_there(weft, tmp_path):
    assert text(weft, f"apply {tmp_path}/x", status=1) == f"{tmp_path}/x: No such file or directory"


def test_tables(weft):
    text(weft, "apply -", data=CONFIG)
    entry = rows(text(weft, "fdb"))[1]
    assert entry[0] == "00:11:22:33:44:55" and entry[3:5] == ["vxlan0", "192.0.2.2"]
    text(weft, "port add p0 bridge br0 trunk 10,20-30 vlan 5", status=1)
    text(weft, "bridge set br0 vlan_filtering")
    text(weft, "port add p0 bridge br0 trunk 10,20-30 vlan 5")
    assert rows(text(weft, "bridge"))[1][:4] == ["br0", "600", "unlimited", "true"]
    assert rows(text(weft, "port show"))[1][:5] == ["p0", "br0", "device", "5", "10,20-30"]
    assert rows(text(weft, "tunnel list"))[1][:9] == [
        "vxlan0", "br0", "vxlan", "1000", "-", "192.0.2.2,192.0.2.3", "-", "-", "4789"]
    one = dict(row for row in rows(text(weft, "tunnel show vxlan0")) if len(row) == 2)
    assert one["srcport"] == "49152,65535" and one["ttl"] == "auto" and one["ageing"] == "bridge"
    # entries go with the VLANs that they were under
    assert len(rows(text(weft, "fdb"))) == 1
    text(weft, "fdb add 00:11:22:33:44:55 dev vxlan0 dst 192.0.2.2 vlan 5")
    assert not any(line.endswith(" ") for line in text(weft, "tunnel").splitlines())


@pytest.mark.parametrize("noun", ["bridge", "port", "tunnel", "fdb"])
def test_help(weft, noun):
    assert text(weft, f"{noun} help").startswith(f"usage:\n  weft {noun} show")


def test_fdb_in_pages(weft):
    """More entries than one page of the API has, as one list."""
    macs = [f"02:00:00:00:{i >> 8:02x}:{i & 255:02x}" for i in range(10000)]
    config = {"bridges": {"br0": {}}, "ports": {"p0": {"bridge": "br0"}},
              "fdb": [{"mac": mac, "dev": "p0"} for mac in macs]}
    weft.apply(json.dumps(config))
    assert sorted(entry["mac"] for entry in weft.fdb()) == macs
    assert len(rows(text(weft, "fdb show bridge br0 state static"))) == 10001
    pretty = weft.run("-p fdb show")
    assert json.loads(pretty.stdout) == weft.fdb()
    assert weft.fdb("state learned") == []


def test_monitor_prints_lines(weft):
    monitor = weft.host.start(BUILD / "weft", "--rundir", weft.rundir, "monitor", "bridge",
                              stdout=-1, stderr=-1, text=True)
    while not monitor.poll():  # until it listens, some go unheard
        weft("bridge add br0")
        weft("bridge del br0")
        line = monitor.stdout.readline()
        if line:
            break
    assert line.split()[:3] in (["add", "bridge", "br0"], ["delete", "bridge", "br0"])
    weft.stop()
    assert monitor.wait(10) == 1
    assert monitor.stderr.read() == "weft: weftd closed the connection\n"


@pytest.mark.parametrize("words, status, line", [
    ("tunnel add v id 5 proxy", 1, "tunnel v: proxy: weft does not have this option: ARP and "
                                   "neighbour discovery are not answered for others"),
    ("tunnel add v id 5 tos 10", 1, "tunnel v: tos: 10 may be meant as hexadecimal or decimal; "
                                    "write 0x10 or 0x0a"),
    ("fdb add 02:00:00:00:00:01 dev p0 via eth0", 1,
     "via: weft does not have this option of bridge(8)"),
    ("fdb add 02:00:00:00:00:01", 2, "dev: is required"),
    ("bridge show br0 br1", 2, '"br1" is one word too many'),
    ("tunnel add v id", 2, "tunnel v: id: needs a value"),
    ("bridge show -j", 1, "-j stands before the command: weft -j ..."),
    ("status --json", 2, "--json stands before the command"),
])
def test_words_refused(weft, words, status, line):
    assert line in text(weft, words, status=status)
