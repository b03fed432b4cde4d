# Every target makes what it needs, the virtual environment included, from a bare python3.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Thousands of processes start here: each would compile the project again.
unexport PYTHONDONTWRITEBYTECODE
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS = 120

.PHONY: run serve test test-quick lint chaos fuzz check-matrix bench pictures clean

# Exported rather than written into commands, where a space or a quote in the path would end the word. Modules are
# started by the interpreter for the same reason: pip's scripts name it in their first line.
run serve: export PREFECT_HOME ?= $(CURDIR)/.prefect

run: $(VENV)/run  ## merge the committed sample on Prefect and print the summary
	$(BIN)/python -m flows run

serve: PORT ?= 4200
serve: $(VENV)/run  ## Prefect's server, UI, worker and deployments until Ctrl-C; PORT=4300 moves it
	$(BIN)/python -m flows.on_prefect.operations.serve --port '$(PORT)'

test: $(VENV)/installed  ## everything this machine can run
	$(BIN)/python -m pytest --numprocesses 3 --dist loadgroup --no-loadscope-reorder

test-quick: $(VENV)/installed  ## the tests that start no servers, browsers or PostgreSQL
	$(BIN)/python -m pytest --numprocesses 3 --dist loadgroup -m "not servers"

lint: $(VENV)/installed  ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m mypy

chaos: $(VENV)/installed  ## 500 runs whose processes are killed, stopped and terminated at random, about eight minutes; prints its seeds
	$(BIN)/python -m tests.chaos

fuzz: $(VENV)/installed  ## 3,000 mutated inputs, each judged by an independent reader; prints its seeds, one runs alone by python -m tests.fuzz --seed N
	$(BIN)/python -m tests.fuzz

check-matrix: $(VENV)/installed  ## every known target of `shardwise check` as pipeline, flow and app, by three seeds: hours
	$(BIN)/python -m tests.flows.check.matrix

bench: $(VENV)/installed  ## speeds and sizes side by side with DuckDB, polars and pandas; writes .bench/bench.json
	$(BIN)/python -m tests.bench

pictures: $(VENV)/installed  ## take the pictures of the documents from real runs, with Chromium; writes pictures/
	$(BIN)/python -m tests.pictures

clean:  ## remove what the targets above made, runs excepted (`shardwise clean` removes those)
	rm -rf $(VENV) .bench .prefect .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

# What a run needs; the tools for working on it come on top.
$(VENV)/run: pyproject.toml constraints.txt
	@echo "Installing shardwise and its libraries into $(VENV): a minute or two, once."
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/installed: $(VENV)/run
	@echo "Installing the development tools into $(VENV): a minute or two, once."
	$(PIP) --editable '.[dev]'
	touch $@
