# SPDX-License-Identifier: GPL-2.0-only
"""The real BPF programs, loaded into maps of their own and run on built packets.

Nothing is attached or sent: BPF_PROG_TEST_RUN gives the packet and the verdict back. The
device a packet comes by is always `lo` (ifindex 1).
"""

import ctypes
import os
import re
import subprocess
import time

from scapy.all import IP, UDP, Ether
from scapy.layers.vxlan import VXLAN

from abi import (ROOT, U8, U32, U64, C, MAPS, NOTES, Bridge, Control, DROPS, Dropped, FdbEntry, FdbKey, FloodKey, Peer,
                 PeerKey, Port, Remote, Trunk, Tunnel, VniKey, addr, mac)

LO = 1
SHOT, REDIRECT, PASS = 2, 7, 0xffffffff
LOCAL, REMOTE, OTHER = "192.0.2.1", "192.0.2.2", "192.0.2.3"
UNDERLAY_MAC = "00:00:00:00:00:00"  # that of lo
NEXT_HOP, OWN = "02:00:00:00:00:02", "02:00:00:00:00:01"
A, B = "0a:00:00:00:00:0a", "0a:00:00:00:00:0b"
ROOM = 0b1010011  # FIXED_GSO | ENCAP_L3_IPV4 | ENCAP_L4_UDP | ENCAP_L2_ETH
ARRAYS = ("control", "bridges", "ports", "tunnels", "remotes", "listen", "fdb_counts")
STATISTICS = {"port_stats": C.WEFT_PORTS_MAX, "remote_stats": C.WEFT_REMOTES_MAX}  # an array of so many for each CPU
STATISTICS_USED = 64  # ports, remotes and reasons of tests have lower ids
IN, OUT, BRIDGE, TUNNEL, PEER, PROTOTYPE = 1, 2, 1, 1, 10, 11
CONTEXT = {"priority": 32, "gso_segs": 164, "gso_size": 176}  # offsets in struct __sk_buff
CONTEXT_SIZE = 192

lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
for name in ("bpf_object__open_file", "bpf_object__find_map_by_name",
             "bpf_object__find_program_by_name"):
    getattr(lib, name).restype = ctypes.c_void_p
lib.bpf_object__open_file.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
lib.bpf_object__find_map_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
lib.bpf_object__find_program_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
lib.bpf_map__set_initial_value.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
lib.bpf_map__set_max_entries.argtypes = [ctypes.c_void_p, U32]
for name in ("bpf_object__load", "bpf_object__close", "bpf_map__fd", "bpf_program__fd",
             "bpf_map__key_size", "bpf_map__value_size"):
    getattr(lib, name).argtypes = [ctypes.c_void_p]


class TestRun(ctypes.Structure):
    """struct bpf_test_run_opts"""

    _fields_ = [("sz", ctypes.c_size_t), ("data_in", ctypes.c_void_p),
                ("data_out", ctypes.c_void_p), ("data_size_in", U32), ("data_size_out", U32),
                ("ctx_in", ctypes.c_void_p), ("ctx_out", ctypes.c_void_p), ("ctx_size_in", U32),
                ("ctx_size_out", U32), ("retval", U32), ("repeat", ctypes.c_int),
                ("duration", U32), ("flags", U32), ("cpu", U32), ("batch_size", U32)]


def checked(result, what):
    if result is None or (isinstance(result, int) and result < 0):
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def ticks(seconds):
    return int(seconds * 1_000_000_000) >> C.WEFT_TICK_SHIFT


CLOCK_MONOTONIC_COARSE = 6  # which the time module has no name for


def now():
    """By the clock that the datapath has."""
    return (time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE) >> C.WEFT_TICK_SHIFT) & 0xffffffff


class Datapath:
    def __init__(self, tracing=False):
        path = os.environ.get("WEFT_BUILD", f"{ROOT}/build") + "/bpf/weft.bpf.o"
        self.object = checked(lib.bpf_object__open_file(path.encode(), None), path)
        rodata = lib.bpf_object__find_map_by_name(self.object, b".rodata")
        size = lib.bpf_map__value_size(rodata)
        constants = bytearray(size)
        for name, (offset, length) in self.constants(path).items():
            if name in ("defer_token", "kernel_features"):
                constants[offset:offset + length] = b"\x5d" * length
            if name == "tracing":
                constants[offset] = tracing
        lib.bpf_map__set_initial_value(rodata, bytes(constants), size)
        self.cpus = self.possible()
        for name, ids in STATISTICS.items():
            lib.bpf_map__set_max_entries(lib.bpf_object__find_map_by_name(self.object, name.encode()), ids * self.cpus)
        checked(lib.bpf_object__load(self.object), "load")
        self.fds = {}
        for name, (key, value) in MAPS.items():
            found = checked(lib.bpf_object__find_map_by_name(self.object, name.encode()), name)
            assert lib.bpf_map__key_size(found) == ctypes.sizeof(key), name
            assert lib.bpf_map__value_size(found) == ctypes.sizeof(value), name
            self.fds[name] = lib.bpf_map__fd(found)
        self.written = {name: set() for name in ARRAYS}  # the datapath writes `fdb_counts` by itself
        self.written["fdb_counts"] = {BRIDGE, C.WEFT_BRIDGES_MAX + TUNNEL}
        self.spares = lib.bpf_map__fd(lib.bpf_object__find_map_by_name(self.object, b"spares"))
        self.context = {}

    @staticmethod
    def constants(path):
        """What weftd sets before loading: name -> (offset, length) in .rodata."""
        said = subprocess.run(["readelf", "-W", "-S", "-s", path], check=True, capture_output=True, text=True).stdout
        section = re.search(r"\[ *(\d+)\] \.rodata ", said)[1]
        return {match[3]: (int(match[1], 16), int(match[2])) for match in re.finditer(
            rf"^ *\d+: ([0-9a-f]+) +(\d+) OBJECT +\w+ +\w+ +{section} (\w+)$", said, re.MULTILINE)}

    @staticmethod
    def possible():
        with open("/sys/devices/system/cpu/possible", encoding="ascii") as file:
            return int(file.read().strip().rpartition("-")[2]) + 1

    def close(self):
        lib.bpf_object__close(self.object)

    def reset(self):
        """As it was when it was loaded: the maps are empty."""
        for name, (kind, content) in MAPS.items():
            if name in STATISTICS:
                for cpu in range(self.cpus):
                    for index in range(STATISTICS_USED):
                        self.set(name, cpu * STATISTICS[name] + index, content())
            elif name == "last_drops":
                zero = (content * self.cpus)()
                for index in range(STATISTICS_USED):
                    checked(lib.bpf_map_update_elem(self.fds[name], ctypes.byref(U32(index)), zero, U64(0)), name)
            elif name in ARRAYS:
                for index in list(self.written[name]):
                    self.set(name, index, content())
                self.written[name] = {BRIDGE, C.WEFT_BRIDGES_MAX + TUNNEL} if name == "fdb_counts" else set()
            else:
                while (key := next(self.items(name), None)) is not None:
                    self.delete(name, key)
        while not lib.bpf_map_lookup_and_delete_elem(self.spares, None, ctypes.byref(U32())):
            pass

    # maps

    def set(self, name, key, value):
        kind, content = MAPS[name]
        key = key if isinstance(key, kind) else kind(key)
        value = value if isinstance(value, content) else content(value)
        if name in ARRAYS:
            self.written[name].add(key.value)
        checked(lib.bpf_map_update_elem(self.fds[name], ctypes.byref(key), ctypes.byref(value),
                                        U64(0)), name)

    def get(self, name, key):
        kind, content = MAPS[name]
        key = key if isinstance(key, kind) else kind(key)
        value = content()
        if lib.bpf_map_lookup_elem(self.fds[name], ctypes.byref(key), ctypes.byref(value)):
            return None
        return value

    def delete(self, name, key):
        checked(lib.bpf_map_delete_elem(self.fds[name], ctypes.byref(key)), name)

    def items(self, name):
        kind, content = MAPS[name]
        key, following = None, kind()
        while not lib.bpf_map_get_next_key(self.fds[name], key and ctypes.byref(key),
                                           ctypes.byref(following)):
            key, following = following, kind()
            yield key

    def total(self, name, key):
        """Sum over all CPUs of every 64-bit member of a per-CPU value."""
        return [sum(of_cpus) for of_cpus in zip(*self.each_cpu(name, key))]

    def each_cpu(self, name, key):
        """Every 64-bit member of a per-CPU value, for each CPU."""
        words = ctypes.sizeof(MAPS[name][1]) // 8
        if name in STATISTICS:
            return [list((U64 * words).from_buffer_copy(self.get(name, cpu * STATISTICS[name] + key)))
                    for cpu in range(self.cpus)]
        values = (U64 * (words * self.cpus))()
        key = key if isinstance(key, MAPS[name][0]) else MAPS[name][0](key)
        checked(lib.bpf_map_lookup_elem(self.fds[name], ctypes.byref(key), values), name)
        return [list(values[cpu * words:][:words]) for cpu in range(self.cpus)]

    def last_drop(self, reason):
        """The newest packet kept of a reason, over all CPUs (a Dropped); None: there is none."""
        values = (Dropped * self.cpus)()
        checked(lib.bpf_map_lookup_elem(self.fds["last_drops"], ctypes.byref(U32(DROPS.index(reason))), values),
                "last_drops")
        kept = [value for value in values if value.done]
        assert all(value.begun == value.done for value in kept)
        return max(kept, key=lambda value: value.tick, default=None)

    def notes(self):
        """{(note, tunnel): packets}"""
        return {(NOTES[k.reason], k.tunnel): self.total("notes", k)[0] for k in self.items("notes")}

    def drops(self):
        """{(reason, port, tunnel): packets}"""
        return {(DROPS[k.reason], k.port, k.tunnel): self.total("drops", k)[0]
                for k in self.items("drops")}

    # objects

    def bridge(self, **fields):
        self.set("bridges", BRIDGE, Bridge(**{"ageing": ticks(300), "group_fwd_mask": 0x4001,
                                              **fields}))

    def port(self, number, ifindex=LO, **fields):
        fields = {"flags": C.WEFT_PORT_UP | C.WEFT_PORT_LEARNING, "bridge": BRIDGE,
                  "ageing": ticks(300), **fields}
        self.set("ports", number, Port(ifindex=ifindex, **fields))

    def tunnel(self, vni=1000, flags=None, **fields):
        flags = C.WEFT_TUNNEL_LEARNING | C.WEFT_TUNNEL_CSUM_RX if flags is None else flags
        self.set("tunnels", TUNNEL, Tunnel(**{
            "bridge": BRIDGE, "vni": vni, "flags": flags, "ageing": ticks(300),
            "prototype": (U32 * 2)(PROTOTYPE, 0), "type": 1, "srcport_min": 49152, "srcport_range": 16383,
            "local": addr(LOCAL), **fields}))
        self.set("vnis", VniKey(vni=vni, port=4789, type=1), 1)

    def remote(self, number=PEER, address=REMOTE, vni=1000, ttl=64, tos=0, port=4789, **fields):
        """A remote whose template scapy builds."""
        header = bytes(IP(src=LOCAL, dst=address or "0.0.0.0", ttl=ttl, tos=tos, flags="DF", id=0,
                          len=0, proto=17, chksum=0) /
                       UDP(sport=0, dport=port, len=0, chksum=0) / VXLAN(vni=vni, flags=8))
        total = sum(int.from_bytes(header[i:i + 2], "little") for i in range(0, 20, 2))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        header = header[:10] + total.to_bytes(2, "little") + header[12:]
        ethernet = bytes(Ether(dst=NEXT_HOP, src=OWN, type=0x0800))
        fields = {"tunnel": TUNNEL, "flags": C.WEFT_REMOTE_RESOLVED, "ifindex": LO, "mtu": 1500,
                  "header_len": 36, "room": ROOM, **fields}
        self.set("remotes", number, Remote(
            addr=addr(address), header=(U8 * 56)(*header), ethernet=(U8 * 14)(*ethernet),
            **fields))

    def peer(self, local=LOCAL, remote=REMOTE, vni=1000, number=PEER):
        self.set("peers", PeerKey(local=addr(local), remote=addr(remote), vni=vni, port=4789,
                                  type=1), Peer(tunnel=TUNNEL, remote=number))

    def spare(self, number):
        self.written["remotes"].add(number)
        checked(lib.bpf_map_update_elem(self.spares, None, ctypes.byref(U32(number)), U64(0)),
                "spares")

    def trunk(self, member, *vids):
        trunk = Trunk()
        for vid in vids:
            trunk.vlan[vid // 32] |= 1 << vid % 32
        self.set("trunks", member, trunk)

    def member(self, slot, number, remotes=False):
        self.set("flood", FloodKey(bridge=BRIDGE, slot=slot, class_=int(remotes)), number)

    def fdb(self, address, port=0, remote=0, flags=0, vlan=0, seen=None):
        self.set("fdb", FdbKey(bridge=BRIDGE, vlan=vlan, mac=mac(address)),
                 FdbEntry(port=port, remote=remote, seen=now() if seen is None else seen,
                          flags=flags))

    def entry(self, address, vlan=0):
        return self.get("fdb", FdbKey(bridge=BRIDGE, vlan=vlan, mac=mac(address)))

    def ports(self):
        """A bridge with port IN on lo and port OUT, under a weftd that lives."""
        self.set("control", 0, Control(magic=C.WEFT_ABI_MAGIC, version=C.WEFT_ABI_VERSION,
                                       lease=(now() + ticks(3600)) & 0xffffffff))
        self.bridge()
        self.port(IN)
        self.port(OUT)
        self.set("devices", LO, IN)

    def standard(self):
        """ports(), and a tunnel, VNI 1000, with one remote."""
        self.ports()
        self.tunnel()
        self.remote()
        self.remote(PROTOTYPE, None)
        self.peer()
        self.set("listen", 4789, 1)
        self.set("addresses", addr(LOCAL), C.WEFT_ADDRESS_UNICAST)

    # packets

    def run(self, program, packet, repeat=1, **context):
        """Verdict and packet. `context`: fields of struct __sk_buff, by CONTEXT; those that come out are in `self.context`.

        `repeat`: so often with the same packet, which must not be changed on its way, on the CPU of the caller."""
        data = bytes(packet)
        skb = ctypes.create_string_buffer(CONTEXT_SIZE)
        for field, value in context.items():
            U32.from_buffer(skb, CONTEXT[field]).value = value
        out = ctypes.create_string_buffer(len(data) + 512)
        buffer = ctypes.create_string_buffer(data, len(data))
        found = lib.bpf_object__find_program_by_name(self.object, program.encode())
        options = TestRun(sz=ctypes.sizeof(TestRun), data_in=ctypes.addressof(buffer),
                          data_out=ctypes.addressof(out), data_size_in=len(data),
                          data_size_out=len(out), repeat=repeat)
        if context:
            options.ctx_in = options.ctx_out = ctypes.addressof(skb)
            options.ctx_size_in = options.ctx_size_out = CONTEXT_SIZE
        checked(lib.bpf_prog_test_run_opts(lib.bpf_program__fd(found), ctypes.byref(options)),
                program)
        self.context = {field: U32.from_buffer(skb, at).value for field, at in CONTEXT.items()}
        return options.retval, out.raw[:options.data_size_out]

    def from_port(self, packet, **how):
        return self.run("weft_port", packet, **how)

    def from_underlay(self, packet, **context):
        return self.run("weft_underlay", packet, **context)


def vxlan(inner, vni=1000, source=REMOTE, destination=LOCAL, sport=50000, dport=4789, flags=8,
          udp=None, ip=None):
    """What a remote sends, with the UDP checksum 0 unless `udp` says otherwise."""
    return (Ether(dst=UNDERLAY_MAC, src=NEXT_HOP) /
            IP(src=source, dst=destination, **(ip or {})) /
            UDP(sport=sport, dport=dport, **{"chksum": 0, **(udp or {})}) /
            VXLAN(vni=vni, flags=flags) / inner)
