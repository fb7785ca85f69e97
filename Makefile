# The targets that people and CI use. `make` alone lists them.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO        ?= go
# The longest that the tests of one package may take.
TIMEOUT   ?= 30m
BENCHTIME ?= 1s
# Packages with goroutines of their own: there the race detector can find something.
RACE      ?= ./internal/clock/... ./controller/... ./kvcluster/... ./integration/... ./sim

# Go fetches the version that go.mod names if an older one is installed; without any, say so once.
ifeq ($(shell command -v $(GO)),)
$(error Go is not on PATH: install the version that go.mod names (the one of most distributions is too old), then run make again)
endif

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the command into bin/
	$(GO) build -buildvcs=auto -o bin/shardquake ./cmd/shardquake

.PHONY: test
test: ## run every test, with containers where Docker answers; the last line counts them
	@$(GO) run ./internal/testrun -timeout $(TIMEOUT) ./...

.PHONY: test-short
test-short: ## run the tests that need neither containers nor patience
	@$(GO) run ./internal/testrun -short -timeout $(TIMEOUT) ./...

.PHONY: race
race: ## run the packages with goroutines under the race detector (needs a C compiler)
	@CGO_ENABLED=1 $(GO) run ./internal/testrun -short -race -timeout $(TIMEOUT) $(RACE)

.PHONY: mutants
mutants: ## count the seeds that each defect planted into the key-value store needs to be caught
	$(GO) test -tags kvmutants -run Mutant -v -count=1 -timeout $(TIMEOUT) ./sim/kv/rehearse

.PHONY: mutants-es
mutants-es: ## count the plans that each defect planted into the simulated Elasticsearch and the controller needs to be caught
	$(GO) test -tags mutants -run Mutant -count=1 -timeout $(TIMEOUT) ./scenarios/explore

# Runs of each scenario, how many at a time, processors kept busy meanwhile, and the file of all verdicts.
RUNS      ?= 20
PARALLEL  ?= 4
BUSY      ?= 0
LEDGER    ?= soak.jsonl
SCENARIOS ?=

# Random plans of each kind of rehearsal, and the seed of the first.
PLANS ?= 2000
FIRST ?= 0

.PHONY: rehearse
rehearse: ## run PLANS random plans of each kind of key-value rehearsal from seed FIRST on; goes on where it was
	$(GO) run ./sim/kv/rehearse/cmd/rehearse --plans $(PLANS) --first $(FIRST) --keep rehearsals-failed

.PHONY: kill-test
kill-test: ## kill real runs at every step and look that nothing stays in force (Docker, 15 minutes)
	SHARDQUAKE_KILL_EVERYWHERE=1 $(GO) test -count=1 -timeout $(TIMEOUT) -v -run 'ARunThat|AKilledRun' ./integration ./integration/kvproc

.PHONY: plan-test
plan-test: ## plan three real nodes, then lose each of them and compare (Docker, 3 minutes)
	SHARDQUAKE_LOSE_ALL=1 $(GO) test -count=1 -timeout $(TIMEOUT) -v -run 'WhatAPlanSays' ./integration

.PHONY: soak
soak: ## run the key-value scenarios on processes again and again; goes on where it was
	$(GO) run ./integration/kvproc/cmd/soak --runs $(RUNS) --parallel $(PARALLEL) --load $(BUSY) --ledger $(LEDGER) --scenarios '$(SCENARIOS)'

.PHONY: bench
bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -timeout $(TIMEOUT) ./...

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, the rules of virtual time, and that it compiles on Windows and macOS
	@failed=0; check() { echo "lint: $$1"; shift; "$$@" || failed=1; }; \
	formatted() { [ -z "$$(gofmt -l .)" ] || { echo "not formatted, run gofmt -w on:"; gofmt -l .; return 1; }; }; \
	check gofmt       formatted; \
	check 'go vet'    $(GO) vet ./...; \
	check staticcheck $(GO) tool staticcheck ./...; \
	check detcheck    $(GO) run ./internal/determinism/cmd/detcheck ./...; \
	check crosscheck  $(GO) run ./internal/crosscheck windows/amd64 darwin/arm64; \
	exit $$failed

# The largest share of a first build that one dependency may take. Where there is a C compiler
# pebble's compression takes a fifth.
MOST ?= 0.25

.PHONY: buildcost
buildcost: ## measure what a first build costs, with an empty cache, and what it goes into
	$(GO) run ./internal/buildcost -most $(MOST)

.PHONY: images
images: ## build the images of real runs where no image registry can be reached
	integration/images/build.sh

# Cases of each family, and the seed of the first.
CASES ?= 50
SEED  ?= 1

.PHONY: oracle
oracle: ## hold the allocator against Elasticsearch's own on random states (needs a JDK of version 17 and Maven)
	integration/oracle/record.sh $(CASES) $(SEED)

.PHONY: schema
schema: build ## write the JSON schema of scenario files to bin/scenario.schema.json
	bin/shardquake schema > bin/scenario.schema.json

.PHONY: clean
clean: ## remove what was built and what runs left in this folder (containers: shardquake clean)
	rm -rf bin shardquake-out integration/images/build integration/oracle/build

.PHONY: try-install
try-install: ## install the last commit with go install through a module proxy that is a folder
	internal/version/tryinstall.sh

# Where make shots leaves its pictures.
SHOTS ?= bin/shots

.PHONY: shots
shots: ## leave pictures of every kind of page, at four widths, in the dark and printed (needs Chromium)
	SHARDQUAKE_REQUIRE_CHROMIUM=1 $(GO) test ./reports -count=1 -run 'Every|Live' -shots '$(abspath $(SHOTS))'
	@echo "pictures are in $(SHOTS)"
