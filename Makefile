# Thin entry points; the work is in scripts/ and CMakePresets.json.
# SPDX-License-Identifier: Apache-2.0
.DEFAULT_GOAL := help
.PHONY: help demo demo-live test bench bench-peers check soak format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build and run the demonstration: a cluster of tile servers
	@scripts/run-demo.sh

demo-live: ## The same, left running for you to look at
	@scripts/run-demo.sh --live

test: ## Build and run every test, then most of them under the sanitizers
	@scripts/run-tests.sh

bench: ## Build and run the benchmarks; results also in build/bench/*.json
	@scripts/run-bench.sh

bench-peers: ## The same work on other caches, in Rust, Go, Java and C++
	@scripts/install-deps.sh --for bench
	@bench/peers/run.py

check: ## Formatting, clang-tidy, layers, purity, headers
	@scripts/run-check.sh

soak: ## 200 000 simulator seeds, an hour of memory under an adversarial mix
	@scripts/run-soak.sh

format: ## Format every C++ file
	@scripts/install-deps.sh --for check
	@git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cc' \
	  | xargs -0 --no-run-if-empty clang-format-14 -i

clean: ## Remove every build
	rm -rf build
