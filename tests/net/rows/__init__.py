# SPDX-License-Identifier: GPL-2.0-only
"""The conformance rows, a file for each section; SECTIONS is the order of docs/conformance.md."""

from rows import dscp_ttl, ecn, geneve, gre, iproute2, nvgre, openvswitch, path_mtu, udp6, vxlan

SECTIONS = (vxlan, geneve, gre, nvgre, udp6, ecn, dscp_ttl, path_mtu, openvswitch, iproute2)
ROWS = {id: row for section in SECTIONS for id, row in section.ROWS.items()}
