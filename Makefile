# Every command of the project. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
UV := $(VENV)/bin/uv
LOCAL := $(PYTHON) -m app_platform.local
STAMP := $(VENV)/.installed
MEMBERS := $(sort $(wildcard libs/*/pyproject.toml services/*/pyproject.toml))
REPLICAS ?= 1

.PHONY: help install browser check collector docs format generate lock tools test test-unit test-cluster up down reset demo bench clean images

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

install: $(STAMP) ## install everything into .venv, from requirements.lock and with hashes

$(STAMP): requirements.lock $(MEMBERS) scripts/install.sh
	@sh scripts/install.sh $(VENV)
	@touch $(STAMP)

tools: $(STAMP) ## find or build the programs of the local platform (about 11 minutes the first time, then cached)
	@for tool in etcd kube-apiserver kustomize-controller sops nats nats-server kubectl; do $(LOCAL) tool $$tool >/dev/null || exit 1; done

browser: ## find Chromium for the browser tests; install Debian's when root
	@sh scripts/browser.sh

check: $(STAMP) docs ## format, lint, types, import rules, generated files, documentation
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy libs/*/src services/*/src scripts tests
	$(VENV)/bin/lint-imports --no-logo
	$(PYTHON) scripts/generate.py --check

docs: $(STAMP) ## build the documentation site into build/docs; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build

format: $(STAMP) ## put the code into shape
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

generate: $(STAMP) ## write the files that are made from the code
	$(PYTHON) scripts/generate.py

lock: $(STAMP) ## resolve the dependencies anew and write requirements.lock, with hashes and without addresses
	$(UV) lock --quiet --upgrade
	$(UV) export --quiet --no-emit-workspace --all-groups --no-header --format requirements-txt -o requirements.lock >/dev/null

test: check tools browser ## the checks and every test, the quick ones first
	$(VENV)/bin/pytest tests/unit tests/contract tests/integration tests/e2e

test-unit: $(STAMP) ## the unit tests: no sockets, under 30 s
	$(VENV)/bin/pytest -q tests/unit

test-cluster: $(STAMP) ## images built and the manifests run on a real node; root on Debian, minutes; not part of `test`
	$(VENV)/bin/pytest tests/cluster

up: tools ## start the local platform; CLUSTER=<kubeconfig context> uses a cluster that exists; PROMETHEUS=1, OTLP=<url>
	@$(LOCAL) up --replicas $(REPLICAS) $(if $(CLUSTER),--cluster '$(CLUSTER)') $(if $(PROMETHEUS),--prometheus) $(if $(OTLP),--otlp '$(OTLP)')

down: $(STAMP) ## stop the local platform, keep its data
	@$(LOCAL) down

reset: $(STAMP) ## stop the local platform and forget its data
	@$(LOCAL) reset

demo: tools ## the main job on the local platform, step by step; leaves it up
	@$(LOCAL) demo

bench: tools ## measure, as ratios in one run
	@$(PYTHON) -m bench

bench: export PYTHONPATH := tests

images: ## build the image of every service: REGISTRY=… VERSION=…, PUSH=1 pushes them; by docker, podman or buildah
	@sh deploy/image/build.sh '$(REGISTRY)' '$(VERSION)' $(if $(PUSH),push)

REGISTRY ?= ghcr.io/labrats-work
VERSION ?= 0.1.0

collector: ## build an OpenTelemetry collector (1.5 minutes) and have it check the one of Compose; not part of `make test`
	CGO_ENABLED=0 GOFLAGS= go run go.opentelemetry.io/collector/cmd/builder@v0.165.0 --config deploy/compose/observability/builder.yaml
	build/collector/otelcol validate --config deploy/compose/observability/collector.yml

clean: ## remove .venv and caches, not the local platform's data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
