# make reproduce   set up, then run the workflow: CORES=all SCALE=quick TARGET= CONFIG= ARGS=
# make adopt       take over finished training that was copied here: SCALE=quick CONFIG=
# make test        set up, then lint, types and all tests
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# the Python that makes .venv, 3.11 or newer
PYTHON ?= python3
# one more package index, for a CPU or a CUDA build of torch: the index URL that pytorch.org names for your platform
TORCH_INDEX ?=
CORES ?= all
SCALE ?= quick
# a figure (fig_4a), report, or a file; empty: everything
TARGET ?=
# more of --config, such as CONFIG="seeds=4 'datasets=[random]'"
CONFIG ?=
# more options of Snakemake, such as ARGS=--dry-run
ARGS ?=

BIN := .venv/bin
# two spinning OpenMP teams on two cores are fifty times slower than one thread each
export OMP_NUM_THREADS := 1

.PHONY: help setup reproduce adopt test lint types tests bench clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo "variables: PYTHON TORCH_INDEX CORES SCALE TARGET CONFIG ARGS (README.md, 'Selecting work')"

setup: .venv/.done ## .venv with the pinned versions

.venv/.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "off2on needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@# torch first: where the index offers a CPU build of exactly this version, it is taken
	$(BIN)/pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt torch==2.13.0
	$(BIN)/pip install -c constraints.txt -e '.[dev]'
	touch $@

reproduce: .venv/.done ## results, figures and report of a scale
	$(BIN)/python -m off2on.reproduce --cores $(CORES) $(TARGET) --config scale=$(SCALE) $(CONFIG) $(ARGS)

adopt: .venv/.done ## take over finished training that was copied here
	$(BIN)/python -m off2on adopt --scale $(SCALE) $(addprefix --config ,$(CONFIG))

test: lint types tests ## everything CI checks

lint: .venv/.done ## ruff, snakefmt, snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow docs/examples
	$(BIN)/snakemake --lint

types: .venv/.done ## mypy --strict
	$(BIN)/mypy

tests: .venv/.done ## pytest
	$(BIN)/pytest -n auto

bench: .venv/.done ## timings of the hot paths; wants an idle machine
	$(BIN)/python -m benchmarks

clean: ## remove .venv and caches; results/ and figures/ stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
