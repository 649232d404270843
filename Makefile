# blog-writer: every task a developer or CI runs. `make` alone prints the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := . libs/contracts libs/chassis services/gateway services/orchestrator services/stage-workers services/notifier
STAMP := $(VENV)/.installed

help: ## print the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(STAMP) ## create .venv from the lock file
$(STAMP): requirements.lock pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, found " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	grep -A 60 '^uv==' requirements.lock | sed -n '1p; 2,$${/^ /!q; p;}' > $(VENV)/uv.lock.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(addprefix -e ./,$(PACKAGES))
	@touch $@

lock: setup ## resolve the dependencies again and write requirements.lock
	$(BIN)/uv lock --upgrade
	$(BIN)/uv export --quiet --frozen --all-packages --all-groups --no-emit-workspace --no-header --no-annotate -o requirements.lock

demo: setup ## write one article from the bundled sample site, through all four services; ARGS=--fake-model
	$(BIN)/python -m blog_writer demo $(ARGS)

up: setup ## run the whole system on this machine
	$(BIN)/blog-writer up

fmt: setup ## format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix --quiet .

check: setup ## lint, types, import rules
	$(BIN)/ruff format --check . && $(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check $(if $(CI),deploy-tools) ## everything CI runs: check, all tests, then a minute of faults
	$(BIN)/pytest -n 4 --dist loadfile
	$(MAKE) chaos-minute

chaos-minute: setup ## a minute of faults with a fixed seed, as a test of its own: it needs the machine to itself
	$(BIN)/pytest -m nemesis tests/chaos

browser: ## install Chromium, which the tests of rendered articles need
	scripts/install-browser

screenshot: setup browser ## open a fresh sample article in Chromium and write docs/article.png
	$(BIN)/python -m blog_writer demo --out out/screenshot
	$(BIN)/python scripts/screenshot.py out/screenshot/article.html docs/article.png

eval: setup ## write ten articles from a made-up web and print how good they are; ARGS="--write docs/quality.md --out FOLDER"
	$(BIN)/python -m blog_writer.evaluation $(ARGS)

bench: setup ## ratios against raw baselines measured in the same run
	$(BIN)/python -m bench

bench-peers: setup ## the same no-op workflow on four peer systems, in one run
	$(BIN)/python -m bench.peers

deploy-tools: setup ## install what deployment files are checked with, into .deploy-tools
	@$(BIN)/python -m deploy.tools

deploy-check: deploy-tools ## prove what can be proved of images, Compose, Kubernetes, Tilt and the proxy without running them
	DEPLOY_CHECK=1 $(BIN)/pytest tests/deploy

images-check: deploy-tools ## build the images with podman, run the system in containers, and write one article (as root, on Debian)
	$(BIN)/python -m deploy.images_check

CHAOS_MINUTES ?= 3
CHAOS_SEED ?= 1
chaos: setup ## inject faults for CHAOS_MINUTES (3) with each seed of CHAOS_SEED, and prove that nothing is lost
	$(BIN)/python -m chaos --minutes $(CHAOS_MINUTES) --seed $(CHAOS_SEED) --report docs/chaos.md

.PHONY: deploy-tools deploy-check images-check browser screenshot chaos-minute help setup lock demo up fmt check test eval bench bench-peers chaos
