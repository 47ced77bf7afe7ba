"""The layer that an inference engine puts around the operator: a sparse-attention indexer's selection.

A step's batch mixes decode rows (one query a sequence) and chunked-prefill rows (several queries of one
sequence); each row sees the columns up to its own position. Outputs, and one workspace for all layers of a
model, are allocated while the layers are built: on a GPU not even a layer's first call allocates, and nothing
here waits for the device, so that a step can be compiled, or captured in a CUDA graph and replayed with other
lengths.

Source: the order of arguments and the layout of a batch are vLLM's (query_start_loc, sequence lengths).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..reference.arguments import check_k
from . import gpu


def persistent_topk(
    logits: Tensor, lengths: Tensor, output: Tensor, workspace: Tensor, k: int, max_seq_len: int
) -> None:
    """The selection by the argument order of vLLM's indexer, into `output`.

    logits: float32 [rows, columns]. lengths: int32 [rows], or [batch, queries] with rows = batch x queries,
    contiguous. output: int32 [rows, k], written. workspace: uint8 [gpu.workspace_size(...)] or more.
    k: 1 .. 4096. max_seq_len: only a hint and not used: a graph captured with a short one is right for longer
    rows, since the kernel looks at `lengths` and the width of `logits` alone. Raises what topk_out raises:
    TypeError, ValueError, BuildError, CudaError.
    """
    if not lengths.is_contiguous():
        raise ValueError(
            f"lengths has shape {list(lengths.shape)} and strides {lengths.stride()}; expected a contiguous "
            "tensor, such as lengths.contiguous()"
        )
    torch.ops.persistent_topk.topk_out(logits, lengths.view(-1), output, workspace, k)


def causal_lengths(query_start: Tensor, context_lengths: Tensor, rows: int) -> Tensor:
    """The number of columns that each row of a mixed batch sees: int32 [rows], computed on the device.

    query_start: integers [sequences + 1], the first row of each sequence and, last, the number of rows in
    use. context_lengths: int32 [sequences], tokens of each sequence so far, its queries of this step
    included. The last query of a sequence sees all of them, the one before one less. Rows not in use (the
    padding of a captured batch) see none.

    Makes tensors at each call, as torch's operations do; a graph keeps them in its own memory. Raises
    ValueError where query_start and context_lengths are not of one batch.
    """
    sequences = context_lengths.shape[0]
    if query_start.shape[0] != sequences + 1:
        raise ValueError(
            f"query_start has {query_start.shape[0]} entries; expected {sequences + 1}, one more than "
            "context_lengths"
        )
    if sequences == 0:  # there is none to ask for the length of a row that is not in use
        return torch.zeros(rows, dtype=torch.int32, device=query_start.device)
    row = torch.arange(rows, device=query_start.device)
    sequence = torch.searchsorted(query_start, row, right=True) - 1
    sequence = sequence.clamp(0, sequences - 1)
    following = query_start[1:][sequence] - 1 - row
    lengths = (context_lengths[sequence] - following).clamp(min=0)
    return torch.where(row < query_start[-1], lengths, 0).to(torch.int32)


class WorkspaceManager:
    """One workspace for all layers of a model on one device: they run one after the other.

    device: "cuda" is the device that is current now. Layers reserve what they need when they are built, which
    allocates it. Engines that run two steps at once on two streams need a manager each.
    """

    def __init__(self, device: torch.device | str) -> None:
        device = torch.device(device)
        # Without its number, "cuda" would be another device wherever another one is current.
        self.device = torch.device("cuda", gpu.device_index(device)) if device.type == "cuda" else device
        self._workspace: Tensor | None = None
        self._in_use = False

    def reserve(self, rows: int, columns: int, k: int) -> None:
        """Makes the workspace large enough for a call of logits [rows, columns] and k.

        Raises RuntimeError if a smaller workspace is in use already, since captured graphs hold its
        address; ValueError, BuildError and CudaError as workspace_size() does.
        """
        needed = max(1, gpu.workspace_size(rows, columns, k, self.device))
        size = 0 if self._workspace is None else self._workspace.numel()
        if needed <= size:
            return
        if self._in_use:
            raise RuntimeError(
                f"a workspace of {size} bytes is in use and {needed} are asked for; "
                "expected all layers to reserve before the first one runs"
            )
        self._workspace = torch.empty(needed, dtype=torch.uint8, device=self.device)

    def workspace(self) -> Tensor:
        """The tensor, uint8 [bytes]: the same at every call. Its contents are never relied upon.

        Raises RuntimeError where nothing is reserved.
        """
        if self._workspace is None:
            raise RuntimeError(f"no workspace on {self.device}; expected reserve() before the first use")
        self._in_use = True  # written and never read here: a compiled call has nothing to compile again for
        return self._workspace


class SparseIndexer(nn.Module):
    """Selects the k best columns for each row of a step into a buffer of its own.

    k: 1 .. 4096. max_rows, max_columns: of the largest step. The returned tensor is a view of that buffer,
    overwritten by the next step. Raises TypeError or ValueError for another k, and what
    WorkspaceManager.reserve() raises.
    """

    indices: Tensor

    def __init__(self, k: int, max_rows: int, max_columns: int, manager: WorkspaceManager) -> None:
        super().__init__()
        check_k(k)
        self.k, self.max_rows, self.max_columns = k, max_rows, max_columns
        manager.reserve(max_rows, max_columns, k)
        self.manager = manager
        output = torch.full((max_rows, k), -1, dtype=torch.int32, device=manager.device)
        self.register_buffer("indices", output, persistent=False)

    def forward(self, logits: Tensor, lengths: Tensor) -> Tensor:
        """The selection: int32 [rows, k], ascending columns, then -1.

        logits: float32 [rows, columns], at most [max_rows, max_columns], else ValueError. lengths: int32
        [rows], of causal_lengths. Raises what topk_out raises.
        """
        self._check_size(logits)
        selected = self.indices[: logits.shape[0]]
        torch.ops.persistent_topk.topk_out(logits, lengths, selected, self.manager.workspace(), self.k)
        return selected

    def _check_size(self, logits: Tensor) -> None:
        most = {"rows": self.max_rows, "columns": self.max_columns}
        for name, size in zip(most, logits.shape, strict=False):  # other dimensions: the operator says so
            if size > most[name]:
                raise ValueError(
                    f"logits has {size} {name}; expected at most max_{name} = {most[name]}: "
                    "build the layer for the largest step"
                )
