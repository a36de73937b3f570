# Two commands matter: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help demo serve test check bench fuzz soak setup setup-test clean
.DEFAULT_GOAL := help

help:  ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: setup  ## Install, then play a call in which a face swap begins
	$(BIN)/stream-guard demo

serve: setup  ## Install, then watch your own calls: open the address it prints
	$(BIN)/stream-guard serve

test: setup-test check  ## Install what tests need, then run all checks and tests
	$(BIN)/python -m pytest

check: setup-test  ## Style, types and layers only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy plugins/obs/stream_guard_obs.py
	$(BIN)/lint-imports

bench: setup  ## Measure how fast it is, and compare with this kind of machine's last results
	$(BIN)/pip install --quiet 'torch==2.13.0'  # two of the peers beside which it is measured run on it
	$(BIN)/pip install --quiet --editable '.[openvino,bench]'
	$(BIN)/python -m benchmarks.measure

fuzz: setup-test  ## Look for inputs that break what reads them, 60 s of processor time for each reader
	$(BIN)/pip install --quiet --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz

soak: setup  ## Half an hour of calls, clients and faults; fails where anything is left behind
	$(BIN)/pip install --quiet --editable '.[openvino,bench]'
	$(BIN)/python -m benchmarks.soak --minutes 30

setup: $(VENV)/.demo

setup-test: $(VENV)/.test
	@scripts/install-test-packages.sh

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[openvino,demo]'
	$(BIN)/stream-guard models pull
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	# First and by its exact version, as in pyproject.toml: a range would bring gigabytes of CUDA.
	$(BIN)/pip install --quiet 'torch==2.13.0'
	$(BIN)/pip install --quiet --editable '.[openvino,demo,train,test]'
	$(BIN)/stream-guard models pull
	@touch $@

clean:  ## Remove the virtual environment and everything generated
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache runs build dist
