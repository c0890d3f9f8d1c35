# Every target sets up what it needs; `make demo` and `make test` work on a fresh machine.

VENV := .venv
PYTHON := $(VENV)/bin/python
CARGO := scripts/cargo.sh

# The programs that `make demo` runs, and how often each side takes its turn.
DEMO_PROGRAMS ?= richards,deltablue,chaos,nbody,fannkuch,raytrace,spectral_norm,unpack_sequence,scimark
DEMO_REPEAT ?= 3
# Of the conformance suite, what `make test` runs; `make conformance` runs all of it.
CONFORMANCE_SHORT ?= test_grammar test_exceptions test_with test_scope test_patma test_class test_descr test_call test_unpack test_int test_float test_list test_dict test_traceback test_generators test_yield_from test_coroutines test_asyncgen test_contextlib_async
# How many random programs `make fuzz` compares.
COUNT ?= 10000
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-rust test-python test-thorough lint format conformance bench bench-generators bench-micro bench-calls \
        bench-numeric bench-applications bench-compile bench-stdlib docs fuzz wheel clean

help: ## What there is (the default)
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: ## Find CPython 3.13, Rust and LLVM 22, make .venv, install what developing takes
	@scripts/setup.sh all

build: setup ## Build the extension (release) into .venv
	@scripts/build.sh

demo: ## Set up everything, then run real programs: interpreter against justjit, side by side
	@scripts/setup.sh build bench
	@scripts/build.sh
	@$(PYTHON) -m benchmarks.run --programs $(DEMO_PROGRAMS) --repeat $(DEMO_REPEAT)

test: setup ## Set up everything, then run all checks and tests
	@scripts/test.sh rust
	@scripts/build.sh
	@CONFORMANCE_SHORT="$(CONFORMANCE_SHORT)" scripts/test.sh lint-python python conformance

test-rust: setup ## Only the Rust side: formatting, clippy, tests
	@scripts/test.sh rust

test-python: build ## Only the Python tests; ARGS="-k name" picks some
	@$(PYTHON) -m pytest tests --ignore=tests/conformance $(ARGS)

test-thorough: build ## Every case in every way: about two hours
	@$(PYTHON) -m pytest tests --ignore=tests/conformance --thorough $(ARGS)

lint: build ## Formatting, clippy, ruff, mypy, stubtest
	@scripts/test.sh lint-rust lint-python

format: setup ## Format Rust and Python
	@$(CARGO) fmt
	@$(PYTHON) -m ruff format
	@$(PYTHON) -m ruff check --fix

conformance: build ## CPython's own tests with every function compiled; ARGS="test_int test_dict" picks some
	@$(PYTHON) -m tests.conformance $(ARGS)

bench: build ## The 26 programs of pyperformance; ARGS="--programs richards --detail"
	@$(PYTHON) -m benchmarks.run --json benchmarks/results/run.json $(ARGS)

bench-generators: build ## Those of generators, coroutines and asynchronous generators, and memory per suspended generator
	@$(PYTHON) -m benchmarks.run --suite generators --json benchmarks/results/generators.json $(ARGS)
	@$(PYTHON) -m benchmarks.suspended

bench-micro: build ## Micro kernels by feature, the slowest last; ARGS="calls" picks some
	@$(PYTHON) -m benchmarks.micro $(ARGS)

bench-calls: build ## What a call costs, from interpreted and from compiled code
	@$(PYTHON) -m benchmarks.calls $(ARGS)

bench-numeric: build ## Numeric kernels: interpreter, justjit, Numba, C; ARGS="--programs lu,sor --no-numba"
	@$(PYTHON) -m benchmarks.numeric --json benchmarks/results/numeric.json $(ARGS)

bench-applications: build ## Large programs in the default settings: first turn, total, steady; ARGS="--programs docutils,yaml"
	@scripts/setup.sh applications
	@$(PYTHON) -m benchmarks.applications --json benchmarks/results/applications.json $(ARGS)

bench-compile: build ## Compile time an instruction over the standard library, and import time
	@$(PYTHON) -m benchmarks.compile_time $(ARGS)

bench-stdlib: build ## The share of the standard library's functions that compile, and the reasons of the rest
	@$(PYTHON) -m benchmarks.stdlib $(ARGS)

docs: setup ## Write docs/OPCODES_REFERENCE.md anew
	@$(CARGO) run --release --quiet -p justjit-optimizer --example opcodes_reference > target/OPCODES_REFERENCE.md
	@mv target/OPCODES_REFERENCE.md docs/OPCODES_REFERENCE.md

fuzz: build ## Compare COUNT random programs under the interpreter and under justjit
	@$(PYTHON) -m tests.generate --count $(COUNT) $(ARGS)

wheel: setup ## Build a wheel into dist/
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/maturin build --release --interpreter $(PYTHON) --out dist $$(scripts/llvm.sh arguments) $(ARGS)

clean: ## Remove what was built and installed here
	rm -rf $(VENV) target dist benchmarks/results
