# SPDX-License-Identifier: GPL-2.0-only
"""Rows of NVGRE, RFC 7637."""

from rows.row import Row

TITLE = "NVGRE, RFC 7637"
ROWS: dict[str, Row] = {
    "NV-01": Row(
        "C and S are 0, K is 1, the type is 0x6558, and the key is VSID and FlowID.",
        "RFC 7637 §3.2", "On receipt, anything else is counted as `gre_flags`."),
    "NV-02": Row(
        "The FlowID carries entropy and is not looked at on receipt.",
        "RFC 7637 §3.2", "A hash of the inner flow."),
    "NV-03": Row(
        "Frames are sent without 802.1Q tag, and dropped on receipt if they have one.",
        "RFC 7637 §3.3",
        "`vlan` takes the tag off and puts it on; a tag that stays is counted as `vlan_inner`. There is "
        "no option to carry tags."),
    "NV-04": Row(
        "VSIDs below 0x1000 are reserved, 0xFFFFFF is the vendor's.",
        "RFC 7637 §3.4", "Refused in a configuration, `vni_unknown` on receipt."),
    "NV-05": Row(
        "The sender does not fragment; broadcast goes to a group, or to each remote.",
        "RFC 7637 §4.2, §4.4", "DF is set; a frame that does not fit is answered, or goes in inner fragments (PM-06 to PM-08)."),
}
