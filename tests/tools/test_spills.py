"""The assembler's report of registers and spills: read, judged, and shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from persistent_topk.cuda.build import CUDA_DIR, BuildError
from persistent_topk.exit_code import ExitCode
from persistent_topk.reference.plan import ENTRIES
from persistent_topk.reference.policy import POLICIES, SHIPPED
from persistent_topk.tools import spills
from persistent_topk.tools.spills import Usage, named, parse

NAMES = list(POLICIES)


def entry(symbol: str, arch: str, registers: int, stores: int = 0, loads: int = 0, stack: int = 0) -> str:
    return f"""ptxas info    : Compiling entry function '{symbol}' for '{arch}'
ptxas info    : Function properties for {symbol}
    {stack} bytes stack frame, {stores} bytes spill stores, {loads} bytes spill loads
ptxas info    : Used {registers} registers, used 1 barriers, {stack} bytes cumulative stack size
ptxas info    : Compile time = 363.658 ms
"""


def symbol(policy: int, tracing: int = 0, kernel: str = "12other_kernel") -> str:
    return f"_ZN15persistent_topk{kernel}ILi{policy}ELb{tracing}EEEvNS_10TopkParamsE"


def test_a_report_is_read_kernel_by_kernel() -> None:
    log = "ptxas info    : 0 bytes gmem\n" + entry(symbol(1), "sm_90", 55)
    log += entry(symbol(0, 1, "11topk_kernel"), "sm_90", 64, 188, 416, 104)
    assert parse(log) == [
        Usage("sm_90", "other_kernel", NAMES[1], False, 55, 0, 0, 0),
        Usage("sm_90", "topk_kernel", NAMES[0], True, 64, 104, 188, 416),
    ]
    assert [] == parse("nothing was compiled")


def test_a_kernel_that_is_not_ours_keeps_its_symbol() -> None:
    assert ("_Z5floorPKf", None, False) == named("_Z5floorPKf")
    assert ("topk_kernel", None, False) == named(symbol(99, 0, "11topk_kernel"))
    assert named("_ZN15persistent_topk11topk_kernelILi0ELb1ELNS_5EntryE1EEEvNS_10TopkParamsE") == (
        "topk_kernel shared",
        NAMES[0],
        True,
    )


def test_entries_are_the_kernels() -> None:
    source = (CUDA_DIR / "kernel" / "launches.cuh").read_text()
    enumerated = re.search(r"enum Entry : int \{([^}]*)\}", source)
    assert enumerated is not None
    named_there = [name.strip().removeprefix("k").lower() for name in enumerated.group(1).split(",")]
    assert [*(entry.replace("-", "") for entry in ENTRIES), "entries"] == named_there


def test_half_a_report_is_refused() -> None:
    with pytest.raises(ValueError, match="no registers or no spills"):
        parse(entry(symbol(0), "sm_90", 55).replace("spill loads", "loads"))


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Reports by architecture, in place of a compiler's."""
    logs = {
        arch: "".join(entry(symbol(NAMES.index(policy.name)), arch, 64) for policy in SHIPPED)
        for arch in spills.ARCHITECTURES
    }
    monkeypatch.setattr(spills, "log_of", logs.__getitem__)
    return logs


def test_no_spill_where_the_kernel_is_tuned_is_clean(compiled: dict[str, str]) -> None:
    compiled["sm_80"] += entry(symbol(0), "sm_80", 255, 8, 8)
    compiled["sm_90"] += entry(symbol(0, 1), "sm_90", 64, 8, 8)  # of a traced kernel
    compiled["sm_90"] += entry(symbol(NAMES.index("tiny")), "sm_90", 64, 8, 8)
    clean = CliRunner().invoke(spills.command, standalone_mode=False)
    told = clean.output
    assert ExitCode.AGREE == clean.return_value
    assert "sm_80   latency" in told and "8 bytes spilled, 8 reloaded" in told and "DEFECT" not in told
    assert "tiny" not in told and all(arch in told for arch in spills.ARCHITECTURES)
    assert spills.found(spills.report())["ok"]


def test_a_spill_where_the_kernel_is_tuned_is_a_defect(compiled: dict[str, str]) -> None:
    compiled["sm_90"] += entry(symbol(NAMES.index(SHIPPED[-1].name)), "sm_90", 64, 0, 4)
    spilled = CliRunner().invoke(spills.command, ["--arch", "sm_90"], standalone_mode=False)
    assert ExitCode.MISMATCH == spilled.return_value and "4 reloaded DEFECT" in spilled.output
    assert not spills.found(spills.report())["ok"]
    others = [usage for usage in spills.report() if usage.arch != spills.TUNED]
    assert not spills.found(others)["ok"], "a report without the tuned architecture shows nothing"


def test_an_architecture_without_a_report_is_an_error(compiled: dict[str, str]) -> None:
    compiled["sm_120"] = ""
    silent = CliRunner().invoke(spills.command, standalone_mode=False)
    assert ExitCode.CANNOT_RUN == silent.return_value and "no kernel for sm_120" in silent.stderr


def test_a_library_that_came_without_its_report_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(spills, "build", lambda units, arch: tmp_path / "launch.so")
    with pytest.raises(BuildError, match="has no report"):
        spills.log_of("sm_90")
