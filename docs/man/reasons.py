#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints the page PAGE with the lists of DROPS_H and NOTES_H in the places of @REASONS@ and @NOTES@."""

import re
import sys


def sentence(text):
    return text[0].upper() + text[1:] + ("" if text.endswith("?") else ".")


def listed(path, macro, enum):
    """The entries of the list in a header, as a definition list."""
    with open(path, encoding="utf-8") as file:
        text = file.read().partition(f"#define {macro}S(")[2].partition(f"enum {enum}")[0]
    text = re.sub(r'"[\s\\]*"', "", text.replace('""', ""))  # a string in pieces is one
    found = re.findall(macro + r'\([\s\\]*\w+,[\s\\]*"(\w+)",[\s\\]*"([^"]+)"(?:,[\s\\]*"([^"]+)")?\)', text)
    if not found or len(found) != text.count(f"{macro}("):
        sys.exit(f"{path}: a {macro}() that cannot be read")
    return "\n\n".join(f"*{name}*\n\t{sentence(cause)}{mend and ' ' + sentence('mend: ' + mend)}"
                       for name, cause, mend in found)


with open(sys.argv[1], encoding="utf-8") as file:
    page = file.read()
page = page.replace("@REASONS@", listed(sys.argv[2], "WEFT_DROP", "weft_drop"))
print(page.replace("@NOTES@", listed(sys.argv[3], "WEFT_NOTE", "weft_note")), end="")
