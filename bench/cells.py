"""What is timed: the cells, and what other kernels took on them, as data.

The peers' figures were measured on one H100 80GB HBM3 (driver 580.159, CUDA 13.0, 2026-11-22) by the protocol
of measure.py, in microseconds a launch. Columns of PEERS: k, rows, n; cold: floor, fastest and whose,
fastest exact and whose, fastest deterministic, vLLM 0.20; warm: the same. A star marks an inexact kernel.
vP, vC: vLLM 0.33 persistent and cooperative; s2: SGLang 0.5.23 v2; fiC: FlashInfer 0.7.2 clusters;
cub: CUB DeviceBatchedTopK; ds: DeepSelect fp32.
"""

from __future__ import annotations

from dataclasses import dataclass

PEERS = """
2048   1    4K  2.5  3.8  vC  3.8  vC 11.4  6.4  2.0  3.3  vC  3.3  vC 11.9  7.8
2048   1    8K  2.5  4.8 s2*  5.2  vC 15.6 11.4  2.0  4.3 s2*  4.7  vC 15.0 10.8
2048   1   16K  2.5  7.5 s2*  8.3  vC 19.8 14.2  2.1  7.5 s2*  9.8  vC 18.6 12.9
2048   1   32K  2.5 11.5  vC 11.5  vC 27.2 19.9  2.1 10.5 s2* 10.8  vC 25.5 17.3
2048   1   64K  2.6  8.5 s2* 12.5  vC 37.1 21.5  2.1  8.1 s2* 12.0  vC 35.5 21.2
2048   1  128K  2.6  9.3 s2* 14.5  vC 43.1 21.6  2.1  8.7 s2* 13.9  vC 40.5 21.0
2048   1  256K  2.8 10.6 s2* 17.9  vC 47.6 22.4  2.2  9.8 s2* 17.2  vC 44.8 21.7
2048   1 1024K  3.9 18.5 s2* 26.4  vP 49.7 24.0  3.6 16.1 s2* 25.0  vP 46.4 22.6
2048   4    4K  2.6  3.8  vC  3.8  vC 12.8  7.8  2.1  3.3  vC  3.3  vC 12.0  7.7
2048   4    8K  2.6  4.9 s2*  5.3  vC 16.0 11.7  2.1  4.4 s2*  4.8  vC 15.1 10.9
2048   4   16K  2.6  7.7 s2*  8.9  vC 20.1 14.5  2.1  7.5 s2*  9.8  vC 20.0 14.1
2048   4   32K  2.7 11.7  vC 11.7  vC 27.4 20.4  2.1 11.0  vC 11.0  vC 25.7 17.5
2048   4   64K  2.9  8.6 s2* 12.8  vC 37.3 22.0  2.2  8.2 s2* 12.2  vC 35.6 21.5
2048   4  128K  3.2  9.6 s2* 15.0  vC 43.5 22.1  2.4  8.8 s2* 14.2  vC 41.0 21.3
2048   4  256K  3.9 11.1 s2* 18.7  vC 48.3 23.7  3.5  9.8 s2* 17.5  vC 45.2 22.2
2048   4 1024K  8.6 20.1 s2* 43.5  vC 51.6 56.7  8.3 16.4 s2* 42.4  vC 46.7 53.9
2048  32    4K  2.7  4.0 s2*  4.3  vC 13.8  9.4  2.2  3.5 s2*  3.8  vC 13.4  9.0
2048  32    8K  2.9  5.2 s2*  6.0  vC 16.9 12.5  2.3  4.7 s2*  5.6  vC 15.4 11.1
2048  32   16K  3.3  8.4 s2* 10.9  vC 21.1 15.3  2.5  7.7 s2* 10.0  vC 19.9 14.1
2048  32   32K  3.9 13.0 s2* 19.4  vP 27.4 23.7  3.3 11.2 s2* 18.0  vP 26.2 21.5
2048  32   64K  5.8 20.3 s2* 26.8 cub 39.4 39.5  4.5 17.6 s2* 24.7  vC 36.9 37.4
2048  32  128K  8.9 26.6 s2* 35.0  vC 59.1 47.8  8.7 22.6 s2* 31.8  vC 54.8 43.9
2048  32  256K 14.9 36.6 s2* 51.9 fiC 97.6  104 14.9 28.7 s2* 44.2 fiC 88.8 95.8
2048  32 1024K 48.4  119 s2*  146 fiC  291  314 48.3  119 s2*  145 fiC  290  314
2048  64    4K  3.0  4.1 s2*  4.2  vC 14.4  7.6  2.3  3.5 s2*  3.6  vC 13.7  7.1
2048  64    8K  3.3  5.5 s2*  5.8  vP 17.9 11.1  2.5  4.7 s2*  5.2  vC 16.9 10.5
2048  64   16K  4.0  9.0 s2* 11.2  vP 22.3 15.4  3.3  7.9 s2* 10.1  vC 20.6 14.1
2048  64   32K  5.6 14.1 s2* 16.9  vP 29.0 22.0  4.0 11.3 s2* 14.8  vP 26.6 19.9
2048  64   64K  8.3 21.8 s2* 23.7  vC 41.0 33.9  5.2 17.5 s2* 19.9  vC 37.9 30.5
2048  64  128K 13.6 36.7  vC 36.7  vC 62.4 54.9 13.4 30.2 s2* 31.8  vC 55.5 47.4
2048  64  256K 24.7 55.7 s2* 62.8  vC  123  112 24.3 56.2 s2* 62.9  vC  119  111
2048  64 mixed  5.4 27.6 fiC 27.6 fiC 54.1 46.9  4.3 25.5 fiC 25.5 fiC 50.2 42.6
2048 128    4K  3.4  4.7 s2*  4.9  vP 16.3  8.2  2.6  3.7 s2*  3.9  vP 15.3  7.3
2048 128    8K  4.1  6.3 s2*  6.7  vP 19.8 11.7  3.3  5.0 s2*  5.4  vP 18.3 10.3
2048 128   16K  5.9 10.5 s2* 12.7  vP 24.7 16.6  3.9  8.4 s2* 10.6  vP 22.1 14.3
2048 128   32K  8.9 16.4 s2* 19.7  vP 32.3 24.0  5.0 11.5 s2* 15.9  vP 28.0 20.0
2048 128   64K 14.6 24.8  vP 24.8  vP 46.7 37.8 13.5 17.8 s2* 19.4  vP 39.1 30.3
2048 128  128K 25.9 36.1  vP 36.1  vP 80.8 70.5 24.4 35.7  vP 35.7  vP 78.5 69.1
2048 128  256K 48.0 58.6  vP 58.6  vP  159  143 46.1 58.7  vP 58.7  vP  153  143
2048 512    4K  7.4 10.4 s2* 14.5  vP 41.6 23.5  5.8  8.4 s2* 12.2  vP 40.4 22.2
2048 512    8K 10.5 14.7 s2* 21.5  vP 57.4 39.2  6.9 12.8 s2* 18.0  vP 53.9 35.7
2048 512   16K 15.3 26.2 s2* 37.3  vP 77.5 58.6 12.9 23.2 s2* 35.5 fiC 72.9 53.8
2048 512   32K 26.6 46.9 s2* 62.1  vP  106 87.4 23.8 46.9 s2* 62.0  vP  106 87.2
2048 512   64K 49.4 89.2  vP 89.2  vP  162  141 45.1 89.2  vP 89.2  vP  162  141
2048 512  128K 94.6  133  vP  133  vP  292  270 88.4  133  vP  133  vP  292  270
2048 512  256K  182  221  vP  221  vP  573  547  174  221  vP  221  vP  571  547
 512   1    8K  2.5  4.7 s2*  5.0  vC 13.1 11.3  1.9  4.2 s2*  4.6  vC 12.2 10.7
 512   1   64K  2.6  8.3 s2* 11.3  vC 36.1 21.2  2.0  8.0 s2* 10.7  vC 34.4 20.9
 512   1  256K  2.9 10.2 s2* 16.5  vC 47.4 22.3  2.2  9.2 s2* 15.6  vC 44.5 21.4
 512  32    8K  2.9  5.0 s2*  5.9  vC 13.9 12.0  2.2  4.4 s2*  5.1  vC 12.8 10.9
 512  32   64K  5.8 16.2 s2* 24.9  vC 34.2 37.8  3.9 13.5 s2* 22.5  vC 31.5 35.7
 512  32  256K 14.9 34.6 ds* 51.7 fiC 96.7  102 13.9 27.1 s2* 44.1 fiC 88.3 94.2
 512 128    8K  4.0  6.1 s2*  6.3  vP 15.3 11.1  3.1  4.8 s2*  5.1  vP 14.0 10.2
 512 128   64K 13.5 20.3 ds* 31.2  vP 39.9 34.6 12.3 13.8 s2* 24.6  vP 32.7 27.9
 512 128  256K 45.9 53.4 ds* 57.8  vP  122  115 45.7 53.2 ds* 57.8  vP  120  115
1024   1    8K  2.5  4.9 s2*  5.3  vC 14.4 11.7  1.9  4.6 s2*  5.0  vC 13.5 11.1
1024   1   64K  2.6  8.4 s2* 11.6  vC 36.4 21.5  2.0  8.2 s2* 10.9  vC 34.6 20.8
1024   1  256K  2.8 10.3 s2* 16.7  vC 47.6 22.4  2.2  9.4 s2* 15.8  vC 44.7 21.5
1024  32    8K  2.9  5.3 s2*  6.0  vC 15.5 12.6  2.2  4.8 s2*  5.2  vC 14.9 12.2
1024  32   64K  5.8 18.3 s2* 25.5  vC 35.3 38.3  3.9 15.5 s2* 23.1  vC 32.5 36.3
1024  32  256K 14.9 35.7 s2* 51.7 fiC 97.0  102 13.9 27.6 s2* 44.3 fiC 88.7 94.8
1024 128    8K  4.0  6.4 s2*  6.7  vP 17.5 11.7  3.2  5.1 s2*  5.5  vP 16.1 10.6
1024 128   64K 13.6 22.9 ds* 24.6  vP 41.6 35.1 11.9 16.3 s2* 19.4  vP 34.4 28.0
1024 128  256K 46.3 56.9 ds* 58.2  vP  122  116 46.0 56.5 ds* 58.1  vP  122  115
"""

KIBI = 1024
MIXED = "mixed"
MIXED_RANGE = (1 * KIBI, 128 * KIBI)  # lengths of the mixed cell, log-uniform
TRIVIAL_COLUMNS = 8 * KIBI
TRIVIAL_LENGTH = 1 * KIBI


@dataclass(frozen=True)
class Figures:
    """One temperature of a cell on the peers' page, microseconds a launch."""

    floor: float
    fastest: float
    fastest_name: str
    exact: float
    exact_name: str
    deterministic: float
    seed: float


@dataclass(frozen=True)
class Cell:
    """`rows` x `columns` logits, the first `length` of each row valid (0: mixed lengths), and k.

    cold, warm: the peers' figures, where the page has the cell.
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
    """4096 as "4K"; other counts as they are."""
    return f"{count // KIBI}K" if count % KIBI == 0 else str(count)


def parse_cell(line: str) -> Cell:
    """One line of PEERS."""
    words = line.split()
    k, rows, length = words[:3]
    columns = MIXED_RANGE[1] if length == MIXED else int(length.removesuffix("K")) * KIBI

    def figures(at: list[str]) -> Figures:
        return Figures(
            float(at[0]),
            float(at[1]),
            at[2],
            float(at[3]),
            at[4],
            float(at[5]),
            float(at[6]),
        )

    return Cell(
        int(k),
        int(rows),
        columns,
        0 if length == MIXED else columns,
        figures(words[3:10]),
        figures(words[10:17]),
    )


PAGE_CELLS = tuple(parse_cell(line) for line in PEERS.strip().splitlines())
PREFILL_CELLS = tuple(Cell(2048, 4096, columns, columns) for columns in (8 * KIBI, 32 * KIBI))
TRIVIAL_CELLS = tuple(Cell(2048, rows, TRIVIAL_COLUMNS, TRIVIAL_LENGTH) for rows in (1, 32, 128))
ALL_CELLS = PAGE_CELLS + TRIVIAL_CELLS + PREFILL_CELLS

# One of each path and bound: enough to see in under a minute what a change of the kernel did.
QUICK = {
    (2048, 1, "4K"), (2048, 1, "8K"), (2048, 1, "32K"), (2048, 1, "128K"), (2048, 4, "1024K"),
    (2048, 32, "8K"), (2048, 32, "64K"), (2048, 64, "mixed"), (2048, 64, "128K"), (2048, 128, "16K"),
    (2048, 128, "64K"), (2048, 512, "8K"), (2048, 512, "64K"), (2048, 128, "1K/8K"),
}  # fmt: skip


def matches(cell: Cell, pattern: str) -> bool:
    """Whether `k,rows,n` names the cell; `*` stands for any, n as in the cell's name (8K, mixed, 1K/8K)."""
    wanted = pattern.split(",")
    if len(wanted) != 3:
        raise ValueError(f"cells pattern is {pattern!r}; expected k,rows,n such as 2048,1,8K or 2048,*,*")
    have = cell.name.split(" x ")
    return all(want in ("*", value) for want, value in zip(wanted, have, strict=True))


def select(patterns: list[str], quick: bool) -> list[Cell]:
    """The cells that match any of the patterns (none: all), those of QUICK alone if asked; page order."""
    cells = [cell for cell in ALL_CELLS if not patterns or any(matches(cell, p) for p in patterns)]
    if quick:
        cells = [cell for cell in cells if (cell.k, cell.rows, cell.name.split(" x ")[2]) in QUICK]
    return cells
