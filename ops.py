"""The operators of torch.ops.persistent_topk. Importing this module registers them, for every device.

topk_out: a plain call, into tensors of the caller. select_out: any call, into tensors of the caller. select:
any call, into new tensors. CPU tensors go to the model, CUDA tensors to the kernel, by the C++ of
cuda/operators/, which the first such call loads, or by Python where torch is older than that needs. Fake and
meta tensors get shapes.

Source: the contract, docs/contract.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .reference import dispatch
from .reference.arguments import check_arguments, check_output_dtype, check_outputs, check_workspace
from .reference.call import Call, Selection
from .reference.places import selection_of

NAMESPACE = "persistent_topk"
# The optional arguments of a Call that say where a row lies and what is written for a column.
WHERE = (
    "Tensor? starts=None, Tensor? ends=None, int queries=1, int compress_ratio=1, Tensor? offsets=None, "
    "Tensor? page_table=None, Tensor? table_rows=None, Tensor? table_starts=None, int? page_size=None"
)
# (a!) and its like mark what is written.
SCHEMAS = {
    "topk_out": "(Tensor logits, Tensor lengths, Tensor(a!) output, Tensor(b!) workspace, int k) -> ()",
    "select_out": "(Tensor logits, Tensor? lengths, Tensor(a!) output, Tensor(b!)? workspace, int k, "
    f"{WHERE}, Tensor(c!)? columns_out=None, Tensor(d!)? values_out=None) -> ()",
    "select": f"(Tensor logits, Tensor? lengths, int k, {WHERE}, bool return_values=False, "
    "bool return_columns=False, ScalarType? index_dtype=None) -> (Tensor, Tensor?, Tensor?)",
}


def topk(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    index_dtype: torch.dtype | None = None,
    **options: Any,
) -> Tensor | Selection:
    """What persistent_topk.topk returns, int32 or int64 [R, k] or a Selection, by the operator `select`.

    logits: float32, bfloat16 or float16 [R, S]. lengths: int32 [R] or [B, Q]; None: all columns. k: 1 ..
    4096. index_dtype: of the places; None: int32. options: the other arguments of a Call. Raises TypeError or
    ValueError for arguments that cannot be right, BuildError and CudaError.
    """
    operator = torch.ops.persistent_topk.select
    if torch.compiler.is_compiling():
        found = Selection(*operator(logits, lengths, k, index_dtype=index_dtype, **options))
    else:
        found = _checked_and_told(operator, logits, lengths, k, index_dtype=index_dtype, **options)
    return found if options.get("return_values") or options.get("return_columns") else found.indices


def _checked_and_told(
    operator: Callable[..., Any],
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    index_dtype: torch.dtype | None,
    **options: Any,
) -> Selection:
    if not getattr(logits, "is_meta", False):
        # torch takes True and tensors of one integer for integers, and has its own words for the rest.
        Call(logits, lengths, k, index_dtype=torch.int32 if index_dtype is None else index_dtype, **options)
    try:
        return Selection(*operator(logits, lengths, k, index_dtype=index_dtype, **options))
    except RuntimeError as error:
        _raise_what_was_kept(error)
        raise


def selected_on_cpu(call: Call) -> Selection:
    """What the model selects, so that code around the operators runs without a GPU: indices int32 or int64
    [R, k], and what else the call asks for."""
    return selection_of(call, dispatch.selected_columns(call))


def topk_out(logits: Tensor, lengths: Tensor, output: Tensor, workspace: Tensor, k: int) -> None:
    """The operator topk_out in Python: on CPU tensors, and on CUDA tensors until its C++ is loaded.

    logits: float32 [R, S]. lengths: int32 [R]. output: int32 [R, k], contiguous, written. workspace: any
    dtype and any shape, contiguous, of workspace_size() bytes. k: 1 .. 4096. Raises TypeError or ValueError
    for arguments that cannot be right, BuildError, CudaError.
    """
    from .cuda import calls, gpu

    check_arguments(logits, lengths, k)
    gpu.check_plain_output(logits, output, k)
    if logits.is_cuda and _has_cpp(logits):
        torch.ops.persistent_topk.topk_out(logits, lengths, output, workspace, k)
        return
    check_workspace(workspace, logits.device, _workspace_bytes(logits, k))
    if logits.is_cuda:
        calls.launch(logits, lengths, output, workspace, k)
    else:
        output.copy_(dispatch.topk(logits, lengths, k))


def select_out(
    logits: Tensor,
    lengths: Tensor | None,
    output: Tensor,
    workspace: Tensor | None,
    k: int,
    *,
    columns_out: Tensor | None = None,
    values_out: Tensor | None = None,
    **where: Any,
) -> None:
    """The operator select_out in Python: on CPU tensors, and on CUDA tensors until its C++ is loaded.

    logits: float32, bfloat16 or float16 [R, S]. lengths: int32 [R] or [B, Q]; None: all columns. output:
    int32 or int64 [R, k], any row stride, written. workspace: any dtype and any shape, contiguous, of
    workspace_size() bytes; None: allocated where the device needs one. k: 1 .. 4096. columns_out: int32 [R,
    k], values_out: the dtype of logits [R, k], any row stride, written; None: not wanted. where: the other
    arguments of a Call. Raises TypeError or ValueError for arguments that cannot be right, BuildError,
    CudaError.
    """
    from .cuda import gpu

    outputs = Selection(output, values_out, columns_out)
    check_output_dtype(output)
    wanted = {"return_values": values_out is not None, "return_columns": columns_out is not None}
    call = Call(logits, lengths, k, **{"index_dtype": output.dtype, **wanted, **where})
    check_outputs(call, outputs)
    if logits.is_cuda and _has_cpp(logits):
        more = {"columns_out": columns_out, "values_out": values_out, **where}
        torch.ops.persistent_topk.select_out(logits, lengths, output, workspace, k, **more)
        return
    if workspace is not None:
        check_workspace(workspace, logits.device, _workspace_bytes(logits, k))
    if logits.is_cuda:
        gpu.launch_call(call, outputs, workspace)
        return
    for written, found in zip(outputs, selected_on_cpu(call), strict=True):
        if written is not None and found is not None:
            written.copy_(found)


def select(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    index_dtype: torch.dtype | None = None,
    **options: Any,
) -> Selection:
    """The operator select in Python: on CPU tensors, and on CUDA tensors until its C++ is loaded.

    logits: float32, bfloat16 or float16 [R, S]. lengths: int32 [R] or [B, Q]; None: all columns. k: 1 ..
    4096. index_dtype: of the places; None: int32. options: the other arguments of a Call. Returns indices,
    int32 or int64 [R, k], and values and columns, or None. Raises TypeError or ValueError for arguments that
    cannot be right, BuildError, CudaError.
    """
    from .cuda import gpu

    call = Call(logits, lengths, k, index_dtype=index_dtype or torch.int32, **options)
    if not logits.is_cuda:
        return selected_on_cpu(call)
    if _has_cpp(logits):
        found = torch.ops.persistent_topk.select(logits, lengths, k, index_dtype=index_dtype, **options)
        return Selection(*found)
    return gpu.select(call)


def _workspace_bytes(logits: Tensor, k: int) -> int:
    from .cuda import gpu, library

    if logits.is_cuda:  # else the library of another dtype would be compiled to ask it
        library.library_for(logits.get_device(), logits.dtype)
    return gpu.workspace_size(logits.shape[0], logits.shape[1], k, logits.device)


def _has_cpp(logits: Tensor) -> bool:
    """Whether CUDA tensors go to C++ from now on: loads it."""
    from .cuda.operators import library

    return library.load(logits.get_device(), logits.dtype)


def _raise_what_was_kept(told: RuntimeError) -> None:
    """Raises the BuildError or CudaError behind it, if it is of the C++ operators."""
    from .cuda.operators import library

    library.raise_kept(told)


def _check_dimensions(**given: Tensor) -> None:
    for name, tensor in given.items():
        torch._check(tensor.dim() == 2, lambda: f"{name} has {tensor.dim()} dimensions; expected 2")  # noqa: B023


def _fake_out(logits: Tensor, output: Tensor, **_: object) -> None:
    _check_dimensions(logits=logits, output=output)


def _fake_select(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    return_values: bool = False,
    return_columns: bool = False,
    index_dtype: torch.dtype | None = None,
    **where: Any,
) -> Selection:
    _check_dimensions(logits=logits)
    if any(isinstance(one, Tensor) and one.device != logits.device for one in (lengths, *where.values())):
        Call(logits, lengths, k, **where)  # says which
    return Selection.unwritten(logits, k, index_dtype or torch.int32, return_values, return_columns)


def _by_name(function: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    """The function by the order of a schema's arguments, whose last ones torch leaves out if they are
    defaults."""

    @functools.wraps(function)
    def kernel(*given: Any, **named: Any) -> Any:
        return function(**dict(zip(names, given, strict=False)), **named)

    return kernel


def _no_vmap(name: str) -> Callable[..., Any]:
    def rule(*_: object) -> None:
        raise NotImplementedError(
            f"{name} has no rule for vmap; expected the batch among the rows: logits.flatten(0, 1)"
        )

    return rule


def register() -> torch.library.Library:
    """Defines the operators, once a process."""
    library = torch.library.Library(NAMESPACE, "FRAGMENT")
    fakes: dict[str, Callable[..., Any]]
    fakes = {"topk_out": _fake_out, "select_out": _fake_out, "select": _fake_select}
    tags = [torch.Tag.pt2_compliant_tag, torch.Tag.needs_fixed_stride_order]
    for function in (topk_out, select_out, select):
        name = function.__name__
        library.define(name + SCHEMAS[name], tags=tags)
        arguments = getattr(torch.ops.persistent_topk, name).default._schema.arguments
        names = tuple(argument.name for argument in arguments)
        qualified = f"{NAMESPACE}::{name}"
        torch.library.register_fake(qualified, _by_name(fakes[name], names), lib=library)
        torch.library.register_vmap(qualified, _no_vmap(name), lib=library)
        # Of all devices that have nothing of their own: C++ registers itself for CUDA, and replaces nothing.
        library.impl(name, _by_name(function, names), "CompositeExplicitAutograd")
    return library


# A second import of the module under another name must not define the operators twice.
if not hasattr(torch.ops.persistent_topk, "topk_out"):
    OPERATORS = register()
