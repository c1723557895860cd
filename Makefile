# `make demo` and `make test` perform all steps that they need, and skip steps that are already done.

VENV := .venv
BIN := $(VENV)/bin
DEMO_PLACE := fixtures/inventory/orders.py 37:16

# The first Python of version 3.11 or later. Set PYTHON to use another one.
PYTHON ?= $(firstword $(foreach each,python3 python3.11 python3.12 python3.13,$(shell \
  $(each) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(each))))

# Programs that only tests need, each with the Debian package that contains it, as PROGRAM:PACKAGE. `make test` installs
# missing ones if it runs as root.
TEST_TOOLS := strace:strace cc:gcc perl:perl python3:python3 javac:default-jdk-headless

# llama.cpp crashes on processors with AMX (slm_lsp/engine/backend/llama_cpp.py explains why). If the processor has AMX
# and the compiler supports these options, llama.cpp is compiled without AMX.
NO_AMX := -mno-amx-tile -mno-amx-int8 -mno-amx-bf16
WITHOUT_AMX := $(shell grep -qs amx_tile /proc/cpuinfo && c++ $(NO_AMX) -E -x c++ /dev/null >/dev/null 2>&1 && \
  echo CFLAGS='"$(CFLAGS) $(NO_AMX)"' CXXFLAGS='"$(CXXFLAGS) $(NO_AMX)"')

# Number of processes that run the tests of `make test`.
JOBS := 2

.PHONY: help setup model demo test gates unit format clean

help:
	@echo "make demo    set up, download the small model (491 MB), complete a line of an example project"
	@echo "make test    set up, download the small model, run all checks and tests"
	@echo "make setup   create .venv and install slm-lsp into it, with all dependencies"
	@echo "make gates   check lint, format, types and layers"
	@echo "make unit    run the tests that need neither the real model nor an editor"
	@echo "make format  format the code and fix lint errors"
	@echo "make clean   delete .venv and all caches of the checks"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "slm-lsp needs Python 3.11 or later. Install it, or run make PYTHON=/path/to/python"; exit 1; }
	@command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || { \
	  echo "llama-cpp-python is compiled from source and needs a C++ compiler. To install one:"; \
	  echo "  Debian, Ubuntu: apt-get install build-essential python3-dev    macOS: xcode-select --install"; exit 1; }
	@echo "Setting up $(VENV). The first time, this compiles llama-cpp-python: about 9 minutes on two cores."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(WITHOUT_AMX) $(BIN)/python -m pip install --editable '.[fast,sandbox,dev,eval]'
	@touch $@

model: setup
	@$(BIN)/slm-lsp models pull fast

demo: model
	@echo
	@$(BIN)/slm-lsp complete $(DEMO_PLACE) --verbose

test: model gates
	@for each in $(TEST_TOOLS); do command -v $${each%%:*} >/dev/null || echo $${each#*:}; done >$(VENV)/missing; \
	  [ ! -s $(VENV)/missing ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -qq -y $$(cat $(VENV)/missing) >/dev/null; } || \
	  echo "Not installed, so the tests that need them are skipped:" $$(cat $(VENV)/missing)
	@# Processes that end after the report still write coverage data. They write it into this folder, not into the checkout.
	@rm -rf $(VENV)/coverage; mkdir -p $(VENV)/coverage
	COVERAGE_FILE=$(CURDIR)/$(VENV)/coverage/data $(BIN)/python -m pytest -m "not alone" --cov --cov-report= \
	  --durations=40 --numprocesses=$(JOBS) --dist=loadgroup --no-loadscope-reorder
	COVERAGE_FILE=$(CURDIR)/$(VENV)/coverage/data $(BIN)/python -m pytest -m alone --cov --cov-append --cov-report=term

gates: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

unit: setup
	$(BIN)/python -m pytest -m "not real_model and not editor"

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.*
