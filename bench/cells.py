"""The cells that are timed, and the times of other kernels on them.

Those times are in peers_h100.csv: microseconds a launch on one H100 80GB HBM3 (driver 580.159, CUDA
13.0, 2026-11-22), by the protocol of measure.py. A star marks an inexact kernel. vP, vC: vLLM 0.33 persistent
and cooperative; s2: SGLang 0.5.23 v2; fiC: FlashInfer 0.7.2 clusters; cub: CUB DeviceBatchedTopK; ds:
DeepSelect fp32.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

PEERS_FILE = Path(__file__).parent / "peers_h100.csv"
NUMBERS = ("floor", "fastest", "exact", "deterministic", "vllm")  # microseconds
WHOSE = ("fastest_name", "exact_name")
KIBI = 1024
MIXED = "mixed"
MIXED_RANGE = (1 * KIBI, 128 * KIBI)  # lengths of the mixed cell, log-uniform
TRIVIAL_COLUMNS = 8 * KIBI
TRIVIAL_LENGTH = 1 * KIBI


@dataclass(frozen=True)
class Figures:
    """Microseconds a launch of other kernels on one cell, cold or warm."""

    floor: float
    fastest: float
    fastest_name: str
    exact: float
    exact_name: str
    deterministic: float
    vllm: float


@dataclass(frozen=True)
class Cell:
    """`rows` x `columns` logits, the first `length` of each row valid (0: mixed lengths), and k.

    cold, warm: the figures of other kernels. None for a cell that peers_h100.csv lacks.
    """

    k: int
    rows: int
    columns: int
    length: int
    cold: Figures | None = None
    warm: Figures | None = None

    @property
    def name(self) -> str:
        """Such as "2048 x 64 x 128K", "... x mixed" or "... x 1K/8K" (length, columns)."""
        columns = kibi(self.columns)
        length = MIXED if self.length == 0 else kibi(self.length)
        return f"{self.k} x {self.rows} x {length}" + ("" if length in (columns, MIXED) else f"/{columns}")

    @property
    def bytes_read(self) -> int:
        """Bytes of one input buffer."""
        return 4 * self.rows * self.columns


def kibi(count: int) -> str:
    """A multiple of 1024 such as 4096 as "4K", any other count as its digits."""
    return f"{count // KIBI}K" if count % KIBI == 0 else str(count)


def figures(row: dict[str, str], temperature: str) -> Figures:
    """The figures of a row of the file, for "cold" or "warm"."""
    number = {name: float(row[f"{temperature}_{name}"]) for name in NUMBERS}
    word = {name: row[f"{temperature}_{name}"] for name in WHOSE}
    return Figures(**number, **word)  # type: ignore[arg-type]


def parse_cell(row: dict[str, str]) -> Cell:
    """The cell of one row of the file."""
    length = row["n"]
    columns = MIXED_RANGE[1] if length == MIXED else int(length.removesuffix("K")) * KIBI
    return Cell(
        int(row["k"]),
        int(row["rows"]),
        columns,
        0 if length == MIXED else columns,
        figures(row, "cold"),
        figures(row, "warm"),
    )


def read_cells_of_page(path: Path = PEERS_FILE) -> tuple[Cell, ...]:
    """The cells of the file, in its order."""
    with path.open(newline="") as file:
        return tuple(map(parse_cell, csv.DictReader(file)))


PAGE_CELLS = read_cells_of_page()
PREFILL_CELLS = tuple(Cell(2048, 4096, columns, columns) for columns in (8 * KIBI, 32 * KIBI))
TRIVIAL_CELLS = tuple(Cell(2048, rows, TRIVIAL_COLUMNS, TRIVIAL_LENGTH) for rows in (1, 32, 128))
ALL_CELLS = PAGE_CELLS + TRIVIAL_CELLS + PREFILL_CELLS

# One of each path and bound: enough to see in under a minute what a change of the kernel did.
QUICK = {
    (2048, 1, "4K"),
    (2048, 1, "8K"),
    (2048, 1, "32K"),
    (2048, 1, "128K"),
    (2048, 4, "1024K"),
    (2048, 32, "8K"),
    (2048, 32, "64K"),
    (2048, 64, "mixed"),
    (2048, 64, "128K"),
    (2048, 128, "16K"),
    (2048, 128, "64K"),
    (2048, 512, "8K"),
    (2048, 512, "64K"),
    (2048, 128, "1K/8K"),
}


def matches(cell: Cell, pattern: str) -> bool:
    """Whether a pattern `k,rows,n` matches the cell. `*` matches any value; n is as in the cell's name (8K,
    mixed, 1K/8K). Raises ValueError for a pattern without three parts."""
    wanted = pattern.split(",")
    if len(wanted) != 3:
        raise ValueError(f"cells pattern is {pattern!r}; expected k,rows,n such as 2048,1,8K or 2048,*,*")
    have = cell.name.split(" x ")
    return all(want in ("*", value) for want, value in zip(wanted, have, strict=True))


def select(patterns: list[str], quick: bool) -> list[Cell]:
    """The cells that match any of the patterns, or all cells if there is none. quick: only those of QUICK."""
    cells = [cell for cell in ALL_CELLS if not patterns or any(matches(cell, p) for p in patterns)]
    if quick:
        cells = [cell for cell in cells if (cell.k, cell.rows, cell.name.split(" x ")[2]) in QUICK]
    return cells
