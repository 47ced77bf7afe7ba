# make verify      the main job: kernel, model and oracle against each other for BUDGET seconds
# make test        the tests that need no GPU (those that do are skipped where there is none)
# make notebooks   runs every cell of the notebooks, assertions included
# make docs        the site of the documents, in build/docs; fails where it is not whole
# make dist        the sdist and the wheel, as an index takes them
# make hub         the kernel in the layout that Hugging Face's kernel-builder builds, in build/hub
# make check       linters, types, formatting, links; `make format` repairs what tools can
# make nightly     everything: notebooks, docs, all 2^32 floats, a long campaign, every mutant
# make gate        on a machine with a GPU: everything that is verified and timed there, recorded
#
# The first command makes a virtual environment, VENV, and installs the package into it in editable
# form with the versions of constraints.txt. To bring your own torch, say where from:
#     make verify PYTHON=/path/to/python SYSTEM_SITE=1     VENV sees that Python's packages as they are
#     make verify VENV=/path/to/venv CONSTRAINTS=          an environment of yours, versions as there

PYTHON ?= python3
VENV ?= .venv
BUDGET ?= 60
SYSTEM_SITE ?=
STEPS ?=
RECORDS ?=
VERSION ?=
CCCL ?=
SANITIZER ?=
CONSTRAINTS ?= $(if $(SYSTEM_SITE),,constraints.txt)

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.persistent-topk-installed
CPP_SOURCES = $(shell git ls-files '*.cuh' '*.cu' '*.hpp' '*.cpp')
DOCUMENTS = $(shell git ls-files '*.md')

ADDRESS := https://github.com/persistent-topk/persistent-topk/blob/main/
DOCS := build/docs
DIST := dist
HUB := build/hub
# Where setup.py has the tree under the package's name.
TYPED := .editable
# A process a core; those of a big machine would spend their time on importing torch.
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 8 --dist loadgroup
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check \
    $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable

.PHONY: help verify test notebooks notebook-outputs docs dist hub check types links changelog format bench-cpu nightly gate check-records clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

$(INSTALLED): pyproject.toml setup.py $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(if $(SYSTEM_SITE),--system-site-packages) $(VENV)
	$(INSTALL) '.[dev]'
	touch $@

verify: $(INSTALLED)
	$(BIN)/persistent-topk verify --seconds $(BUDGET)

test: $(INSTALLED)
	@command -v nvcc || echo "no nvcc on the PATH: the kernel is not compiled for GPUs, only emulated"
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

notebooks: $(INSTALLED)
	$(INSTALL) '.[notebooks]'
	$(BIN)/python -m pytest -m notebooks

# Runs them and keeps what they print and draw in their files, for readers who do not run them.
notebook-outputs: $(INSTALLED)
	$(INSTALL) '.[notebooks]'
	$(BIN)/python notebooks/keep_outputs.py

docs: $(INSTALLED)
	$(INSTALL) '.[docs]'
	$(BIN)/python -m persistent_topk.docs.site.build $(DOCS)

# The wheel is built from the sdist, as an installer would. --no-isolation: setuptools is here, in its tested version.
dist: $(INSTALLED)
	rm -rf $(DIST)
	$(BIN)/python -m build --no-isolation --outdir $(DIST)
	$(BIN)/twine check --strict $(DIST)/*

hub: $(INSTALLED)
	$(BIN)/python -m persistent_topk.tools.hub $(HUB)

# The parts that another tool may call alone are targets of their own.
check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory types
	$(BIN)/clang-format --dry-run -Werror $(CPP_SOURCES)
	$(MAKE) --no-print-directory links

types: $(INSTALLED)
	MYPYPATH=$(TYPED) $(BIN)/mypy --package persistent_topk

# README.md links to this repository by its address, for PyPI: those links are followed on the disk.
links: $(INSTALLED)
	$(BIN)/lychee --offline --include-fragments --no-progress --quiet --remap '$(ADDRESS) file://$(CURDIR)/' $(DOCUMENTS)

# Moves the fragments of changes/ to CHANGELOG.md, under the version and today's date.
changelog: $(INSTALLED)
	$(BIN)/towncrier build --yes --version '$(VERSION)'

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP_SOURCES)

# Rows a second of the emulated kernel and of the model, on one core.
bench-cpu: $(INSTALLED)
	$(BIN)/python -m persistent_topk.bench.cpu

# The campaign is ten times as long as the main job's.
nightly: $(INSTALLED) notebooks docs
	$(BIN)/python -m pytest -m 'not notebooks' --hypothesis-profile nightly
	$(BIN)/persistent-topk verify --seconds 600
	$(BIN)/persistent-topk mutants

# On a machine with a GPU: builds, tests, soaks, sanitizes and times there, and writes the records. Nothing is
# fetched: PYTHON has torch already. STEPS: some of build tests campaign soak sanitizers bench.
gate:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	$(PYTHON) -m persistent_topk.tools.gate $(addprefix --only ,$(STEPS)) \
	    $(if $(RECORDS),--records $(RECORDS)) $(if $(CCCL),--cccl $(CCCL)) $(if $(SANITIZER),--sanitizer $(SANITIZER))

# Whether the recorded GPU runs are of the kernel as it stands.
check-records: $(INSTALLED)
	$(BIN)/python -m persistent_topk.tools.records --check

clean:
	rm -rf .venv .editable build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis topk-failures
