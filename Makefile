# `make` alone lists what there is. Each target does all the set-up that it needs, on a bare clone too.
PYTHON ?= python3
BIN := .venv/bin
IMAGE := .venv-image/bin
INSTALLED := .venv/installed
DEVELOPER := .venv/installed-for-developers
IMAGE_INSTALLED := .venv-image/installed
CONSTRAINTS := .constraints/dev.txt
UV := .venv-uv/bin/uv
# What tests the pipeline, and nothing of the service or the engine that run it.
PIPELINE_TESTS := tests/steps tests/pipeline/config tests/pipeline/compose tests/pipeline/test_build_requests.py

# A run of the tests starts hundreds of Python processes: what one has compiled the next need not compile again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) ## set up .venv with the pinned versions of what a run needs

install-dev: $(DEVELOPER) ## add what tests, checks and the README's day need: linters, types, the AWS CLI

run: $(INSTALLED) ## run the whole pipeline on this machine
	$(BIN)/pipeline run $(ARGS)

ifdef ARGS
test: $(DEVELOPER) ## run the tests, those of the scripts in the processing image's versions; ARGS=FILE: those of a file
	$(BIN)/python -m pytest $(ARGS)
else
test: $(DEVELOPER) $(IMAGE_INSTALLED)
	@# Side by side, since two workers leave a fifth of two cores idle. What the scripts' tests say follows at the end.
	@mkdir -p build; $(IMAGE)/python -m pytest tests/scripts > build/test-scripts.log 2>&1 & scripts=$$!; \
	trap "kill $$scripts 2> /dev/null" EXIT; trap "exit 130" INT TERM; status=0; \
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore=tests/scripts || status=$$?; \
	echo "the scripts, in the processing image's versions:"; \
	wait $$scripts || status=$$?; cat build/test-scripts.log; exit $$status
endif

test-pipeline: $(DEVELOPER) ## run the tests of the pipeline itself: settings, parameters, steps, definition
	$(BIN)/python -m pytest $(PIPELINE_TESTS) $(ARGS)

goldens: $(DEVELOPER) ## write the golden definitions, plans and messages anew, and show what changed
	$(BIN)/python -m tests.support.definitions
	PIPELINE_GOLDEN=write $(BIN)/python -m pytest $$(grep -rl --include='test_*.py' assert_golden tests/pipeline) $(ARGS)
	git --no-pager diff --stat --patch -- tests/golden

coverage: $(DEVELOPER) ## run the tests, then list the lines that none of them reaches
	@mkdir -p build/coverage && rm -f build/coverage/data*
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

format: $(DEVELOPER) ## format the code, and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: $(DEVELOPER) ## lint, spelling, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell . .github
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(DEVELOPER) ## write the parts of the documentation that are made from the code
	$(BIN)/python -m tests.support.docs

torture: $(DEVELOPER) $(IMAGE_INSTALLED) ## kill, soak and fuzz tests and examples at full length, all that is long, the scripts in the newest versions
	PIPELINE_TORTURE=full $(BIN)/python -m pytest -n 2 --dist loadfile -m "torture or long or hypothesis" $(ARGS)
	$(BIN)/python -m pytest -m "not hypothesis" tests/scripts
	PIPELINE_TORTURE=full $(IMAGE)/python -m pytest -m long tests/scripts

bench: $(DEVELOPER) ## measure speed and memory beside a peer
	$(BIN)/python -m tests.benchmarks

.PHONY: help install install-dev run test test-pipeline goldens coverage format check docs torture bench

$(UV):
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4) and "Python 3.11.4 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) uv

# Compatible means a path in a .pth file, which is covered for jobs. Setuptools' finder would cost every start of Python 20 ms.
$(INSTALLED): pyproject.toml $(CONSTRAINTS) | $(UV)
	@echo "setting up .venv: some 160 packages, a minute or two on an idle machine"
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	VIRTUAL_ENV=.venv $(UV) pip install --compile-bytecode -c $(CONSTRAINTS) -C editable_mode=compat -e .
	@touch $@

$(DEVELOPER): $(INSTALLED)
	@echo "adding what developers need"
	VIRTUAL_ENV=.venv $(UV) pip install --compile-bytecode -c $(CONSTRAINTS) --group dev
	@touch $@

$(IMAGE_INSTALLED): .constraints/processing-image.txt | $(UV)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv-image
	VIRTUAL_ENV=.venv-image $(UV) pip install --quiet --compile-bytecode -r .constraints/processing-image.txt
	@touch $@
