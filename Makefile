# `make` lists the targets. Everything that they install goes into this folder (.venv, .local).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.13
TOOLS := $(CURDIR)/.local/tools
UV := $(TOOLS)/uv/bin/uv
SAM := $(TOOLS)/sam/bin/sam
RUN := $(CURDIR)/.venv/bin

# uv first, so that `sam build` finds it; caches here, so that a second run needs no network.
export PATH := $(TOOLS)/uv/bin:$(PATH)
export UV_CACHE_DIR := $(CURDIR)/.local/cache/uv
export PIP_CACHE_DIR := $(CURDIR)/.local/cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export SAM_CLI_TELEMETRY := 0
export SAM
export MINISTACK := $(TOOLS)/ministack/bin/ministack
export PYTHONPATH := $(CURDIR)/layers/common:$(CURDIR)

ARCHITECTURE ?= arm64
ENV ?= production
SOURCES := layers/common/billing functions local tests bench simulation operate

##@ Every day

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: dev
dev: setup ## Run the whole system here with demo data (DETACH=1 returns once it is ready)
	@$(RUN)/python -m local dev $(if $(DETACH),--detach)

.PHONY: dev-stop
dev-stop: setup ## Stop what `make dev DETACH=1` left running; the data stays
	@$(RUN)/python -m local stop

.PHONY: dev-reset
dev-reset: setup ## Stop it and delete its data
	@$(RUN)/python -m local reset

.PHONY: dev-logs
dev-logs: setup ## Follow the logs (NAME=front-door for one part)
	@$(RUN)/python -m local logs $(NAME)

.PHONY: sam-local
sam-local: setup ## Serve the API in containers, on the running local data (needs Docker; ARGS=… goes to sam)
	@$(RUN)/python -m local sam-local $(if $(FUNCTION),invoke $(FUNCTION) $(EVENT),start-api) $(ARGS)

.PHONY: send-events
send-events: setup ## Sign a folder of Stripe events and send them through the running webhook (FROM=dir)
	@test -n "$(FROM)" || { echo 'make send-events FROM=<folder with index.tsv>'; exit 2; }
	@$(RUN)/python -m local.send_events --from "$(FROM)" $(ARGS)

.PHONY: usage-demo
usage-demo: setup ## Send realistic usage to the running local cloud and show what stands (ARGS="--live 1000")
	@$(RUN)/python -m local.usage_demo $(ARGS)

.PHONY: test
test: setup ## Run every test, on a real PostgreSQL and a real local AWS (ARGS=… goes to pytest)
	@$(RUN)/python -m pytest -n auto --dist loadfile $(ARGS)

.PHONY: pictures
pictures: setup ## Draw the made-up invoices of docs/pictures.md anew
	@$(RUN)/python -m local.pictures

.PHONY: bench
bench: setup ## Measure beside the least that could do it (ARGS="--rows a,d", PEERS=1; docs/benchmarks.md)
	@$(RUN)/python -m bench $(ARGS)

.PHONY: simulate
simulate: setup ## Deliver a random history of Stripe as badly as can be (EVENTS=1000000 SEED=1; docs/reliability.md)
	@$(RUN)/python -m simulation $(if $(EVENTS),--events $(EVENTS)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(WORLD),--world $(WORLD)) $(ARGS)

.PHONY: check
check: setup ## Lint, types, architecture, template and security checks
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy $(SOURCES)
	$(RUN)/lint-imports
	$(SAM) validate --lint --region eu-west-1 --template template.yaml

.PHONY: format
format: setup ## Mend what ruff can mend
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

##@ The database

.PHONY: migrate
migrate: setup ## Bring the running local database up to date
	@$(RUN)/python -m local migrate

.PHONY: migrate-status
migrate-status: setup ## Say which migrations stand, and verify the schema against them
	@$(RUN)/python -m local migrate-status

##@ Operation (of the local cloud; STACK=<name> for a stack in AWS)

OPERATE = @$(RUN)/python -m operate $(if $(STACK),--stack "$(STACK)")

.PHONY: backfill
backfill: setup ## Mirror all that Stripe lists, beside the webhooks; goes on where it was cut
	$(OPERATE) backfill

.PHONY: move-usage
move-usage: setup ## Move usage to the store that UsageStore names; goes on where it was cut
	$(OPERATE) move-usage

.PHONY: late-usage
late-usage: setup ## Show a customer's policy for late usage (CUSTOMER=cus_…), or set it (POLICY=open_period, next_period, ignore)
	@test -n "$(CUSTOMER)" || { echo 'make late-usage CUSTOMER=cus_… [POLICY=open_period|next_period|ignore]'; exit 2; }
	$(OPERATE) late-usage $(CUSTOMER) $(POLICY)

.PHONY: report-usage
report-usage: setup ## Tell Stripe's meters now what was used, as the schedule does
	$(OPERATE) report-usage

.PHONY: sweep
sweep: setup ## Look now for events of Stripe that never came, as the schedule does
	$(OPERATE) sweep

.PHONY: events
events: setup ## Show what became of an event (EVENT=evt_…), or the last quarantined (OUTCOME=failed, …) ones
	$(OPERATE) inbox $(EVENT) $(if $(OUTCOME),--outcome $(OUTCOME)) $(ARGS)

.PHONY: replay
replay: setup ## Put an event that did not end well on the queue again (EVENT=evt_…), and say how it ends
	@test -n "$(EVENT)" || { echo 'make replay EVENT=evt_…'; exit 2; }
	$(OPERATE) replay $(EVENT)

.PHONY: replay-dead
replay-dead: setup ## Move the dead-letter queue's events back to the queue, and say how they end
	$(OPERATE) replay-dead

.PHONY: stripe-webhook
stripe-webhook: setup ## Create or update the endpoint at Stripe, with our event types and API version
	$(OPERATE) stripe-webhook

##@ The cloud

.PHONY: build
build: setup ## Build for AWS (ARCHITECTURE=arm64 or x86_64)
	LAYER_PLATFORM=$(ARCHITECTURE) $(SAM) build --config-env $(ENV) --parameter-overrides Architecture=$(ARCHITECTURE)

.PHONY: deploy
deploy: build ## Deploy to AWS (ENV=staging or production; docs/deployment.md)
	$(SAM) deploy --config-env $(ENV)

##@ Upkeep

.PHONY: lock
lock: $(UV) ## Pin the newest versions of every dependency, with hashes
	for name in layers/common/requirements layers/pdf/requirements layers/pdf/fonts requirements/dev \
	    requirements/clickhouse requirements/sam requirements/ministack requirements/uv; do \
	  $(UV) pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-header \
	    "$$name.in" --output-file "$$name.txt"; \
	done

.PHONY: setup
setup: .venv/.ready $(TOOLS)/sam/.ready $(TOOLS)/ministack/.ready ## Install everything into this folder (the others call it)

.PHONY: clean
clean: ## Delete what was installed and built here (not the local data: dev-reset does that)
	rm -rf .venv .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .local/tools .local/cache

$(UV): requirements/uv.txt
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -c '' 2>/dev/null || \
	  { echo 'Python 3.13 is needed: install it, or name it with make PYTHON=/path/to/python3.13'; exit 1; }
	@echo 'setup: uv'
	@rm -rf $(TOOLS)/uv
	@$(PYTHON) -m venv $(TOOLS)/uv
	@$(TOOLS)/uv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@touch $(UV)

.venv/.ready: requirements/dev.txt requirements/clickhouse.txt $(UV)
	@echo 'setup: libraries and test tools'
	@test -x $(RUN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --python $(RUN)/python --require-hashes requirements/dev.txt requirements/clickhouse.txt
	@touch $@

$(TOOLS)/%/.ready: requirements/%.txt $(UV)
	@echo 'setup: $*'
	@test -x $(TOOLS)/$*/bin/python || $(UV) venv --quiet --python $(PYTHON) $(TOOLS)/$*
	@$(UV) pip sync --quiet --python $(TOOLS)/$*/bin/python --require-hashes requirements/$*.txt
	@touch $@
