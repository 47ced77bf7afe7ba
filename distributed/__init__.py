"""Top-k over rows that many ranks share, on torch.distributed. W ranks return the same bytes as one process.

Nothing of torch.distributed is imported before a call.
"""

from .agreement import RanksDisagree
from .calls import Prepared, topk
from .ranks import OutOfStep

__all__ = ["OutOfStep", "Prepared", "RanksDisagree", "topk"]
