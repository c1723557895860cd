# `make demo` and `make test` do everything they need, and may be run again: what is done is skipped.

VENV := .venv
BIN := $(VENV)/bin
DEMO_PLACE := fixtures/inventory/orders.py 37:16

# The first Python that is new enough; set PYTHON to choose another.
PYTHON ?= $(firstword $(foreach each,python3 python3.11 python3.12 python3.13,$(shell \
  $(each) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(each))))

# Programs that only tests need, each with its Debian package. `make test` installs them where it may.
TEST_TOOLS := strace:strace cc:gcc perl:perl python3:python3 javac:default-jdk-headless

# llama.cpp's kernels for AMX crash (slm_lsp/engine/backend/llama_cpp.py says why), so it is compiled without them where
# the processor has AMX and the compiler knows the options.
NO_AMX := -mno-amx-tile -mno-amx-int8 -mno-amx-bf16
WITHOUT_AMX := $(shell grep -qs amx_tile /proc/cpuinfo && c++ $(NO_AMX) -E -x c++ /dev/null >/dev/null 2>&1 && \
  echo CFLAGS='"$(CFLAGS) $(NO_AMX)"' CXXFLAGS='"$(CXXFLAGS) $(NO_AMX)"')

.PHONY: help setup model demo test gates unit format clean

help:
	@echo "make demo    set up, get the small model (491 MB), complete a line of a fixture"
	@echo "make test    set up, get the small model, then every check and test"
	@echo "make setup   only .venv with .venv/bin/slm-lsp"
	@echo "make gates   lint, format, types, layers"
	@echo "make unit    the tests that need no real model and no editor"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "slm-lsp needs Python 3.11 or later: install it, or run make PYTHON=/path/to/python"; exit 1; }
	@command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || { \
	  echo "llama-cpp-python is built from source and needs a C++ compiler:"; \
	  echo "  Debian, Ubuntu: apt-get install build-essential python3-dev    macOS: xcode-select --install"; exit 1; }
	@echo "Setting up $(VENV). The first time llama-cpp-python is compiled: about 9 minutes on two cores."
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
	@# Processes that end after the report leave their coverage data behind: in a folder that nobody looks into.
	@rm -rf $(VENV)/coverage; mkdir -p $(VENV)/coverage
	COVERAGE_FILE=$(CURDIR)/$(VENV)/coverage/data $(BIN)/python -m pytest --cov --cov-report=term

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
