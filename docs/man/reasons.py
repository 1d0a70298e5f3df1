#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints the page PAGE with the list of drop reasons out of DROPS_H in the place of @REASONS@."""

import re
import sys

page, drops_h = (open(path, encoding="utf-8").read() for path in sys.argv[1:3])
listed = drops_h.partition("#define WEFT_DROPS(")[2].partition("enum weft_drop")[0]
reasons = re.findall(r'WEFT_DROP\([\s\\]*\w+,[\s\\]*"(\w+)",[\s\\]*"([^"]+)"\)', listed)
if not reasons or len(reasons) != listed.count("WEFT_DROP("):
    sys.exit(f"{sys.argv[2]}: a WEFT_DROP() that cannot be read")
print(page.replace("@REASONS@", "\n\n".join(
    f"*{name}*\n\t{cause[0].upper()}{cause[1:]}." for name, cause in reasons)), end="")
