/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filters of captures: classic BPF (McCanne and Jacobson, as in bpf(4)), an instruction for each turn of a loop.
 *
 * State and packet are in the scratch memory of this CPU: where a hook is, next to nothing of the stack is left. weftd has
 * checked the program: it jumps forwards and within itself. Here everything is bounded once more, for the verifier.
 */
#ifndef WEFT_BPF_CAPTURE_FILTER_H
#define WEFT_BPF_CAPTURE_FILTER_H

#include <linux/filter.h>

#include "abi/capture.h"
#include "bpf/frame.h"

#define CAPTURE_ROOM 65536 /* WEFT_CAPTURE_BYTES and one */

struct capture_scratch {
	struct weft_captured record;
	__u8 bytes[CAPTURE_ROOM + 8];	/* 8: what is read at the last offset */
	__u32 wanted;			/* slots that are still to be served, a bit each */
	__u32 matched;			/* slots that get the packet */
	__u32 reach;			/* bytes that the filters look at */
	__u64 woken[WEFT_CAPTURES_MAX]; /* when the reader of a slot was woken, as in `record` */
	/* the filter at work */
	__u32 slot, pc, a, x, result;
	__u16 kept; /* bytes that make way for an Ethernet header */
	__u8 running, pad;
	__u32 start, end; /* of what it sees, in `bytes` */
	__u32 length;	  /* what it takes for the length of the packet */
	__u32 memory[WEFT_CAPTURE_MEMORY];
};
_Static_assert(sizeof(struct capture_scratch) == WEFT_CAPTURE_SCRATCH, "capture_scratch");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEFT_CAPTURES_MAX);
	__type(key, __u32);
	__type(value, struct weft_capture_filter);
} capture_filters SEC(".maps");

/* Index 0: an array of scratch memory with an entry for each CPU, which is there while there are captures. */
struct capture_scratch_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct capture_scratch));
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct capture_scratch_map);
} capture_scratches SEC(".maps");

static __always_inline struct capture_scratch *capture_scratch(void)
{
	__u32 key = 0;
	void *map = bpf_map_lookup_elem(&capture_scratches, &key);

	if (!map)
		return NULL;
	key = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(map, &key);
}

/* `size` bytes of what the filter sees, from `offset` on; false: it ends before. */
static __always_inline bool filter_load(struct capture_scratch *s, __u32 offset, __u32 size,
					__u32 *ret)
{
	__u64 at = (__u64)s->start + offset;
	__u8 *byte;

	if (at + size > s->end)
		return false;
	asm volatile("%0 &= 0xffff" : "+r"(at));
	byte = &s->bytes[at];
	if (size == 1)
		*ret = byte[0];
	else if (size == 2)
		*ret = byte[0] << 8 | byte[1];
	else
		*ret = (__u32)byte[0] << 24 | byte[1] << 16 | byte[2] << 8 | byte[3];
	return true;
}

static __always_inline bool filter_fetch(struct capture_scratch *s, __u16 code, __u32 offset,
					 __u32 *ret)
{
	switch (BPF_SIZE(code)) {
	case BPF_B:
		return filter_load(s, offset, 1, ret);
	case BPF_H:
		return filter_load(s, offset, 2, ret);
	default:
		return filter_load(s, offset, 4, ret);
	}
}

static __always_inline __u32 filter_alu(__u16 code, __u32 a, __u32 b)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_MOD:
		return a % b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return b < 32 ? a << (b & 31) : 0;
	case BPF_RSH:
		return b < 32 ? a >> (b & 31) : 0;
	default:
		return -a;
	}
}

static __always_inline bool filter_compare(__u16 code, __u32 a, __u32 b)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default:
		return a & b;
	}
}

/* One instruction. True: the filter has ended. */
static __always_inline bool filter_step(struct capture_scratch *s)
{
	const struct weft_capture_filter *filter;
	const struct weft_capture_insn *insn;
	__u32 at, key, value = 0;
	__u16 code;

	key = s->slot;
	filter = bpf_map_lookup_elem(&capture_filters, &key);
	at = s->pc;
	if (!filter || at >= WEFT_CAPTURE_FILTER)
		return true;
	asm volatile("%0 &= 0x1ff" : "+r"(at));
	insn = &filter->insn[at];
	code = insn->code;
	s->pc++;
	switch (BPF_CLASS(code)) {
	case BPF_LD:
	case BPF_LDX:
		value = insn->k;
		if (BPF_MODE(code) == BPF_MEM)
			value = s->memory[value & (WEFT_CAPTURE_MEMORY - 1)];
		else if (BPF_MODE(code) == BPF_LEN)
			value = s->length;
		else if (BPF_MODE(code) == BPF_MSH) {
			if (!filter_load(s, value, 1, &value))
				return true;
			value = (value & 0xf) * 4;
		} else if (BPF_MODE(code) == BPF_ABS || BPF_MODE(code) == BPF_IND) {
			__u32 base = BPF_MODE(code) == BPF_IND ? s->x : 0;

			/* an offset that wraps around is one that is not there */
			if (base + value < base || !filter_fetch(s, code, base + value, &value))
				return true;
		}
		if (BPF_CLASS(code) == BPF_LD)
			s->a = value;
		else
			s->x = value;
		return false;
	case BPF_ST:
		s->memory[insn->k & (WEFT_CAPTURE_MEMORY - 1)] = s->a;
		return false;
	case BPF_STX:
		s->memory[insn->k & (WEFT_CAPTURE_MEMORY - 1)] = s->x;
		return false;
	case BPF_ALU:
		value = BPF_SRC(code) == BPF_X ? s->x : insn->k;
		if (!value && (BPF_OP(code) == BPF_DIV || BPF_OP(code) == BPF_MOD))
			return true;
		s->a = filter_alu(code, s->a, value);
		return false;
	case BPF_JMP:
		if (BPF_OP(code) == BPF_JA) {
			s->pc += insn->k;
			return false;
		}
		value = BPF_SRC(code) == BPF_X ? s->x : insn->k;
		s->pc += filter_compare(code, s->a, value) ? insn->jt : insn->jf;
		return false;
	case BPF_RET:
		s->result = BPF_RVAL(code) == BPF_A ? s->a : insn->k;
		return true;
	default:
		if (BPF_MISCOP(code) == BPF_TXA)
			s->a = s->x;
		else
			s->x = s->a;
		return false;
	}
}

static __always_inline void filter_begin(struct capture_scratch *s)
{
	s->pc = 0;
	s->a = 0;
	s->x = 0;
	s->result = 0;
	__builtin_memset(s->memory, 0, sizeof(s->memory));
	s->running = 1;
}

#endif
