# SPDX-License-Identifier: GPL-2.0-only
"""Mutated packets from the underlay, judged by a second reading of the standards (judge.py).

The seed is fixed: a failure can be repeated. `make fuzz-underlay` runs the same with other seeds.
"""

import collections
import os
import random
import time

import pytest

import wire
from abi import FdbKey, mac
from datapath import A, B, BRIDGE, OUT, PASS, REDIRECT, SHOT
from judge import Packet
from path import ALL, IDS, Path, frame, frame6

ROUNDS = 10000 // len(ALL)
TIME = float(os.environ.get("WEFT_FUZZ_TIME", 0)) / len(ALL)  # seconds for each encapsulation; 0: ROUNDS, fixed seed
SEED = os.environ.get("WEFT_FUZZ_SEED")
PLACES = (14, 54, 80, 120, 160)


def mutate(source, packet):
    packet = bytearray(packet)
    for _ in range(source.choice((0, 1, 1, 1, 2, 4))):
        where = source.randrange(min(len(packet), source.choice(PLACES)))
        packet[where] = source.choice((0, 0xff, packet[where] ^ 1 << source.randrange(8),
                                       source.randrange(256)))
    if source.random() < 0.1:
        del packet[source.randrange(42, len(packet)):]
    if source.random() < 0.1:
        packet += bytes(source.randrange(30))
    return bytes(packet)


def repair(path, packet):
    """With a right checksum what is behind it is looked at, too."""
    found = Packet(path, packet)
    if found.host or "csum" not in found.faults:
        return packet
    place = found.l4 + (4 if path.gre else 6)
    summed = packet[:place] + b"\0\0" + packet[place + 2:]
    covered = summed[found.l4:found.end]
    if not path.gre:
        covered = found.source + found.destination + b"\0\x11" + len(covered).to_bytes(2, "big") + covered
    value = 0xffff ^ wire.total(covered)
    return packet[:place] + (value or (0 if path.gre else 0xffff)).to_bytes(2, "big") + packet[place + 2:]


def seeds(path):
    """Good packets of every form."""
    inner = [frame(4), frame(5, tos=1), frame6(4, tos=2), frame6(3, tos=3)]
    if path.l3:
        inner = [x[14:] for x in inner]
    else:
        inner += [wire.ethernet(A, B, 0x0806, b"\0" * 28), wire.ethernet(A, B, 0x8100, b"\0\5\x08\0" + frame()[14:]),
                  wire.ethernet(A, B, 0x0800)]
    found = [path.packet(x) for x in inner]
    found += [path.packet(x, ip={"tos": tos}) for x in inner[:4] for tos in (1, 2, 3)]
    if path.kind == "geneve":
        options = [wire.option(1), wire.option(2, b"data"), wire.option(3, bytes(124)) + wire.option(4)]
        found += [path.packet(inner[0], tunnel={"options": x}) for x in options]
    if path.kind in ("gretap", "gre"):
        found += [path.packet(x, tunnel={"checksum": c, "sequence": s})
                  for x in inner[:2] for c in (False, True) for s in (None, 7)]
    if not path.gre and not path.v6:
        found += [path.packet(x, udp={"check": 0}) for x in inner]
    if path.v6:
        chains = [(wire.HOP_BY_HOP, 0)], [(wire.DESTINATION, 2), (wire.FRAGMENT, 0)], [(wire.DESTINATION, 150)]
        found += [path.packet(inner[0], before=x) for x in chains]
    else:
        found += [path.packet(inner[0], ip={"options": b"\1" * 40})]
    return found


def run(path, source, more):
    dp = path.dp
    good = seeds(path)
    entry = FdbKey(bridge=BRIDGE, mac=mac(A))
    verdicts, counts, number = collections.Counter(), dp.drops(), 0
    reasons = collections.Counter()
    while more(number):
        number += 1
        packet = mutate(source, source.choice(good))
        if source.random() < 0.5:
            packet = repair(path, packet)
        # what a packet taught the bridge would make the next one something else
        for key in list(dp.items("fdb")):
            if bytes(key) != bytes(entry):
                dp.delete("fdb", key)
        dp.fdb(A, port=OUT)
        try:
            verdict, out = dp.from_underlay(packet)
        except OSError:
            continue  # too short for the kernel's test run to take
        verdicts[verdict] += 1
        after = dp.drops()
        counted = [reason for (reason, *place), n in after.items()
                   for _ in range(n - counts.get((reason, *place), 0))]
        counts = after
        reasons.update(counted)
        news = sum(bytes(k) != bytes(entry) for k in dp.items("fdb"))
        wrong = Packet(path, packet).judge(verdict, out, counted, news)
        assert not wrong, f"round {number}: {packet.hex()} {wrong}; {verdict:#x} {counted} {out.hex()}"
    passed = sum(n for reason, n in reasons.items() if reason in ("vni_unknown", "key_mismatch", "gre_ver", "gre_proto"))
    # every packet came to exactly one end
    assert sum(verdicts.values()) == verdicts[REDIRECT] + verdicts[PASS] + verdicts[SHOT]
    assert sum(reasons.values()) == verdicts[SHOT] + passed and passed <= verdicts[PASS]
    assert min(verdicts[v] for v in (SHOT, REDIRECT, PASS)) > number / 100, verdicts


@pytest.mark.parametrize("kind,v6", ALL, ids=IDS)
def test_mutated_packets(bare, kind, v6):
    seed = int(SEED) if SEED else time.time_ns() if TIME else 7348
    end = time.monotonic() + TIME
    try:
        run(Path(bare, kind, v6), random.Random(seed),
            lambda number: time.monotonic() < end if TIME and not SEED else number < (10 ** 6 if SEED else ROUNDS))
    except AssertionError as error:
        raise AssertionError(f"WEFT_FUZZ_SEED={seed} {error}") from None
