# make up    makes .venv, installs minternet in it and launches the whole internet on the default fixtures
# make test  installs what the tests need and runs them all
# make check tries every protocol of the running internet
# make docs  builds the documentation site in build/site
# make lint  ruff and mypy; make test-container  only the image's tests, where an engine runs; make bench

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_FLAGS ?= -n 2
UP_FLAGS ?=

.PHONY: up test test-container lint check docs bench clean help

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/.installed: pyproject.toml services/minternet/__init__.py
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing minternet into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@$(BIN)/python -m compileall -q services/minternet
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	@echo "installing what the tests and the linters need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	@touch $@

up: $(VENV)/.installed
	@exec $(BIN)/minternet up $(UP_FLAGS)

check: $(VENV)/.installed
	@$(BIN)/minternet check

test: $(VENV)/.tested
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

test-container: $(VENV)/.tested
	$(BIN)/python -m pytest -n 2 tests/container

docs: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	$(BIN)/python -m mkdocs build --strict

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.tested
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
