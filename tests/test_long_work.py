"""What takes long says so: when it begins, when it ends, once for what goes on side by side."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from places import ROOT
from seeded_cache import seed

from persistent_topk import long_work as module
from persistent_topk.cuda import emulated
from persistent_topk.cuda.cache import CACHE_VARIABLE, build_once
from persistent_topk.long_work import long_work
from persistent_topk.reference.policy import LATENCY
from persistent_topk.verify.targets.emulator import KERNELS


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "persistent_topk")
    return caplog


def told(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records]


def test_short_work_says_nothing(log: pytest.LogCaptureFixture) -> None:
    with long_work("reading"):
        pass
    assert [] == told(log)


def test_work_over_the_limit_says_what_how_long_and_where_it_is_kept(
    log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    said = threading.Event()
    monkeypatch.setattr(module.LOGGER, "filter", lambda record: said.set() or True)
    with long_work("reading", Path("there")):
        assert said.wait(60)
    first, last = told(log)
    assert "reading; kept in there" == first
    assert last.startswith("reading: ") and last.endswith(" s")


def test_a_compiler_is_told_of_at_once_and_not_again(log: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    at_the_time: list[str] = []

    def compile_it(part: Path) -> None:
        at_the_time.extend(told(log))
        part.touch()

    for _ in range(2):
        build_once(tmp_path / "kernel.so", compile_it, "the kernel")
    assert [f"compiling the kernel; kept in {tmp_path}"] == at_the_time
    assert 2 == len(told(log)) and told(log)[1].startswith("compiling the kernel: ")


def test_of_what_is_compiled_side_by_side_the_first_begins_and_each_ends(
    log: pytest.LogCaptureFixture,
) -> None:
    with long_work("compiling a", at_once=True), long_work("compiling b", at_once=True):
        pass
    first, *others = told(log)
    assert "compiling a" == first
    assert ["compiling b", "compiling a"] == [line.partition(":")[0] for line in others]


def test_what_raises_has_ended(log: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OSError, match="full"), long_work("compiling a", at_once=True):
        raise OSError("full")
    assert 2 == len(told(log))
    with long_work("compiling b", at_once=True):
        pass
    assert "compiling b" in told(log)


def test_a_library_is_silent_until_its_user_asks() -> None:
    work = "with long_work('compiling', at_once=True): pass"
    code = f"import persistent_topk.cuda.cache; from persistent_topk.long_work import long_work\n{work}"
    silent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "" == silent.stdout + silent.stderr
    asked = f"import logging; logging.basicConfig(level='INFO', format='%(name)s: %(message)s')\n{code}"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stderr.startswith("persistent_topk: compiling\npersistent_topk: compiling: 0.0 s")


@pytest.fixture
def cache_without_latency(tmp_path: Path) -> Path:
    """It has the objects of all kernels of the campaign but one: compiling them takes a minute."""
    others = [(policy, dtype) for policy, dtype in KERNELS if policy is not LATENCY]
    load = emulated.load.__wrapped__
    return seed(tmp_path / "cache", lambda: [load(policy, dtype=dtype) for policy, dtype in others])


@pytest.mark.slow
@pytest.mark.parametrize("command", [["verify", "--cases", "1"], ["doctor"]])
def test_a_first_command_says_on_stderr_what_takes_the_time(
    command: list[str], cache_without_latency: Path, tmp_path: Path
) -> None:
    """As it begins, not at its end: what it prints first is read while it goes on."""
    environment = {**os.environ, CACHE_VARIABLE: str(cache_without_latency), "PYTHONUNBUFFERED": "1"}
    program = [sys.executable, "-m", "persistent_topk.commands.cli", *command]
    with subprocess.Popen(
        program, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        first = next(line for line in process.stderr if line.startswith("compiling "))
        assert f"; kept in {cache_without_latency}" in first
        assert not list(cache_without_latency.glob("topk-*.so")), "it is told before, not after"
        printed, rest = process.communicate()
    assert "compiling the emulated kernel, policy latency: " in rest
    if command == ["doctor"]:
        assert "emulator" in printed


def test_every_build_goes_through_the_cache_that_tells() -> None:
    """A compiler that is run elsewhere would be silent."""
    callers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("cuda", "verify", "bench", "commands", "testing", "distributed")
        for path in (ROOT / folder).rglob("*.py")
        if "subprocess.run(" in path.read_text()
    ]
    assert set(callers) <= {
        "cuda/build.py",
        "cuda/emulator/build.py",
        "cuda/emulator/library.py",  # names of places in a failure
        "commands/doctor.py",  # versions of tools
    }
