# Set-up, checks and the main job, one command each. `make` alone lists them.

PYTHON ?= python3
VENV ?= .venv
DATA ?= $(FARBENCH_DATA)
PYTEST_ARGS ?=
BENCH_ARGS ?=
MUTANTS_ARGS ?=

BIN := $(VENV)/bin
# Threads that wait for one another are slower than one where processes share the cores.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest
PIP_INSTALL := $(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check \
	-c constraints.txt
# Stamps: an environment is made anew when what it is made of has changed.
RUNTIME := $(VENV)/.farbench-runtime
DEV := $(VENV)/.farbench-dev

.DEFAULT_GOAL := help
.PHONY: help demo real test test-slow docs lint format bench gpu mutants constraints clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(RUNTIME) ## install, then the main job on synthetic faces (minutes on a CPU)
	$(BIN)/farbench run benchmarks/ablation.yaml

real: $(RUNTIME) ## install, then the main job on CelebA: make real DATA=/path/to/data
	@test -n "$(DATA)" || { echo "make real: say where the data is: make real DATA=DIR" \
		"(DIR holds celeba/; see docs/how-to/celeba.md)" >&2; exit 2; }
	$(BIN)/farbench run benchmarks/ablation.yaml --protocol mini --data-root "$(DATA)"

test: lint docs ## install, ruff, mypy, the documentation, then the fast tests (what CI runs)
	$(PYTEST) -n auto --dist worksteal $(PYTEST_ARGS)

test-slow: $(DEV) ## the tests marked slow, one after the other (an hour on two cores)
	$(PYTEST) -m slow $(PYTEST_ARGS)

docs: $(DEV) ## the documentation as a site, warnings as errors; start at site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lint: $(DEV) ## ruff (lint and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(RUNTIME) ## speed as ratios, side by side, into bench.json (half an hour on two cores)
	$(BIN)/farbench bench --json bench.json $(BENCH_ARGS)

gpu: $(DEV) ## on a machine with a GPU: minutes of checks and timings, into gpu.json
	$(BIN)/farbench bench gpu --json gpu.json

$(RUNTIME): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "farbench needs" \
		"Python 3.11 or newer; name one with: make PYTHON=python3.11 ..." >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (torch is large: minutes, and about 6 GB)"
	$(PIP_INSTALL) -e '.[lite0]'
	@touch $@

$(DEV): $(RUNTIME)
	$(PIP_INSTALL) -e '.[dev,docs,lite0,dlib]'
	@touch $@

mutants: $(DEV) ## change the code that counts, one place at a time: does a test fail? (half an hour)
	$(BIN)/python tests/mutation/mutate.py $(MUTANTS_ARGS)

constraints: ## write constraints.txt again; with the oldest Python that farbench supports
	rm -rf $(VENV)-constraints
	$(PYTHON) -m venv $(VENV)-constraints
	$(VENV)-constraints/bin/python -m pip install --quiet --no-input -e '.[dev,docs,lite0,dlib,mlflow]'
	{ grep '^#' constraints.txt; \
		$(VENV)-constraints/bin/python -m pip freeze --all --exclude pip --exclude farbench; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf $(VENV)-constraints

clean: ## remove the environment and the tools' caches (never results)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
