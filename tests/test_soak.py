"""The soak without a GPU: its batches, its oracles, stages that stop and go on, sums, with fake kernels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from persistent_topk.cuda.bench import cub
from persistent_topk.reference import oracle as reference
from persistent_topk.reference.policy import SHIPPED
from persistent_topk.verify.cli import group
from persistent_topk.verify.outcome import ExitCode
from persistent_topk.verify.soak import command, oracle, second, stage
from persistent_topk.verify.soak.batches import STAGES, Stage, make_batch
from persistent_topk.verify.soak.stage import Tally, merge, run_stage

TINY = Stage("short", (1, 300), (1, 8, 40), (1, 7, 64), 1 << 12, (16, 100))
KERNEL = "0123456789abcdef"


class FakeKernel:
    """Answers as the oracle does but for rows of `wrong` batches, counted from 0."""

    def __init__(self) -> None:
        self.calls = 0
        self.wrong: set[int] = set()

    def launch(self, logits, lengths, output, workspace, k) -> None:
        output.copy_(oracle.topk(logits, lengths, k))
        if self.calls in self.wrong:
            output[0, 0] += 1
        self.calls += 1


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    fake = FakeKernel()
    monkeypatch.setattr(stage.library, "launch", fake.launch)
    monkeypatch.setattr(stage, "trace_sample", lambda batch, number, tally: None)
    monkeypatch.setattr(stage, "kernel_hash", lambda: KERNEL)
    monkeypatch.setattr(command, "kernel_hash", lambda: KERNEL)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "H100")
    return fake


class FakeCub:
    """The contract's selection in another order; without ties, the last of equal columns."""

    version = "3.6.0"

    def __init__(self, takes_ties: bool = True, most_columns: int = 1 << 21) -> None:
        self.takes_ties, self.most_columns = takes_ties, most_columns
        self.orders_nan = self.orders_zeros = True

    def topk(self, logits: torch.Tensor, lengths: torch.Tensor, k: int, ties: bool = False) -> torch.Tensor:
        if not self.orders_zeros:  # -0 below +0
            logits = torch.where((logits == 0) & logits.signbit(), -1e-45, logits)
        if not self.orders_nan:
            logits = torch.where(logits.isnan() & logits.signbit(), -torch.inf, logits)
        found = torch.full((logits.shape[0], k), -1, dtype=torch.int32)
        for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
            taken = logits[row : row + 1, :n]
            if not self.takes_ties:
                taken = taken.flip(1)
            length = torch.tensor([n], dtype=torch.int32)
            chosen = reference.topk(taken.contiguous(), length, k)[0, : min(k, n)]
            found[row, : min(k, n)] = (chosen if self.takes_ties else n - 1 - chosen).flip(0)
        return found


def test_a_batch_is_a_function_of_stage_seed_and_number() -> None:
    first, again, other = (make_batch(TINY, 3, number, "cpu") for number in (5, 5, 6))
    assert torch.equal(first.logits.view(torch.int32), again.logits.view(torch.int32))
    assert torch.equal(first.lengths, again.lengths) and first.k == again.k
    assert first.logits.shape != other.logits.shape or not torch.equal(first.lengths, other.lengths)


def test_batches_meet_strides_boundaries_and_lengths_that_are_none() -> None:
    batches = [make_batch(TINY, 1, number, "cpu") for number in range(120)]
    lengths = torch.cat([batch.lengths for batch in batches])
    assert {-1, 0, 16, 100} <= set(lengths.tolist()) and int(lengths.max()) == (1 << 31) - 1
    assert any(batch.logits.stride(0) > batch.logits.shape[1] for batch in batches)
    assert any(batch.logits.storage_offset() % 4 for batch in batches)
    assert 15 < len({kind for batch in batches for kind in batch.kinds})
    assert set(TINY.ks) == {batch.k for batch in batches}


def test_the_oracle_of_batches_is_the_reference_oracle() -> None:
    for number in range(60):
        batch = make_batch(TINY, 2, number, "cpu")
        expected = reference.topk(batch.logits, batch.lengths, batch.k)
        assert torch.equal(expected, oracle.topk(batch.logits, batch.lengths, batch.k)), number


def test_a_stage_goes_on_where_it_stopped(tmp_path: Path, kernel: FakeKernel) -> None:
    path = tmp_path / "short-1.json"
    whole = run_stage(TINY, 1, 400, 60, tmp_path / "whole.json", device="cpu")
    part = run_stage(TINY, 1, 100, 60, path, device="cpu")
    assert 100 <= part.rows < whole.rows
    rest = run_stage(TINY, 1, 400, 60, path, device="cpu")
    assert (whole.rows, whole.next_batch, whole.kinds) == (rest.rows, rest.next_batch, rest.kinds)
    assert kernel.calls == 2 * whole.next_batch and 0 == rest.wrong
    assert rest.rows == run_stage(TINY, 1, 400, 60, path, device="cpu").rows


def test_a_tally_of_another_kernel_or_of_nothing_is_not_gone_on_from(
    tmp_path: Path, kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "short-1.json"
    run_stage(TINY, 1, 100, 60, path, device="cpu")
    monkeypatch.setattr(stage, "kernel_hash", lambda: "another")
    assert 0 == stage.load(path, TINY, 1).rows
    path.write_text("{")
    assert 0 == stage.load(path, TINY, 1).rows


def test_a_wrong_row_is_counted_and_told(tmp_path: Path, kernel: FakeKernel) -> None:
    kernel.wrong = {2}
    tally = run_stage(TINY, 1, 200, 60, tmp_path / "a.json", device="cpu")
    assert 1 == tally.mismatches == tally.wrong
    assert "short batch 2 (" in tally.failures[0] and "1 rows wrong, first 0" in tally.failures[0]


def test_a_kernel_that_writes_nothing_is_wrong_in_every_row(tmp_path: Path, kernel: FakeKernel) -> None:
    stage.library.launch = lambda *_: None
    zeros = Stage("short", (1, 1), (8,), (1,), 1 << 12, (1,))  # most answers are [0]
    tally = run_stage(zeros, 1, 80, 60, tmp_path / "a.json", device="cpu")
    assert 80 == tally.rows == tally.mismatches


def test_sums_are_of_distinct_stages_of_one_kernel() -> None:
    one = Tally("short", 1, KERNEL, "H100", rows=10, seconds=2.0, second_rows=4)
    two = Tally("short", 2, KERNEL, "H100", rows=30, seconds=2.0, trace_mismatches=1, second_mismatches=2)
    total = merge([one, two])["short"]
    assert isinstance(total, dict)
    assert (40, 3, 4, 10) == tuple(
        total[name] for name in ("rows", "mismatches", "second_oracle", "rows_per_second")
    )
    with pytest.raises(ValueError, match="occur twice"):
        merge([one, one])
    with pytest.raises(ValueError, match="different kernels"):
        merge([one, Tally("long", 1, "another", "H100")])


@pytest.mark.parametrize("takes_ties", [True, False])
def test_a_second_oracle_agrees_with_the_first(takes_ties: bool) -> None:
    other = second.SecondOracle(FakeCub(takes_ties), "cpu")
    assert (takes_ties, True, takes_ties) == (other.by_column, other.orders_nan, other.orders_zeros)
    for number in range(60):
        batch = make_batch(TINY, 4, number, "cpu")
        right = oracle.topk(batch.logits, batch.lengths, batch.k)
        opinion = other.opinion(batch.logits, batch.lengths, batch.k, right)
        assert bool(opinion.judged.all()) and not bool(opinion.differs.any()), number


def opinion_of(other: second.SecondOracle, row: list[float], k: int, output: list[int]) -> tuple[bool, bool]:
    logits, lengths = torch.tensor([row]), torch.tensor([len(row)], dtype=torch.int32)
    found = other.opinion(logits, lengths, k, torch.tensor([output], dtype=torch.int32))
    return bool(found.judged[0]), bool(found.differs[0])


def test_a_second_oracle_sees_wrong_values_and_where_it_can_wrong_ties() -> None:
    row = [1.0, 2.0, 3.0, 2.0]
    by_column, by_value = (second.SecondOracle(FakeCub(ties), "cpu") for ties in (True, False))
    for other in (by_column, by_value):
        assert (True, False) == opinion_of(other, row, 2, [1, 2])
        for wrong in ([0, 2], [2, -1], [2, 2], [2, 77]):
            assert (True, True) == opinion_of(other, row, 2, wrong)
        assert (True, True) == opinion_of(other, [1.0], 2, [0, 77])
    assert (True, True) == opinion_of(by_column, row, 2, [2, 3])
    assert (True, False) == opinion_of(by_value, row, 2, [2, 3])


def test_what_a_second_oracle_orders_otherwise_it_does_not_judge() -> None:
    library = FakeCub()
    library.orders_nan = library.orders_zeros = False
    other = second.SecondOracle(library, "cpu")
    assert not other.orders_nan and not other.orders_zeros and "NaN rows left out" in other.name
    assert (False, False) == opinion_of(other, [1.0, torch.nan, 2.0], 1, [0])
    assert (True, False) == opinion_of(other, [-0.0, 0.0, -1.0], 1, [0])
    assert (True, True) == opinion_of(other, [-0.0, 0.0, -1.0], 1, [2])
    logits, lengths = torch.zeros(2, 3), torch.tensor([1, 3], dtype=torch.int32)
    logits[:, 2] = torch.nan  # beyond the first row's length
    found = other.opinion(logits, lengths, 1, oracle.topk(logits, lengths, 1))
    assert [True, False] == found.judged.tolist() and not bool(found.differs.any())


def test_rows_that_a_second_oracle_does_not_take_are_not_its_own() -> None:
    other = second.SecondOracle(FakeCub(most_columns=8), "cpu")
    logits, lengths = torch.zeros(2, 9), torch.full((2,), 9, dtype=torch.int32)
    assert not bool(other.opinion(logits, lengths, 1, torch.zeros(2, 1)).judged.any())


def soak(*arguments: str) -> Result:
    return CliRunner().invoke(group, ("soak", *arguments), standalone_mode=False)


@pytest.fixture
def on_a_gpu(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeKernel:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(command, "STAGES", {"short": TINY, "long": Stage("long", *TINY_SIZES)})
    monkeypatch.setattr(stage, "make_batch", lambda *which: make_batch(*which[:3], "cpu"))
    monkeypatch.setattr(second, "load", lambda _: second.SecondOracle(FakeCub(), "cpu"))
    monkeypatch.chdir(tmp_path)
    return kernel


TINY_SIZES = ((301, 500), (1, 2), (5,), 1 << 12, (400,))
FEW = ("--rows-short", "60", "--rows-long", "10")


def test_the_command_sums_what_its_runs_found(on_a_gpu: FakeKernel) -> None:
    Tally("short", 9, "another kernel", "H100", rows=10**6).save(Path("build.json"))
    Path("build/soak").mkdir(parents=True)
    Path("build.json").rename("build/soak/short-9.json")
    first = soak(*FEW, "--second-oracle", "cub", "--json", "sum.json")
    assert first.return_value == ExitCode.AGREE, first.output
    assert "second oracle: CUB 3.6.0: columns, NaN rows included" in first.output
    total = json.loads(Path("sum.json").read_text())
    assert total["complete"] and total["short"]["rows"] >= 60 and total["long"]["rows"] >= 10
    assert total["short"]["second_oracle"] == total["short"]["rows"]
    soak(*FEW, "--seed", "2", "--json", "sum.json")
    assert json.loads(Path("sum.json").read_text())["short"]["rows"] > total["short"]["rows"]


def test_verify_runs_the_stages_on_request(on_a_gpu: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "GOAL_ROWS", {"short": 60, "long": 10})
    words = ("verify", "--target", "gpu", "--soak", "--seed", "5", "--state", "kept")
    found = CliRunner().invoke(group, words, standalone_mode=False)
    assert found.return_value == ExitCode.AGREE, found.output
    assert "short: 88 rows" in found.output and Path("kept/short-5.json").is_file()
    refused = CliRunner().invoke(group, ("verify", "--target", "model", "--soak"))
    assert refused.exit_code == ExitCode.USAGE and "--soak is for the target gpu" in refused.output


def test_the_command_fails_on_a_mismatch_and_says_what_is_left(on_a_gpu: FakeKernel) -> None:
    on_a_gpu.wrong = {0}
    found = soak(*FEW)
    assert found.return_value == ExitCode.MISMATCH
    assert "long batch 0 (" in found.output and "mismatch: " in found.output
    nothing = soak(*FEW, "--seconds", "1e-9", "--seed", "7", "--folder", "elsewhere")
    assert nothing.return_value == ExitCode.NOTHING_VERIFIED
    assert "60 to go: run it again" in nothing.output


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_without_a_gpu_it_says_so() -> None:
    found = soak()
    assert found.return_value == ExitCode.CANNOT_RUN and "torch sees no CUDA device here" in found.output


def test_a_second_oracle_that_fails_on_the_way_ends_the_run(
    on_a_gpu: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = second.SecondOracle(FakeCub(), "cpu")

    def failing(*_: object) -> torch.Tensor:
        raise cub.CubUnavailable("CUB 3.6.0: operation not supported")

    monkeypatch.setattr(other.library, "topk", failing)
    monkeypatch.setattr(second, "load", lambda _: other)
    found = soak(*FEW, "--second-oracle", "cub")
    assert found.return_value == ExitCode.CANNOT_RUN
    assert "operation not supported" in found.output and ", k 5: " in found.output


def test_a_second_oracle_without_headers_is_told(
    on_a_gpu: FakeKernel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    found = soak("--second-oracle", "cub", "--cccl", str(tmp_path))
    assert found.return_value == ExitCode.CANNOT_RUN
    assert "--second-oracle cub cannot run here" in found.output and "cub/device" in found.output


def test_the_stages_meet_at_a_width_and_know_the_shipped_boundaries() -> None:
    assert STAGES["short"].columns[1] + 1 == STAGES["long"].columns[0]
    for policy in SHIPPED:
        for part in STAGES.values():
            assert {policy.decode_max, policy.held, policy.medium_max} <= set(part.boundaries)
