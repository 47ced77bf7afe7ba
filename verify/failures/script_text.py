"""The pieces of the script that shows a failure: plain Python that a reader can check by eye."""

from __future__ import annotations

HEAD = '''"""{title}.

Case: {case}
Found: {found}

Run it as `python THIS_FILE` or `python THIS_FILE module:function`. It exits with 1 and says what differs
while the function fails, and with 0 once it holds.
"""

import importlib
import os
import sys

import torch

inf, nan = float("inf"), float("nan")


def ints(numbers):
    return torch.tensor(numbers, dtype=torch.int32)


def longs(numbers):
    return torch.tensor(numbers, dtype=torch.int64)


def floats(values, counts):
    return torch.tensor(values, dtype=torch.float32).repeat_interleave(torch.tensor(counts))


def bits(patterns, counts):
    return ints(patterns).repeat_interleave(torch.tensor(counts)).view(torch.float32)


def halves(patterns, counts, dtype):
    return torch.tensor(patterns, dtype=torch.int16).repeat_interleave(torch.tensor(counts)).view(dtype)


def saved(path):
    from safetensors.torch import load_file

    return load_file(path)

'''

SHARED = '''

def load():
    sys.path.insert(0, os.getcwd())
    module, name = (sys.argv[1] if len(sys.argv) > 1 else TARGET).split(":")
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    for call, k in zip(CALLS[SHOWN:], EARLIER_KS):  # the same process answers these first
        try:
            put(found, call, k)
        except Exception:
            pass
    return found


def same_values(left, right):
    left, right = left.float().sort().values, right.float().sort().values
    return bool(((left == right) | (left.isnan() & right.isnan())).all())


def differences(first, second):
    """Where two answers to the same question differ."""
    if LEVEL == "columns":
        first, second = first[:, :K].sort(dim=1).values, second[:, :K].sort(dim=1).values
    for number in (first != second).any(dim=1).nonzero()[:, 0].tolist():
        yield f"row {number}: {first[number].tolist()[:8]}, then {second[number].tolist()[:8]}"


def end(wrong):
    print("\\n".join(wrong) if wrong else "holds")
    sys.exit(1 if wrong else 0)

'''

JUDGE = '''

def expected(row, n):
    """The columns of the greatest values: NaN above all, of equal values the lowest columns, in order."""
    order = torch.sort(row[:n], descending=True, stable=True).indices
    return order[: min(K, n)].sort().values


def put(topk, call, k):
    return topk(*place(call)[:2], k)


def place(call):
    """(logits, lengths) of a call in memory of their own."""
    storage, offset, row_stride, columns, lengths = call
    memory = storage.to(DEVICE, DTYPE, copy=True)
    shape, strides = (len(lengths), columns), (row_stride, 1)
    return torch.as_strided(memory, shape, strides, offset), lengths.to(DEVICE, copy=True), memory


def answer(topk, logits, lengths, poison=-559038737):
    """int64 [rows, K], after memory of the output's size was filled with other numbers."""
    for dtype in (torch.int32, torch.int64):
        torch.full((len(lengths), K), poison, dtype=dtype, device=DEVICE)
    found = topk(logits, lengths, K)
    if isinstance(found, (tuple, list)):
        found = next(item for item in found if not torch.as_tensor(item).is_floating_point())
    found = torch.as_tensor(found).cpu().to(torch.int64)
    if tuple(found.shape) != (len(lengths), K):
        sys.exit(f"shape {list(found.shape)}; expected {[len(lengths), K]}")
    return found


def faults(call, found):
    """What is wrong with an answer, a line a row."""
    logits, lengths, _ = place(call)
    logits = logits.cpu()
    for number, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        row, right = logits[number], expected(logits[number], n)
        head, tail = found[number, : len(right)], found[number, len(right) :]
        inside = bool(((head >= 0) & (head < n)).all()) and len(head.unique()) == len(head)
        if bool((tail != PADDING).any()):
            yield f"row {number}: {tail.tolist()[:8]} behind the last column; expected {PADDING}"
        elif not inside:
            yield f"row {number}: {head.tolist()[:8]}; expected distinct columns under {n}"
        elif row[:n].isnan().any() and not JUDGES_NAN:
            continue
        elif not same_values(row[head], row[right]):
            lost = [(c, float(row[c])) for c in right.tolist() if c not in head.tolist()]
            taken = [(c, float(row[c])) for c in head.tolist() if c not in right.tolist()]
            yield f"row {number}: lost {lost[:4]}, selected {taken[:4]} (column, value)"
        elif LEVEL in ("columns", "order") and not torch.equal(head.sort().values, right):
            yield f"row {number}: columns {head.tolist()[:8]}; expected {right.tolist()[:8]}"
        elif LEVEL == "order" and not torch.equal(head, right):
            yield f"row {number}: columns {head.tolist()[:8]} are not in ascending order"

'''

ANSWER = """
logits, lengths, _ = place(CALLS[0])
end(list(faults(CALLS[0], answer(load(), logits, lengths))))
"""

INPUTS = """
logits, lengths, memory = place(CALLS[0])
answer(load(), logits, lengths)
before = place(CALLS[0])
same = torch.equal(memory.view(torch.uint8), before[2].view(torch.uint8)) and torch.equal(lengths, before[1])
end([] if same else ["the call changed its logits or lengths"])
"""

AGAIN = """
topk, wrong = load(), []
for _ in range(20):  # one that fails now and then needs a few attempts
    first, second = (answer(topk, *place(CALLS[0])[:2], poison) for poison in (-559038737, 2054847098))
    wrong = wrong or list(differences(first, second))
end(wrong)
"""

FORMS = """
topk = load()
SOURCE = {source}  # for each row of the second call, the row of the first that it repeats
first, second = (answer(topk, *place(call)[:2]) for call in CALLS)
wrong = [f"{form}, {{fault}}" for fault in faults(CALLS[1], second)]
if LEVEL != "values":
    wrong += [f"{form}, {{fault}}" for fault in differences(first[SOURCE], second)]
end(wrong + list(faults(CALLS[0], first)))
"""
