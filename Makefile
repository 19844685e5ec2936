# The whole project from a bare machine with Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: up venv venv-dev lock test test-browser test-distributed check bench profile-w demo-order requirements docs format assets clean

up: venv assets                ## start everything: database, web, events, jobs
	@$(BIN)/entrepot up

venv: $(VENV)/.runtime         ## install what the product needs; compiled, it starts in three quarters of the time
	@$(BIN)/python -m compileall -q src
venv-dev: venv $(VENV)/.dev    ## install what its tests need as well

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

lock:                          ## renew the hashed lists (needs uv)
	uv pip compile --universal --generate-hashes --no-annotate --no-header -q pyproject.toml --extra ui-build --group build -o requirements.txt
	uv pip compile --universal --generate-hashes --no-annotate --no-header -q pyproject.toml --extra ui-build --extra distributed --group build --group dev -o requirements-dev.txt

assets: venv                   ## build the pages' scripts, styles and icons
	@$(BIN)/python -m entrepot.kernel.ui.build --if-changed

test: venv-dev                 ## every test that needs no other server
	@$(BIN)/python -m pytest -q -n auto -m "not distributed and not browser"

test-browser: venv-dev assets  ## walk the pages in the system's Chromium; screenshots stay in tests/browser/screenshots
	@$(BIN)/python -m pytest -q -m browser

test-distributed: venv-dev     ## with RabbitMQ and Redis of the system, started and stopped by the tests
	@$(BIN)/python -m pytest -q -m distributed

check: venv-dev                ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: venv-dev               ## put every file in order
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

requirements: venv-dev         ## how many requirements have a test that passes
	@mkdir -p .pytest_cache
	@$(BIN)/python -m pytest -q -n auto --tb=no --no-header --covers .pytest_cache/covers.json -m "not distributed and not browser" > .pytest_cache/requirements.log || true
	@$(BIN)/python -m entrepot.kernel.requirements

bench: venv-dev                ## every figure beside plain PostgreSQL; bench-w, bench-flash ... one of them; ARGS="--quick"
	@$(BIN)/python -m bench.run $(ARGS)

bench-%: venv-dev
	@$(BIN)/python -m bench.run $* $(ARGS)

profile-w: venv-dev            ## where the time of one W goes: processor, statements, WAL, waits
	@$(BIN)/python -m bench.profiling $(ARGS)

demo-order: venv               ## an order through the running system, told step by step
	@$(BIN)/entrepot demo-order

docs: venv                     ## write the generated pages under docs/ anew
	@$(BIN)/entrepot catalogue --write-docs > /dev/null

clean:                         ## remove what was installed and built; the home stays
	rm -rf $(VENV) node_modules src/entrepot/kernel/ui/static/built
