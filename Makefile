PYTHON = python3
# HOST is not taken from the environment: conda and csh export it for their own purposes.
HOST =
PORT ?=
ARGS =

BIN = .venv/bin
INSTALLED = .venv/.installed
INSTALLED_TEST = .venv/.installed-test

.PHONY: serve test lint contract contract-test fixtures bench soak clean

serve: $(INSTALLED)  ## start the mock: make serve [HOST=127.0.0.1] [PORT=8080] [ARGS=...]
	@exec $(BIN)/mockserver serve $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT)) $(ARGS)

test: $(INSTALLED_TEST)  ## the whole suite: make test [ARGS="-k tags -x"]
	@exec $(BIN)/python -m pytest -n auto $(ARGS)

lint: $(INSTALLED_TEST)
	@exec $(BIN)/ruff check .

contract: $(INSTALLED_TEST)  ## renew contracts/openapi.yaml
	@exec $(BIN)/python -m mockserver.app.document $(ARGS)

contract-test: $(INSTALLED_TEST)  ## schemathesis against a fresh mock: make contract-test [ARGS="--include-tag Tags"]
	@exec $(BIN)/mockserver contract test $(ARGS)

fixtures: $(INSTALLED_TEST)  ## renew fixtures/ from their seeds
	@exec $(BIN)/python -m mockserver.worlds $(ARGS)

bench: $(INSTALLED_TEST)  ## what things cost, beside a floor
	@$(BIN)/python tests/benchmarks/bench.py
	@exec $(BIN)/python tests/benchmarks/bench_plugin.py

soak: $(INSTALLED_TEST)  ## half an hour of mixed load, and what grows: make soak [ARGS=minutes]
	@exec $(BIN)/python tests/benchmarks/soak.py $(ARGS)

clean:  ## remove everything make has made, .venv included
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps keep pip away from a run in which nothing has changed.
$(INSTALLED): setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Installing cofactr-mockserver into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(INSTALLED_TEST): setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Installing cofactr-mockserver and its test tools into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(INSTALLED)

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) is not installed. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11"; \
	  exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version) is too old. Install Python 3.11 or newer, or name one: make PYTHON=python3.11"; \
	  exit 1; } >&2
	@$(PYTHON) -m venv .venv
