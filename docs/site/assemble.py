"""The pages of the site, put together from the repository's documents for Sphinx.

docs/README.md is the index: its headings and links are the navigation. Each document becomes a page. Links to
other documents lead to their pages, links to other files to the repository. Marked places are generated.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path, PurePosixPath

from persistent_topk.docs.site.generated import GENERATED

ROOT = Path(__file__).resolve().parents[2]
INDEX = "docs/README.md"
ADDRESS = "https://github.com/persistent-topk/persistent-topk/blob/main/"
PICTURES = "https://raw.githubusercontent.com/persistent-topk/persistent-topk/main/"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
FENCE = re.compile(r"(^```.*?^```[^\S\n]*$)", re.MULTILINE | re.DOTALL)
MARKER = re.compile(r"<!-- generated: (.+?) -->\n\n\(.*?\)\n", re.DOTALL)
DOCUMENTS = (".md", ".ipynb")
DIRECTIVE = "```"


def page_of(path: str) -> str:
    """The site's file of a document, such as docs/contract.md: contract.md. The index is index.md."""
    if path == INDEX:
        return "index.md"
    below = path.removeprefix("docs/")
    return below if "/" in path else below.lower()


def target_of(path: str, link: str) -> tuple[str | None, str]:
    """(the file of the repository that a link of a document leads to, its anchor); None: to elsewhere."""
    address, _, anchor = link.partition("#")
    for own in (ADDRESS, PICTURES):
        if address.startswith(own):
            return address.removeprefix(own), anchor
    if not address or re.match(r"[a-z]+:", address):
        return None, anchor
    return os.path.normpath(PurePosixPath(path).parent / address), anchor


def navigation(index: str) -> dict[str, list[str]]:
    """The documents under each heading of the index, in order."""
    parts = HEADING.split(index)
    found = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        ends = [target_of(INDEX, link)[0] for _, link, _ in LINK.findall(text)]
        found[heading] = [end for end in ends if end is not None and end.endswith(DOCUMENTS)]
    return found


def rewritten(path: str, text: str, pages: set[str]) -> str:
    """The text of a document with its links leading to pages of the site, or to the repository."""
    here = PurePosixPath(page_of(path)).parent

    def leading(match: re.Match[str]) -> str:
        end, anchor = target_of(path, match[2])
        if end is None:
            return match[0]
        page = page_of(end) if end in pages else end.removeprefix("docs/") if end.endswith(".png") else None
        to = ADDRESS + end if page is None else os.path.relpath(page, here)
        return f"{match[1]}{to}{'#' + anchor if anchor else ''}{match[3]}"

    pieces = FENCE.split(text)
    return "".join(piece if FENCE.match(piece) else LINK.sub(leading, piece) for piece in pieces)


def toctrees(sections: dict[str, list[str]]) -> str:
    """Sphinx' navigation of the sections."""
    blocks = []
    for heading, documents in sections.items():
        pages = [PurePosixPath(page_of(path)).with_suffix("").as_posix() for path in documents]
        lines = ["{toctree}", ":hidden:", f":caption: {heading}", "", *pages]
        blocks.append(DIRECTIVE + "\n".join(lines) + "\n" + DIRECTIVE)
    return "\n\n".join(blocks) + "\n"


def rewritten_notebook(path: str, text: str, pages: set[str]) -> str:
    """A notebook with the links of its prose leading where those of a document lead."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = rewritten(path, "".join(cell["source"]), pages)
    return json.dumps(notebook)


def assemble(folder: Path) -> list[str]:
    """Writes the pages to `folder`, which is emptied first, and returns their documents."""
    shutil.rmtree(folder, ignore_errors=True)
    index = (ROOT / INDEX).read_text()
    sections = navigation(index)
    documents = [INDEX, *(path for paths in sections.values() for path in paths)]
    pages = set(documents)
    for path in documents:
        text = (ROOT / path).read_text()
        page = folder / page_of(path)
        page.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".ipynb"):
            page.write_text(rewritten_notebook(path, text, pages))
            continue
        text = rewritten(path, MARKER.sub(lambda match: GENERATED[match[1]](), text), pages)
        page.write_text(text + "\n" + toctrees(sections) if path == INDEX else text)
    for picture in sorted((ROOT / "docs").rglob("*.png")):
        copy = folder / picture.relative_to(ROOT / "docs")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, copy)
    return documents
