/* SPDX-License-Identifier: GPL-2.0-only */
/* Filters of captures: what a client sends is classic BPF, or is refused. */
#include <errno.h>
#include <linux/filter.h>

#include "daemon/capture.h"

static bool load_known(const struct weft_capture_insn *insn)
{
	switch (insn->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_IMM:
	case BPF_LD | BPF_LEN:
	case BPF_LDX | BPF_IMM:
	case BPF_LDX | BPF_LEN:
	case BPF_LDX | BPF_B | BPF_MSH:
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
		return insn->k < WEFT_CAPTURE_MEMORY;
	default:
		return false;
	}
}

static bool alu_known(const struct weft_capture_insn *insn)
{
	uint16_t operation = BPF_OP(insn->code);

	if (insn->code & ~(BPF_ALU | BPF_X | 0xf0))
		return false;
	if ((operation == BPF_DIV || operation == BPF_MOD) && BPF_SRC(insn->code) == BPF_K)
		return insn->k;
	return operation <= BPF_XOR;
}

/* `left`: instructions behind this one. */
static bool jump_known(const struct weft_capture_insn *insn, uint32_t left)
{
	if (insn->code & ~(BPF_JMP | BPF_X | 0xf0))
		return false;
	if (BPF_OP(insn->code) == BPF_JA)
		return BPF_SRC(insn->code) == BPF_K && insn->k < left;
	return BPF_OP(insn->code) <= BPF_JSET && insn->jt < left && insn->jf < left;
}

static bool insn_known(const struct weft_capture_insn *insn, uint32_t left)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
	case BPF_LDX:
		return load_known(insn);
	case BPF_ST:
	case BPF_STX:
		return insn->code == BPF_CLASS(insn->code) && insn->k < WEFT_CAPTURE_MEMORY;
	case BPF_ALU:
		return alu_known(insn);
	case BPF_JMP:
		return jump_known(insn, left);
	case BPF_RET:
		return insn->code == (BPF_RET | BPF_K) || insn->code == (BPF_RET | BPF_A);
	default:
		return insn->code == (BPF_MISC | BPF_TAX) || insn->code == (BPF_MISC | BPF_TXA);
	}
}

int capture_filter_check(const struct weft_capture_filter *filter, uint32_t length,
			 struct error *err)
{
	for (uint32_t i = 0; i < length; i++)
		if (!insn_known(&filter->insn[i], length - 1 - i))
			return error_set(err, -EINVAL,
					 "filter: instruction %u is none of classic BPF's", i);
	if (length && BPF_CLASS(filter->insn[length - 1].code) != BPF_RET)
		return error_set(err, -EINVAL, "filter: does not end with a return");
	return 0;
}

/* The most that X can be, as far as that is seen from one instruction that sets it. */
static uint64_t x_most(const struct weft_capture_insn *insn)
{
	switch (insn->code) {
	case BPF_LDX | BPF_B | BPF_MSH:
		return 0xf * 4;
	case BPF_LDX | BPF_IMM:
		return insn->k;
	case BPF_LDX | BPF_LEN:
	case BPF_LDX | BPF_MEM:
	case BPF_MISC | BPF_TAX:
		return WEFT_CAPTURE_BYTES;
	default:
		return 0;
	}
}

static uint64_t load_end(const struct weft_capture_insn *insn, uint64_t x)
{
	uint16_t class = BPF_CLASS(insn->code), mode = BPF_MODE(insn->code);
	uint32_t size = BPF_SIZE(insn->code) == BPF_W ? 4 : BPF_SIZE(insn->code) == BPF_H ? 2 : 1;

	if (class != BPF_LD && class != BPF_LDX)
		return 0;
	if (mode == BPF_ABS || mode == BPF_MSH)
		return (uint64_t)insn->k + size;
	return mode == BPF_IND ? insn->k + x + size : 0;
}

uint32_t capture_filter_reach(const struct weft_capture_filter *filter, uint32_t length)
{
	uint64_t x = 0, end = 0;

	for (uint32_t i = 0; i < length; i++)
		if (x_most(&filter->insn[i]) > x)
			x = x_most(&filter->insn[i]);
	for (uint32_t i = 0; i < length; i++)
		if (load_end(&filter->insn[i], x) > end)
			end = load_end(&filter->insn[i], x);
	return end < WEFT_CAPTURE_BYTES ? (uint32_t)end : WEFT_CAPTURE_BYTES;
}
