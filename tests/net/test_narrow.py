# SPDX-License-Identifier: GPL-2.0-only
"""What is printed on a terminal that is narrower than its lines: broken between words, nothing lost; elsewhere as it is."""

import re

import pytest

from daemon import BUILD
from lab import DEADLINE, wait_until
from overlay import Overlay
from terminal import Terminal
from test_capture import Capture

COLUMNS = 20
NUMBER = re.compile(r"[0-9.]+")


@pytest.fixture(scope="module")
def hosts(module_lab):
    overlay = Overlay(module_lab, ["weft"] * 2).up()
    overlay.ping_all()
    return overlay.hosts


class Narrow:
    """The command on a narrow terminal; what it says besides is in a file."""

    def __init__(self, host, *words):
        self.errors = host.lab.tmp_path / "narrow.err"
        with open(self.errors, "wb") as errors:
            self.terminal = Terminal(host, weft(host, *words), columns=COLUMNS, stderr=errors)

    def end(self):
        """The lines that the terminal was given, and the exit status."""
        status = self.terminal.end()
        self.terminal.close()
        return self.terminal.raw.decode().split("\r\n")[:-1], status


def weft(host, *words):
    return [BUILD / "weft", "--rundir", host.weft.rundir, *words]


def narrow(lines, wide):
    """`lines` are those of `wide`, which do not fit."""
    for line in lines:
        assert len(line) <= COLUMNS or " " not in line, lines
        assert line == line.rstrip(), lines
    assert len(lines) > len(wide) and max(map(len, wide)) > 60, wide
    assert [NUMBER.sub("0", word) for word in " ".join(lines).split()] == \
        [NUMBER.sub("0", word) for word in " ".join(wide).split()]
    assert any(line.startswith("  ") and not line.startswith("   ") for line in lines), lines


def same(host, *words):
    """On a terminal and in a pipe."""
    wide = host.run(*weft(host, *words), check=False)
    lines, status = Narrow(host, *words).end()
    assert status == wide.returncode
    narrow(lines, wide.stdout.splitlines())
    return status


def test_trace(hosts):
    one, two = hosts
    assert same(one, "trace", "in", "vnet0", f"icmp, src {one.c.address}, dst {two.c.address}") == 0


def test_probe(hosts):
    assert same(hosts[0], "probe", "from", "vnet0", "to", hosts[1].c.address, "count", "2", "interval", "0.01") == 0
    # an exit status that says something
    words = ["probe", "from", "vnet0", "to", "10.0.0.77", "count", "1", "timeout", "0.05"]
    assert same(hosts[0], *words) == 3


def test_capture(hosts):
    one, two = hosts
    words = ["-c", "4", "icmp"]
    wide = Capture(one.weft, *words)
    shown = Narrow(one, "capture", *words)
    wait_until(lambda: "capturing" in shown.errors.read_text(), "capture to begin")
    one.c.ping(two.c.address)
    assert wide.process.wait(DEADLINE) == 0
    lines, status = shown.end()
    assert status == 0 and len(wide.lines()) == 4
    narrow(lines, wide.lines())
