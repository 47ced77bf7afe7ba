"""Builds the site: pages by Sphinx, the reference of every module by pdoc, and a check that both are whole.

    python -m persistent_topk.docs.site.build build/docs

Exit codes: 0, 1 (a warning, or a link without an end), 2 (no folder named), 3 (Sphinx or pdoc is missing).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from persistent_topk.docs import api_reference
from persistent_topk.docs.site.assemble import assemble
from persistent_topk.exit_code import ExitCode

HERE = Path(__file__).resolve().parent
NEEDED = ("sphinx", "myst_nb", "furo", "pdoc")
API = "api"  # the folder of pdoc's pages


def lost_links(folder: Path) -> Iterator[str]:
    """Links of pages to files of the site that are not there, a line each."""
    for page in sorted(folder.rglob("*.html")):
        if API in page.relative_to(folder).parts:
            continue  # the reference has a check of its own
        for link in api_reference.Page(page).links:
            target = link.partition("#")[0].partition("?")[0]
            if target and not api_reference.ADDRESS.match(link) and not (page.parent / target).exists():
                yield f"{page.relative_to(folder)} links to {link}, which is not there"


def build(folder: Path) -> int:
    """Builds the site into `folder` and checks it; the exit code."""
    from sphinx.cmd.build import build_main

    pages = folder.with_name(f"{folder.name}-pages")
    documents = assemble(pages)
    code = build_main(
        ["-q", "-W", "--keep-going", "-E", "-b", "html", "-c", str(HERE), str(pages), str(folder)]
    )
    code = api_reference.main([str(folder / API)]) or (ExitCode.MISMATCH if code else ExitCode.AGREE)
    found = list(lost_links(folder))
    print("\n".join(found) or f"{folder}/index.html: {len(documents)} pages")
    return ExitCode.MISMATCH if found else code


def main(arguments: list[str]) -> int:
    """Builds into the folder that is named; the exit code."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return ExitCode.USAGE
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(f"{missing[0]} is not installed: pip install 'persistent-topk[docs]'", file=sys.stderr)
        return ExitCode.CANNOT_RUN
    return build(Path(arguments[0]).resolve())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
