# make demo   builds a staged preference dataset with the embedded models and trains on it
# make test   runs the tests
# Each target sets up .venv itself; the second time that costs nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= runs/demo
DEMO_OPTIONS ?=
SUBJECTS ?= cli_startup estimators scoring pairing uncertainty_quality training

.PHONY: setup demo test lint bench clean
.DEFAULT_GOAL := demo

setup: $(READY)

# torch first and alone: its pinned build is chosen before anything can pull another
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: setup
	$(BIN)/udasa-data build --model tiny --out $(DEMO) $(DEMO_OPTIONS)
	$(BIN)/udasa-data show $(DEMO)
	$(BIN)/python recipes/staged_dpo.py --config recipes/tiny/staged_dpo.yaml \
	  --data $(DEMO)/dataset --out $(DEMO)/policy

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
