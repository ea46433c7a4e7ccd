# Each target does all the set-up it needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := $(shell find native -name '*.cpp' -o -name '*.hpp' -o -name '*.h') CMakeLists.txt

export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all sanitize lint bench wheel clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet "scikit-build-core>=0.11" "nanobind>=2.8" cmake ninja
	$(BIN)/python -m pip install --quiet --group test
	touch $@

$(VENV)/.built: $(VENV)/.ready $(NATIVE)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable .
	touch $@

setup: $(VENV)/.built ## build the core and install everything into .venv

demo: setup ## fit, save, edit, load and predict on real data, beside scikit-learn
	$(BIN)/python examples/demo.py

lint: setup ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup lint ## the tests (about ten minutes)
	$(BIN)/python -m pytest -m "not long"

test-all: setup lint sanitize ## the tests with their long tiers, and under sanitizers
	$(BIN)/python -m pytest

sanitize: setup ## the core built with address and undefined behaviour sanitizers, and its tests
	$(BIN)/python tests/sanitizers/run.py

bench: setup ## quick benchmarks against the rivals, each in its own process
	$(BIN)/python -m benchmarks.setup
	$(BIN)/python -m benchmarks --quick

wheel: $(VENV)/.ready ## build a wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir dist .

clean: ## remove what was built
	rm -rf build dist $(VENV)
