# SPDX-License-Identifier: GPL-2.0-only
"""System tests in network namespaces. As root: /usr/bin/python3 -m pytest tests/net -n 2

`WEFT_BUILD` names the build folder (default `build`). `--dut kernel` runs the conformance rows on
Linux's own vxlan and bridge, `--conformance-table FILE` writes the table of the rows.
"""

import os
import shutil

import pytest

import conformance
from daemon import Weftd
from dut import DUTS
from lab import Lab, sweep
from rig import Rig


def pytest_addoption(parser):
    parser.addoption("--dut", default="weft", choices=[*DUTS, "all"],
                     help="device under test of the conformance rows")
    parser.addoption("--conformance-table", metavar="FILE",
                     help="write the table of the conformance rows")


TOOLS = ("ip", "bridge", "tc", "ethtool", "ping", "arping", "ss", "tshark", "bpftool")


def pytest_configure(config):
    if config.getoption("--conformance-table") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(conformance.Table(config.getoption("--conformance-table")))


def pytest_sessionfinish():
    sweep()


def pytest_generate_tests(metafunc):
    if "dut_class" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--dut")
        names = list(DUTS) if chosen == "all" else [chosen]
        metafunc.parametrize("dut_class", [DUTS[name] for name in names], ids=names)


def pytest_collection_modifyitems(items):
    """Where Linux is known to differ from a row, its failure there is expected."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    for item in items:
        row = conformance.row_of(item.name)
        if os.geteuid():
            item.add_marker(pytest.mark.skip(reason="makes network namespaces: needs root"))
        elif missing:
            item.add_marker(pytest.mark.skip(reason=f"needs {' '.join(missing)}"))
        elif "[kernel" in item.name and item.get_closest_marker("weft_only"):
            item.add_marker(pytest.mark.skip(reason="about weft only"))
        elif "[kernel" in item.name and row and row.linux:
            item.add_marker(pytest.mark.xfail(reason=row.linux, strict=False))


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    try:
        yield made
    finally:
        complaints = made.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def rig(lab, dut_class, request):
    """The conformance rig, not yet configured; `@pytest.mark.underlay(mtu=N)` sets its MTU."""
    mark = request.node.get_closest_marker("underlay")
    return Rig(lab, dut_class, **({"underlay_mtu": mark.kwargs["mtu"]} if mark else {}))


@pytest.fixture
def weft_host(lab):
    """A host with weftd running and nothing configured."""
    host = lab.host("host")
    host.weft = Weftd(host)
    return host
