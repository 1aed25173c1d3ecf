# Two commands: `make demo` shows the whole road, `make test` proves it. Both make the environment they need.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
RUNS ?= runs/demo
SETUPS := real_only fake_only hybrid
comma := ,
space := $(subst ,, )

.PHONY: demo test test-all check clean

$(VENV)/.installed: setup.cfg pyproject.toml
	@$(PYTHON) fsa_data/preflight.py $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

# The main job on the embedded data: three set-ups on the same two folds, one table at the end.
demo: $(VENV)/.installed
	@$(BIN)/python train/run.py -m setup=$(subst $(space),$(comma),$(SETUPS)) +experiment=demo \
		hydra.sweep.dir=$(RUNS) 'hydra.sweep.subdir=$${setup.name}'
	@$(BIN)/fsa compare $(addprefix $(RUNS)/,$(SETUPS))

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check
	$(BIN)/python -m pytest

# the slow tests as well
test-all: check
	$(BIN)/python -m pytest -m ""

clean:
	rm -rf build *.egg-info .mypy_cache .ruff_cache .pytest_cache
