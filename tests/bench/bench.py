# SPDX-License-Identifier: GPL-2.0-only
"""What every benchmark here is set in: its words, a lab, rounds, and the files it writes. To be imported before the others."""

import contextlib
import json
import os
import pathlib
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.setdefault("WEFT_BUILD", str(TOP / "build"))).resolve()
sys.path.insert(0, str(TOP / "tests/net"))

from lab import Lab  # noqa: E402


def word(name, default):
    """The number that the environment gives, of the default's type."""
    return type(default)(os.environ.get(name, default))


@contextlib.contextmanager
def laboratory():
    """A lab that is gone afterwards; what its daemons had to complain about is an error."""
    if os.geteuid():
        sys.exit("needs root, to make network namespaces")
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        lab = Lab(pathlib.Path(folder))
        try:
            yield lab
        finally:
            complaints = lab.close()
    if complaints:
        raise RuntimeError("\n".join(complaints))


def write(name, result, text=None):
    """build/bench/NAME.json, and NAME.md of the text. Returns the paths."""
    base = BUILD / "bench" / name
    base.parent.mkdir(exist_ok=True)
    base.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    if text is None:
        return [base.with_suffix(".json")]
    base.with_suffix(".md").write_text(text)
    return [base.with_suffix(".json"), base.with_suffix(".md")]


def rounds(name, run, show):
    """ROUNDS times run(), each of which is printed as show() words it; writes all of them, and returns them."""
    results = []
    count = word("ROUNDS", 5)
    for number in range(count):
        results.append(run())
        print(f"round {number + 1} of {count}: {show(results[-1])}", flush=True)
    write(name, results)
    return results
