"""The layer that an inference engine puts around the operator: a sparse-attention indexer's selection.

A step's batch mixes decode rows (one query a sequence) and chunked-prefill rows (several queries of one
sequence); each row sees the columns up to its own position. Outputs are preallocated, one workspace serves
all layers of a model, and nothing here allocates or waits for the device once it is set up, so that a step
can be captured in a CUDA graph and replayed with other lengths.

Source: the order of arguments and the layout of a batch are vLLM's (query_start_loc, sequence lengths).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import gpu


def persistent_topk(
    logits: Tensor, lengths: Tensor, output: Tensor, workspace: Tensor, k: int, max_seq_len: int
) -> None:
    """The selection by the argument order of vLLM's indexer, into `output`.

    logits: float32 [rows, columns]. lengths: int32 [rows], or [batch, queries] with rows = batch x queries.
    output: int32 [rows, k], written. workspace: uint8 [gpu.workspace_size(...)] or more. k: 1 .. 4096.
    max_seq_len: only a hint and not used: a graph captured with a short one is right for longer rows, since
    the kernel looks at `lengths` and the width of `logits` alone. Raises what topk_out raises: TypeError,
    ValueError, BuildError, CudaError.
    """
    torch.ops.persistent_topk.topk_out(logits, lengths.view(-1), output, workspace, k)


def causal_lengths(query_start: Tensor, context_lengths: Tensor, rows: int) -> Tensor:
    """How many columns each row of a mixed batch sees: int32 [rows], computed on the device.

    query_start: integers [sequences + 1], the first row of each sequence and, last, the number of rows in
    use. context_lengths: int32 [sequences], tokens of each sequence so far, its queries of this step
    included. The last query of a sequence sees all of them, the one before one less. Rows not in use (the
    padding of a captured batch) see none.
    """
    row = torch.arange(rows, device=query_start.device)
    sequence = torch.searchsorted(query_start, row, right=True) - 1
    sequence = sequence.clamp(0, context_lengths.shape[0] - 1)
    following = query_start[1:][sequence] - 1 - row
    lengths = (context_lengths[sequence] - following).clamp(min=0)
    return torch.where(row < query_start[-1], lengths, 0).to(torch.int32)


class WorkspaceManager:
    """One workspace for all layers of a model on one device: they run one after the other.

    Layers reserve what they need when they are built; the first use allocates the largest. Engines that
    run two steps at once on two streams need a manager each.
    """

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self._bytes = 1
        self._workspace: Tensor | None = None

    def reserve(self, rows: int, columns: int, k: int) -> None:
        """Asks for what a call of logits [rows, columns] and k needs.

        Raises RuntimeError if a smaller workspace is in use already, since captured graphs hold its
        address; ValueError, BuildError and CudaError as workspace_size() does.
        """
        needed = max(1, gpu.workspace_size(rows, columns, k, self.device))
        if self._workspace is not None and needed > self._workspace.numel():
            raise RuntimeError(
                f"a workspace of {self._workspace.numel()} bytes is in use and {needed} are asked for; "
                "expected all layers to reserve before the first one runs"
            )
        self._bytes = max(self._bytes, needed)

    def workspace(self) -> Tensor:
        """The tensor, uint8 [bytes]: the same at every call. Its contents are never relied upon."""
        if self._workspace is None:
            self._workspace = torch.empty(self._bytes, dtype=torch.uint8, device=self.device)
        return self._workspace


class SparseIndexer(nn.Module):
    """Selects the k best columns for each row of a step into a buffer of its own.

    max_rows, max_columns: of the largest step. The returned tensor is a view of that buffer, overwritten
    by the next step.
    """

    indices: Tensor

    def __init__(self, k: int, max_rows: int, max_columns: int, manager: WorkspaceManager) -> None:
        super().__init__()
        self.k, self.max_rows = k, max_rows
        manager.reserve(max_rows, max_columns, k)
        self.manager = manager
        output = torch.full((max_rows, k), -1, dtype=torch.int32, device=manager.device)
        self.register_buffer("indices", output, persistent=False)

    def forward(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """logits: float32 [rows, columns], rows <= max_rows; lengths: int32 [rows], of causal_lengths.
        Returns int32 [rows, k], ascending columns, then -1. Raises what topk_out raises, and ValueError for
        more rows than max_rows."""
        if logits.shape[0] > self.max_rows:
            raise ValueError(
                f"logits has {logits.shape[0]} rows; expected at most max_rows = {self.max_rows}"
            )
        selected = self.indices[: logits.shape[0]]
        torch.ops.persistent_topk.topk_out(logits, lengths, selected, self.manager.workspace(), self.k)
        return selected
