# SPDX-License-Identifier: GPL-2.0-only
"""A datapath for each test, always the same one: one with the objects most tests want, or a bare one."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from datapath import Datapath  # noqa: E402


@pytest.fixture(scope="session")
def loaded():
    """Loading takes longer than most tests."""
    if os.geteuid():
        pytest.skip("loading BPF programs needs root")
    datapath = Datapath()
    yield datapath
    datapath.close()


@pytest.fixture
def bare(loaded):
    loaded.reset()
    return loaded


@pytest.fixture
def dp(bare):
    bare.standard()
    return bare
