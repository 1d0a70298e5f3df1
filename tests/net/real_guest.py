# SPDX-License-Identifier: GPL-2.0-only
"""A real guest: Debian's kernel in qemu, without KVM, whose virtio-net device is a TAP that is a port of weft.

Part of `make check-offloads`. The kernel is the one that `make check-vm` fetches.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import threading

import pytest

from daemon import BUILD
from lab import wait_until
from pair import MTU, Pair
from test_offloads import options

BOOT = 240  # seconds, emulated and beside other tests
PORT, SIZE = 7000, 8 << 20
MODULES = ("drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_modern_dev",
           "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci", "net/core/failover",
           "drivers/net/net_failover", "drivers/net/virtio_net")
INIT = f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in {" ".join(name.rpartition("/")[2] for name in MODULES)}; do insmod /$module.ko; done
ip link set lo up
ip link set eth0 mtu {MTU} up
ip address add 10.0.0.9/24 dev eth0
echo weft guest is up
while true; do nc -l -p {PORT} -e cat; done
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """Kernel and initramfs of the guest, which sends back what it is sent."""
    kernels = sorted(BUILD.glob("vm/kernel/boot/vmlinuz-*"))
    if not kernels or not shutil.which("qemu-system-x86_64") or not shutil.which("cpio"):
        pytest.skip("no qemu-system-x86_64, no cpio, or no kernel: `make check-vm` fetches one")
    top = tmp_path_factory.mktemp("guest")
    root = top / "root"
    for folder in ("bin", "proc", "sys", "dev"):
        (root / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin")
    modules = next(BUILD.glob("vm/kernel/lib/modules/*/kernel"))
    for name in MODULES:
        shutil.copy(modules / f"{name}.ko", root)
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    with open(top / "initrd", "wb") as file:
        subprocess.run("find . | cpio --quiet -o -H newc", shell=True, cwd=root, stdout=file, check=True)
    return kernels[-1], top / "initrd"


def boot(host, system):
    kernel, initrd = system
    log = host.lab.tmp_path / "console"
    with open(log, "wb") as console:
        machine = host.start("qemu-system-x86_64", "-m", 256, "-kernel", kernel, "-initrd", initrd, "-nographic",
                             "-no-reboot", "-append", "console=ttyS0 quiet panic=-1",
                             "-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no",
                             "-device", "virtio-net-pci,netdev=n,romfile=", stdin=subprocess.DEVNULL, stdout=console)

    def up():
        assert machine.poll() is None, log.read_text(errors="replace")
        return b"weft guest is up" in log.read_bytes()
    wait_until(lambda: host.has("tap0"), "the TAP")
    host.ip(f"link set tap0 mtu {MTU} up")
    wait_until(up, "the guest", timeout=BOOT)
    return machine


def echo(host, address):
    """SIZE bytes to the guest and back again; the hashes must agree."""
    data = os.urandom(SIZE)
    with host.inside():
        client = socket.create_connection((address, PORT), timeout=BOOT)

    def send():
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    got, count = hashlib.sha256(), 0
    while count < SIZE and (chunk := client.recv(1 << 20)):
        got.update(chunk)
        count += len(chunk)
    thread.join()
    client.close()
    assert (count, got.digest()) == (SIZE, hashlib.sha256(data).digest())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["vxlan", "geneve", "gretap"])
def test_tcp_both_ways(lab, system, kind):
    pair = Pair(lab, ("weft", "weft")).up(**options(kind, 4, False))
    machine = boot(pair.two, system)
    pair.two.weft("port add tap0 bridge br0")
    pair.one.c.ping("10.0.0.9")
    echo(pair.one.c, "10.0.0.9")
    sent = json.loads(pair.two.ip("-s -j link show tap0"))[0]["stats64"]["tx"]
    if "gro" in (pair.two.weft("status")["listen"] or [{}])[0]:
        assert sent["bytes"] / sent["packets"] > 2 * MTU, "no super-packets reached the guest"
    machine.kill()
    machine.wait()
