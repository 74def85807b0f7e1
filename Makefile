# make demo   builds a staged preference dataset with the embedded models
# make test   runs the tests
# Each target sets up .venv itself; the second time that costs nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= runs/demo
DEMO_OPTIONS ?=
SUBJECTS ?= cli_startup estimators scoring pairing restage uncertainty_quality

.PHONY: setup setup-browser demo test lint bench clean
.DEFAULT_GOAL := demo

setup: $(READY)

# torch first and alone: its pinned build is chosen before anything can pull another
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

# the tests of the HTML pages drive Debian's chromium; without it they are skipped
setup-browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
	  || echo "no chromium, and no way to install it (as root, with apt-get): pages are not tested"

demo: setup
	$(BIN)/udasa-data build --model tiny --out $(DEMO) $(DEMO_OPTIONS)
	$(BIN)/udasa-data show $(DEMO)

test: setup
	$(BIN)/python -m pytest --cov --cov-report=term

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: setup
	for subject in $(SUBJECTS); do $(BIN)/python benchmarks/$$subject.py || exit 1; done

clean:
	rm -rf $(VENV) runs build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
