# The names that people use; .ci/run runs the same checks on a bare machine.

# What CI runs, without the release build and its end-to-end test.
default: check

check: fmt-check clippy test doc deny purity

# Formats everything.
fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all -- --check

# Lints everything; a warning is an error.
clippy:
    cargo clippy --workspace --all-targets -- -D warnings

# Runs the tests; arguments go to cargo: `just test -p tidegate-domain`.
test *args="--workspace":
    cargo test {{args}}

# Builds the API documentation; a broken link is an error.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Checks licences, banned crates and sources, without the network.
deny:
    cargo deny --offline check bans licenses sources

# Checks each library crate alone, so that no layer lives on the features of another.
purity:
    cargo check -p tidegate-domain
    cargo check -p tidegate-domain --all-features
    cargo check -p tidegate-application
    cargo check -p tidegate-application --all-features
    cargo check -p tidegate-infrastructure
    cargo check -p tidegate-infrastructure --all-features
    cargo check -p tidegate-interface
    cargo check -p tidegate --no-default-features

# Talks to the release binary with the official SDKs (needs Python with tests/e2e/requirements.txt, and Node with tests/e2e/package.json in the directory that
# TIDEGATE_E2E_NODE names; .ci/run installs both).
e2e:
    cargo build --release
    python3 tests/e2e/run.py target/release/tidegate

# Writes the reference of the configuration and its JSON Schema anew, after a key was added or described.
reference:
    TIDEGATE_WRITE_REFERENCE=1 cargo test --workspace --test architecture configuration

# Tries every interleaving of a few threads at the locks and counters of our own.
loom:
    RUSTFLAGS="--cfg loom_model" cargo test -p tidegate-application --lib --target-dir target/loom models

# Changes the domain in one place at a time and asks its unit tests (needs cargo-mutants): `just mutants -f 'crates/domain/src/pool/*.rs'`.
mutants *args:
    CARGO_PROFILE_DEV_DEBUG=false PROPTEST_CASES=48 PROPTEST_MAX_SHRINK_ITERS=0 PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 \
        cargo mutants -p tidegate-domain --timeout 120 {{args}} -- --lib

# Says how much of the code the tests reach (needs cargo-llvm-cov and the toolchain's llvm-tools): `just coverage 80` lists the files below 80 %.
coverage *args:
    cargo llvm-cov --workspace --locked --lcov --output-path target/lcov.info
    .ci/coverage target/lcov.info {{args}}

# Sends many requests through real sockets, callers and upstreams that misbehave: `just chaos --requests 1000000`.
chaos *args:
    cargo run --locked -p layered-tests --bin chaos --profile profiling -- {{args}}

# Times each step of a request; arguments go to Criterion: `just bench pick` for those whose names hold a word.
bench *args:
    cargo bench --locked -p tidegate-bench --bench steps -- {{args}}

# Counts the instructions of each step of a request (needs valgrind): `just gate --renew` allows what is counted from now on.
gate *args:
    cargo run --locked --profile profiling -p tidegate-bench -- gate {{args}}

# Builds the release binary once more, laid out for what a gateway does under load (needs the compiler's own llvm-profdata).
profile-guided:
    bench/profile-guided.sh

# Builds the book (needs mdbook).
book:
    mdbook build
