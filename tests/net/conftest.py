# SPDX-License-Identifier: GPL-2.0-only
"""System tests in network namespaces. As root: /usr/bin/python3 -m pytest tests/net -n 2

`WEFT_BUILD` names the build folder (default `build`). The conformance rows run on weft; `--dut all`
runs them on Linux's own devices and on Open vSwitch, too, and `--conformance-table FILE` writes the
table of the rows. How a row is written stands in rig.py.
"""

import os
import shutil

import pytest

import conformance
import ovs
from daemon import Weftd
from dut import NEEDS, KernelDut, WeftDut
from dut_ovs import OvsDut
from lab import Lab, sweep
from rig import ENCAPSULATIONS, Rig
from routed import RoutedRig
from shared import SharedWeft
from switch import Switch
from traced import Traced

DUTS = {dut.name: dut for dut in (WeftDut, KernelDut, OvsDut)}
ROUTED = ("gre", "geneve-l3")
TOOLS = ("ip", "bridge", "tc", "ethtool", "ping", "arping", "ss", "tshark", "bpftool")


def pytest_addoption(parser):
    parser.addoption("--dut", default="weft", choices=[*DUTS, "all"],
                     help="device under test of the conformance rows")
    parser.addoption("--traced", action="store_true",
                     help="trace what the conformance rows send, and compare (traced.py)")
    parser.addoption("--rows", action="store_true", help="only the conformance rows")
    parser.addoption("--mtu-sweep", action="store_true",
                     help="every combination of test_mtu_sweep.py, and a table of them")
    parser.addoption("--conformance-table", metavar="FILE",
                     help="write the table of the conformance rows")


def pytest_configure(config):
    if config.getoption("--conformance-table") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(conformance.Table(config.getoption("--conformance-table")))


SWEEP = ("tunnel", "over", "underlay", "overlay", "regime", "port", "inside", "sent", "arrived", "told", "silent",
         "fragmented")


def pytest_terminal_summary(terminalreporter, config):
    """What became of each combination of sizes, versions and ports (test_mtu_sweep.py)."""
    if not config.getoption("--mtu-sweep"):
        return
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    rows = [value for report in reports for key, value in report.user_properties if key == "mtu_sweep"]
    if rows:
        terminalreporter.section("sizes around the overlay's MTU")
    for row in [SWEEP, *sorted(rows, key=str)] if rows else []:
        terminalreporter.write_line("%-15s %-5s %8s %7s  %-14s %-14s %-8s %5s %7s %5s %6s %10s" % (
            *row, *[""] * (len(SWEEP) - len(row))))


def pytest_sessionfinish():
    sweep()


def pytest_generate_tests(metafunc):
    """A row runs for each device, both IP versions, and the encapsulations that its marks name."""
    if "dut_class" not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption("--dut")
    names = list(DUTS) if chosen == "all" else [chosen]
    metafunc.parametrize("dut_class", [DUTS[name] for name in names], ids=names)
    mark = metafunc.definition.get_closest_marker("encapsulations")
    metafunc.parametrize("encapsulation", mark.args if mark else ("vxlan",))
    mark = metafunc.definition.get_closest_marker("family")
    families = mark.args if mark else (4, 6)
    metafunc.parametrize("family", families, ids=[f"ipv{family}" for family in families])


def _lacks(item):
    """What the test needs and there is not, as a reason to skip it."""
    if os.geteuid():
        return "makes network namespaces: needs root"
    dut = getattr(item, "callspec", None) and item.callspec.params.get("dut_class")
    missing = [tool for tool in TOOLS + (ovs.TOOLS if dut is OvsDut else ())
               if not shutil.which(tool)]
    if missing:
        return f"needs {' '.join(missing)}"
    if dut:
        encapsulation = item.callspec.params["encapsulation"]
        lack = dut.lacks(ENCAPSULATIONS[encapsulation][0], encapsulation in ROUTED)
        if lack:
            return f"{dut.title} has no {lack}"
    for mark in item.iter_markers("needs"):
        for need in mark.args:
            if dut and need not in dut.abilities:
                return f"{dut.title} {NEEDS[need]}"
    return None


def pytest_collection_modifyitems(config, items):
    if config.getoption("--rows"):
        items[:] = [item for item in items if conformance.row_id(item.name)]
    for item in items:
        if reason := _lacks(item):
            item.add_marker(pytest.mark.skip(reason=reason))
        row, params = conformance.row_id(item.name), getattr(item, "callspec", None)
        if row and params and "dut_class" in params.params:
            dut = params.params["dut_class"]
            item.user_properties += [("row", row), ("dut", dut.name)]
            if not dut.is_ours:  # how others do is a result, not an error
                item.add_marker(pytest.mark.xfail(reason=dut.title, strict=False))


def _lab(folder):
    made = Lab(folder)
    try:
        yield made
    finally:
        complaints = made.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def lab(tmp_path):
    yield from _lab(tmp_path)


@pytest.fixture
def switch(lab):
    """A bridge with two ports."""
    switch = Switch(lab, 2)
    switch.bridge((1, 2))
    return switch


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    """For tests of one file of which none minds what the others did: what is refused, what is only looked at."""
    yield from _lab(tmp_path_factory.mktemp("lab"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):  # pylint: disable=unused-argument
    """A fixture has to know whether its test failed."""
    outcome = yield
    item.failed = getattr(item, "failed", False) or outcome.get_result().failed


@pytest.fixture(scope="session")
def shared_weft(tmp_path_factory):
    made = SharedWeft(tmp_path_factory)
    yield made
    complaints = made.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def shared(request, dut_class):
    """The weftd that tests share, or None if this one has to have its own device."""
    node = request.node
    if dut_class is not WeftDut or any(map(node.get_closest_marker, ("own_weftd", "environment"))):
        yield None
        return
    weft = request.getfixturevalue("shared_weft")
    try:
        yield weft.take()
        if not getattr(node, "failed", False):
            weft.give_back()
            return
    except BaseException:
        weft.close()
        raise
    complaints = weft.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def rig(lab, dut_class, encapsulation, family, shared, request, monkeypatch):
    """The conformance rig, not yet configured; `@pytest.mark.underlay(mtu=N)` sets its MTU,
    `@pytest.mark.environment(NAME="value")` what weftd finds in its environment."""
    for mark in request.node.iter_markers("environment"):
        for name, value in mark.kwargs.items():
            monkeypatch.setenv(name, value)
    mark = request.node.get_closest_marker("underlay")
    rig = (RoutedRig if encapsulation in ROUTED else Rig)(
        lab, dut_class, family=family, encapsulation=encapsulation, shared=shared,
        **({"underlay_mtu": mark.kwargs["mtu"]} if mark else {}))
    traced = Traced(rig) if request.config.getoption("--traced") and dut_class is WeftDut else None
    yield rig
    if traced:
        traced.check()


def _weft_host(made):
    host = made.host("host")
    host.weft = Weftd(host)
    return host


@pytest.fixture
def weft_host(lab):
    """A host with weftd running and nothing configured."""
    return _weft_host(lab)


def _two_ports(host):
    host.lab.link(host, "eth0", host.lab.host("peer"), "eth0")
    host.ip("address add 10.9.0.1/24 dev eth0")
    for port in ("p0", "p1"):
        host.container(f"c-{port}", port)
    return host


@pytest.fixture
def two_port_host(weft_host):
    """The same with an underlay (eth0, 10.9.0.1) and two devices that may be ports, p0 and p1."""
    return _two_ports(weft_host)


@pytest.fixture(scope="module")
def module_host(module_lab):
    """A two_port_host for all tests of a file, of which none changes anything."""
    return _two_ports(_weft_host(module_lab))


@pytest.fixture
def ready(rig):
    """The rig with its tunnel to r1 up, and tenants on both sides known."""
    rig.up()
    rig.meet()
    return rig
