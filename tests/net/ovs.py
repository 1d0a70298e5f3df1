# SPDX-License-Identifier: GPL-2.0-only
"""Open vSwitch's userspace datapath on a host of the lab: nothing of it needs the kernel's help.

    switch = OpenVSwitch(host)
    switch.underlay("eth0")                  # its addresses move to the bridge `phy`
    switch.bridge("br0"); switch.port("vnet0")
    switch.tunnel("vx0", type="vxlan", remote_ip="192.168.1.10", key=1000)

The database, the logs and the sockets are in the lab's folder, and the daemons end with the host.
"""

import os
import re
import subprocess

from lab import wait_until

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
TOOLS = ("ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl", "ovs-appctl")
PHY = "phy"  # the bridge that has the underlay device and its addresses


class OpenVSwitch:
    """ovsdb-server and ovs-vswitchd in the host's namespace, with nothing configured."""

    def __init__(self, host):
        self.host = host
        self.run_dir = host.lab.tmp_path / f"ovs-{host.name}"
        self.run_dir.mkdir()
        self.environment = dict(os.environ, OVS_RUNDIR=str(self.run_dir),
                                OVS_LOGDIR=str(self.run_dir), OVS_DBDIR=str(self.run_dir))
        self._database = f"unix:{self.run_dir}/db.sock"
        self._control = self.run_dir / "switchd.ctl"
        self._processes = []
        host.lab.daemons.append(self)
        host.run("ovsdb-tool", "create", self.run_dir / "conf.db", SCHEMA, env=self.environment)
        self._start("ovsdb-server", f"--remote=p{self._database}",
                    f"--unixctl={self.run_dir}/db.ctl", self.run_dir / "conf.db")
        # The socket is there a moment before somebody listens at it.
        wait_until(lambda: self._vsctl("--no-wait init", check=False).returncode == 0,
                   "ovsdb-server")
        self._start("ovs-vswitchd", self._database, f"--unixctl={self._control}")
        wait_until(self._control.exists, "ovs-vswitchd")

    def _start(self, program, *arguments):
        with open(self.run_dir / f"{program}.log", "wb") as log:
            self._processes.append(self.host.start(
                program, *arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment))

    # its own commands -------------------------------------------------------------------

    def vsctl(self, line):
        """`ovs-vsctl`: returns when the switch has done what the words say."""
        return self._vsctl(line).stdout.strip()

    def _vsctl(self, line, check=True):
        return self.host.run("ovs-vsctl", f"--db={self._database}", "--timeout=20", *line.split(),
                             check=check, env=self.environment)

    def ofctl(self, *words):
        """`ovs-ofctl`, in OpenFlow 1.5: each argument is one word, as a flow with blanks is."""
        return self.host.run("ovs-ofctl", "-O", "OpenFlow15", *words, env=self.environment).stdout

    def appctl(self, line):
        return self.host.run("ovs-appctl", f"--target={self._control}", *line.split(),
                             env=self.environment).stdout

    # what tests need --------------------------------------------------------------------

    def underlay(self, dev="eth0"):
        """Puts the underlay device on the bridge `phy`, which gets its MAC and its addresses.

        Tunnels are sent from and received at these. Permanent neighbours are told to the switch,
        which finds all others by itself.
        """
        host = self.host
        addresses = host.run("ip", "-o", "address", "show", "dev", dev, "scope", "global").stdout
        neighbours = host.run("ip", "neigh", "show", "dev", dev, "nud", "permanent").stdout
        # The device's frames reach the host's stack as well as the switch, and must not be answered
        # there: strict source validation (RFC 3704) fails for all, as the routes are at the bridge.
        host.sysctl(f"net.ipv4.conf.{dev}.rp_filter", 1)
        ipv6 = host.sysctl(f"net.ipv6.conf.{dev}.disable_ipv6") == "0"
        host.ip(f"address flush dev {dev}")
        host.sysctl(f"net.ipv6.conf.{dev}.disable_ipv6", 1)
        self.vsctl(f"add-br {PHY} -- set bridge {PHY} datapath_type=netdev "
                   f"other-config:hwaddr={host.mac(dev)} -- add-port {PHY} {dev}")
        if ipv6:
            for key, value in (("accept_dad", 0), ("router_solicitations", 0), ("disable_ipv6", 0)):
                host.sysctl(f"net.ipv6.conf.{PHY}.{key}", value)
        host.ip(f"link set dev {PHY} mtu {host.mtu(dev)} up")
        addresses = [line.split()[3] for line in addresses.splitlines()]
        for address in addresses:
            host.ip(f"address add {address} dev {PHY}{' nodad' if ':' in address else ''}")
        for line in neighbours.splitlines():
            words = line.split()
            address, mac = words[0], words[words.index("lladdr") + 1]
            host.ip(f"neigh replace {address} lladdr {mac} dev {PHY} nud permanent")
            self.appctl(f"tnl/neigh/set {PHY} {address} {mac}")
        wait_until(lambda: all(address.partition("/")[0] in self.appctl("ovs/route/show")
                               for address in addresses), "Open vSwitch to see the addresses")

    def bridge(self, name="br0", **other_config):
        words = " ".join(f"other-config:{key}={value}" for key, value in other_config.items())
        self.vsctl(f"add-br {name} -- set bridge {name} datapath_type=netdev {words}")

    def port(self, dev, bridge="br0", **columns):
        """The far end of `dev` has to send whole packets with checksums: Host.offload(…, "off")."""
        words = " ".join(f"{key}={value}" for key, value in columns.items())
        self.vsctl(f"add-port {bridge} {dev} {words}")

    def tunnel(self, name, bridge="br0", *, type, **options):  # pylint: disable=redefined-builtin
        """A port of the given type; options in Open vSwitch's own words, True and False as it has
        them."""
        words = " ".join(f"options:{key}={str(value).lower() if isinstance(value, bool) else value}"
                         for key, value in options.items())
        self.vsctl(f"add-port {bridge} {name} -- set interface {name} type={type} {words}")
        error = self.vsctl(f"get interface {name} error")
        assert error == "[]", f"{name}: {error}"

    def delete(self, name):
        """Removes a port or tunnel."""
        self.vsctl(f"del-port {name}")

    def statistics(self, name, bridge="br0"):
        """Packets of a port or tunnel: (received, sent)."""
        text = self.ofctl("dump-ports", bridge, name)
        return tuple(int(re.search(rf"{way} pkts=(\d+)", text)[1]) for way in ("rx", "tx"))

    def coverage(self):
        """{counter: total} of what its datapath counts, drops among them; those not yet met are
        missing."""
        counters = {}
        for line in self.appctl("coverage/show").splitlines():
            words = line.split()
            if "total:" in words:
                counters[words[0]] = int(words[words.index("total:") + 1])
        return counters

    def flows(self, bridge="br0"):
        """{flow's match and actions: packets} of a bridge."""
        counts = {}
        for line in self.ofctl("dump-flows", bridge).splitlines():
            if "n_packets=" in line:
                packets = int(line.split("n_packets=")[1].split(",")[0])
                counts[line.split("n_bytes=")[1].partition(", ")[2]] = packets
        return counts

    def close(self):
        """Ends both; gives what went wrong with them."""
        complaints = []
        for process in reversed(self._processes):
            status = process.poll()
            if status is not None:
                complaints.append(f"{process.args[0]} on {self.host.name} ended with {status}: "
                                  + (self.run_dir / f"{process.args[0]}.log").read_text())
                continue
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes = []
        return complaints
