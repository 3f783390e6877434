# The RNN cookbook. `make` lists the targets; every target makes what it needs first.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
GPU    ?=
BACKEND := $(filter jax torch,$(KERAS_BACKEND))
READY  := $(VENV)/.ready$(if $(GPU),-gpu)$(addprefix -,$(BACKEND))

RECIPES := $(notdir $(patsubst %/__main__.py,%,$(wildcard recipes/*/__main__.py)))

.DEFAULT_GOAL := help
.PHONY: help setup lessons pictures report test test-readmes test-copies test-faults test-memory test-workers \
	test-backends bench lint format clean

help: ## list the targets
	@echo "make recipe-NAME     train, evaluate on the test split, write the report (ARGS=\"...\" for train)"
	@echo "make smoke-NAME      run one recipe's smoke tests"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-15s %s\n", $$1, $$2}'
	@echo "Recipes: $(RECIPES)"

setup: $(READY) ## make .venv from requirements.txt (GPU=1: TensorFlow with CUDA; KERAS_BACKEND=jax: and JAX)

$(READY): requirements.txt $(if $(BACKEND),tests/backends/requirements.txt)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "TensorFlow needs Python 3.11 to 3.13; name one with PYTHON=python3.12."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) can't make virtual environments; on Debian: apt install python3-venv."; exit 1; }
	@echo "Installing into $(VENV), once: this takes a minute or two."
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(if $(GPU),@$(RUN) -m pip install --quiet --disable-pip-version-check \
		"$$(sed -n 's/^tensorflow\([>=<][>=<0-9.,]*\).*/tensorflow[and-cuda]\1/p' requirements.txt)")
	$(if $(BACKEND),@$(RUN) -m pip install --quiet --disable-pip-version-check \
		-c tests/backends/requirements.txt $(BACKEND))
	@touch $@

recipe-%: known-% $(READY)
	@$(RUN) -m recipes.$(subst -,_,$*) train $(ARGS) --evaluate

smoke-%: known-% $(READY)
	@$(RUN) -m pytest tests/recipes/test_smoke.py --recipe $(subst -,_,$*)

# Before anything is installed: a recipe's folder has the name that Python imports.
known-%:
	@test -f "recipes/$(subst -,_,$*)/__main__.py" || { \
		if test -f "recipes/$*/__main__.py"; then echo "The folder of a recipe has a name without hyphens:" \
			"mv recipes/$* recipes/$(subst -,_,$*)"; \
		else echo "There is no recipe '$*'. There are: $(RECIPES)."; fi >&2; exit 1; }

lessons: $(READY) ## write the book: every idea of the chapter, run and drawn (runs/lessons)
	@$(RUN) -m lessons

pictures: $(READY) ## draw the pictures of the READMEs, from networks trained on the samples
	@$(RUN) -m lessons.pictures

report: $(READY) ## write runs/index.html: all runs side by side
	@$(RUN) -m shared.evaluation.overview

# A file's tests stay together, since they share what was compiled and trained for the first.
test: $(READY) ## run all tests
	@$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-readmes: $(READY) ## run the commands in every README
	@$(RUN) -m pytest tests/test_readme.py --readmes

test-copies: $(READY) ## train every recipe beside a copy of itself
	@$(RUN) -m pytest tests/recipes/test_copies.py --copies

test-faults: $(READY) ## kill trainings, damage files, fill disks: what is survived
	@$(RUN) -m pytest tests/faults --faults -n 2

test-memory: $(READY) ## train on texts of 30 and of 300 MB: the memory that each takes
	@$(RUN) -m pytest tests/memory --memory -s

BACKENDS := .venv-backends

test-workers: $(BACKENDS)/.ready ## train recipes in several processes, and kill one of them (JAX)
	@KERAS_BACKEND=jax $(BACKENDS)/bin/python -m pytest tests/training/test_workers.py \
		tests/training/test_distribution.py --workers

# What may differ between backends: the layers, the decoding, and every recipe from end to end.
test-backends: $(addprefix test-on-,tensorflow jax torch) ## run layers' and recipes' tests on TensorFlow, JAX and PyTorch

test-on-%: $(BACKENDS)/.ready
	@KERAS_BACKEND=$* $(BACKENDS)/bin/python -m pytest tests/layers tests/decoding tests/recipes/test_backends.py

$(BACKENDS)/.ready: requirements.txt tests/backends/requirements.txt
	@echo "Installing TensorFlow, JAX and PyTorch into $(BACKENDS), once: this takes some minutes."
	@test -x $(BACKENDS)/bin/python || $(PYTHON) -m venv $(BACKENDS)
	@$(BACKENDS)/bin/python -m pip install --quiet --disable-pip-version-check $(addprefix -r ,$^)
	@touch $@

bench: $(READY) ## compare the layers' speed with Keras's, and measure the decoding
	@$(RUN) -m benchmarks.layers
	@$(RUN) -m benchmarks.decoding

lint: $(READY) ## check the style
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check .

format: $(READY) ## fix the style
	@$(RUN) -m ruff check --fix . && $(RUN) -m ruff format .

clean: ## remove the environments and caches (never runs/)
	rm -rf $(VENV) $(BACKENDS) .pytest_cache .ruff_cache .hypothesis
