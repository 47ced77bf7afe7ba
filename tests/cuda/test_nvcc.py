"""The kernel compiles for every architecture it claims, and stays in registers where it is tuned."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from persistent_topk.cuda import build
from persistent_topk.cuda.cache import CACHE_VARIABLE, build_once
from persistent_topk.reference.policy import POLICIES, SHIPPED
from persistent_topk.tools.spills import Usage, parse

# Each architecture with flags that other people compile the headers with.
ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "sm_80": (),
    "sm_100": ("-use_fast_math",),
    "sm_120": ("-DNDEBUG", "-Werror", "all-warnings"),
}
TUNED = "sm_90"


def has_nvcc() -> bool:
    try:
        return build.find_nvcc().is_file()
    except build.BuildError:
        return False


pytestmark = pytest.mark.skipif(not has_nvcc(), reason="needs nvcc (the CUDA toolkit)")


def instances(policy: str) -> list[str]:
    """A policy's entries, those that instance.cu has."""
    entries = ["kWide", "kNarrow", "kNarrowest"]
    entries += ["kShared", "kCooperative"] if POLICIES[policy].max_ctas > 1 else []
    kernel = f"template __global__ void topk_kernel<{list(POLICIES).index(policy)}, false, {{}}, float>"
    kernel += "(TopkParams);"
    return list(map(kernel.format, entries))


def report(folder: Path, policies: list[str], arch: str, flags: tuple[str, ...] = ()) -> str:
    """The assembler's report of the policies' entries. It is kept in the cache for as long as the kernel, the
    flags and nvcc are the same."""
    source = folder / "instances.cu"
    lines = [line for policy in policies for line in instances(policy)]
    lines = ['#include "kernel/persistent.cuh"', "namespace persistent_topk {", *lines, "}"]
    source.write_text("\n".join(lines) + "\n")

    def compile_to(target: Path) -> None:
        wanted = ["-cubin", f"-arch={arch}", "-std=c++20", "-O3", "-Xptxas", "-v", f"-I{build.CUDA_DIR}"]
        target.write_text(build.run_nvcc([*wanted, *flags, "-o", str(folder / "a.cubin"), str(source)]))

    kept = build.cached(build.library_name([build.Unit(source)], arch, flags))
    return build_once(kept.with_suffix(".report"), compile_to).read_text()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_kernel_compiles_for_every_architecture_under_other_peoples_flags(
    arch: str, tmp_path: Path
) -> None:
    assert "registers" in report(tmp_path, ["small"], arch, ARCHITECTURES[arch])


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> list[Usage]:
    """The shipped policies' kernels for the architecture that they are tuned for."""
    return parse(report(tmp_path_factory.mktemp("shipped"), [policy.name for policy in SHIPPED], TUNED))


@pytest.mark.parametrize("policy", [policy.name for policy in SHIPPED])
def test_shipped_policies_stay_in_registers_where_they_are_tuned(policy: str, shipped: list[Usage]) -> None:
    kernels = [usage for usage in shipped if usage.policy == policy]
    assert len(instances(policy)) == len(kernels)
    assert [] == [usage for usage in kernels if usage.spills]


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
