# SPDX-License-Identifier: GPL-2.0-only
"""Many FDB entries: applied, shown, saved, kept and flushed, with work and memory that grow as they do."""

import pathlib
import re
import subprocess

import pytest

from daemon import BUILD

MANY, FEW = 200_000, 20_000
HEAD = """bridges:
  br0: {}
  brv: { vlan_filtering: true }
ports:
  p0: { bridge: br0 }
  p1: { bridge: brv, vlan: 10, trunk: "20-30" }
tunnels:
  v0: { bridge: br0, type: vxlan, id: 100, local: 10.9.0.1, remote: [10.9.0.2, 10.9.0.3] }
  v1: { bridge: brv, type: vxlan, id: 200, local: 10.9.0.1, remote: [10.9.0.2], vlan: 20 }
"""


@pytest.fixture
def host(two_port_host):
    return two_port_host


def entry(number):
    """Members of an entry as it is shown; no two neighbours are alike."""
    mac = ":".join(f"{byte:02x}" for byte in (0x0200 << 32 | number).to_bytes(6, "big"))
    kind, way = number % 4, f"10.9.0.{2 + number // 4 % 100}"
    if kind == 0:
        return {"mac": mac, "dev": "p0"}
    if kind == 1:
        return {"mac": mac, "dev": "v0", "dst": way}
    if kind == 2:
        return {"mac": mac, "dev": "p1", "vlan": "10" if number % 8 == 2 else "25"}
    return {"mac": mac, "dev": "v1", "dst": way, "vni": "300", "vlan": "20"}


def line(members):
    return "  - { " + ", ".join(f"{key}: {value}" for key, value in members.items()) + " }\n"


def text(entries):
    return HEAD + "fdb:\n" + "".join(map(line, entries))


class Fdb:
    """`weft` over one host, without what Python would make of a million entries as JSON."""

    def __init__(self, host):
        self.host = host
        self.path = host.lab.tmp_path / "many.yaml"

    def run(self, *words):
        done = self.host.weft.run(*words, json_output=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, content, command="apply"):
        self.path.write_text(content)
        return self.run(command, self.path).splitlines()

    def shown(self):
        """{(mac, vlan, bridge, dev, dst, vni)} of static entries."""
        rows = [row.split() for row in self.run("fdb show state static").splitlines()[1:]]
        assert all(row[6] == "static" for row in rows)
        found = {tuple(row[:6]) for row in rows}
        assert len(found) == len(rows), "no entry is shown twice"
        return found

    def io(self):
        """Bytes and calls of weftd's reading and writing so far."""
        with open(f"/proc/{self.host.weft.process.pid}/io") as file:
            fields = dict(line.split(": ") for line in file)
        return {name: int(fields[name]) for name in ("rchar", "wchar", "syscr", "syscw")}

    def memory(self, name):
        with open(f"/proc/{self.host.weft.process.pid}/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))

    def gives_back(self):
        """AddressSanitizer keeps what is freed, so that its memory says nothing of weftd's."""
        return "libasan" not in pathlib.Path(f"/proc/{self.host.weft.process.pid}/maps").read_text()


def rows(entries):
    bridges = {"p0": "br0", "v0": "br0", "p1": "brv", "v1": "brv"}
    return {tuple(members.get(key, "-") for key in ("mac", "vlan")) + (bridges[members["dev"]],) +
            tuple(members.get(key, "-") for key in ("dev", "dst", "vni")) for members in entries}


def test_many_entries(host):
    fdb = Fdb(host)
    fdb.apply(HEAD)
    before = fdb.memory("VmRSS")
    entries = [entry(number) for number in range(MANY)]
    lines = fdb.apply(text(entries))
    assert lines[-1] == (f"and {MANY - 1000} more; fdb entries in all: {MANY} added, 0 changed, "
                         "0 deleted")
    assert fdb.shown() == rows(entries)
    assert fdb.apply(text(entries)) == ["no change"]
    # weftd keeps no copy of the FDB, and what apply needs it gives back
    if fdb.gives_back():
        assert fdb.memory("VmRSS") - before < 100 * MANY
        assert fdb.memory("VmHWM") - before < 400 * MANY

    saved = fdb.run("save")
    assert saved == fdb.run("save")
    assert len(re.findall("^- {mac: ", saved, re.M)) == MANY
    assert fdb.apply(saved, "diff") == ["no change"]

    host.weft.kill()
    host.weft.start()
    assert fdb.apply(saved, "diff") == ["no change"]
    assert fdb.shown() == rows(entries)

    # an entry that is wrong, the last one of all: nothing of the file comes
    wrong = [{"mac": members["mac"], "dev": "p0"} if members["dev"] == "v0" else members
             for members in entries]
    wrong[-1] = {"mac": entries[-1]["mac"], "dev": "nobody"}
    fdb.path.write_text(text(wrong))
    done = host.weft.run("apply", fdb.path, json_output=False)
    assert done.returncode == 1
    assert done.stderr == (f"weft: fdb {entries[-1]['mac']}: dev: there is no port or tunnel "
                           "nobody\n")
    assert fdb.shown() == rows(entries)

    # some go, some change, and the rest stays
    changed = entries[1000:]
    for number, members in enumerate(changed):
        if members["dev"] == "v0" and number < 40_000:
            changed[number] = {"mac": members["mac"], "dev": "p0"}
    assert fdb.apply(text(changed))[-1] == ("and 10000 more; fdb entries in all: 0 added, 10000 "
                                            "changed, 1000 deleted")
    assert fdb.shown() == rows(changed)

    fdb.run("fdb flush bridge br0 static")
    left = [members for members in changed if members["dev"] in ("p1", "v1")]
    assert fdb.shown() == rows(left)
    assert host.weft.show("tunnel", "v1")["state"]["entries"] == MANY // 4 - 250
    fdb.apply(HEAD)
    assert fdb.shown() == set()


def test_work_is_linear(host):
    """Ten times the entries, ten times the bytes and calls, for each of the commands."""
    fdb = Fdb(host)
    work = {}
    for count in (FEW, MANY):
        fdb.apply(HEAD)
        content = text([entry(number) for number in range(count)])
        for name, act in (("apply", lambda: fdb.apply(content)),
                          ("again", lambda: fdb.apply(content)),
                          ("show", lambda: fdb.run("fdb show")),
                          ("save", lambda: fdb.run("save"))):
            start = fdb.io()
            act()
            work[name, count] = {key: value - start[key] for key, value in fdb.io().items()}
    for (name, count), spent in work.items():
        for key, value in spent.items():
            if count == MANY:
                assert value < 11 * work[name, FEW][key] + 100_000, (name, key)


def test_pieces_leave_room_for_others(host):
    """A flush and a look at everything are many requests, so that another one comes between."""
    fdb = Fdb(host)
    fdb.apply(text([entry(number) for number in range(MANY)]))
    weft = host.weft
    first = weft("fdb show state static")
    assert len(first) == MANY
    sliced = fdb.io()["syscr"]
    fdb.run("fdb flush static")
    assert fdb.io()["syscr"] - sliced >= MANY // 32768, "one request for each slice"
    assert fdb.shown() == set()


def test_killed_while_it_applies(host):
    """What was written down before weftd was killed, entries sent ahead included, the next one finishes."""
    fdb = Fdb(host)
    entries = [entry(number) for number in range(MANY)]
    fdb.path.write_text(text(entries))
    pending = host.weft.rundir / "pending.json"
    command = host.start(str(BUILD / "weft"), "--rundir", host.weft.rundir, "apply", fdb.path,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while command.poll() is None and not pending.exists():
        pass
    host.weft.kill()
    command.wait()
    host.weft.start()
    assert fdb.shown() == rows(entries)
    assert fdb.apply(text(entries), "diff") == ["no change"]
    assert not pending.exists()
