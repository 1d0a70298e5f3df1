# SPDX-License-Identifier: GPL-2.0-only
"""Rounds to tables: a ratio per round, its median and its spread. Never across runs."""

import statistics
import subprocess

from variants import TITLES

# metric, title, unit, decimals; a rate is better when higher, all else when lower
METRICS = (
    ("udp_most.rate", "UDP 64 B, at most", "packets/s", 0),
    ("udp_most.way", "CPU of its sender", "ns/packet", 0),
    ("tcp_packet.rate", "TCP, per packet", "Gbit/s", 2),
    ("tcp_super.rate", "TCP, super-packets", "Gbit/s", 2),
    ("tcp_nic.rate", "TCP, NIC-like", "Gbit/s", 2),
    ("round_trip.p50", "round trip, median", "µs", 1),
    ("round_trip.p99", "round trip, 99th of 100", "µs", 1),
    ("tcp_packet.cpu", "CPU, TCP per packet", "s/GB", 2),
    ("tcp_super.cpu", "CPU, TCP super-packets", "s/GB", 2),
    ("tcp_nic.cpu", "CPU, TCP NIC-like", "s/GB", 2),
    ("udp_held.cpu", "CPU, UDP at 50,000/s", "µs/packet", 2),
    ("udp_held.lost", "lost, UDP at 50,000/s", "share", 4),
)
# A time is drawn as how many fit into a second, so that higher is better for every bar.
PLOTTED = (("udp_most.rate", "UDP 64 B, packets"), ("tcp_packet.rate", "TCP, per packet"),
           ("tcp_super.rate", "TCP, super-packets"), ("round_trip.p50", "round trips"))

# metric, over, under, bound; "at least" unless the metric is a time
TARGETS = [
    ("udp_most.rate", "U", "K", 1.6),
    ("udp_most.rate", "U", "N0", 0.95),
    ("tcp_packet.rate", "U", "K", 1.5),
    ("tcp_packet.rate", "U", "N0", 1.0),
    ("tcp_super.rate", "U", "K", 1.15),
    ("round_trip.p50", "U", "N0", 1.03),
]
# What weft's other encapsulations may cost beside its VXLAN over IPv4.
for _over, _share in (("G", 0.05), ("G0", 0.05), ("R", 0.05), ("U6", 0.1), ("U60", 0.1)):
    TARGETS += [(f"{_test}.rate", _over, "U", round(1 - _share, 2))
                for _test in ("udp_most", "tcp_packet", "tcp_super", "tcp_nic")]
    TARGETS.append(("round_trip.p50", _over, "U", 1 + _share))
TARGETS += [(f"{_test}.rate", "U", "B", 0.97) for _test in ("udp_most", "tcp_packet", "tcp_super", "tcp_nic")]
TARGETS.append(("round_trip.p50", "U", "B", 1.03))
PAIRS = (("U", "B"), ("U", "N0"), ("U", "K"), ("U", "O"), ("K", "N0"), ("O", "N0"), ("G", "U"), ("G0", "U"),
         ("R", "U"), ("U6", "U"), ("U60", "U"))


def values(rounds, variant, metric):
    """The metric of a variant per round; None where it is missing."""
    test, key = metric.split(".")
    return [one.get(variant, {}).get(test, {}).get(key) for one in rounds]


def ratios(rounds, metric, over, under):
    """One ratio per round that has both."""
    pairs = zip(values(rounds, over, metric), values(rounds, under, metric))
    return [a / b for a, b in pairs if a is not None and b]


def spread(numbers, decimals=2):
    """Median (least..most), or a dash."""
    if not numbers:
        return "–"
    middle = statistics.median(numbers)
    if len(numbers) == 1:
        return f"{middle:,.{decimals}f}"
    return (f"{middle:,.{decimals}f} "
            f"({min(numbers):,.{decimals}f}..{max(numbers):,.{decimals}f})")


def targets(rounds):
    """[(metric title, "U/K", median, bound, reached)]"""
    titles = {metric: title for metric, title, _, _ in METRICS}
    rows = []
    for metric, over, under, bound in TARGETS:
        got = ratios(rounds, metric, over, under)
        if not got:
            continue
        middle = statistics.median(got)
        higher = metric.endswith(".rate")
        rows.append((titles[metric], f"{over}/{under}", spread(got),
                     f"{'≥' if higher else '≤'} {bound}",
                     middle >= bound if higher else middle <= bound))
    return rows


def markdown(result):
    rounds, machine = result["rounds"], result["machine"]
    variants = [name for name in TITLES if any(name in one for one in rounds)]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, kernel {machine['kernel']}; weft "
        f"{result['commit']}, {result['date']}; {len(rounds)} rounds in rotated order, "
        f"{result['seconds']} s a measurement. Median (least..most).",
        "",
        "| | " + " | ".join(f"{name}: {TITLES[name]}" for name in variants) + " |",
        "|---" * (len(variants) + 1) + "|",
    ]
    for metric, title, unit, decimals in METRICS:
        cells = [[v for v in values(rounds, name, metric) if v is not None] for name in variants]
        if any(cells):
            lines.append(f"| {title}, {unit} | " +
                         " | ".join(spread(cell, decimals) for cell in cells) + " |")
    pairs = [(a, b) for a, b in PAIRS if a in variants and b in variants]
    lines += ["", "Ratios, one per round:", "",
              "| | " + " | ".join(f"{a}/{b}" for a, b in pairs) + " |",
              "|---" * (len(pairs) + 1) + "|"]
    for metric, title, _, _ in METRICS:
        cells = [ratios(rounds, metric, a, b) for a, b in pairs]
        if any(cells):
            lines.append(f"| {title} | " + " | ".join(map(spread, cells)) + " |")
    if rows := targets(rounds):
        lines += ["", "| target | ratio | bound | |", "|---|---|---|---|"]
        lines += [f"| {title}, {ratio} | {got} | {bound} | {'reached' if ok else 'not reached'} |"
                  for title, ratio, got, bound, ok in rows]
    return "\n".join(lines) + "\n"


def plot(result, path):
    """Bars beside N0 = 1 as an SVG, by gnuplot. False if there is nothing to draw."""
    rounds = result["rounds"]
    variants = [name for name in TITLES if any(name in one for one in rounds)]
    data = []
    for metric, title in PLOTTED:
        cells = [ratios(rounds, metric, name, "N0") if metric.endswith(".rate") else
                 ratios(rounds, metric, "N0", name) for name in variants]
        if all(cells):
            data.append(f'"{title}" ' +
                        " ".join(f"{statistics.median(cell):.3f}" for cell in cells))
    if len(data) < 2:
        return False
    names = [f"{name}: {TITLES[name]}" for name in variants]
    colours = {"N0": "#9aa0a6", "K": "#4c78a8", "O": "#e0a030", "U": "#2f8f5b", "B": "#a05050", "G": "#58b07f",
               "G0": "#86c9a2", "R": "#b3dfc5", "U6": "#7a5fa8", "U60": "#ab96cc"}
    bars = ", ".join(
        f"$data using {column + 2}:xtic(1) title '{name}' lc rgb '{colours[variant]}'"
        for column, (variant, name) in enumerate(zip(variants, names)))
    script = f"""
set terminal svg size 900,420 font 'sans-serif,13' background '#ffffff'
set output '{path}'
set style data histogram
set style histogram clustered gap 1.5
set style fill solid 0.9 noborder
set boxwidth 0.9
set yrange [0:*]
set grid ytics lc rgb '#dddddd'
set ylabel 'a second, no overlay = 1 (higher is better)'
set key outside top center horizontal
$data << END
{chr(10).join(data)}
END
plot {bars}
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    # gnuplot leaves blanks at the ends of lines, which lint does not take
    path.write_text("".join(line.rstrip() + "\n" for line in path.read_text().splitlines()))
    return True
