"""One row over many ranks, on torch.distributed: W ranks give the bytes of one.

Nothing of torch.distributed is imported before a call.
"""

from .agreement import RanksDisagree
from .calls import Prepared, topk
from .ranks import OutOfStep

__all__ = ["OutOfStep", "Prepared", "RanksDisagree", "topk"]
