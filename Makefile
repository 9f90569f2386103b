# Cloche: a thin front. Meson and Ninja build the host, tools/image/build.sh builds the guest image.
# `make help` lists the targets.

BUILD ?= build
export FRESH KEEP
JOBS  ?= $(shell nproc)
NINJA := ninja -C $(BUILD) -j $(JOBS)
CACHE := $(or $(CLOCHE_CACHE),$(HOME)/.cache/cloche)

.DEFAULT_GOAL := build
.PHONY: help deps setup host hypervisor image build profile demo test test-all bench lint fmt fuzz install dist \
	container clean

help: ## this list
	@grep -E '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

deps: ## install the Debian packages that are missing (root or sudo)
	@tools/deps.sh build image

setup: deps
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --buildtype=debugoptimized

host: setup ## the program: build/cloche
	@$(NINJA)

build: setup ## program and image
	@tools/image.sh $(BUILD) $(JOBS)

image: build ## the same: build/python.image is cached by the hash of its inputs

profile: deps ## train anew: guests/python/profile.xz, which every build of the image uses
	@tools/image/build.sh --train guests/python/profile.xz

hypervisor: # what cannot be done without one says so first
	@tools/hypervisor.sh

demo: build ## start the host, send the example request, print the answer (KEEP=1: leave the host up)
	@tools/demo.sh $(BUILD)

# The tests are built where cmocka is there; it may have come after the build was set up.
define tests
	@tools/deps.sh test $(1)
	@test -d $(BUILD)/tests || meson setup --reconfigure $(BUILD)
	@$(NINJA)
endef

test: build ## the test suite (at most 15 minutes with a cached image)
	$(call tests)
	@tests/run.py --build $(BUILD) quick

test-all: build ## everything that has not passed here with the same inputs (FRESH=1: everything)
	$(call tests,lint hw roots container-test)
	@TIME=$(or $(TIME),60) tests/run.py --build $(BUILD) all

test-%: build ## one suite: hostile, clean, process, cpython, wasm, hw, faults, reproducible, dist, container, …
	$(call tests,lint roots)
	@TIME=$(or $(TIME),60) tests/run.py --build $(BUILD) $*

fuzz: test-fuzz ## each fuzz target for TIME seconds (60)

bench: hypervisor build ## measure; writes bench/results/ (a table and a plot)
	@tools/deps.sh bench
	@bench/run.py --build $(BUILD)

lint: host ## clang-format, clang-tidy, cppcheck, the direction of includes, names in documents
	$(call tests,lint)
	@tests/run.py --build $(BUILD) lint

fmt: ## format the C sources
	@tools/deps.sh lint
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: build ## install program, image, library and headers below DESTDIR and prefix
	@meson install -C $(BUILD)

dist: build ## the archive to hand out, BUILD/dist/cloche-VERSION-linux-x86_64.tar.zst, and its checksum
	@tools/deps.sh dist
	@tools/dist/archive.sh $(BUILD) $(JOBS)

container: $(if $(ARCHIVE),,dist) ## the container image TAG (cloche) on BASE (debian:12-slim), of `make dist` or ARCHIVE
	@tools/deps.sh container
	@tools/container.sh "$(or $(ARCHIVE),$$(ls -t $(BUILD)/dist/cloche-*.tar.zst | head -n 1))" "$(or $(CONTEXT),$(BUILD)/container)"

clean: ## remove the build; the cached image stays
	rm -rf $(BUILD) $(BUILD)-*
