# SPDX-License-Identifier: GPL-2.0-only
"""One row of the conformance tables."""

import dataclasses


@dataclasses.dataclass
class Row:
    requirement: str  # in our words
    section: str
    choice: str = ""  # what weft does where the text leaves a choice, or where it differs
    linux: str = ""  # why tests of the row fail there
    openvswitch: str = ""
    missing: str = ""  # the row is about something weft has not, and this is why; it has no test
