# Everything runs inside .venv, which is made on first use from locked, hashed requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
IMAGE ?= keysteward
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' app/__init__.py)
COMMIT = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow fuzz chaos check lint format bench soak lock example boards reference image clean
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Walk a fake AWS organization through the whole ladder (ARGS=--once to end after it)
	@$(BIN)/keysteward demo $(ARGS)

test: $(READY) ## Run the quick tests
	$(BIN)/pytest -n 3 -m "not slow and not container" $(ARGS)

test-slow: $(READY) ## Run the slow tests and those that need a container engine
	$(BIN)/pytest -n 3 --dist loadfile -m "slow or container" $(ARGS)

fuzz: $(READY) ## Attack every parser with 10,000 spoiled inputs (FUZZ_SEED=7 for others)
	FUZZ_INPUTS=10000 $(BIN)/pytest -n 2 -m slow tests/fuzz $(ARGS)

chaos: $(READY) ## Kill, cut off and mislead real replicas in a thousand rounds (ARGS=--help for more)
	$(BIN)/python -m tests.chaos $(ARGS)

check: lint test ## Everything that must be green before a commit

lint: $(READY) ## Check format, style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## Time it beside other ways to scan, on a fake AWS (ARGS=--full for all sizes)
	$(BIN)/python -m bench $(ARGS)

soak: $(READY) ## Let it live for a simulated year of 10-minute cycles, and see whether anything grows (20 minutes)
	$(BIN)/python -m tests.machines.soak $(ARGS)

lock: $(READY) ## Lock the requirements again (ARGS=--upgrade for newer versions)
	$(LOCK) --extra dev pyproject.toml --output-file requirements/dev.txt
	$(LOCK) -c requirements/dev.txt --no-annotate --extra demo pyproject.toml --output-file requirements/demo.txt
	$(LOCK) -c requirements/dev.txt --no-annotate pyproject.toml --output-file requirements/base.txt
	echo 'setuptools>=77' | $(LOCK) -c requirements/dev.txt --no-annotate - --output-file requirements/build.txt

example: $(READY) ## Write config.example.yaml from the config's models
	$(BIN)/python -m app.config.example > config.example.yaml.new
	mv config.example.yaml.new config.example.yaml

boards: $(READY) ## Write the dashboards' JSON from dashboards/*.py
	$(BIN)/python -m dashboards

reference: $(READY) ## Write docs/reference.md from the code
	$(BIN)/python -m app.reference > docs/reference.md.new
	mv docs/reference.md.new docs/reference.md

image: ## Build the container image
	docker build --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --tag $(IMAGE):$(VERSION) $(ARGS) .

clean: ## Remove what was built here, the virtual environment too
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Built without isolation, so that setuptools too is the locked one.
$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Keysteward needs Python 3.11 or newer; try: make PYTHON=/path/to/python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
