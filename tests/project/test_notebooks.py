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
WIDEST_CODE, WIDEST_OUTPUT = 100, 102  # columns that a page shows whole
STAGES = re.compile(r"\.\./(?:reference|verify|bench)/[\w/]+\.py|\.\./cuda/kernel/\w+\.cuh")
BOLD = re.compile(r"\*\*([^*]+)\*\*")
# Words that are stressed, and no terms.
STRESSED = re.split(
    r";\s",
    """at 65520; round zero; counts may come from atomics, positions may not; exact zeros; values; bold;
bfloat16; find the cut without sorting; over the row; the spill; wrong; who; what; where; when; field; stage;
the number of columns that the ctas before it select; scores; selection; attention; mistakes""",
)
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
def test_nothing_is_clipped(path: Path) -> None:
    ran = cells(path, "code")
    assert [] == [line for cell in ran for line in source(cell).splitlines() if len(line) > WIDEST_CODE]
    printed = "\n".join("".join(output.get("text", ())) for cell in ran for output in cell["outputs"])
    assert [] == [line for line in printed.splitlines() if len(line) > WIDEST_OUTPUT]


@every_notebook
def test_what_only_draws_is_folded_away(path: Path) -> None:
    for cell in cells(path, "code"):
        folded = "hide-input" in cell["metadata"].get("tags", [])
        assert folded == ("plt.show()" in source(cell)) == bool(cell["metadata"].get("jupyter"))


@every_notebook
def test_it_has_an_exercise_with_an_answer_and_leads_to_the_code(path: Path) -> None:
    prose = [source(cell) for cell in cells(path, "markdown")]
    (exercise,) = (text for text in prose if text.startswith("## Exercise"))
    assert "<details><summary>Answer</summary>" in exercise
    assert STAGES.search("\n".join(prose))


def test_the_ladder_is_drawn_first_and_has_every_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(FOLDER)
    figures = importlib.import_module("figures")
    drawn = [cell for cell in cells(NOTEBOOKS[0], "code") if "draw_ladder" in source(cell)]
    assert drawn == cells(NOTEBOOKS[0], "code")[1:2]
    assert [str(number) for number in range(1, len(NOTEBOOKS) + 1)] == [
        rung[0].split()[0] for rung in figures.RUNGS
    ]


@every_notebook
def test_every_term_is_in_the_glossary(path: Path) -> None:
    page = (ROOT / "docs" / "glossary.md").read_text()
    listed = ", ".join(re.findall(r"^\| (.+?) \|", page, re.MULTILINE)).lower()
    terms = {re.sub(r"\(.*?\)", "", term).strip() for term in listed.split(", ")}
    bold = {
        term.lower().strip(".,: ") for cell in cells(path, "markdown") for term in BOLD.findall(source(cell))
    }
    singular = {
        term: {term, term.removesuffix("s"), term.removesuffix("es")} for term in bold - set(STRESSED)
    }
    assert [] == sorted(term for term, forms in singular.items() if not forms & terms)


def test_long_lines_are_folded_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(FOLDER)
    figures = importlib.import_module("figures")
    text = "  table │ as it is\n  " + "word " * 30
    first, *rest = figures.folded(text, under=2).splitlines()
    assert "  table │ as it is" == first and rest[1].startswith("    word")
    assert max(map(len, rest)) <= figures.COLUMNS and " ".join(rest).split() == ["word"] * 30


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
