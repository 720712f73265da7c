# The front door: `make` lists what there is. Needs Go, git and a POSIX shell.

VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo v0.0.0)
LDFLAGS       := -s -w -X github.com/extpack/extpack/internal/version.Version=$(VERSION)
TAGS          := grpcnotrace
EXE           := $(shell go env GOEXE)
PLUGIN_DIR     = $(if $(DOCKER_CONFIG),$(DOCKER_CONFIG),$(HOME)/.docker)/cli-plugins
GOLANGCI_VERSION := v2.15.0
GOLANGCI      := bin/lint/$(GOLANGCI_VERSION)/golangci-lint
SANDBOX       := bin/sandbox
RELEASE_VERSION ?= $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null || echo v0.0.0-g$$(git rev-parse --short HEAD))
REVISION       = $(shell git rev-parse HEAD)
EPOCH          = $(shell git log -1 --format=%ct)
RELEASE        = -version $(RELEASE_VERSION) -revision $(REVISION) -epoch $(EPOCH) -tags "$(TAGS)" $(if $(PLATFORMS),-platforms $(PLATFORMS))
RELEASE_ENV    = VERSION=$(RELEASE_VERSION) REVISION=$(REVISION) SOURCE_DATE_EPOCH=$(EPOCH) GO_TAGS=$(TAGS)
BUILDX         = $(shell docker buildx version >/dev/null 2>&1 && echo docker buildx || echo .sandbox/bin/buildx)

.DEFAULT_GOAL := help
.PHONY: help build install test unit e2e e2e-docker e2e-oldest e2e-signing fuzz torture lint ci-files bench size fmt demo picture site sandbox-up sandbox-down sandbox-env sandbox-test-image release release-image bake clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  %-18s %s\n", $$1, $$2}'

build: ## compile the plugin to bin/docker-extpack
	CGO_ENABLED=0 go build -trimpath -tags "$(TAGS)" -ldflags "$(LDFLAGS)" -o bin/docker-extpack$(EXE) ./cli-plugin/docker-extpack

install: build ## install the plugin for the docker CLI of this user
	install -d "$(PLUGIN_DIR)" && install -m 0755 bin/docker-extpack$(EXE) "$(PLUGIN_DIR)/docker-extpack$(EXE)"

test: ## run all tests, unit and end to end
	go test -timeout 45m ./...

unit: ## run the tests that need no daemon
	go test -timeout 5m $$(go list ./... | grep -v /tests)

e2e: ## run the end-to-end tests against BuildKit and a registry
	go test -timeout 45m ./tests/...

e2e-docker: ## run the end-to-end tests against a Docker Engine, compiled the first time
	go test -tags engine -timeout 20m ./tests/engine

e2e-oldest: ## run the tests of bake files with the oldest supported buildx, too, compiled the first time
	go build -C tests/oldest -o $(CURDIR)/bin/oldest/buildx github.com/docker/buildx/cmd/buildx
	EXTPACK_OLD_BUILDX=$(CURDIR)/bin/oldest/buildx go test -timeout 20m ./tests/e2e -run '^TestBake'

e2e-signing: ## sign packages with cosign, which takes minutes to compile
	EXTPACK_TORTURE=full go test -timeout 40m ./tests/signing

fuzz: ## run each fuzz target for FUZZTIME; minimising every new input would take most of it
	@set -e; grep -rl '^func Fuzz' --include=*_test.go . | while read -r file; do for target in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' $$file); do \
		go test ./$$(dirname $$file) -run '^$$' -fuzz "^$$target$$" -fuzztime $(or $(FUZZTIME),60s) -fuzzminimizetime 10x || exit 1; done; done

torture: ## run everything that "make test" runs a sample of: hostile input, pack beside us, faults
	@mkdir -p bin && rm -f bin/torture.txt
	EXTPACK_TORTURE=full EXTPACK_TORTURE_COUNTS=$(CURDIR)/bin/torture.txt \
		go test -timeout 40m -parallel 8 ./tests/hostile ./tests/differential ./tests/torture; \
		status=$$?; cat bin/torture.txt; exit $$status

lint: $(GOLANGCI) ## check formatting and code
	@unformatted=$$(gofmt -l $$(go list -tags engine -f '{{.Dir}}' ./...)); test -z "$$unformatted" || { echo "not gofmt'ed (make fmt):" $$unformatted; exit 1; }
	go vet -tags engine ./... && $(GOLANGCI) run

ci-files: ## check workflows, actions and GitLab jobs by their published schemas, with npm
	tests/ci-files.sh

bench: build ## time the hot parts, and whole runs beside buildx, pack and docker manifest
	go test -run '^$$' -bench . ./bake ./internal/...
	go run ./tests/bench -plugin bin/docker-extpack$(EXE) -picture docs/benchmarks.svg -docs docs/benchmarks.md

size: ## print the code and data of the plugin by package
	CGO_ENABLED=0 GOOS=linux go build -trimpath -tags "$(TAGS)" -o bin/with-symbols ./cli-plugin/docker-extpack
	go run ./tests/binsize bin/with-symbols

fmt: $(GOLANGCI) ## format the code
	$(GOLANGCI) fmt

demo: ## build, push and inspect examples/hello, first without a daemon, then in the sandbox
	@tests/demo.sh "$(PLUGIN_DIR)" "$(LDFLAGS)"

$(SANDBOX): go.mod $(filter-out %_test.go,$(wildcard tests/sandbox/*.go tests/sandbox/cmd/sandbox/*.go))
	go build -o $@ ./tests/sandbox/cmd/sandbox

picture: build sandbox-up ## record docs/picture.svg, a build on a terminal
	@eval "$$($(SANDBOX) env)" && go run ./tests/picture -plugin bin/docker-extpack$(EXE)

site: ## write the documentation as static pages to bin/site, with mkdocs and npm
	npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix bin/site-tools beautiful-mermaid@1.1.3
	mkdocs build --strict --quiet --config-file docs/site/mkdocs.yml

sandbox-up: $(SANDBOX) ## start BuildKit and a registry on loopback
	@$(SANDBOX) up

sandbox-down: $(SANDBOX) ## stop them
	@$(SANDBOX) down

sandbox-env: $(SANDBOX) ## print what selects them: eval $(make -s sandbox-env)
	@$(SANDBOX) env

sandbox-test-image: $(SANDBOX) ## push a builder image for "docker extpack test" to the sandbox
	@$(SANDBOX) up && $(SANDBOX) test-image

release: ## make the files of a release in bin/release, twice, and compare them
	go run -C internal/dist . $(RELEASE) -out $(CURDIR)/bin/release
	rm -rf bin/again && mkdir -p bin/again && git archive HEAD | tar -x -C bin/again
	go run -C bin/again/internal/dist . $(RELEASE) -out $(CURDIR)/bin/again/bin/release
	diff -r bin/release bin/again/bin/release && rm -rf bin/again

release-image: ## publish the image that holds only the plugin: IMAGE=ghcr.io/extpack/extpack
	$(RELEASE_ENV) $(if $(IMAGE),IMAGE=$(IMAGE)) $(BUILDX) bake --file docker-bake.hcl image --push

bake: ## make the files of a release with buildx, in a container
	$(RELEASE_ENV) $(BUILDX) bake --file docker-bake.hcl

clean: ## remove what was built; the sandbox stays (sandbox-down)
	rm -rf bin

$(GOLANGCI):
	GOBIN=$(CURDIR)/$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
