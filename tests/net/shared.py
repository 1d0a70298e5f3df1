# SPDX-License-Identifier: GPL-2.0-only
"""One weftd for many tests: to load its programs takes longer than most tests do.

It keeps its programs for as long as it has an object, so that an idle bridge stays when a test's
objects, devices and settings are removed. A test that failed takes its weftd along.
"""

from dut import WeftDut
from lab import Lab, wait_until

IDLE = {"bridges": {"idle": {}}}
SYSCTLS = {"net.ipv4.ip_forward": 0, "net.ipv6.conf.all.forwarding": 0,
           "net.ipv6.conf.default.disable_ipv6": 1}


class SharedWeft:
    def __init__(self, tmp_path_factory):
        self._folders = tmp_path_factory
        self._lab = None
        self._dut = None

    def take(self):
        """A WeftDut with nothing configured, on a host with no devices."""
        if self._dut is None:
            self._lab = Lab(self._folders.mktemp("shared"))
            self._dut = WeftDut(self._lab.host("dut"))
            self._dut.weft.apply(IDLE)
        return self._dut

    def give_back(self):
        """Removes everything that a test made; raises if that does not work."""
        host, weft = self._dut.host, self._dut.weft
        weft.apply(IDLE)
        assert weft.save() == IDLE
        for line in host.ip("-o link show type veth").splitlines():
            host.ip(f"link del {line.split()[1].rstrip(':').partition('@')[0]}", check=False)
        wait_until(lambda: not host.ip("-o link show type veth"), "the test's devices to be gone")
        for key, value in SYSCTLS.items():
            host.sysctl(key, value)

    def close(self):
        """Ends it, for the next test to get another. Returns what it had to complain about."""
        if self._lab is None:
            return []
        complaints = self._lab.close()
        self._lab = self._dut = None
        return complaints
