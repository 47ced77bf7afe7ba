"""The value order of the contract on integers: keys and coarse bins; the twin of cuda/kernel/order.cuh.

All functions work on the bits of a float, never on its value. So neither flush-to-zero nor a NaN payload can
change an answer. Keys are uint32 values in int64 tensors.

Source: the flip that puts IEEE 754 numbers in the order of integers is that of radix sorts of floats (Herf,
"Radix tricks", 2001); rounding to binary16 is IEEE 754's to nearest, ties to even.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .dtypes import widened

# binary32: 1 sign, 8 exponent, 23 mantissa bits.
SIGN_BIT = 0x80000000
MAGNITUDE_MASK = 0x7FFFFFFF
INFINITY_BITS = 0x7F800000
FLOAT_MANTISSA_BITS = 23
HIDDEN_BIT = 1 << FLOAT_MANTISSA_BITS
KEY_MASK = 0xFFFFFFFF

# Keys of note. Key 0x7FFFFFFF (of -0, were it not taken as +0) and keys under LOWEST_KEY never occur.
LOWEST_KEY = 0x007FFFFF  # -infinity
ZERO_KEY = SIGN_BIT  # +0 and -0
GREATEST_KEY = KEY_MASK  # NaN of either sign and any payload

# binary16 magnitudes (15 bits: 5 exponent, 10 mantissa) and the binary32 bounds of its ranges.
HALF_BITS = 16
HALF_MANTISSA_BITS = 10
HALF_INFINITY = 0x7C00
ROUNDS_TO_HALF_INFINITY = 0x477FF000  # 65520: it and all above do
SMALLEST_NORMAL_HALF = 0x38800000  # 2^-14
HALF_OF_TINIEST_HALF = 0x33000000  # 2^-25: it and all below round to 0
EXPONENT_GAP = 112  # difference of the exponents' biases
DROPPED_BITS = FLOAT_MANTISSA_BITS - HALF_MANTISSA_BITS
TINIEST_MIDPOINT_EXPONENT = 127 - 25  # biased exponent of 2^-25

# Ordered binary16 codes (16 bits): -infinity .. zero .. +infinity, NaN.
HALF_LOWEST_CODE = 0x03FF
HALF_ZERO_CODE = 0x8000
HALF_GREATEST_CODE = 0xFC00
HALF_NAN_CODE = 0xFFFF


def ordered_key(logits: Tensor) -> Tensor:
    """Keys of `logits`, int64 (holding uint32) of the same shape: their order is the contract's.

    logits: float32, bfloat16 or float16, any shape.

    NaN of any sign or payload has key 0xFFFFFFFF, and -0 has the key of +0. Other keys are the IEEE bits,
    with all bits flipped for a negative number and the sign bit flipped for any other.
    """
    bits = widened(logits).view(torch.int32).to(torch.int64)
    magnitude = bits & MAGNITUDE_MASK
    negative = (bits < 0) & (magnitude != 0)
    key = torch.where(negative, MAGNITUDE_MASK - magnitude, SIGN_BIT + magnitude)
    return key.masked_fill_(magnitude > INFINITY_BITS, GREATEST_KEY)


def key_to_float(keys: Tensor) -> Tensor:
    """The values that have these keys, float32 of the same shape; NaN has bits 0x7FFFFFFF, zero is +0.

    keys: int64, any shape, from ordered_key.
    """
    bits = torch.where(keys >= SIGN_BIT, keys - SIGN_BIT, keys ^ KEY_MASK)
    return torch.where(bits >= SIGN_BIT, bits - (1 << 32), bits).to(torch.int32).view(torch.float32)


def half_magnitude(magnitude: Tensor) -> Tensor:
    """binary32 magnitudes (not NaN) rounded to binary16 magnitudes, int32 of the same shape.

    magnitude: int32, any shape, of bits without the sign. To nearest, ties to even.
    """
    exponent = magnitude >> FLOAT_MANTISSA_BITS
    subnormal = magnitude < SMALLEST_NORMAL_HALF
    # A subnormal binary16 has its leading 1 written out and shifts further. The clamp only keeps the
    # shift legal: what is smaller still rounds to 0 all the same.
    further = (EXPONENT_GAP + 1 - exponent).clamp(0, FLOAT_MANTISSA_BITS + 1 - DROPPED_BITS)
    significand = torch.where(subnormal, (magnitude & (HIDDEN_BIT - 1)) | HIDDEN_BIT, magnitude)
    shift = torch.where(subnormal, further, torch.zeros_like(further)) + DROPPED_BITS
    odd = (significand >> shift) & 1
    half_step = torch.ones_like(shift) << (shift - 1)
    rounded = (significand + half_step - 1 + odd) >> shift
    rounded = torch.where(subnormal, rounded, rounded - (EXPONENT_GAP << HALF_MANTISSA_BITS))
    rounded.masked_fill_(magnitude <= HALF_OF_TINIEST_HALF, 0)
    return rounded.masked_fill_(magnitude >= ROUNDS_TO_HALF_INFINITY, HALF_INFINITY)


def half_code(logits: Tensor) -> Tensor:
    """`logits` rounded to binary16, as 16-bit codes in the contract's order: int32 of the same shape.

    logits: float32, bfloat16 or float16, any shape.
    """
    bits = widened(logits).view(torch.int32)
    magnitude = bits & MAGNITUDE_MASK
    nan = magnitude > INFINITY_BITS
    rounded = half_magnitude(magnitude)
    negative = (bits < 0) & (rounded != 0)  # -0 gets the code of +0
    code = torch.where(negative, HALF_ZERO_CODE - 1 - rounded, HALF_ZERO_CODE + rounded)
    return code.masked_fill_(nan, HALF_NAN_CODE)


def fp16_bin(logits: Tensor, bits: int) -> Tensor:
    """Coarse bins of `logits`, the top `bits` of their half_code: int32 of the same shape.

    logits: float32, bfloat16 or float16, any shape. Bins are 0 .. 2^bits - 1.
    """
    return half_code(logits) >> (HALF_BITS - bits)


def midpoint_bits(code: int) -> int:
    """binary32 bits of the magnitude `code` in a format of 5 exponent and 11 mantissa bits.

    It has one mantissa bit more than binary16: odd codes are the midpoints between neighbouring
    halves.
    """
    mantissa_bits = HALF_MANTISSA_BITS + 1
    exponent, mantissa = code >> mantissa_bits, code & ((1 << mantissa_bits) - 1)
    if exponent:
        return ((exponent + EXPONENT_GAP) << FLOAT_MANTISSA_BITS) | (mantissa << (DROPPED_BITS - 1))
    if mantissa == 0:
        return 0
    top = mantissa.bit_length() - 1
    fraction = (mantissa ^ (1 << top)) << (FLOAT_MANTISSA_BITS - top)
    return ((TINIEST_MIDPOINT_EXPONENT + top) << FLOAT_MANTISSA_BITS) | fraction


def bin_floor_key(bin: int, bits: int) -> int:
    """The lowest key whose fp16_bin is `bin` or higher, for 1 <= bits <= 15.

    Bins up to that of -infinity start at its key; bins above that of +infinity, and the one behind
    the last, at NaN's.
    """
    assert 1 <= bits < HALF_BITS, "a bin's first code must be even: ties round into it"
    code = bin << (HALF_BITS - bits)
    if code <= HALF_LOWEST_CODE:
        return LOWEST_KEY
    if code > HALF_GREATEST_CODE:
        return GREATEST_KEY
    if code == HALF_ZERO_CODE:
        return KEY_MASK ^ (SIGN_BIT | HALF_OF_TINIEST_HALF)
    if code > HALF_ZERO_CODE:
        return SIGN_BIT | midpoint_bits(2 * (code - HALF_ZERO_CODE) - 1)
    return (KEY_MASK ^ (SIGN_BIT | midpoint_bits(2 * (HALF_ZERO_CODE - 1 - code) + 1))) + 1
