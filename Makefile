# Everything that is done to this project is a target here. Go and make are enough; `make e2e` also needs the
# packages of testdata/live/setup.sh, and `make race` a C compiler.

VERSION    ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
# A package's version begins with a digit: what has no tag yet is 0.0.0.
PACKAGE_VERSION ?= $(shell git describe --match 'v[0-9]*' 2>/dev/null | sed 's/^v//' | grep . || echo 0.0.0+$$(git rev-parse --short HEAD))
LDFLAGS     = -X main.version=$(VERSION)
FUZZTIME   ?= 5s
BENCH      ?= .
BENCHCOUNT ?= 1

# The tools are pinned in internal/devtools, a module of its own. They are built once for each state of it and each Go,
# outside the checkout: the linter alone takes minutes, and a fresh clone on the same machine shall not pay again.
TOOLS_ID := $(shell cat internal/devtools/go.mod internal/devtools/go.sum | cksum | tr -d ' ')-$(shell go env GOVERSION)
TOOLS    ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tallystick-tools/$(TOOLS_ID)

golangci-lint := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
deadcode      := golang.org/x/tools/cmd/deadcode
benchstat     := golang.org/x/perf/cmd/benchstat

.DEFAULT_GOAL := help
.PHONY: help build run test check e2e crash race lint tools fmt fuzz bench load compare profile benchstat clean telegraf minio packages
.NOTPARALLEL: # two Go builds at once only take each other's memory

help: ## this list
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## bin/tallystick and bin/tallystick-shovel, static
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

run: build ## the demo: a real capture and its clients' claims, laid together; stays up
	bin/tallystick serve --demo

test: ## vet and all tests, in random order
	go vet ./...
	go test -shuffle=on ./...

check: test lint race ## what every commit must pass
	$(MAKE) --no-print-directory fuzz FUZZTIME=2s

e2e: ## real xrootd servers and clients, InfluxDB's clients, Avro's library, slapd, PostgreSQL, MinIO if it is built
	go test -tags e2e -count=1 -timeout 20m ./cmd/... ./benchmarks/...
	go test -tags e2e -count=1 -timeout 10m ./internal/auth/accounts ./internal/auth/ldap ./internal/auth/oidc
	TALLYTEST_MINIO=$(wildcard $(TOOLS)/minio) go test -tags e2e -count=1 -timeout 10m -run 'OthersRead|S3' ./internal/archive
	cd internal/devtools/peers && TALLYTEST_TELEGRAF=$(wildcard $(TOOLS)/telegraf) go test -count=1 -timeout 10m ./...

crash: ## kill -9 under load, CRASH times (300), and ask for everything that was acknowledged
	CRASH=$${CRASH:-300} go test -tags e2e -v -count=1 -run '^TestCrash$$' -timeout 60m ./cmd/tallystick

telegraf: $(TOOLS)/telegraf ## build Telegraf (some minutes and 150 modules, once), so that e2e has it among the clients

$(TOOLS)/telegraf:
	CGO_ENABLED=0 GOBIN=$(TOOLS) go install -tags custom,inputs.file,outputs.influxdb,outputs.influxdb_v2,parsers.influx \
		github.com/influxdata/telegraf/cmd/telegraf@v1.37.2

minio: $(TOOLS)/minio ## build MinIO (three minutes and 300 modules, once), so that e2e has an S3 bucket

$(TOOLS)/minio:
	CGO_ENABLED=0 GOBIN=$(TOOLS) go install -trimpath github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c

packages: build $(TOOLS)/nfpm ## deb and rpm, in bin/; builds their tool once
	rm -rf bin/man bin/completions && mkdir -p bin/completions
	for name in tallystick tallystick-shovel; do \
		bin/$$name man bin/man/$$name; \
		for shell in bash zsh fish; do bin/$$name completion $$shell >bin/completions/$$name.$$shell; done; \
	done
	rm bin/man/tallystick/tallystick-shovel*  # are in the shovel's package
	for of in server shovel; do for kind in deb rpm; do \
		VERSION=$(PACKAGE_VERSION) ARCH=$$(go env GOARCH) $(TOOLS)/nfpm package -f packaging/$$of/nfpm.yaml -p $$kind -t bin || exit 1; \
	done; done

$(TOOLS)/nfpm:
	CGO_ENABLED=0 GOBIN=$(TOOLS) go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

race: ## all tests under the race detector
	@if command -v "$$(go env CC)" >/dev/null; then set -x; CGO_ENABLED=1 go test -race -shuffle=on ./...; \
	elif [ -n "$$CI" ]; then echo 'race: no C compiler'; exit 1; \
	else echo 'race: skipped, the race detector needs a C compiler'; fi

lint: $(TOOLS)/golangci-lint $(TOOLS)/deadcode ## linters, formatting, dead code, tidiness of go.mod
	go vet -tags e2e ./...
	$(TOOLS)/golangci-lint run --build-tags e2e ./...
	$(TOOLS)/golangci-lint fmt --diff
	@dead=$$($(TOOLS)/deadcode -test ./... && $(TOOLS)/deadcode -test -tags e2e ./...) || exit 1; \
	if [ -n "$$dead" ]; then echo 'dead code:'; echo "$$dead" | sort -u; exit 1; fi
	go mod tidy -diff

fmt: $(TOOLS)/golangci-lint ## rewrite the sources in the one format
	$(TOOLS)/golangci-lint fmt

fuzz: ## every fuzz target for FUZZTIME (5s), from its seeds
	@FUZZTIME=$(FUZZTIME) internal/devtools/fuzz.sh

bench: ## every benchmark matching BENCH, BENCHCOUNT times
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHCOUNT) ./...

load: ## CPU, memory and waiting of a filled store; LOAD="-nodes 31500 -threads 39 -steps 3" is 4 million series
	go run ./benchmarks/load $(LOAD)

compare: build ## Tallystick and the other stores on this machine, on the same samples; COMPARE="-rounds 3"
	@go run ./benchmarks/compare $(COMPARE)

profile: build ## profiles of Tallystick (CPU, heap, locks) under the same workload, in bin/profiles
	@go run ./benchmarks/compare -peers tallystick -profile bin/profiles -settle 0 $(COMPARE)

benchstat: $(TOOLS)/benchstat ## compare two outputs of bench: OLD=a.txt NEW=b.txt
	$(TOOLS)/benchstat $(OLD) $(NEW)

tools: $(TOOLS)/golangci-lint $(TOOLS)/deadcode $(TOOLS)/benchstat ## build the pinned tools (about four minutes, once)

# Renamed into place, so that an interrupted build leaves no half a tool behind.
$(TOOLS)/%:
	@mkdir -p $(@D)
	cd internal/devtools && CGO_ENABLED=0 go build -trimpath -o $@.$$$$ $($*) && mv $@.$$$$ $@

clean: ## remove what was built here; the tools and Go's caches stay
	rm -rf bin
	find . -name '*.test' -o -name '*.prof' | xargs rm -f
