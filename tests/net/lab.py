# SPDX-License-Identifier: GPL-2.0-only
"""Hosts as network namespaces, joined by veth pairs and LANs, gone without trace afterwards.

A `Lab` owns everything that one test makes. Namespaces are called
wt<pid>-<number>-<host>, so that workers never meet, and so that what a killed run
left behind can be told apart from what is in use (`sweep`).
"""

import atexit
import contextlib
import ctypes
import fcntl
import itertools
import os
import pathlib
import re
import signal
import subprocess
import time

NETNS = pathlib.Path("/run/netns")
CLONE_NEWNET = 0x40000000
DEADLINE = 20  # seconds until what must happen has not happened; never how long a test takes

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


class CommandFailed(AssertionError):
    """A command that should have worked did not; the text has all it said."""


def wait_until(condition, what="condition", timeout=DEADLINE, interval=0.02):
    """Calls `condition` until it gives something true, which is returned."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(interval)


@contextlib.contextmanager
def netns_lock():
    """ip-netns(8) remounts /run/netns when it is first used; two at once would do it twice."""
    with open("/run/wt-netns.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _setns(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def netns_delete(name):
    """Ends every process in the namespace, then removes it."""
    pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
    for pid in pids.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    with netns_lock():
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def sweep():
    """Removes the namespaces of this process and of runs whose process is no more."""
    for path in NETNS.glob("wt*-*-*"):
        match = re.match(r"wt(\d+)-\d+-", path.name)
        if match and (int(match[1]) == os.getpid() or not os.path.exists(f"/proc/{match[1]}")):
            netns_delete(path.name)


atexit.register(sweep)


class Host:
    """A network namespace that behaves like a machine. IPv6 is off unless asked for."""

    def __init__(self, lab, name, ipv6=False):
        self.lab = lab
        self.name = name
        self.netns = f"wt{os.getpid()}-{next(_numbers)}-{name}"
        self.ports = {}  # containers' host-side devices
        with netns_lock():
            subprocess.run(["ip", "netns", "add", self.netns], check=True)
        self._file = open(NETNS / self.netns)
        if not ipv6:
            self.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
            self.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.ip("link set lo up")

    @contextlib.contextmanager
    def inside(self):
        """This thread, and the processes and sockets it makes, are in the host's namespace."""
        with open("/proc/thread-self/ns/net") as home:
            _setns(self._file)
            try:
                yield
            finally:
                _setns(home)

    def run(self, *argv, check=True, timeout=60, **options):
        """Runs a command here and gives its CompletedProcess; CommandFailed if it fails."""
        argv = [str(word) for word in argv]
        with self.inside():
            done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, **options)
        if check and done.returncode:
            raise CommandFailed(f"{self.name}: {' '.join(argv)}: {done.stdout}{done.stderr}")
        return done

    def start(self, *argv, **options):
        """Starts a process here; the lab ends it."""
        with self.inside():
            process = subprocess.Popen([str(word) for word in argv], **options)
        self.lab.processes.append(process)
        return process

    def ip(self, line, check=True):
        return self.run("ip", *line.split(), check=check).stdout

    def bridge(self, line, check=True):
        return self.run("bridge", *line.split(), check=check).stdout

    def sysctl(self, key, value=None):
        path = pathlib.Path("/proc/sys") / key.replace(".", "/")
        with self.inside():
            if value is None:
                return path.read_text().strip()
            path.write_text(f"{value}\n")
        return str(value)

    def ping(self, address, count=1, size=None, check=True, timeout=DEADLINE):
        """True once `count` echoes came back; asks on until then or until the deadline."""
        sized = ["-s", size] if size else []
        done = self.run("ping", "-n", "-q", "-i", "0.2", "-c", count, "-w", timeout, *sized,
                        address, check=False, timeout=timeout + 10)
        if check and done.returncode:
            raise CommandFailed(f"{self.name}: ping {address}: {done.stdout}{done.stderr}")
        return done.returncode == 0

    def mac(self, dev):
        return self.ip(f"-o link show dev {dev}").split("link/ether ")[1].split()[0]

    def mtu(self, dev):
        return int(re.search(r" mtu (\d+)", self.ip(f"-o link show dev {dev}"))[1])

    def ifindex(self, dev):
        return int(self.ip(f"-o link show dev {dev}").split(":")[0])

    def has(self, dev):
        return self.run("ip", "link", "show", "dev", dev, check=False).returncode == 0

    def offload(self, dev, state):
        """`off`: the frames on the wire are whole packets with checksums, as a NIC would send."""
        self.run("ethtool", "-K", dev, *f"tx {state} tso {state} gso {state} gro {state}".split())

    def container(self, name, port=None, address=None, mtu=1450, ipv6=False, mac=None):
        """A namespace behind a veth: `eth0` inside, `port` at this host (not yet on a bridge)."""
        inner = self.lab.host(name, ipv6=ipv6)
        port = port or name
        self.lab.link(self, port, inner, "eth0", mtu=mtu, mac2=mac)
        if address:
            inner.ip(f"address add {address} dev eth0")
        inner.port = port
        return inner

    def close(self):
        self._file.close()
        netns_delete(self.netns)


class Lan:
    """A switch: a plain Linux bridge in a namespace of its own."""

    def __init__(self, lab, name, mtu=1500):
        self.lab = lab
        self.mtu = mtu
        self.host = lab.host(name)
        self.host.ip("link add lan type bridge mcast_snooping 0")
        self.host.ip(f"link set lan mtu {mtu} up")

    def join(self, host, dev="eth0", address=None):
        """Gives `host` a device on this LAN; the switch's end is called as the host."""
        self.lab.link(self.host, host.name, host, dev, mtu=self.mtu)
        self.host.ip(f"link set dev {host.name} master lan")
        if address:
            host.ip(f"address add {address} dev {dev}")
        return host


class Lab:
    """What one test made. close() removes it all, whatever happened."""

    def __init__(self, tmp_path):
        self.tmp_path = tmp_path
        self.hosts = []
        self.processes = []
        self.daemons = []
        self.sockets = []

    def host(self, name, ipv6=False):
        host = Host(self, name, ipv6)
        self.hosts.append(host)
        return host

    def lan(self, name="lan", mtu=1500):
        return Lan(self, name, mtu)

    def link(self, host1, dev1, host2, dev2, mtu=1500, mac1=None, mac2=None):
        """A cable: a veth pair, both ends up."""
        host1.ip(f"link add name {dev1} mtu {mtu} {f'address {mac1}' if mac1 else ''} type veth "
                 f"peer name {dev2} mtu {mtu} {f'address {mac2}' if mac2 else ''} "
                 f"netns {host2.netns}")
        host1.ip(f"link set dev {dev1} up")
        host2.ip(f"link set dev {dev2} up")
        for host, dev in ((host1, dev1), (host2, dev2)):
            # the kernel says so a little later, which is no change that a test should see
            wait_until(lambda host=host, dev=dev: " state UP " in host.ip(f"-o link show {dev}"),
                       f"{dev} up")

    def close(self):
        """Ends everything. Returns what daemons had to complain about."""
        complaints = []
        for daemon in self.daemons:
            complaints += daemon.close()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for sock in self.sockets:
            sock.close()
        for host in self.hosts:
            host.close()
        return complaints
