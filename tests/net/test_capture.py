# SPDX-License-Identifier: GPL-2.0-only
"""weft capture: packets as they pass, live, and read back by tshark."""

import json
import os
import signal
import socket
import subprocess

import pytest

from daemon import BUILD, TOP, refused
from frames import BROADCAST, IP, TCP, UDP, Ether, Raw, frame, mac_of
from lab import DEADLINE, wait_until
from switch import Switch
from tap import Tap

ZERO = "00:00:00:00:00:00"
POINTS = ["port-in", "port-out", "underlay-in", "underlay-out", "drop"]
REMOTE = "192.0.2.2"


def _switch(lab):
    switch = Switch(lab, 2)
    switch.bridge((1, 2))
    lab.link(switch.host, "eth0", switch.tester, "wire")
    switch.host.ip("address add 192.0.2.1/24 dev eth0")
    switch.host.ip(f"neigh add {REMOTE} lladdr {switch.tester.mac('wire')} dev eth0 nud permanent")
    switch.weft(f"tunnel add t bridge br0 type vxlan id 1000 remote {REMOTE} local 192.0.2.1 dstport 4789")
    switch.wire = Tap(switch.tester, "wire")
    wait_until(lambda: switch.weft.show("tunnel", "t")["state"]["remotes"][0].get("dev") or True, "tunnel")
    return switch


@pytest.fixture
def switch(lab):
    """Ports p1 and p2, and a tunnel `t` to the tester's end of `wire`."""
    return _switch(lab)


@pytest.fixture(scope="module")
def asked(module_lab):
    """The same, for those who only ask."""
    return _switch(module_lab)


class Capture:
    """A `weft capture` at work; what it prints is in files."""

    def __init__(self, weft, *words, stdout=None, command=None, json_output=False):
        lab = weft.host.lab
        self.number = len(list(lab.tmp_path.glob("capture-*.err")))
        self.out, self.err = (lab.tmp_path / f"capture-{self.number}.{kind}" for kind in ("out", "err"))
        argv = command or [BUILD / "weft", *(["-j"] if json_output else []), "--rundir", weft.rundir, "capture"]
        with open(self.err, "wb") as err, open(self.out, "wb") as out:
            self.process = weft.host.start(*argv, *words, stdin=subprocess.DEVNULL, stdout=stdout or out, stderr=err,
                                           env=dict(os.environ, TZ="UTC"))
        wait_until(lambda: "capturing" in self.error() or self.process.poll() is not None, "capture to begin")

    def error(self):
        return self.err.read_text()

    def lines(self):
        return self.out.read_text().splitlines()

    def end(self, number=signal.SIGINT):
        """Ends it; gives its exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def counts(self):
        """Captured and lost, as it says at its end."""
        words = self.error().splitlines()[-1].split()
        assert words[0] == "weft:" and words[2:4] == ["packets", "captured,"] and words[5] == "lost", words
        return int(words[1]), int(words[4])


def read(path, *fields):
    """Rows of a capture file, by tshark."""
    argv = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=|", "-E", "occurrence=f"]
    for field in fields:
        argv += ["-e", field]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "cut short" not in done.stderr and "damaged" not in done.stderr
    return [line.split("|") for line in done.stdout.splitlines()]


def packets(path):
    """Bytes of all packets of a file, by tshark."""
    done = subprocess.run(["tshark", "-r", str(path), "-T", "json", "-x"], capture_output=True, text=True, check=True)
    return [bytes.fromhex(packet["_source"]["layers"]["frame_raw"][0]) for packet in json.loads(done.stdout)]


def outwards(switch, raw):
    """Sends a frame by p1 to everybody; gives its packet on the underlay."""
    switch.taps[1].send(raw)
    return switch.wire.expect(lambda data: data if raw in data else None, what="packet")


def test_lines(switch):
    capture = Capture(switch.weft)
    raw = switch.frame(mac_of(1))
    outwards(switch, raw)
    switch.taps[1].send(frame(ZERO, BROADCAST))
    wait_until(lambda: len(capture.lines()) == 5, "lines")
    assert capture.end() == 0 and capture.counts() == (5, 0)
    lines = [line.split(" ", 1)[1] for line in capture.lines()]
    inner = f"{mac_of(1)} > {BROADCAST}, IPv4 10.0.0.1 > 10.0.0.2 ttl 64, UDP 1000 > 2000"
    assert lines[0].startswith(f"port-in port p1: {inner}")
    assert lines[1].startswith(f"port-out port p2: {inner}")
    assert lines[2].startswith(f"underlay-out port p1 tunnel t remote {REMOTE}: {switch.host.mac('eth0')} > ")
    assert ", VXLAN vni 1000 | " + inner in lines[2]
    assert [line.split(":")[0] for line in lines[3:]] == ["port-in port p1", "drop src_mac port p1"]


def test_next_hop_unknown(switch):
    """The kernel is still to find the MACs; what the packet is can be told all the same, by a trace, too."""
    far, nobody = "192.0.2.77", mac_of(0x77)
    switch.weft(f"fdb add {nobody} dev t dst {far}")
    outer = f"{ZERO} > {ZERO}, IPv4 192.0.2.1 > {far} ttl 64 DF, UDP"
    traced = switch.host.run(BUILD / "weft", "--rundir", switch.weft.rundir, "trace", "in", "p1",
                             f"hex {switch.frame(mac_of(1), nobody).hex()}")
    assert outer in traced.stdout, traced
    capture = Capture(switch.weft, "-i", "underlay-out")
    switch.taps[1].send(switch.frame(mac_of(1), nobody))
    wait_until(capture.lines, "line")
    assert capture.end() == 0 and outer in capture.lines()[0]


def test_file(switch):
    """Interface, bytes and comment of each packet; what goes out is what the wire has."""
    path = switch.host.lab.tmp_path / "one.pcapng"
    capture = Capture(switch.weft, "-w", path)
    raw = switch.frame(mac_of(1))
    sent = outwards(switch, raw)
    answer = frame(mac_of(9), mac_of(1), "answer")
    packet = (Ether(src=switch.tester.mac("wire"), dst=switch.host.mac("eth0")) / IP(src=REMOTE, dst="192.0.2.1") /
              UDP(sport=50000, dport=4789, chksum=0) / Raw(bytes.fromhex("080000000003e800") + answer))
    switch.wire.send(packet)
    switch.taps[1].expect(answer)
    dropped = frame(ZERO, BROADCAST, "dropped")
    switch.taps[2].send(dropped)
    wait_until(lambda: switch.weft.drops().get("src_mac"), "drop")
    assert capture.end() == 0 and capture.counts() == (7, 0)
    rows = read(path, "frame.interface_name", "frame.comment", "frame.packet_flags_direction")
    remote = f"tunnel t, remote {REMOTE}"
    assert [row[:2] for row in rows] == [
        ["port-in", "port p1"], ["port-out", "port p2"], ["underlay-out", f"port p1, {remote}"],
        ["underlay-in", remote], ["port-out", f"port p1, {remote}"],
        ["port-in", "port p2"], ["drop", "dropped: src_mac, port p2"]]
    assert [int(row[2], 0) for row in rows] == [1, 2, 2, 1, 2, 1, 1]
    assert packets(path) == [raw, raw, sent, bytes(packet), answer, dropped, dropped]
    assert path.stat().st_mode & 0o777 == 0o600


def test_filter_points_and_count(switch):
    """A filter of what is inside, at two points; ends by itself."""
    inner = Capture(switch.weft, "-c", "2", "-i", "port-in,underlay-out", "udp", "port", "2000 and host 10.0.0.1")
    outer = Capture(switch.weft, "--outer", "-c", "1", f"dst host {REMOTE} and udp port 4789")
    switch.taps[1].send(bytes(Ether(src=mac_of(1), dst=BROADCAST) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP()))
    outwards(switch, switch.frame(mac_of(1)))
    assert inner.process.wait(DEADLINE) == 0 and outer.process.wait(DEADLINE) == 0
    assert [line.split()[1] for line in inner.lines()] == ["port-in", "underlay-out"]
    assert [line.split()[1] for line in outer.lines()] == ["underlay-out"]


def test_snap_and_json(switch):
    capture = Capture(switch.weft, "-s", "20", "-c", "1", "--port", "p2", json_output=True)
    raw = switch.frame(mac_of(1))
    switch.taps[1].send(raw)
    assert capture.process.wait(DEADLINE) == 0
    row, = [json.loads(line) for line in capture.lines()]
    assert row["point"] == "port-out" and row["port"] == "p2" and row["length"] == len(raw)
    assert bytes.fromhex(row["packet"]) == raw[:20]


def test_super_packet(switch):
    path = switch.host.lab.tmp_path / "super.pcapng"
    capture = Capture(switch.weft, "-w", path, "-c", "1", "-i", "port-in")
    packet = bytes(Ether(src=mac_of(1), dst=BROADCAST) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1, dport=2) /
                   Raw(b"x" * 20000))
    switch.taps[1].send_super(packet, 1000)
    assert capture.process.wait(DEADLINE) == 0
    assert read(path, "frame.len", "frame.comment") == [["20054", "port p1, in segments of 1000"]]


def test_no_more_than_four(switch):
    captures = [Capture(switch.weft) for _ in range(4)]
    pids = [capture.process.pid for capture in captures]
    assert switch.weft("status")["captures"] == pids  # for whoever wants one of them ended
    with refused("capture", "4 already", ", ".join(map(str, pids))):
        switch.weft("capture -c 1")
    switch.taps[1].send(switch.frame(mac_of(1)))
    for capture in captures:
        wait_until(capture.lines, "line")
    captures[0].process.kill()
    captures[0].process.wait()
    wait_until(lambda: Capture(switch.weft, "-c", "1").process.poll() is None, "room for another one")


@pytest.mark.parametrize("words, reasons", [
    (["host 1.2.3.4.5"], ["filter"]),
    (["vnet0", "out"], ['filter "vnet0 out": ']),
    (["and " * 20000], ["filter"]),
    (["-i", "nowhere"], ["nowhere", "weft capture -h"]),
    (["-i", ","], ["-i"]),
    (["-c", "0"], ["-c"]),
    (["-s", "70000"], ["-s"]),
    (["-B", "1"], ["-B"]),
    (["--port", "nobody"], ["port", "nobody"]),
    (["--tunnel", "nobody"], ["tunnel", "nobody"]),
    (["-w", "/nowhere/file"], ["/nowhere/file"]),
])
def test_refusals(switch, words, reasons):
    done = switch.host.run(BUILD / "weft", "--rundir", switch.weft.rundir, "capture", *words, check=False)
    line, = done.stderr.splitlines()
    assert done.returncode == 1 and all(reason in line for reason in reasons), line


def ask(switch, request):
    """One request over a connection of its own: the reply, and whether a file descriptor came along."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(switch.weft.rundir / "weft.sock"))
        connection.sendall(json.dumps(request).encode() + b"\n")
        data = b""
        passed = []
        while not data.endswith(b"\n"):
            more, fds, _, _ = socket.recv_fds(connection, 65536, 4)
            assert more
            data += more
            passed += fds
    for descriptor in passed:
        os.close(descriptor)
    return json.loads(data), bool(passed)


@pytest.mark.parametrize("params", [
    {"points": []}, {"points": "drop"}, {"points": ["drop", 7]}, {"points": ["x" * 1000]}, {"points": {}},
    {"port": 1}, {"port": "nobody"}, {"tunnel": []}, {"tunnel": "p1"}, {"snap": 0}, {"snap": 65536}, {"snap": -1},
    {"snap": "9"}, {"snap": 1 << 40}, {"snap": 1.5}, {"outer": 1}, {"buffer": 0}, {"buffer": 65537}, {"buffer": 1 << 40},
    {"filter": {}}, {"filter": [1]}, {"filter": [[6, 0, 0]]}, {"filter": [[6, 0, 0, -1]]}, {"filter": [[6, 0, 0, 1 << 32]]},
    {"filter": [[65536, 0, 0, 0]]}, {"filter": [[5, 0, 0, 1]]}, {"filter": [[21, 1, 0, 0], [6, 0, 0, 1]]},
    {"filter": [[5, 0, 0, 0xffffffff], [6, 0, 0, 1]]}, {"filter": [[96, 0, 0, 16], [6, 0, 0, 1]]},
    {"filter": [[2, 0, 0, 16], [6, 0, 0, 1]]}, {"filter": [[52, 0, 0, 0], [6, 0, 0, 1]]}, {"filter": [[0, 0, 0, 1]]},
    {"filter": [[14, 0, 0, 0], [6, 0, 0, 1]]}, {"filter": [[6, 0, 0, 1]] * 513}, {"filter": [[0xff, 0, 0, 0], [6, 0, 0, 0]]},
    {"nothing": 1},
], ids=str)
def test_bad_requests(asked, params):
    reply, passed = ask(asked, {"jsonrpc": "2.0", "id": 1, "method": "capture.open", "params": params})
    assert "error" in reply and "\n" not in reply["error"]["message"] and not passed
    reply, passed = ask(asked, {"jsonrpc": "2.0", "id": 1, "method": "capture.open"})
    assert "result" in reply and passed, "weftd is well"
    assert "error" in ask(asked, {"jsonrpc": "2.0", "id": 1, "method": "capture.state"})[0]


def test_reader_that_stops(switch):
    """Traffic goes on; what the ring had no room for is counted, in the file's statistics, too."""
    path = switch.host.lab.tmp_path / "stopped.pcapng"
    capture = Capture(switch.weft, "-w", path, "-B", "64", "-i", "port-in")
    capture.process.send_signal(signal.SIGSTOP)
    raw = frame(mac_of(1), mac_of(2), "x" * 1000)
    for _ in range(20):
        switch.taps[1].send(*[raw] * 10)
        outwards(switch, switch.frame(mac_of(1)))
    capture.process.send_signal(signal.SIGCONT)
    assert capture.end() == 0
    captured, lost = capture.counts()
    assert captured + lost == 220 and lost > 0 and len(packets(path)) == captured
    done = subprocess.run(["capinfos", "-M", str(path)], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        assert f"Number of packets:   {captured}" in done.stdout


def test_full_disk(switch):
    """What there is room for is a whole file."""
    folder = switch.host.lab.tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=True)
    try:
        capture = Capture(switch.weft, "-w", folder / "full.pcapng")
        for _ in range(100):
            switch.taps[1].send(frame(mac_of(1), BROADCAST, "x" * 1000))
        assert capture.process.wait(DEADLINE) == 1
        assert f"weft: capture: cannot write {folder}/full.pcapng: No space left on device" in capture.error().splitlines()
        assert packets(folder / "full.pcapng")
    finally:
        subprocess.run(["umount", folder], check=True)
    outwards(switch, switch.frame(mac_of(1)))


def test_weftd_is_killed_and_comes_back(switch):
    capture = Capture(switch.weft, "-i", "port-in")
    outwards(switch, switch.frame(mac_of(1)))
    wait_until(lambda: len(capture.lines()) == 1, "line before")
    switch.weft.kill()
    wait_until(lambda: "weftd has gone" in capture.error(), "capture to notice")
    switch.weft.start()
    wait_until(lambda: "it is back" in capture.error(), "capture to go on")
    outwards(switch, switch.frame(mac_of(1)))
    wait_until(lambda: len(capture.lines()) == 2, "line behind")
    assert capture.end() == 0 and capture.counts()[0] == 2


def test_last_object_goes(switch):
    """The datapath ends, and the capture waits for another one."""
    capture = Capture(switch.weft, "-i", "port-in")
    for noun, name in (("tunnel", "t"), ("port", "p1"), ("port", "p2"), ("bridge", "br0")):
        switch.weft(f"{noun} del {name}")
    wait_until(lambda: "no datapath any more" in capture.error(), "capture to notice")
    switch.bridge((1, 2))
    wait_until(lambda: "it is back" in capture.error(), "capture to go on")
    switch.taps[1].send(switch.frame(mac_of(1)))
    wait_until(capture.lines, "line")
    assert capture.end(signal.SIGTERM) == 0


def test_closed_output(switch):
    """Nobody reads any more: that ends it, with no complaint, packets or none."""
    for words in ([], ["-w", "-"]):
        reader, writer = os.pipe()
        capture = Capture(switch.weft, *words, stdout=writer)
        os.close(writer)
        os.close(reader)
        assert capture.process.wait(DEADLINE) == 0
        assert len(capture.error().splitlines()) == 2


def test_two_at_once(switch):
    """Each with its own filter and length."""
    one = Capture(switch.weft, "-i", "port-in", "-c", "1", "tcp")
    two = Capture(switch.weft, "-i", "port-in", "-c", "1", "udp")
    switch.taps[1].send(bytes(Ether(src=mac_of(1), dst=BROADCAST) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP()),
                        switch.frame(mac_of(1)))
    assert one.process.wait(DEADLINE) == 0 and two.process.wait(DEADLINE) == 0
    assert ", TCP " in one.lines()[0] and ", UDP " in two.lines()[0]


def test_extcap(switch):
    """What Wireshark asks, and a capture by way of a FIFO."""
    script = TOP / "contrib/wireshark/weft"

    def answer(*words):
        return subprocess.run([script, *words], capture_output=True, text=True, check=True).stdout
    assert "interface {value=weft}" in answer("--extcap-interfaces", "--extcap-version=4.0")
    assert answer("--extcap-dlts", "--extcap-interface", "weft") == "dlt {number=1}{name=EN10MB}{display=Ethernet}\n"
    config = answer("--extcap-config", "--extcap-interface=weft")
    assert "{call=--outer}" in config and all(line.startswith("arg {number=") for line in config.splitlines())
    assert subprocess.run([script, "--extcap-dlts", "--extcap-interface", "x"], capture_output=True,
                          check=False).returncode == 1
    fifo, path = (switch.host.lab.tmp_path / name for name in ("fifo", "fifo.pcapng"))
    os.mkfifo(fifo)
    with open(path, "wb") as out, subprocess.Popen(["cat", fifo], stdout=out) as copy:
        capture = Capture(switch.weft, "--capture", "--extcap-interface=weft", f"--fifo={fifo}", "--points=port-in",
                          "--extcap-capture-filter", "udp port 2000",
                          command=["env", f"WEFT={BUILD}/weft", f"WEFT_RUNDIR={switch.weft.rundir}", script])
        raw = switch.frame(mac_of(1))
        switch.taps[1].send(raw)
        wait_until(lambda: path.stat().st_size and raw in path.read_bytes(), "packet")
        assert capture.end(signal.SIGTERM) == 0
        copy.wait(DEADLINE)
    assert packets(path) == [raw]


def test_trace_is_not_captured(switch):
    """A packet that does not exist passes no point."""
    capture = Capture(switch.weft)
    traced = switch.host.run(BUILD / "weft", "--rundir", switch.weft.rundir, "trace", "in", "p1",
                             f"icmp, smac {mac_of(1)}, dmac {mac_of(2)}, src 10.0.0.1, dst 10.0.0.2", check=False)
    assert traced.returncode == 0, traced.stderr
    raw = switch.frame(mac_of(1))
    outwards(switch, raw)
    wait_until(lambda: len(capture.lines()) == 3, "lines")
    assert capture.end() == 0 and capture.counts() == (3, 0)
