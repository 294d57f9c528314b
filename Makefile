# Everything happens in .venv beside this file. `make up` and `make test` are all the set-up there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Hashed locks; `make lock` writes them anew from pyproject.toml.
LOCKS := requirements/trainer.lock requirements/api.lock
PIP := $(BIN)/python -m pip --disable-pip-version-check
export PIP_REQUIRE_VIRTUALENV := true

.DEFAULT_GOAL := help
.PHONY: help up test lint docs bench bench-serving bench-ledger gate-error-rates soak soak-ledger screenshots lock clean install install-dev

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: install ## Train, sign, gate, promote to Staging and serve; Ctrl-C stops it all
	@exec $(BIN)/vouch up

test: install-dev ## Lint, check types and floors, and run the whole test suite
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: install-dev ## Format check, lint, types, floors and generated references
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/write_references.py --check

docs: install-dev ## Write the references that are generated from the code
	$(BIN)/python scripts/write_references.py

bench: bench-serving ## Measure, side by side, and print the ratios
	$(BIN)/python -m benchmarks.training_overhead

bench-serving: install-dev ## Measure the service beside its limits and its peers; writes its part of benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.serving

bench-ledger: install-dev ## Measure the ledger from its first record to ten million; a quarter of an hour and 10 GB for a while
	$(BIN)/python -m benchmarks.ledger

gate-error-rates: install-dev ## Simulate how often the gate is wrong; docs/gates.md has the figures
	$(BIN)/python -m benchmarks.gate_error_rates

soak: install-dev ## Look at the memory of the service over five million requests
	$(BIN)/python -m benchmarks.serving --peers none --soak 5

soak-ledger: install-dev ## Kill a loaded service two hundred times with each kind of ledger; docs/threat-model.md has the figures
	$(BIN)/python -m pytest -m soak -s tests/faults/test_ledger_kills.py

screenshots: install-dev ## Take docs/screenshots with a headless Chromium from a running stack
	$(BIN)/python scripts/take_screenshots.py

lock: install-dev ## Resolve the dependencies anew into requirements/
	$(BIN)/python scripts/write_locks.py

clean: ## Remove the environment and what tools leave behind; models, runs and data stay
	rm -rf $(VENV) .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else f"vouchml needs Python 3.11 to 3.13, and {sys.executable} is {v.major}.{v.minor}. Name another: make PYTHON=python3.12 up")'
	@$(PYTHON) -m venv $(VENV) || { echo "The module venv is missing; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/installed: $(VENV)/bin/python $(LOCKS) pyproject.toml
	@echo "Installing the trainer and the service into $(VENV)"
	@$(PIP) install --quiet --require-hashes $(addprefix -r ,$(LOCKS)) -r requirements/build.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements/dev.lock
	@echo "Installing the development tools into $(VENV)"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	@touch $@
