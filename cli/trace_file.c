/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet out of a capture file, pcap or pcapng, as libpcap reads it. */
#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>

#include "cli/trace.h"

int trace_file(const char *path, uint32_t number, uint8_t bytes[PACKET_MAX], uint32_t *ret_len,
	       struct error *err)
{
	char problem[PCAP_ERRBUF_SIZE] = "";
	pcap_t *file = pcap_open_offline(path, problem);
	struct pcap_pkthdr *header;
	const u_char *data;
	uint32_t count = 0;
	int got = 0, r = 0;

	/* libpcap names the file by itself where it cannot open it */
	if (!file && !strncmp(problem, path, strlen(path)))
		return error_set(err, -EINVAL, "%s", problem);
	if (!file)
		return error_set(err, -EINVAL, "%.128s: %s", path, problem);
	if (pcap_datalink(file) != DLT_EN10MB)
		r = error_set(err, -EINVAL, "%.128s: its packets have no Ethernet headers", path);
	while (r == 0 && count < number) {
		got = pcap_next_ex(file, &header, &data);
		if (got < 0)
			break;
		count += got > 0;
	}
	if (r == 0 && got == PCAP_ERROR)
		r = error_set(err, -EINVAL, "%.128s: packet %u: %.128s", path, count + 1,
			      pcap_geterr(file));
	else if (r == 0 && got < 0)
		r = error_set(err, -ENOENT, "%.128s: it has %u packets, not %u", path, count,
			      number);
	else if (r == 0 && header->caplen < header->len)
		r = error_set(
			err, -EINVAL,
			"%.128s: of packet %u there are %u bytes out of %u; a trace needs all",
			path, number, header->caplen, header->len);
	else if (r == 0 && header->caplen > PACKET_MAX)
		r = error_set(err, -E2BIG,
			      "%.128s: packet %u has %u bytes, more than a trace takes", path,
			      number, header->caplen);
	if (r == 0) {
		memcpy(bytes, data, header->caplen);
		*ret_len = header->caplen;
	}
	pcap_close(file);
	return r;
}
