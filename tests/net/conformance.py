# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the conformance rows came to, and the tables of docs/conformance.md.

A test belongs to a row by its name: test_VX_01_... is about row VX-01 (rows/). How others than weft do
is a result and no error, but each failure of theirs has to be explained in the row, and each
explanation needs a failure.
"""

import collections
import os
import re
import subprocess

from rows import ROWS, SECTIONS

HEAD = """\
# Conformance

Written by `make conformance`; do not edit. Each row is one requirement of a standard, or one option of
Open vSwitch or iproute2, in our words; its tests are in `tests/net`, have its ID in their names, and run
over IPv4 and IPv6 unless one of them makes no sense. The same tests run on weft, on Linux's own devices
and bridge (kernel {kernel}), and on Open vSwitch's userspace datapath ({openvswitch}). Drops
are counted under the reason named (`weft drops`); for the other two, a row that demands a drop passes
if nothing comes out and nothing is learned, whatever they count.

*passes*: every test of the row; *fails*: those named, because; *–*: the device cannot be told, or has
no such thing, so that no test ran. A number is how many tests of the row could run there, if not all.

"""
COLUMNS = "| Row | Requirement | Source | What weft does | weft | Linux | Open vSwitch | Tests |\n"
TITLES = {"weft": "weft", "kernel": "Linux", "openvswitch": "Open vSwitch"}  # as in dut.py
DUTS = tuple(TITLES)


def row_id(test):
    """VX-01 of test_VX_01_header[weft]."""
    found = re.match(r"test_([A-Z][A-Z0-9])_(\d\d)_", test)
    return f"{found[1]}-{found[2]}" if found else None


def _skip_reason(report, dut):
    """Without the name of the device, which the column has."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ").removeprefix(TITLES[dut]).strip()


class Table:
    """A pytest plugin that collects the results of the rows, from workers too."""

    def __init__(self, path):
        self.path = path
        self.results = collections.defaultdict(dict)  # (row, device) -> {test: result}
        self.reasons = collections.defaultdict(set)  # (row, device) -> why tests were skipped
        self.problems = []

    def pytest_runtest_logreport(self, report):
        properties = dict(report.user_properties)
        if "row" not in properties:
            return
        key = properties["row"], properties["dut"]
        test = report.nodeid.rpartition("::")[2]
        xfail = hasattr(report, "wasxfail")
        if report.failed or (report.skipped and xfail):
            self.results[key][test] = "fails"
        elif report.skipped:
            self.results[key].setdefault(test, "skipped")
            self.reasons[key].add(_skip_reason(report, properties["dut"]))
        elif report.when == "call":
            self.results[key].setdefault(test, "passes")

    def cell(self, row, dut):
        """How a device does in a row."""
        results = self.results.get((row, dut), {})
        ran = {test: result for test, result in results.items() if result != "skipped"}
        if not ran:
            return f"– {'; '.join(sorted(self.reasons[(row, dut)]))}" if results else "not run"
        bad = sorted(test for test, result in ran.items() if result == "fails")
        if not bad:
            some = "" if len(ran) == len(results) else f" ({len(ran)} of {len(results)})"
            return "passes" + some
        why = {"kernel": ROWS[row].linux, "openvswitch": ROWS[row].openvswitch}.get(dut, "")
        cell = "**fails**" if len(bad) == len(ran) else f"**fails** {len(bad)} of {len(ran)}"
        return f"{cell}: {why}" if why else cell

    def unexplained(self):
        """Failures of others without a reason in the row, and reasons without a failure."""
        for (row, dut), results in sorted(self.results.items()):
            if row not in ROWS:
                yield f"{row}: has tests, and is in no file of rows/"
                continue
            if dut == "weft":
                continue
            bad = sorted(test for test, result in results.items() if result == "fails")
            why = ROWS[row].linux if dut == "kernel" else ROWS[row].openvswitch
            if bad and not why:
                yield f"{row}: {dut} fails, and the row does not say why: {' '.join(bad)}"
            elif why and not bad:
                yield f"{row}: {dut} does not fail, and the row says why it does"

    def _line(self, id, row):
        if row.missing:
            return f"| {id} | {row.requirement} | {row.section} | {row.missing} | – | | | |\n"
        names = sorted({test.partition("[")[0].removeprefix("test_" + id.replace("-", "_") + "_")
                        for dut in DUTS for test in self.results.get((id, dut), {})})
        cells = " | ".join(self.cell(id, dut) for dut in DUTS)
        tests = "<br>".join(f"`{name}`" for name in names) or "none"
        return f"| {id} | {row.requirement} | {row.section} | {row.choice} | {cells} | {tests} |\n"

    def _summary(self):
        text = "| | weft | Linux | Open vSwitch |\n|---|---|---|---|\n"
        kinds = (("rows passed", "passes"), ("rows failed in some test", "**fails**"),
                 ("rows that no test could run for", "–"))
        rows = [id for id, row in ROWS.items() if not row.missing]
        for title, start in kinds:
            counts = [sum(self.cell(row, dut).startswith(start) for row in rows) for dut in DUTS]
            text += f"| {title} | {' | '.join(map(str, counts))} |\n"
        return text

    def write(self, versions):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(HEAD.format(**versions))
            file.write(self._summary())
            for section in SECTIONS:
                file.write(f"\n## {section.TITLE}\n\n{COLUMNS}|---|---|---|---|---|---|---|---|\n")
                for id, row in section.ROWS.items():
                    file.write(self._line(id, row))

    def pytest_sessionfinish(self, session):
        self.write(_versions())
        problems = list(self.unexplained())
        if problems and not session.exitstatus:
            session.exitstatus = 1
        self.problems = problems

    def pytest_terminal_summary(self, terminalreporter):
        for problem in self.problems:
            terminalreporter.write_line(problem, red=True)


def _versions():
    switch = subprocess.run(["ovs-vswitchd", "--version"], capture_output=True, text=True)
    kernel = re.match(r"\d+\.\d+", os.uname().release)
    return {"kernel": kernel[0] if kernel else "",
            "openvswitch": switch.stdout.partition("\n")[0].rpartition(" ")[2]}
