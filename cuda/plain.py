"""The calls that the kernel takes: plain ones."""

from __future__ import annotations

from torch import Tensor

from ..reference.call import Call


def require_plain(call: Call) -> None:
    """Raise NotImplementedError, naming the first argument that a plain call does not have, if there is one.

    call: of any device.
    """
    if call.is_plain:
        return
    name = call.extras[0]
    found = getattr(call, name)
    value = f"{found.dtype} {list(found.shape)}" if isinstance(found, Tensor) else found
    raise NotImplementedError(
        f"{name} is {value}, which the kernel does not take; expected float32 logits, lengths [rows] and k "
        "alone, or CPU tensors, whose calls persistent_topk.topk takes whole"
    )
