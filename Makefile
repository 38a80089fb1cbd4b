# The commands of the README: `make demo` and `make test` work on a fresh Debian 12 with
# `apt-get install python3 python3-venv make`, and install nothing outside this folder.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
ARGS ?=
LOCK_FLAGS ?=

PIP := $(RUN)/python -m pip --disable-pip-version-check
COMPILE := $(RUN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_FLAGS)

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench torture format lock clean
.DELETE_ON_ERROR:

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/runtime.stamp  ## a whole day on simulators, no settings needed
	@$(RUN)/brevdue demo $(ARGS)

test: $(VENV)/dev.stamp  ## all tests (make test ARGS="-k ledger" for some)
	@$(RUN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/dev.stamp  ## ruff, mypy --strict, import-linter
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports --no-logo --no-cache

bench: $(VENV)/dev.stamp  ## ratios against a bare loop and a plain client
	@$(RUN)/python -m tests.bench $(ARGS)

torture: $(VENV)/dev.stamp  ## many SIGKILLs on a large batch; takes long
	@$(RUN)/python -m tests.bench.torture $(ARGS)

format: $(VENV)/dev.stamp  ## format the code and sort the imports
	$(RUN)/ruff check --select I --fix .
	$(RUN)/ruff format .

lock: $(VENV)/dev.stamp  ## pin new requirements (make lock LOCK_FLAGS=--upgrade renews all)
	$(COMPILE) -o requirements.txt pyproject.toml requirements.in
	$(COMPILE) --all-extras -c requirements.txt -o requirements-dev.txt pyproject.toml requirements.in requirements-dev.in

clean:  ## remove the virtual environment, caches and build results
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is brought up to date only when a lock file or pyproject.toml has changed. The project itself
# is installed last, editable, by the locked build backend, so that nothing unlocked is fetched.
$(VENV)/runtime.stamp: requirements.txt pyproject.toml
	@$(prepare)
	@echo "Installing what the program needs into $(VENV) (once per lock file) ..."
	@$(PIP) install --quiet --require-hashes -r requirements.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements.txt requirements-dev.txt pyproject.toml
	@$(prepare)
	@echo "Installing what the tests and checks need into $(VENV) (once per lock file) ..."
	@$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $(VENV)/runtime.stamp $@

# An environment whose Python is gone or too old, or that was left half-made, is made again.
define prepare
set -e; \
command -v "$(PYTHON)" >/dev/null 2>&1 || { \
	echo "Brevdue needs Python 3.11 or newer; '$(PYTHON)' was not found." >&2; \
	echo "On Debian 12: apt-get install python3 python3-venv" >&2; exit 1; }; \
"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "Brevdue needs Python 3.11 or newer; '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1)." >&2; \
	echo "Install a newer one and name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }; \
"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "'$(PYTHON)' cannot make virtual environments: its venv part is not installed." >&2; \
	echo "On Debian 12: apt-get install python3-venv" >&2; exit 1; }; \
"$(RUN)/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	"$(PYTHON)" -m venv --clear "$(VENV)"
endef
