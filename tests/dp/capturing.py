# SPDX-License-Identifier: GPL-2.0-only
"""Captures of a loaded datapath: what weftd does for them, and what their readers do."""

import ctypes
import mmap
import os
import struct

from abi import U8, U16, U32, U64, C
from datapath import checked, lib

POINTS = ("port-in", "port-out", "underlay-in", "underlay-out", "drop")
COUNTERS = C.WEFT_POINT_COUNTERS
RECORD = struct.Struct("=QIIIIIIHHBBH16s")
RING_HEADER, BUSY, DISCARD = 8, 1 << 31, 1 << 30
ARRAY, RINGBUF, INNER_MAP = 2, 27, 1 << 12  # of linux/bpf.h


class MapOptions(ctypes.Structure):
    """struct bpf_map_create_opts"""

    _fields_ = [("sz", ctypes.c_size_t)] + [(name, U32) for name in (
        "btf_fd", "btf_key_type_id", "btf_value_type_id", "btf_vmlinux_value_type_id", "inner_map_fd", "map_flags")] + [
            ("map_extra", U64), ("numa_node", U32), ("map_ifindex", U32)]


class Slot(ctypes.Structure):
    """struct weft_capture"""

    _fields_ = [(name, U32) for name in ("points", "port", "tunnel", "snap", "outer", "filter", "reach")]


class Insn(ctypes.Structure):
    """struct weft_capture_insn"""

    _fields_ = [("code", U16), ("jt", U8), ("jf", U8), ("k", U32)]


class Record:
    """struct weft_captured and the bytes behind it."""

    def __init__(self, raw):
        (self.time, self.len, captured, self.port, self.tunnel, self.ifindex, self.segment, self.inner, self.inner_proto,
         point, self.reason, _, self.remote) = RECORD.unpack_from(raw)
        self.point = POINTS[point]
        self.bytes = raw[RECORD.size:RECORD.size + captured]
        assert len(self.bytes) == captured


class Ring:
    """A ring buffer of the kernel, read as its documentation says."""

    def __init__(self, size):
        self.size = size
        self.fd = checked(lib.bpf_map_create(RINGBUF, b"ring", 0, 0, size, None), "ring")
        self.reader = mmap.mmap(self.fd, mmap.PAGESIZE)
        self.writer = mmap.mmap(self.fd, mmap.PAGESIZE + 2 * size, prot=mmap.PROT_READ, offset=mmap.PAGESIZE)

    def read(self):
        at, end = (int.from_bytes(m[:8], "little") for m in (self.reader, self.writer))
        records = []
        while at < end:
            here = mmap.PAGESIZE + (at & (self.size - 1))
            length = int.from_bytes(self.writer[here:here + 4], "little")
            assert not length & (BUSY | DISCARD)
            records.append(Record(self.writer[here + RING_HEADER:here + RING_HEADER + length]))
            at += (length + RING_HEADER + 7) & ~7
        self.reader[:8] = at.to_bytes(8, "little")
        return records

    def close(self):
        self.reader.close()
        self.writer.close()
        os.close(self.fd)


class Capturing:
    """Makes the datapath ready for captures; `slot()` begins one, `close()` ends all."""

    def __init__(self, datapath):
        self.datapath, self.rings = datapath, {}
        options = MapOptions(sz=ctypes.sizeof(MapOptions), map_flags=INNER_MAP)
        scratch = checked(lib.bpf_map_create(ARRAY, b"scratch", 4, C.WEFT_CAPTURE_SCRATCH, datapath.cpus,
                                             ctypes.byref(options)), "scratch memory")
        self.put("capture_scratches", 0, ctypes.c_int(scratch))
        os.close(scratch)

    def map(self, name):
        return checked(lib.bpf_object__find_map_by_name(self.datapath.object, name.encode()), name)

    def put(self, name, key, value):
        checked(lib.bpf_map_update_elem(lib.bpf_map__fd(self.map(name)), ctypes.byref(U32(key)), ctypes.byref(value), U64(0)),
                name)

    def points(self, mask):
        """What weftd writes into the programs' .bss."""
        self.put(".bss", 0, U32(mask))

    def slot(self, number=0, points=POINTS, program=(), ring=1 << 20, **fields):
        mask = sum(1 << POINTS.index(point) for point in points)
        insns = (Insn * C.WEFT_CAPTURE_FILTER)(*(Insn(*insn) for insn in program))
        count = (U64 * (2 * COUNTERS * self.datapath.cpus))()
        if number in self.rings:
            self.rings.pop(number).close()
        self.rings[number] = Ring(ring)
        self.put("capture_counts", number, count)
        self.put("capture_filters", number, insns)
        self.put("capture_rings", number, ctypes.c_int(self.rings[number].fd))
        self.put("capture_slots", number, Slot(**{"points": mask, "snap": C.WEFT_CAPTURE_BYTES,
                                                  "filter": len(program),
                                                  "reach": C.WEFT_CAPTURE_BYTES if program else 0, **fields}))
        self.points((1 << len(POINTS)) - 1)
        return self.rings[number]

    def counts(self, number=0):
        """{point: (matched, lost)}"""
        words = 2 * COUNTERS
        values = (U64 * (words * self.datapath.cpus))()
        checked(lib.bpf_map_lookup_elem(lib.bpf_map__fd(self.map("capture_counts")), ctypes.byref(U32(number)), values),
                "counts")
        sums = [sum(values[w::words]) for w in range(words)]
        return {point: (sums[i], sums[i + COUNTERS]) for i, point in enumerate(POINTS)}

    def close(self):
        self.points(0)
        for number, ring in self.rings.items():
            self.put("capture_slots", number, Slot())
            ring.close()
        lib.bpf_map_delete_elem(lib.bpf_map__fd(self.map("capture_scratches")), ctypes.byref(U32(0)))
