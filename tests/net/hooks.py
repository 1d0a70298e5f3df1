# SPDX-License-Identifier: GPL-2.0-only
"""The programs at the tc hooks of a host's devices: on tcx, which bpftool(8) and tc(8) of Debian 12
do not show, and on clsact."""

import ctypes
import errno
import json
import os
import socket
import struct
import subprocess

_BPF = 321  # syscall number on x86-64
_PROG_LOAD, _PROG_ATTACH, _PROG_DETACH, _PROG_GET_FD_BY_ID, _PROG_QUERY = 5, 8, 9, 13, 16
_SCHED_CLS = 3
_HOOKS = {"ingress": 46, "egress": 47}  # BPF_TCX_*
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 144)
    result = _libc.syscall(_BPF, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, buffer.raw


def _name(program):
    done = subprocess.run(["bpftool", "-j", "prog", "show", "id", str(program)], capture_output=True, text=True)
    return json.loads(done.stdout).get("name", "") if done.returncode == 0 else ""


def tcx(host, dev, hook="ingress"):
    """[id] in the order in which they are called."""
    ids = (ctypes.c_uint32 * 64)()
    with host.inside():
        try:
            _, answer = _bpf(_PROG_QUERY, struct.pack("IIIIQI", socket.if_nametoindex(dev), _HOOKS[hook], 0, 0,
                                                      ctypes.addressof(ids), 64))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINVAL, errno.ENODEV):  # nothing there; no tcx; no device
                return []
            raise
    return list(ids[:struct.unpack_from("I", answer, 24)[0]])


def clsact(host, dev, hook="ingress"):
    """[id] of the filters that are programs."""
    said = host.run("tc", "-j", "filter", "show", "dev", dev, hook, check=False).stdout
    return [entry["options"]["prog"]["id"] for entry in json.loads(said or "[]")
            if "prog" in entry.get("options", {})]


def programs(host, dev, hook="ingress"):
    """{name: id} of weft's programs at the hook, wherever they are attached."""
    return {name: program for program in tcx(host, dev, hook) + clsact(host, dev, hook)
            if (name := _name(program)).startswith("weft_")}


def attach(host, dev, hook="ingress"):
    """Somebody else's program, behind those that are there; does nothing. Its descriptor, to keep it."""
    code = struct.pack("=BBhi", 0xb7, 0, 0, -1) + struct.pack("=BBhi", 0x95, 0, 0, 0)  # return TCX_NEXT
    insns, gpl = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    fd, _ = _bpf(_PROG_LOAD, struct.pack("IIQQ", _SCHED_CLS, 2, ctypes.addressof(insns), ctypes.addressof(gpl)))
    with host.inside():
        _bpf(_PROG_ATTACH, struct.pack("IIII", socket.if_nametoindex(dev), fd, _HOOKS[hook], 0))
    return fd


def detach(host, dev, hook="ingress"):
    """What somebody does who takes weft's programs off a device behind its back."""
    host.run("tc", "qdisc", "del", "dev", dev, "clsact", check=False)
    for program in tcx(host, dev, hook):
        if not _name(program).startswith("weft_"):
            continue
        fd, _ = _bpf(_PROG_GET_FD_BY_ID, struct.pack("II", program, 0))
        detach_own(host, dev, fd, hook)


def detach_own(host, dev, fd, hook="ingress"):
    """Takes off the program of that descriptor, and closes it."""
    try:
        with host.inside():
            _bpf(_PROG_DETACH, struct.pack("IIII", socket.if_nametoindex(dev), fd, _HOOKS[hook], 0))
    finally:
        os.close(fd)
