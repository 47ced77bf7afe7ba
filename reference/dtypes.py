"""The dtypes of logits. Each is ordered as if it were converted to float32, which is exact.

Source: IEEE 754 for binary32 and binary16; bfloat16 is the upper half of a binary32.
"""

from __future__ import annotations

import torch
from torch import Tensor

LOGITS_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_BITS_DTYPES = {torch.float32: torch.int32, torch.bfloat16: torch.int16, torch.float16: torch.int16}


def widened(logits: Tensor) -> Tensor:
    """The values of `logits`, float32 of the same shape; a NaN stays one, of some payload.

    logits: any dtype of LOGITS_DTYPES, any shape.
    """
    return logits.detach().to(torch.float32)


def bits_of(logits: Tensor) -> Tensor:
    """The bits of `logits`, a view of the same shape: integers of the width of its dtype, int32 or int16.

    logits: any dtype of LOGITS_DTYPES, any shape.
    """
    return logits.detach().view(_BITS_DTYPES[logits.dtype])
