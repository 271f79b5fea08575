# Everything a developer or a newcomer runs. Needs python3, pip and make; the rest goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_JOBS ?= auto
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types format bench peer-tools kit peers lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.ready ## Make .venv with the locked packages and this package in it

# Some systems ship venv without ensurepip: then the pip outside is used to put one inside.
.venv/.ready: requirements/dev.lock requirements/readings.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	@echo "installing the locked packages into .venv (once; again only when the lock changes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements/readings.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Run the main job end to end, on data it makes itself
	@$(BIN)/dicomanon demo

test: setup ## Run every test (installs missing peer programs where it may)
	@bash scripts/install_peers.sh
	@$(BIN)/python -m pytest -n $(PYTEST_JOBS) --dist loadfile $(PYTEST_ARGS)

check: lint types test ## lint, types and test

lint: setup ## Rules and format of the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup ## Static types, strict
	@$(BIN)/mypy

format: setup ## Put the code in the one format, and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup peer-tools ## Measure against cp and against other tools (BENCH_ARGS="--rows slide,ct --quick")
	@$(BIN)/python -m conformance.bench $(BENCH_ARGS)

peer-tools: .venv-peers/.ready ## Make .venv-peers with the tools that benchmarks and kit compare with

.venv-peers/.ready: requirements/peers.txt
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/peers.txt
	@touch $@

kit: setup ## Run the conformance kit on dicomanon, every option (KIT_ARGS="--table rows.md --json all.json")
	@$(BIN)/python -m conformance.kit --engine "$(BIN)/python -m dicomanon deid {in} --out {out} --profile basic --no-sync {options}" $(KIT_ARGS)

peers: setup peer-tools ## Run the kit on other tools as they come, and write docs/peers.md
	@$(BIN)/python -m conformance.kit.peers

lock: ## Resolve pyproject.toml again into requirements/*.lock (see CONTRIBUTING.md)
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet uv; }
	@bash scripts/lock.sh .venv-lock/bin/uv

clean: ## Remove every environment, cache and build product
	rm -rf .venv .venv-peers .venv-lock dist .mypy_cache .ruff_cache .pytest_cache .hypothesis artefacts tests/viewer/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
