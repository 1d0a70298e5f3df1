# SPDX-License-Identifier: GPL-2.0-only
"""Rows of ECN, RFC 6040 and 9601."""

from rows.row import Row

TITLE = "ECN, RFC 6040 and 9601"
RULE_3168 = "marks the outer header ECT(0) where the inner one is CE, as RFC 3168 had it"

ROWS = {
    "EC-01": Row(
        "Normal mode: the outer header has the inner ECN mark, CE too.",
        "RFC 6040 §4.1", "The default, `ecn normal`.", linux=RULE_3168, openvswitch=RULE_3168),
    "EC-02": Row(
        "The encapsulator leaves the inner ECN field alone.",
        "RFC 6040 §4.1, 9601 §4"),
    "EC-03": Row(
        "Compatibility mode, in which the outer header never has a mark, for tunnels whose far end "
        "knows nothing of ECN.",
        "RFC 6040 §4.1, §4.3", "`ecn compat`, for each tunnel; `ecn rfc3168` is the rule before."),
    "EC-04": Row(
        "Inner Not-ECT: stays so under every outer mark but CE, with which the packet is dropped.",
        "RFC 6040 §4.2", "Counted as `ecn_drop`."),
    "EC-05": Row(
        "Inner ECT(0): becomes ECT(1) or CE if the outer mark is that.",
        "RFC 6040 §4.2", openvswitch="leaves ECT(0) where the outer mark is ECT(1)"),
    "EC-06": Row(
        "Inner ECT(1): becomes CE if the outer mark is that, else stays.",
        "RFC 6040 §4.2"),
    "EC-07": Row(
        "Inner CE: stays CE.",
        "RFC 6040 §4.2"),
    "EC-08": Row(
        "The checksum of the inner IPv4 header follows a change of the mark.",
        "RFC 6040 §4.1, §4.2", "Also where it is or becomes 0 or 0xffff."),
    "EC-09": Row(
        "Combinations of marks that no sender makes are logged, at a bounded rate; this can be "
        "switched off.",
        "RFC 6040 §4.2", "Counted as note `ecn_unused` (`weft notes`); one line a minute and tunnel, "
        "none with `nolog`."),
    "EC-10": Row(
        "What is not IP, and IP behind a header that is not opened, has no outer mark.",
        "RFC 9601 §4", "Frames with a tag are looked into at both ends.",
        linux="marks by what is behind a tag, and does not look there at the far end"),
    "EC-11": Row(
        "ToS and Traffic Class are not one field of 8 bits: a configured one leaves ECN alone.",
        "RFC 9601 §4", "`tos` with one of the low two bits is refused."),
    "EC-12": Row(
        "Fragments made of one packet have its mark. Fragments put together: Not-ECT among others is "
        "discarded, CE wins, and ECT(0) with ECT(1) is ECT(1).",
        "RFC 9601 §5", "Only GRE is fragmented. Fragments received are put together by the host's stack.",
        openvswitch="sends no fragments, and drops received ones"),
}
