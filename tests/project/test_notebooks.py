"""The notebooks: their form in the normal suite, all their cells with `-m notebooks`."""

from __future__ import annotations

import ast
import importlib
import json
import re
import resource
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PACKAGE = "persistent_topk"
CPU_SECONDS = 45  # of one notebook, compiling the emulated kernels included
CELL_SECONDS = 300  # a cell that takes longer hangs
FOREIGN_PATH = re.compile(r"(?<![\w.])/(?:tmp|home|root|work|usr|var)/")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    document = json.loads(path.read_text())
    assert document["nbformat"] == 4
    return [cell for cell in document["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def code(path: Path) -> str:
    return "\n".join(source(cell) for cell in cells(path, "code"))


def test_notebooks_are_numbered_from_one() -> None:
    numbers = [path.name[:3] for path in NOTEBOOKS]
    assert numbers == [f"{number:02}-" for number in range(1, len(NOTEBOOKS) + 1)]


@every_notebook
def test_outputs_are_those_of_one_run_from_top_to_bottom(path: Path) -> None:
    ran = cells(path, "code")
    assert [cell["execution_count"] for cell in ran] == list(range(1, len(ran) + 1))
    outputs = [output for cell in ran for output in cell["outputs"]]
    assert all(output["output_type"] in ("stream", "display_data") for output in outputs)
    assert all(output.get("name") != "stderr" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)


@every_notebook
def test_outputs_name_no_folder_of_the_machine_they_were_made_on(path: Path) -> None:
    texts = ["".join(output.get("text", ())) for cell in cells(path, "code") for output in cell["outputs"]]
    assert [text for text in texts if FOREIGN_PATH.search(text)] == []


@every_notebook
def test_cells_state_what_they_rely_on(path: Path) -> None:
    asserting = sum(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(code(path))))
    assert asserting >= 5


@every_notebook
def test_names_taken_from_the_package_exist(path: Path) -> None:
    imports = [node for node in ast.walk(ast.parse(code(path))) if isinstance(node, ast.ImportFrom)]
    own = [node for node in imports if node.module and node.module.split(".")[0] == PACKAGE]
    assert own
    for node in own:
        module = importlib.import_module(str(node.module))
        for alias in node.names:
            found = hasattr(module, alias.name)
            assert found or importlib.import_module(f"{node.module}.{alias.name}"), alias.name


def test_kept_outputs_do_not_tell_when_and_where_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("nbclient")
    monkeypatch.syspath_prepend(FOLDER)
    keep_outputs = importlib.import_module("keep_outputs")
    printed = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in ("one\n", "two\n")]
    cell = nbformat.v4.new_code_cell("pass", outputs=printed, metadata={"execution": {"when": "now"}})
    language = {"name": "python", "version": "3.99"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"language_info": language})
    keep_outputs.tidy(notebook)
    assert ["one\ntwo\n"] == [output["text"] for output in cell.outputs]
    assert ({}, "cell-00") == (cell.metadata, cell.id)
    assert notebook.metadata["language_info"] == {"name": "python"}


# Runs in the notebook's kernel, before its first cell.
LABELS = """
import re

import matplotlib.pyplot as plt

def show_labelled(show=plt.show):
    for figure in map(plt.figure, plt.get_fignums()):
        for axes in figure.axes:
            ticks = [tick.get_text() for tick in axes.get_yticklabels()]
            words = any(re.search("[a-z]{2}", text) for text in ticks if not text.startswith("$"))
            named = axes.get_ylabel() or words or not len(ticks)
            assert axes.get_xlabel() or axes.get_label() == "<colorbar>", "an axis x without a label"
            assert named, "an axis y without a label"
    show()

plt.show = show_labelled
"""


@pytest.mark.notebooks
@every_notebook
def test_all_cells_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = importlib.import_module("nbformat"), importlib.import_module("nbclient")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))  # no settings of whoever runs this
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(LABELS))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    where = {"metadata": {"path": str(FOLDER)}}
    nbclient.NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=where).execute()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < CPU_SECONDS
