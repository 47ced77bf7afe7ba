"""The C structs of a call as ctypes sees them, for the kernel's library and for the emulator's."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from ..reference.call import Call, Selection
from ..reference.plan import DeviceLimits, Plan
from ..reference.policy import MAX_CTAS, POLICIES

# The kernel's types of logits, see dtypes.cuh.
LOGITS_NAMES = {torch.float32: "float", torch.bfloat16: "Bfloat16", torch.float16: "Float16"}


class Limits(ctypes.Structure):
    """DeviceLimits of plan.cuh."""

    _fields_ = [
        ("sms", ctypes.c_int),
        ("shared_bytes", ctypes.c_int),
        ("clusters", ctypes.c_int),
        ("resident", ctypes.c_int * MAX_CTAS),
    ]

    @classmethod
    def of(cls, limits: DeviceLimits) -> Limits:
        """The struct of a device as the plan's mirror describes it."""
        resident = (ctypes.c_int * MAX_CTAS)(*limits.resident)
        return cls(limits.sms, limits.shared_bytes, limits.has_clusters, resident)


class PlanRecord(ctypes.Structure):
    """Plan of plan.cuh."""

    _fields_ = [
        ("policy", ctypes.c_int),
        ("ctas", ctypes.c_int),
        ("grid_ctas", ctypes.c_int),
        ("short_max", ctypes.c_int),
    ]

    @classmethod
    def of(cls, plan: Plan) -> PlanRecord:
        """The struct of a plan."""
        return cls(list(POLICIES).index(plan.policy.name), plan.ctas, plan.grid_ctas, plan.short_max)


class CallRecord(ctypes.Structure):
    """Call of call.cuh."""

    _fields_ = [
        ("logits", ctypes.c_void_p),
        ("row_stride", ctypes.c_int64),
        ("lengths", ctypes.c_void_p),
        ("starts", ctypes.c_void_p),
        ("ends", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("output_stride", ctypes.c_int64),
        ("columns_out", ctypes.c_void_p),
        ("columns_stride", ctypes.c_int64),
        ("values_out", ctypes.c_void_p),
        ("values_stride", ctypes.c_int64),
        ("offsets", ctypes.c_void_p),
        ("page_table", ctypes.c_void_p),
        ("table_stride", ctypes.c_int64),
        ("table_rows", ctypes.c_void_p),
        ("table_starts", ctypes.c_void_p),
        ("rows", ctypes.c_int32),
        ("columns", ctypes.c_int32),
        ("k", ctypes.c_int32),
        ("queries", ctypes.c_int32),
        ("compress_ratio", ctypes.c_int32),
        ("tables", ctypes.c_int32),
        ("pages", ctypes.c_int32),
        ("page_bits", ctypes.c_int32),
        ("wide_output", ctypes.c_int32),
        ("wide_offsets", ctypes.c_int32),
    ]

    @classmethod
    def plain(cls, logits: Tensor, lengths: Tensor | None, output: Tensor, k: int) -> CallRecord:
        """The struct of a plain call. It holds addresses: the tensors must outlive it.

        logits: any dtype of the kernel's, [R, S]. lengths: int32 [R]; None: all columns. output: int32 or
        int64 [R, k], contiguous. k: 1 .. 4096.
        """
        rows, columns = logits.shape
        return cls(
            logits=logits.data_ptr(),
            row_stride=logits.stride(0),
            lengths=_address(lengths),
            output=output.data_ptr(),
            output_stride=k,
            rows=rows,
            columns=columns,
            k=k,
            queries=1,
            compress_ratio=1,
        )

    @classmethod
    def of(cls, call: Call, outputs: Selection) -> CallRecord:
        """The struct of any call. It holds addresses, as that of a plain one.

        outputs: what the call returns, allocated: indices int32 or int64 [R, k], and values and columns where
        it asks for them, of any row stride.
        """
        record = cls.plain(call.logits, call.lengths, outputs.indices, call.k)
        record.output_stride = outputs.indices.stride(0)
        record.queries, record.compress_ratio = call.queries, call.compress_ratio
        record.starts, record.ends, record.offsets = map(_address, (call.starts, call.ends, call.offsets))
        record.wide_output = outputs.indices.dtype == torch.int64
        record.wide_offsets = call.offsets is not None and call.offsets.dtype == torch.int64
        for name, output in (("columns", outputs.columns), ("values", outputs.values)):
            if output is not None:
                setattr(record, f"{name}_out", output.data_ptr())
                setattr(record, f"{name}_stride", output.stride(0))
        if call.page_table is not None:
            record._take_table(call, call.page_table)
        return record

    def _take_table(self, call: Call, table: Tensor) -> None:
        # A table without pages has no address, and is a table all the same: none of it is read.
        self.page_table = table.data_ptr() or self.output
        self.table_stride = table.stride(0)
        self.tables, self.pages = table.shape
        self.table_rows, self.table_starts = _address(call.table_rows), _address(call.table_starts)
        assert call.page_size is not None, "a table without the size of its pages"
        self.page_bits = call.page_size.bit_length() - 1


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


class TopkCall(ctypes.Structure):
    """TopkCall of launch.cuh."""

    _fields_ = [
        ("call", CallRecord),
        ("trace", ctypes.c_void_p),
        ("workspace", ctypes.c_void_p),
        ("stream", ctypes.c_void_p),
        ("policy", ctypes.c_int32),
        ("device", ctypes.c_int32),
        ("cooperative", ctypes.c_int32),
    ]


class EmulatedCall(ctypes.Structure):
    """EmulatedCall of the emulator's topk.cpp: one launch of a call, and the device that is emulated."""

    _fields_ = [
        ("call", CallRecord),
        ("trace", ctypes.c_void_p),
        ("workspace", ctypes.c_void_p),
        ("limits", Limits),
        ("plan", PlanRecord),
        ("launch", ctypes.c_int32),
    ]
