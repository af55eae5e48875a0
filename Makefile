# make demo | test | lint | audit | fuzz | quantus | docs | bench | wheel. Each installs what it needs into .venv first.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
COMPONENTS := app/viewer/components
FUZZ_SECONDS ?= 600

.PHONY: demo test lint lint-browser audit fuzz quantus docs bench wheel

demo: $(INSTALLED)
	$(BIN)/retina-xai demo --out demo

test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadgroup

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive retina_xai training evaluation app
	$(BIN)/python -m pip check
	$(BIN)/python -m pytest --noconftest tests/test_source_rules.py
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory lint-browser; \
	else echo "no npm on this machine: the JavaScript of the viewer is not linted"; fi

lint-browser: $(COMPONENTS)/node_modules/installed
	cd $(COMPONENTS) && npm run --silent lint

$(COMPONENTS)/node_modules/installed: $(COMPONENTS)/package.json
	cd $(COMPONENTS) && npm install --silent --no-package-lock --no-audit --no-fund
	touch $@

# Asks PyPI for known vulnerabilities of every pinned version, so it needs the network; a version it cannot ask for fails.
audit: .venv/audit/installed
	.venv/audit/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

.venv/audit/installed: $(INSTALLED)
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet pip-audit==2.10.1
	touch $@

fuzz: $(INSTALLED)
	OMP_NUM_THREADS=1 PYTHONPATH=.:tests $(BIN)/python -m fuzz.run --seconds $(FUZZ_SECONDS)

# Metrics of Quantus on our explainers. It is no dependency, so it lies in a folder of its own.
quantus: $(INSTALLED) .venv/quantus/installed
	OMP_NUM_THREADS=1 PYTHONPATH=.venv/quantus $(BIN)/python -m pytest tests/retina_xai/test_quantus.py

.venv/quantus/installed:
	$(BIN)/python -m pip install --quiet --no-deps --target .venv/quantus quantus==0.6.0 cachetools==8.0.1
	touch $@

docs: $(INSTALLED)
	$(BIN)/mkdocs build --strict

bench: $(INSTALLED)
	$(BIN)/python tests/bench/engine.py

wheel: $(INSTALLED)
	$(BIN)/python -m build --wheel

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $@
