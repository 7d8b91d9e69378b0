# What one does here often. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
PACKAGES ?= ./...
SCALE ?= 1
LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build one static binary, bin/volenti
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/volenti ./cmd/volenti

.PHONY: demo
demo: ## Run the demo shop
	$(GO) run ./cmd/volenti demo

# Most of a test's time is spent on waiting, so that more run beside each other
# than there are cores.
# What is built goes to the disk, what tests write to memory: a test looks for its
# directory where GOTMPDIR says, and so gets another one than the build.
.PHONY: test
test: needs vet ## Install what tests need, check the form, run all tests (PACKAGES=./...)
	scratch="$$(.ci/scratch)" && GOTMPDIR="$${TMPDIR:-/tmp}" TMPDIR="$$scratch" $(GO) test -exec "env GOTMPDIR=$$scratch" -timeout 25m -parallel 4 $(PACKAGES)

# Two rules, no configuration: what gofmt would change, and what vet finds.
.PHONY: vet
vet: ## Check the form: gofmt and go vet
	@changed=$$(gofmt -l .); if [ -n "$$changed" ]; then printf 'gofmt would change:\n%s\n' "$$changed"; exit 1; fi
	$(GO) vet $(PACKAGES)

.PHONY: lint
lint: ## Run the linters of .golangci.yml (the first run builds them: minutes)
	$(LINT) run $(PACKAGES)

.PHONY: race
race: needs ## Run all tests under the race detector
	$(GO) test -race -timeout 40m $(PACKAGES)

# SCALE is the share in percent of the sizes that docs/performance.md names.
.PHONY: bench
bench: needs ## Run the benchmarks (SCALE=1, percent of the full sizes)
	SCALE=$(SCALE) $(GO) test -run '^$$' -bench . -benchmem -timeout 2h $(PACKAGES)

.PHONY: soak
soak: needs ## Run the long versions of the tests (hours)
	SOAK=1 $(GO) test -count=1 -timeout 6h $(PACKAGES)

# Tests start servers of their own from these programs; nothing is left running.
.PHONY: needs
needs: ## Install what tests need and the machine lacks (Debian packages)
	@.ci/needs
