"""Runs notebooks from top to bottom and keeps what they print and draw in their files.

    python notebooks/keep_outputs.py [FILE...]        all of them by default; `make notebook-outputs`

A notebook in which a cell fails is left as it was.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent
CELL_SECONDS = 300
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def run(notebook: NotebookNode) -> None:
    """Executes all cells; nbclient's CellExecutionError for one that fails."""
    where = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name=KERNEL["name"], resources=where).execute()


# What only draws is folded away by JupyterLab and by the site: the picture tells it.
DRAWS = "plt.show()"
FOLDED = {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}


def tidy(notebook: NotebookNode) -> None:
    """Leaves nothing that another run or machine would write in another way: times, versions, random ids."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number:02}", {}
        if cell.cell_type == "code":
            cell.metadata = FOLDED if DRAWS in cell.source else {}
            cell.outputs = join_streams(cell.outputs)
    notebook.nbformat_minor = 5


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """What was printed in several pieces as one: where it is cut is a matter of timing."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def main(arguments: list[str]) -> int:
    """Runs the files that are named; the exit code."""
    for path in map(Path, arguments) if arguments else sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        run(notebook)
        tidy(notebook)
        nbformat.write(notebook, path)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
