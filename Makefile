# Every target that needs Python calls `setup` first, which does nothing when nothing changed.
.DEFAULT_GOAL := help
.PHONY: help setup test least check fmt house demo bench chaos soak matrix lock dist peers clean

PY := .venv/bin/python
# A fixed number: developers' machines and CI have two cores.
JOBS ?= 2
# Extra arguments for pytest: make test ARGS="-k retry"
ARGS ?=
# What runs again under users with few rights: all that comes by every script.
LEAST := tests/app $(addprefix tests/process/test_, batches.py cancel.py pauses.py schedule.py)
# tests.noskip: under CI=true a skipped test is a failed one.
PYTEST := $(PY) -m pytest -p tests.noskip

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup:  ## make .venv with everything in it, from the hash-checked requirements
	@sh tools/setup

test: check  ## checks, then all tests but soak and chaos, some of them again under few rights
	$(PYTEST) -n $(JOBS) --dist worksteal --ignore=tests/house $(ARGS)
	@test -n "$(ARGS)" || $(MAKE) --no-print-directory least

least: setup  ## tests under users of the server who may do no more than they must
	OUTRIDER_TEST_USERS=least $(PYTEST) -n $(JOBS) --dist worksteal -m "not soak and not chaos and not wide" $(LEAST)

check: setup  ## format, lint, types and house rules: seconds
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PYTEST) -q tests/house

house: setup  ## the house rules alone
	$(PYTEST) -q tests/house

fmt: setup  ## format, and mend what can be mended
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

demo: setup  ## the demonstration
	.venv/bin/outrider demo

bench: setup  ## the benchmarks
	$(PY) -m bench $(ARGS)

peers: setup  ## other job systems, into .tools/peers, for `python -m bench kill inspection`
	@sh tools/peers

chaos: setup  ## tests that kill servers and workers
	$(PYTEST) -m chaos $(ARGS)

soak: setup  ## tests that run for minutes
	$(PYTEST) -m soak --timeout=0 $(ARGS)

matrix: setup  ## the tests on each other supported Python that is at hand
	@sh tools/matrix $(ARGS)

lock:  ## write requirements/*.txt anew from pyproject.toml and requirements/*.in
	@sh tools/lock $(ARGS)

dist: setup  ## sdist and wheel in dist/
	$(PY) -m build --no-isolation

clean:  ## remove all that the other targets made
	rm -rf .venv .tools dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
