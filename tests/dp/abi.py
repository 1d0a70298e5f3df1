# SPDX-License-Identifier: GPL-2.0-only
"""abi/datapath.h and abi/drops.h for Python. Sizes are checked against the loaded maps."""

import ctypes
import pathlib
import re
import socket

ROOT = pathlib.Path(__file__).resolve().parents[2]
U8, U16, U32, U64 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64


def header_constants(path):
    """Every `#define NAME NUMBER` and `#define NAME (1u << N)` of a header."""
    text = (ROOT / path).read_text().replace("\\\n", "")
    found = {n: int(v, 0) for n, v in re.findall(r"#define\s+(\w+)\s+(\d\w*)\b", text)}
    found.update({n: 1 << int(v) for n, v in re.findall(r"#define\s+(\w+)\s+\(1u << (\d+)\)", text)})
    return found


C = type("Constants", (), {**header_constants("abi/datapath.h"), **header_constants("abi/capture.h")})
NOTES = ["none"] + re.findall(r'\tWEFT_NOTE\(\w+,\s*"(\w+)"', (ROOT / "abi/notes.h").read_text())
DROPS = ["none"] + re.findall(r'\tWEFT_DROP\([\s\\]*\w+,[\s\\]*"(\w+)"', (ROOT / "abi/drops.h").read_text())


def struct(name, *fields):
    return type(name, (ctypes.Structure,), {"_fields_": list(fields)})


Addr = struct("Addr", ("bytes", U8 * 16))
Control = struct("Control", ("magic", U32), ("version", U32), ("lease", U32), ("splitter", U32))
Bridge = struct("Bridge", ("flags", U32), ("ageing", U32), ("maxaddress", U32), ("port_slots", U32),
                ("remote_slots", U32), ("group_fwd_mask", U16), ("pad", U16), ("reserved", U32 * 2))
Port = struct("Port", ("ifindex", U32), ("bridge", U32), ("flags", U32), ("ageing", U32),
              ("vlan", U16), ("mac", U8 * 6), ("remote", U32), ("reserved", U32))
Tunnel = struct("Tunnel", ("bridge", U32), ("vni", U32), ("flags", U32), ("ageing", U32),
                ("maxaddress", U32), ("prototype", U32 * 2), ("vlan", U16), ("srcport_min", U16),
                ("srcport_range", U32), ("mark", U32), ("local", Addr), ("strict", U64),
                ("port", U32), ("required", U32), ("options_max", U16), ("type", U8), ("pad", U8),
                ("mss", U16), ("mtu_expires", U16))
Remote = struct("Remote", ("tunnel", U32), ("flags", U32), ("ifindex", U32), ("mtu", U16),
                ("header_len", U8), ("options_len", U8), ("room", U64), ("ethernet", U8 * 14),
                ("sequence", U8), ("pad", U8), ("addr", Addr), ("header", U8 * 56),
                ("vni", U32), ("hop_mtu", U16), ("path_mtu", U16), ("path_tick", U32),
                ("mtu_kept", U8), ("pad2", U8 * 3))
Options = struct("Options", ("len", U32), ("bytes", U8 * 252))
Sequence = struct("Sequence", ("next", U32), ("last", U32))
OptionKey = struct("OptionKey", ("tunnel", U32), ("class_", U16), ("type", U8), ("pad", U8))
Option = struct("Option", ("len", U8), ("match", U8), ("slot", U8), ("pad", U8),
                ("data", U8 * 124))
SeenOptions = struct("SeenOptions", ("tick", U32), ("hash", U32), ("len", U32), ("bytes", U8 * 252))
PeerKey = struct("PeerKey", ("local", Addr), ("remote", Addr), ("vni", U32), ("port", U16),
                 ("type", U8), ("pad", U8))
Peer = struct("Peer", ("tunnel", U32), ("remote", U32))
VniKey = struct("VniKey", ("vni", U32), ("port", U16), ("type", U8), ("pad", U8))
FdbKey = struct("FdbKey", ("bridge", U32), ("vlan", U16), ("mac", U8 * 6))
FdbEntry = struct("FdbEntry", ("port", U32), ("remote", U32), ("seen", U32), ("flags", U32))
FloodKey = struct("FloodKey", ("bridge", U32), ("slot", U16), ("class_", U16))
Trunk = struct("Trunk", ("vlan", U32 * 128))
StormBucket = struct("StormBucket", ("gap", U64), ("depth", U64), ("until", U64))
Storm = struct("Storm", ("bucket", StormBucket * 3))
DropKey = struct("DropKey", ("reason", U32), ("port", U32), ("tunnel", U32))
Dropped = struct("Dropped", ("done", U32), ("tick", U32), ("port", U32), ("tunnel", U32), ("ifindex", U32),
                 ("len", U32), ("segment", U32), ("captured", U16), ("vlan_tci", U16), ("vlan_proto", U16),
                 ("pad", U16), ("bytes", U8 * 128), ("begun", U32))
Stats = struct("Stats", ("rx_packets", U64), ("rx_bytes", U64), ("tx_packets", U64),
               ("tx_bytes", U64))

# map -> key, value
MAPS = {
    "control": (U32, Control), "bridges": (U32, Bridge), "devices": (U32, U32),
    "ports": (U32, Port), "tunnels": (U32, Tunnel), "remotes": (U32, Remote),
    "peers": (PeerKey, Peer), "paths": (PeerKey, U32), "vnis": (VniKey, U32),
    "listen": (U32, U8), "addresses": (Addr, U32),
    "fdb": (FdbKey, FdbEntry), "fdb_counts": (U32, U32), "flood": (FloodKey, U32),
    "trunks": (U32, Trunk), "storms": (U32, Storm), "port_stats": (U32, Stats), "remote_stats": (U32, Stats),
    "drops": (DropKey, U64), "notes": (DropKey, U64), "options": (U32, Options),
    "sequences": (U32, Sequence), "known_options": (OptionKey, Option),
    "seen_options": (U32, SeenOptions), "last_drops": (U32, Dropped),
}


def addr(text):
    """struct weft_addr of an IP address, or of None: any."""
    raw = b"\0" * 16
    if text and ":" in text:
        raw = socket.inet_pton(socket.AF_INET6, text)
    elif text:
        raw = b"\0" * 10 + b"\xff\xff" + socket.inet_aton(text)
    return Addr((U8 * 16).from_buffer_copy(raw))


def mac(text):
    return (U8 * 6)(*bytes.fromhex(text.replace(":", "")))
