# The commands of this repository: demo, test, bench, soak. Each does its own set-up.
SHELL := /bin/bash
.PHONY: demo test bench soak setup fmt

# Ingests the clips in demo/, asks a dozen questions, prints answers; STAY=1 keeps the server up.
demo:
	scripts/setup.sh demo
	cargo build --release -p rushes-server
	./target/release/rushes demo $(if $(STAY),--stay)

# Everything that must hold: formatting, lints, tests, doc tests, the real binary end to end.
test: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace
	cargo test -p rushes-cache --features shuttle --test schedules
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
	scripts/e2e.sh

# Figures beside their peers: make bench ONLY=ingest JSON=1
bench: setup
	cargo run --release -q -p rushes-bench -- $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json)

# A million operations and more while Redis is killed, stopped, emptied and cut off: nothing stale,
# nothing failed. The server killed 200 times in the middle of commits: nothing lost, nothing stale.
soak: setup
	cargo test --workspace --test redis -- --ignored --exact fleet::run::soak --nocapture
	cargo test --workspace --test it -- --ignored --exact kill::soak --nocapture

setup:
	scripts/setup.sh

fmt:
	cargo fmt --all
