"""Other forms of a cell's call beside the plain one: made, judged, timed in the same run, told by ratio."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bench_fakes import FLOOR, cpu_buffers, result, timing

from persistent_topk.bench import forms, report, run
from persistent_topk.bench.cells import Cell
from persistent_topk.bench.run import COLD, WARM
from persistent_topk.bench.session import Session, run_session
from persistent_topk.bench.summary import summary, summary_lines
from persistent_topk.bench.table import as_json
from persistent_topk.cuda import calls
from persistent_topk.reference import oracle
from persistent_topk.reference.call import Call, Selection
from persistent_topk.verify.reporting.plain import plain_lines

CELL = Cell(9, 3, 300, 290)


class Launched:
    """Launches run at once, by the oracle. broken: the part of each answer whose last slot is changed."""

    broken = ""

    def record(self, call: Call, outputs: Selection) -> tuple[Call, Selection]:
        return call, outputs

    def launch(self, record: tuple[Call, Selection], logits: torch.Tensor, policy: object) -> None:
        call, outputs = record
        names = (
            "lengths",
            "k",
            "starts",
            "offsets",
            "page_table",
            "page_size",
            "return_values",
            "return_columns",
        )
        found: Any = oracle.topk(logits, **{name: getattr(call, name) for name in names})
        found = found if isinstance(found, Selection) else Selection(found)
        for name in ("indices", "values", "columns"):
            if (output := getattr(outputs, name)) is not None:
                output.copy_(getattr(found, name))
                if name == self.broken:
                    output[-1, -1] += 1


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    fake = Launched()
    monkeypatch.setattr(forms.CallRecord, "of", fake.record)
    monkeypatch.setattr(calls, "launch_record", fake.launch)
    return fake


@pytest.mark.parametrize("name", forms.FORMS)
def test_a_right_answer_of_every_form_is_right_and_a_changed_one_wrong(name: str, launched: Launched) -> None:
    form = forms.make_form(name, CELL, cpu_buffers(CELL), None)
    for i in range(2):
        form.launch(i)
        assert [False] * CELL.rows == form.wrong(i).tolist()
    for launched.broken in ("indices", name if name in ("values", "columns") else "indices"):
        form.launch(0)
        assert [False, False, True] == form.wrong(0).tolist()


def test_a_form_is_of_the_cells_scores() -> None:
    buffers = cpu_buffers(CELL)
    assert {"starts"} == set(forms.options_of("start 3", CELL, buffers.logits))
    assert [3] * CELL.rows == forms.options_of("start 3", CELL, buffers.logits)["starts"].tolist()
    table = forms.options_of("page table", CELL, buffers.logits)["page_table"]
    assert [list(range(5))] * CELL.rows == table.sort(dim=1).values.tolist()
    assert {} == forms.options_of("bfloat16", CELL, buffers.logits)


def test_half_the_bytes_are_read_of_16_bits(launched: Launched) -> None:
    read = {name: forms.make_form(name, CELL, cpu_buffers(CELL), None).bytes_read for name in forms.FORMS}
    assert {CELL.bytes_read // 2} == {read.pop("bfloat16"), read.pop("float16")}
    assert {CELL.bytes_read} == set(read.values())


def test_places_are_looked_up() -> None:
    buffers = cpu_buffers(Cell(2, 1, 256, 256), launches=1)
    table = torch.tensor([[2, 0, 3, 1]], dtype=torch.int32)
    call = Call(buffers.logits[0], buffers.lengths[0], 2, page_table=table, page_size=64)
    assert [[0, 64, 255, -1, -2]] == forms.columns_of(call, torch.tensor([[128, 0, 127, -1, 999]])).tolist()
    offsets = torch.tensor([100], dtype=torch.int32)
    call = Call(buffers.logits[0], buffers.lengths[0], 2, offsets=offsets)
    assert [[0, 7, -1, -2]] == forms.columns_of(call, torch.tensor([[100, 107, -1, 99]])).tolist()


def test_forms_are_timed_behind_the_plain_call(launched: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    def capture(launch: Any, launches: int, warm: bool) -> None:
        for i in range(launches):
            launch(0 if warm else i)

    monkeypatch.setattr(run, "capture", capture)
    monkeypatch.setattr(run, "time_graph", lambda *_: timing(2.0))
    monkeypatch.setattr(calls, "launch", lambda x, n, output, w, k, p: output.copy_(oracle.topk(x, n, k)))
    cache = run.BufferCache(1)
    monkeypatch.setattr(cache, "get", cpu_buffers)
    launched.broken = "values"
    found = run.run_cell(CELL, cache, FLOOR, 0.1, None, {}, ("bfloat16", "values"))  # type: ignore[arg-type]
    assert ["ours", "bfloat16", "values"] == list(found.timings[COLD])[:3] == list(found.timings[WARM])[:3]
    assert 0 == found.wrong["ours"] == found.wrong["bfloat16"] and found.wrong["values"] > 0
    told = as_json([found])
    assert {"values": found.wrong["values"]} == told["wrong_forms"] and {} == told["wrong_peers"]
    assert 1.0 == told[COLD]["forms"]["bfloat16"]["to_plain"]


def test_ratios_are_told_by_table_and_summary() -> None:
    cells = [
        as_json([result(place, 10.0, 5.0, **{"bfloat16": us, "start 1": 10.3})])
        for place, us in ((0, 5.0), (1, 8.0))
    ]
    assert all({} == cell[COLD]["peers"] for cell in cells)
    lines = plain_lines(report.form_table(cells))
    assert "bfloat16 cold us" in lines[0] and "0.500" in lines[-2] and "1.030" in lines[-1]
    found = summary(cells, 1)["forms"][COLD]["bfloat16"]
    assert (2, 0.8, cells[1]["name"]) == (found["cells"], found["most"], found["most_cell"])
    assert found["mean"] == pytest.approx((0.5 * 0.8) ** 0.5) and -2.0 == found["most_us"]
    assert any(
        "cold: start 1 1.03 of the plain call's time over 2 cells" in line
        for line in summary_lines(summary(cells, 1))
    )
    assert () == report.form_table([as_json([result(0, 10.0, 5.0)])]).rows


def test_a_wrong_form_fails_the_run() -> None:
    def run_cell(cell: Cell) -> run.CellResult:
        found = result(cell, 10.0, 5.0, values=11.0)
        found.wrong["values"] = 2
        return found

    session = run_session([CELL], 1, run_cell, print_line=lambda line: None)
    assert isinstance(session, Session) and not session.clean
    assert "WRONG 2 rows" in plain_lines(report.form_table(session.cells))[-1]


def test_dtypes_are_read() -> None:
    assert ("bfloat16", "float16") == forms.parse_dtypes("bfloat16, float32,float16,bfloat16")
    assert () == forms.parse_dtypes(None)
    with pytest.raises(
        forms.UnknownForm, match="--dtype is 'int8'; expected some of float32, bfloat16, float16"
    ):
        forms.parse_dtypes("int8")
