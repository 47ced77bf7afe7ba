"""The pieces of a script that shows a failure of a whole call: dtypes, windows, places, values."""

from __future__ import annotations

JUDGE = '''

def expected(row):
    """The columns of the greatest values: NaN above all, of equal values the lowest columns, in order."""
    order = torch.sort(row.float(), descending=True, stable=True).indices
    return order[:K].sort().values.tolist()


def window(call, row):
    """The row's first column, and how many it has."""
    lengths, options, every = call["lengths"], call["options"], call["columns"]
    start = min(max(options["starts"][row].item(), 0), every) if "starts" in options else 0
    if "ends" in options:
        return start, min(max(options["ends"][row].item(), start), every) - start
    if lengths is None:
        return start, every - start
    queries = options.get("queries", 1)
    tokens = lengths.flatten()[row // queries].item()
    if lengths.dim() == 1:
        tokens = tokens - queries + 1 + row % queries
    columns = max(tokens, 0) // options.get("compress_ratio", 1)
    return start, min(columns, every - start)


def place_of(call, row, column):
    """What is due for a column: itself, behind an offset, or in its page; -1 where there is no place."""
    options, found = call["options"], column
    if "offsets" in options:
        found = column + options["offsets"][row].item()
    if "page_table" in options:
        table, size = options["page_table"], options["page_size"]
        table_row = options["table_rows"][row].item() if "table_rows" in options else row
        page = (options["table_starts"][row].item() if "table_starts" in options else 0) + column // size
        inside = 0 <= table_row < table.shape[0] and 0 <= page < table.shape[1]
        entry = table[table_row, page].item() if inside else -1
        found = entry * size + column % size if entry >= 0 else -1
    bits = 63 if options.get("index_dtype") == torch.int64 else 31
    return found if -(2**bits) <= found < 2**bits else -1


def put(topk, call, k):
    logits, given, _ = place(call)
    return topk(logits, given["lengths"], k, **given["options"])


def place(call):
    """(logits, other arguments, memory of the logits) of a call, in memory of their own."""
    storage = call["storage"]
    memory = storage.to(DEVICE, DTYPE if storage.dtype == torch.float32 else storage.dtype, copy=True)
    shape, strides = (call["rows"], call["columns"]), (call["row_stride"], 1)
    options = {name: moved(value) for name, value in call["options"].items()}
    given = {"lengths": moved(call["lengths"]), "options": options}
    return torch.as_strided(memory, shape, strides, call["offset"]), given, memory


def moved(value):
    return value.to(DEVICE, copy=True) if isinstance(value, torch.Tensor) else value


def memory_bits(tensor):
    """int64 of the same shape: numbers, or the bits of floats."""
    tensor = torch.as_tensor(tensor).cpu()
    if tensor.is_floating_point():
        tensor = tensor.contiguous().view(torch.int32 if tensor.element_size() == 4 else torch.int16)
    return tensor.to(torch.int64)


def answer(topk, logits, given, poison=-559038737):
    """int64 [rows, slots]: indices, then columns and values where the call asks for them."""
    rows = len(logits)
    for dtype in (torch.int32, torch.int64):
        torch.full((rows, K), poison, dtype=dtype, device=DEVICE)
    found = topk(logits, given["lengths"], K, **given["options"])
    parts = [found if isinstance(found, torch.Tensor) else found.indices]
    asked = [name for name in ("columns", "values") if given["options"].get("return_" + name)]
    parts += [getattr(found, name) for name in asked]
    if any(tuple(part.shape) != (rows, K) for part in parts):
        sys.exit(f"shapes {[list(part.shape) for part in parts]}; expected {[rows, K]}")
    return torch.cat([memory_bits(part) for part in parts], dim=1)


def faults(call, found):
    """What is wrong with an answer, a line a row."""
    logits, options = place(call)[0].cpu(), call["options"]
    lowest = memory_bits(torch.tensor([-inf], dtype=logits.dtype)).item()
    for number in range(call["rows"]):
        start, n = window(call, number)
        row = logits[number, start : start + n]
        right = expected(row)
        parts = list(found[number].split(K))
        places = parts.pop(0).tolist()
        asked = options.get("return_columns")
        columns = parts.pop(0).tolist() if asked else columns_at(call, number, n, places)
        head, tail = columns[: len(right)], columns[len(right) :]
        due = [place_of(call, number, column) if 0 <= column < n else -1 for column in columns]
        if any(column != PADDING for column in tail):
            yield f"row {number}: {tail[:8]} behind the last column; expected {PADDING}"
        elif not all(0 <= column < n for column in head) or len(set(head)) != len(head):
            yield f"row {number}: {head[:8]}; expected distinct columns under {n}; places are {places[:8]}"
        elif places != due:
            yield f"row {number}: places {places[:8]} of columns {columns[:8]}; expected {due[:8]}"
        elif not (row.isnan().any() and not JUDGES_NAN) and not same_values(row[head], row[right]):
            lost = [(column, float(row[column])) for column in right if column not in head]
            taken = [(column, float(row[column])) for column in head if column not in right]
            yield f"row {number}: lost {lost[:4]}, selected {taken[:4]} (column, value)"
        elif LEVEL in ("columns", "order") and sorted(head) != right:
            yield f"row {number}: columns {head[:8]}; expected {right[:8]}"
        elif LEVEL == "order" and head != right:
            yield f"row {number}: columns {head[:8]} are not in ascending order"
        elif parts:
            values = memory_bits(row[head]).tolist() + [lowest] * len(tail)
            if parts[0].tolist() != values:
                yield f"row {number}: values of bits {parts[0].tolist()[:8]}; expected {values[:8]}"


def columns_at(call, row, n, places):
    """The columns that these places are those of; of several with one place each once."""
    if not {"offsets", "page_table"} & call["options"].keys():
        return places
    left = {}
    for column in expected_first(call, row, n):
        left.setdefault(place_of(call, row, column), []).append(column)
    wanted = min(K, n)
    return [
        left[held].pop(0) if left.get(held) and (held != -1 or slot < wanted) else -1 if held == -1 else -2
        for slot, held in enumerate(places)
    ]


def expected_first(call, row, n):
    """The columns of a row, those that are due before the others."""
    start = window(call, row)[0]
    right = expected(place(call)[0].cpu()[row, start : start + n])
    return [*right, *sorted(set(range(n)) - set(right))]

'''

INPUTS = """
def memory_of(placed):
    logits, given, memory = placed
    tensors = [memory, given["lengths"], *given["options"].values()]
    return [memory_bits(tensor) for tensor in tensors if isinstance(tensor, torch.Tensor)]


placed = place(CALLS[0])
answer(load(), *placed[:2])
same = all(map(torch.equal, memory_of(placed), memory_of(place(CALLS[0]))))
end([] if same else ["the call changed its logits or other arguments"])
"""
