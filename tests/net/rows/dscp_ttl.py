# SPDX-License-Identifier: GPL-2.0-only
"""Rows of DSCP and TTL, RFC 2983 and 2003."""

from rows.row import Row

TITLE = "DSCP and TTL, RFC 2983 and 2003"

ROWS = {
    "DS-01": Row(
        "The outer DSCP is a fixed value or that of the inner packet, by choice.",
        "RFC 2983 §3.1, §4; 8926 §4.4.2", "`tos`, default 0; what has no DSCP inherits 0."),
    "DS-02": Row(
        "What leaves the tunnel keeps its own DSCP; by choice it gets that of the outer header.",
        "RFC 2983 §5.1", "`dscp inherit`; ECN goes its own way."),
    "DS-03": Row(
        "The outer TTL is a value of its own; a bridge leaves the inner one alone, a routed tunnel "
        "takes one at its entry, and an inner TTL of 0 at its end is discarded.",
        "RFC 2003 §3.1, 8926 §4.4.2", "`ttl`, default 64; counted as `inner_ttl`."),
}
