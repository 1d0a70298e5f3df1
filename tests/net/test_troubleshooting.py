# SPDX-License-Identifier: GPL-2.0-only
"""docs/troubleshooting.md: every fault is made, and the commands say of it what the guide says that they say.

With WEFT_WRITE_DOCS=1 in the environment the guide's output is written anew instead.
"""

import os
import pathlib
import re
import shlex
import shutil
import time

import pytest

import faults
from daemon import Weftd
from lab import DEADLINE, wait_until

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/troubleshooting.md"
BLOCK = re.compile(r"<!-- fault: (\w+) -->\n\n((?:(?:    .*)?\n)+)")
COMMAND = re.compile(r"(a|b|c1|c2|router)# (.*)")

# What differs from run to run.
VOLATILE = [(re.compile(pattern), replacement) for pattern, replacement in (
    (r"\d+ packets", "N packets"),
    (r"\d+\.\d packets", "N packets"),
    (r"\d+\.\d s ago", "T s ago"),
    (r"^(\w+ +)\d+ +\d+\.\d ", r"\1 N R "),
    (r"UDP \d{5} >", "UDP P >"),
    (r"id \d+ seq \d+", "id I seq S"),
    (r"at (eth0|vnet0|patch), \d+ bytes", r"at \1, N bytes"),
    (r"round trip .* at most", "round trip T"),
    (r"\d+ probes", "N probes"),
    (r"moved \d+ times", "moved N times"),
    (r"neighbour (DELAY|STALE|PROBE|REACHABLE)", "neighbour REACHABLE"),
    (r"  (02:00:00:00:00:0\d|33:33\S*) > .*", "  the inner packet"),
    (r", the last: .*", ", the last"),
    (r"source port \d[\d, ]*and \d+ more", "source ports"),
    (r" +", " "),
)]


def blocks():
    """fault -> [(host, command, [line of its output])]"""
    found = {}
    for name, text in BLOCK.findall(GUIDE.read_text()):
        steps = found.setdefault(name, [])
        for line in text.splitlines():
            line = line[4:]
            if match := COMMAND.fullmatch(line):
                steps.append((match[1], match[2], []))
            elif steps:
                steps[-1][2].append(line)
    return {name: [(host, command, _trimmed(lines)) for host, command, lines in steps] for name, steps in found.items()}


def _trimmed(lines):
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def steady(lines):
    result = []
    for line in lines:
        for pattern, replacement in VOLATILE:
            line = pattern.sub(replacement, line)
        result.append(line.strip())
    return result


def execute(sites, host, command):
    host = {"c1": sites.a.c, "c2": sites.b.c}.get(host) or getattr(sites, host)
    words = shlex.split(command)
    if words[0] == "weft":
        done = host.weft.run(*words[1:], json_output=False)
    else:
        done = host.run(*words, check=False)
    return _trimmed((done.stdout + done.stderr).splitlines())


def write_guide(name, outputs):
    lines = []
    for (host, command, _), output in outputs:
        lines += [f"    {host}# {command}"] + [f"    {line}".rstrip() for line in output]
    text = GUIDE.read_text()
    for match in BLOCK.finditer(text):
        if match[1] == name:
            text = text[:match.start(2)] + "\n".join(lines) + "\n\n" + text[match.end(2):]
            break
    GUIDE.write_text(text)


@pytest.mark.parametrize("name", faults.FAULTS)
def test_fault(lab, name):
    if name in ("closed_firewall", "black_hole") and not shutil.which("nft"):
        pytest.skip("no nft (package nftables)")
    steps = blocks()[name]
    sites = faults.Sites(lab)
    faults.FAULTS[name](sites, Weftd)
    outputs = []
    for host, command, expected in steps:
        said = []

        def as_written(host=host, command=command, expected=expected, said=said):
            said[:] = execute(sites, host, command)
            return steady(said) == steady(expected)
        if os.environ.get("WEFT_WRITE_DOCS"):
            time.sleep(0 if outputs else 6)  # for figures of traffic that has gone on for a while
            as_written()
            outputs.append(((host, command, expected), list(said)))
            continue
        try:
            wait_until(as_written, f"{command} to say what the guide says", timeout=DEADLINE, interval=0.5)
        except AssertionError:
            assert steady(said) == steady(expected)
    if outputs:
        write_guide(name, outputs)
    # the guide's last commands have mended it
    wait_until(lambda: sites.a.c.ping(sites.b.c.address, check=False, timeout=2), "the fault to be mended")


def test_every_fault_is_in_the_guide():
    assert list(blocks()) == list(faults.FAULTS)
