"""The kernel compiles for every architecture it claims, and stays in registers where it is tuned."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest

from persistent_topk.cuda import build
from persistent_topk.cuda.cache import CACHE_VARIABLE
from persistent_topk.reference.policy import POLICIES, SHIPPED

ARCHITECTURES = ("sm_80", "sm_90", "sm_100", "sm_120")
TUNED = "sm_90"


def has_nvcc() -> bool:
    try:
        return build.find_nvcc().is_file()
    except build.BuildError:
        return False


pytestmark = pytest.mark.skipif(not has_nvcc(), reason="needs nvcc (the CUDA toolkit)")


def compile_policy(folder: Path, policy: str, arch: str, *flags: str) -> str:
    """Compiles a policy's entries, those that instance.cu has; the assembler's report."""
    index = list(POLICIES).index(policy)
    entries = ["kWide", "kNarrow", "kNarrowest"]
    entries += ["kShared", "kCooperative"] if POLICIES[policy].max_ctas > 1 else []
    source = folder / f"{policy}.cu"
    kernel = f"template __global__ void topk_kernel<{index}, false, {{}}>(TopkParams);"
    instances = "\n".join(map(kernel.format, entries))
    source.write_text(f'#include "kernel/persistent.cuh"\nnamespace persistent_topk {{\n{instances}\n}}\n')
    target = ["-cubin", f"-arch={arch}", "-std=c++20", "-O3", "-Xptxas", "-v", *flags]
    return build.run_nvcc([*target, f"-I{build.CUDA_DIR}", "-o", str(folder / "kernel.cubin"), str(source)])


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_kernel_compiles_for_every_architecture(arch: str, tmp_path: Path) -> None:
    assert "registers" in compile_policy(tmp_path, "small", arch)


@pytest.mark.parametrize("policy", [policy.name for policy in SHIPPED])
def test_shipped_policies_stay_in_registers_where_they_are_tuned(policy: str, tmp_path: Path) -> None:
    report = compile_policy(tmp_path, policy, TUNED)
    spills = [int(count) for count in re.findall(r"(\d+) bytes spill (?:stores|loads)", report)]
    assert spills, f"no register report from nvcc:\n{report}"
    assert sum(spills) == 0, report


@pytest.mark.parametrize("flags", [("-use_fast_math",), ("-DNDEBUG", "-Werror", "all-warnings")], ids=str)
def test_the_headers_compile_under_other_peoples_flags(flags: tuple[str, ...], tmp_path: Path) -> None:
    assert "registers" in compile_policy(tmp_path, "small", TUNED, *flags)


@pytest.mark.exhaustive
def test_the_library_builds_once_and_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    began = time.monotonic()
    library = build.build(arch=TUNED)
    seconds = time.monotonic() - began
    assert library.is_file() and library.with_suffix(".log").is_file()
    assert seconds < build.FIRST_USE_SECONDS, f"the build took {seconds:.0f} s"
    written = library.stat().st_mtime_ns
    assert library == build.build(arch=TUNED) and written == library.stat().st_mtime_ns


def test_another_source_or_flag_is_another_library(tmp_path: Path) -> None:
    source = tmp_path / "launch.cu"
    shutil.copy(build.LAUNCH_SOURCE, source)
    units = [build.Unit(source)]
    name = build.library_name(units, TUNED)
    assert name != build.library_name(units, "sm_80") != build.library_name(units, "sm_80", ["-G"])
    assert name != build.library_name([build.Unit(source, ("-DX",))], TUNED)
    source.write_text(source.read_text() + "\n")
    assert name != build.library_name(units, TUNED)


def test_what_nvcc_says_reaches_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    source = tmp_path / "broken.cu"
    source.write_text("int broken = undeclared;\n")
    with pytest.raises(build.BuildError, match="undeclared"):
        build.build([build.Unit(source)], TUNED)
    left = [path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [".lock"] == left, "a failed build left something behind"
