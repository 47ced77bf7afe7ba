"""Sphinx' settings of the site. `make docs` assembles the pages and builds them."""

from __future__ import annotations

from pathlib import Path

from persistent_topk import __version__

HERE = Path(__file__).resolve().parent

project = "persistent-topk"
author = "The persistent-topk authors"
release = version = __version__
extensions = ["myst_nb"]
root_doc = "index"
language = "en"

html_theme = "furo"
html_title = f"persistent-topk {version}"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_search_summary = False  # would be fetched, which a page opened from a folder may not do

myst_heading_anchors = 4
myst_enable_extensions = ["fieldlist"]
nb_execution_mode = "off"  # outputs are kept in the notebooks
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
# Blocks of output and of shell have no language; a heading of a page may be deeper than the next by two.
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure", "myst.header"]
