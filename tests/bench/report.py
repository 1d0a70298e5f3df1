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
    ("tcp_packet_4.rate", "TCP, per packet, 4 streams", "Gbit/s", 2),
    ("tcp_super.rate", "TCP, super-packets", "Gbit/s", 2),
    ("tcp_super_4.rate", "TCP, super-packets, 4 streams", "Gbit/s", 2),
    ("tcp_super_back.rate", "TCP, super-packets, back", "Gbit/s", 2),
    ("tcp_nic.rate", "TCP, NIC-like", "Gbit/s", 2),
    ("connect.rate", "TCP connections", "a second", 0),
    ("round_trip.p50", "UDP round trip, median", "µs", 1),
    ("round_trip.p99", "UDP round trip, 99th of 100", "µs", 1),
    ("tcp_round_trip.p50", "TCP round trip, median", "µs", 1),
    ("tcp_round_trip.p99", "TCP round trip, 99th of 100", "µs", 1),
    ("tcp_packet.cpu", "CPU, TCP per packet", "s/GB", 2),
    ("tcp_super.cpu", "CPU, TCP super-packets", "s/GB", 2),
    ("tcp_nic.cpu", "CPU, TCP NIC-like", "s/GB", 2),
    ("udp_held.cpu", "CPU, UDP at 50,000/s", "s per million packets", 2),
    ("udp_held.lost", "lost, UDP at 50,000/s", "share", 4),
    ("programs.port", "weft's program, from a port", "ns/packet", 0),
    ("programs.underlay", "weft's program, from the underlay", "ns/packet", 0),
    ("instructions.each", "instructions of the kernel", "a packet", 0),
)
SCENES = {"": "Container to container", "veth6/": "IPv6 in the tunnel", "tap/": "To a virtual machine's TAP, and back",
          "internal/": "To the host's own end, an internal port, and back"}
# A time is drawn as how many fit into a second, so that higher is better for every bar.
PLOTTED = (("udp_most.rate", "UDP 64 B, packets"), ("tcp_packet.rate", "TCP, per packet"),
           ("tcp_super.rate", "TCP, super-packets"), ("round_trip.p50", "round trips"))
# Half of the rounds must be as near to each other as this, or their median says nothing.
SPREAD_MOST = 0.2

# metric, over, under, bound; "at least" unless the metric is a time
TARGETS = [
    ("udp_most.rate", "U", "N0", 1.05),
    ("udp_most.rate", "U", "K", 1.8),
    ("tcp_packet.rate", "U", "N0", 1.15),
    ("tcp_packet.rate", "U", "K", 1.7),
    ("tcp_super.rate", "U", "N0", 1.0),
    ("tcp_super.rate", "U", "N1", 0.9),
    ("tap/tcp_super.rate", "U", "K", 1.1),
    ("tap/tcp_super_back.rate", "U", "K", 1.1),
    ("round_trip.p50", "U", "N0", 1.0),
    ("round_trip.p99", "U", "N0", 1.0),
    ("tcp_packet.cpu", "U", "K", 0.65),
]
# What weft's other encapsulations may cost beside its VXLAN over IPv4.
for _over, _share in (("G", 0.05), ("G0", 0.05), ("R", 0.05), ("U6", 0.1), ("U60", 0.1)):
    TARGETS += [(f"{_test}.rate", _over, "U", round(1 - _share, 2))
                for _test in ("udp_most", "tcp_packet", "tcp_super", "tcp_nic")]
    TARGETS.append(("round_trip.p50", _over, "U", 1 + _share))
TARGETS += [(f"{_test}.rate", "U", "B", 0.97) for _test in ("udp_most", "tcp_packet", "tcp_super", "tcp_nic")]
TARGETS.append(("round_trip.p50", "U", "B", 1.03))
# weft while somebody reads all that it says of itself.
TARGETS += [(f"{_test}.rate", "UM", "U", 0.97) for _test in ("udp_most", "tcp_packet", "tcp_super")]
# The host's own end beside a container's.
OWN_END = [(f"{_test}.rate", 1.0) for _test in ("udp_most", "tcp_packet", "tcp_super")]
PAIRS = (("U", "B"), ("U", "N0"), ("U", "N1"), ("U", "K"), ("U", "O"), ("UM", "U"), ("UH", "U"), ("UC", "U"), ("UF", "U"), ("K", "N0"), ("O", "N0"), ("G", "U"), ("G0", "U"),
         ("R", "U"), ("U6", "U"), ("U60", "U"))


def values(rounds, variant, metric):
    """The metric of a variant per round; None where it is missing."""
    test, key = metric.split(".")
    return [one.get(variant, {}).get(test, {}).get(key) for one in rounds]


def divided(over, under):
    return [a / b for a, b in zip(over, under) if a is not None and b]


def ratios(rounds, metric, over, under):
    """One ratio per round that has both."""
    return divided(values(rounds, over, metric), values(rounds, under, metric))


def spread(numbers, decimals=2):
    """Median (least..most), or a dash."""
    if not numbers:
        return "–"
    middle = statistics.median(numbers)
    if len(numbers) == 1:
        return f"{middle:,.{decimals}f}"
    return (f"{middle:,.{decimals}f} "
            f"({min(numbers):,.{decimals}f}..{max(numbers):,.{decimals}f})")


def is_steady(numbers):
    """Do the rounds agree? The middle half of them must be within SPREAD_MOST of their median."""
    if len(numbers) < 2:
        return bool(numbers)
    low, _, high = statistics.quantiles(numbers, n=4, method="inclusive")
    return high - low <= SPREAD_MOST * statistics.median(numbers)


def ratio(numbers):
    """As spread(), but no median of rounds that do not agree."""
    if not numbers or is_steady(numbers):
        return spread(numbers)
    return f"rounds differ ({min(numbers):,.2f}..{max(numbers):,.2f})"


def verdict(numbers, bound, higher=True):
    """What the median of rounds that agree says of a bound; `higher`: it is to be that at least, else at most."""
    if not is_steady(numbers):
        return "rounds differ"
    middle = statistics.median(numbers)
    return "reached" if (middle >= bound if higher else middle <= bound) else "not reached"


def _target(title, pair, got, bound, higher):
    return title, pair, ratio(got), f"{'≥' if higher else '≤'} {bound}", verdict(got, bound, higher)


def targets(rounds):
    """[(metric title, "U/K", median, bound, verdict)]"""
    titles = {metric: title for metric, title, _, _ in METRICS}
    rows = []
    for metric, over, under, bound in TARGETS:
        scene, _, name = metric.rpartition("/")
        got = ratios(rounds, metric, over, under)
        if got:
            rows.append(_target(titles[name] + (f" ({scene})" if scene else ""), f"{over}/{under}", got, bound,
                                name.endswith(".rate")))
    for metric, bound in OWN_END:
        got = divided(values(rounds, "U", f"internal/{metric}"), values(rounds, "U", metric))
        if got:
            rows.append(_target(titles[metric], "U internal/U container", got, bound, True))
    return rows


def scene_tables(rounds, scene, title):
    """Figures and ratios of one scene, as lines."""
    def has(name):
        return any(("/" in test) == bool(scene) and test.startswith(scene) for one in rounds for test in one.get(name, {}))

    variants = [name for name in TITLES if has(name)]
    if not variants:
        return []
    lines = [f"### {title}", "",
             "| | " + " | ".join(f"{name}: {TITLES[name]}" for name in variants) + " |",
             "|---" * (len(variants) + 1) + "|"]
    for metric, name, unit, decimals in METRICS:
        cells = [[v for v in values(rounds, variant, scene + metric) if v is not None] for variant in variants]
        if any(cells):
            lines.append(f"| {name}, {unit} | " + " | ".join(spread(cell, decimals) for cell in cells) + " |")
    pairs = [(a, b) for a, b in PAIRS if a in variants and b in variants]
    if pairs:
        lines += ["", "| | " + " | ".join(f"{a}/{b}" for a, b in pairs) + " |", "|---" * (len(pairs) + 1) + "|"]
    for metric, name, _, _ in METRICS:
        cells = [ratios(rounds, scene + metric, a, b) for a, b in pairs]
        if any(cells):
            lines.append(f"| {name} | " + " | ".join(map(ratio, cells)) + " |")
    return [*lines, ""]


def markdown(result):
    rounds, machine = result["rounds"], result["machine"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, kernel {machine['kernel']}; weft "
        f"{result['commit']}, {result['date']}; {len(rounds)} rounds in rotated order, "
        f"{result['seconds']} s a measurement. Median (least..most).",
        ""]
    for scene, title in SCENES.items():
        lines += scene_tables(rounds, scene, title)
    if rows := targets(rounds):
        lines += ["### Against its targets", "", "| target | ratio | bound | |", "|---|---|---|---|"]
        lines += [f"| {title}, {pair} | {got} | {bound} | {verdict} |"
                  for title, pair, got, bound, verdict in rows]
    lines += ["", f"\"rounds differ\": the middle half of the rounds' ratios is spread over more than {SPREAD_MOST:.0%} of "
              "their median, which then says nothing. Ratios are one per round."]
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
    colours = {"N0": "#9aa0a6", "N1": "#c9ccd0", "UM": "#1f6f4b", "UH": "#7fc9a0", "UC": "#0f4a30", "UF": "#3d7d60", "K": "#4c78a8", "O": "#e0a030", "U": "#2f8f5b", "B": "#a05050", "G": "#58b07f",
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
