# Everything a developer runs. `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint lock check-lock generate check-generated bench e2e clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# One stamp for the environment: made anew when the locked requirements change.
$(BIN)/.installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed, $(PYTHON) is older: make PYTHON=/path/to/python3.12 …" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked requirements into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

demo: $(BIN)/.installed ## Start the exporter on a simulated Glue: no AWS account, no network
	$(BIN)/glue-mv-exporter demo

test: $(BIN)/.installed ## Run the tests (no root, no network but loopback)
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

lint: $(BIN)/.installed ## Check style, types and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(BIN)/.installed ## Compare this exporter with a naive one, as ratios
	$(BIN)/python -m benchmarks

lock: $(BIN)/.installed ## Lock the dependencies anew, with hashes
	$(BIN)/python tools/lock.py

check-lock: $(BIN)/.installed ## Tell whether the locked requirements fit pyproject.toml
	$(BIN)/python tools/lock.py --check

clean: ## Remove what make has made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
