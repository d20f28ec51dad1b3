#!/usr/bin/env bash
# Builds the release binary twice: once to count which of its code runs under load, and once more, laid out and optimised for that.
#
# Needs the `llvm-profdata` of the compiler's own LLVM (`rustc --version --verbose` names it): `rustup component add llvm-tools`, or a path
# in LLVM_PROFDATA. The result is target/profile-guided/<host>/release/tidegate.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly HOST=$(rustc --print host-tuple)
readonly TARGET="$PWD/target/profile-guided"
readonly COUNTS="$TARGET/counts"
readonly PROFDATA=${LLVM_PROFDATA:-$(rustc --print sysroot)/lib/rustlib/$HOST/bin/llvm-profdata}
readonly UPSTREAMS=(127.0.0.1:9481 127.0.0.1:9482)
readonly GATEWAY=127.0.0.1:9483

build() {
    # With a target named, build scripts and macros are built without the flags.
    RUSTFLAGS="$1" cargo build --release --locked -p tidegate --target "$HOST" --target-dir "$TARGET"
}

started=()
stop() {
    ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
    wait
    started=()
}
trap stop EXIT

start() {
    "$@" &
    started+=($!)
}

# What a gateway does most of the time: pass on and translate, whole and streamed, and whatever it does to start, to stop and to keep its records.
train() {
    local bench="$PWD/target/release/tidegate-bench" stage
    stage=$(mktemp -d)
    cat >"$stage/tidegate.toml" <<CONFIG
[server]
listen = "$GATEWAY"
admin_listen = "127.0.0.1:0"

[storage]
backend = "sqlite"
path = "$stage/gateway.db"

[providers.a]
protocol = "openai"
base_url = "http://${UPSTREAMS[0]}/v1"
api_key = "none"

[providers.b]
protocol = "openai"
base_url = "http://${UPSTREAMS[1]}/v1"
api_key = "none"

[pools.fast]
instances = [{ id = "a", model = "a:mock" }, { id = "b", model = "b:mock" }]
CONFIG
    start "$bench" mock --listen "${UPSTREAMS[0]}" --also-listen "${UPSTREAMS[1]}" --gap-ms 1
    LLVM_PROFILE_FILE="$COUNTS/%p.profraw" start "$TARGET/$HOST/release/tidegate" serve --config "$stage/tidegate.toml"
    until "$bench" load "$GATEWAY" --requests 64 2>/dev/null; do sleep 0.2; done
    "$bench" load "$GATEWAY" --requests 40000
    "$bench" load "$GATEWAY" --shape stream --requests 2000
    "$bench" load "$GATEWAY" --protocol messages --requests 20000
    "$bench" load "$GATEWAY" --protocol messages --shape stream --requests 1000
    stop
    rm -r "$stage"
}

"$PROFDATA" --version >/dev/null
cargo build --release --locked -p tidegate-bench
rm -rf "$COUNTS"
build "-Cprofile-generate=$COUNTS"
train
"$PROFDATA" merge --output "$TARGET/merged.profdata" "$COUNTS"
# What ran lies side by side in the file, so that what never runs stays out of memory.
"$PROFDATA" show --covered "$TARGET/merged.profdata" | sed 's/^.*;//' >"$TARGET/order.txt"
build "-Cprofile-use=$TARGET/merged.profdata -Clink-arg=-Wl,--symbol-ordering-file=$TARGET/order.txt -Clink-arg=-Wl,--no-warn-symbol-ordering"
echo "$TARGET/$HOST/release/tidegate"
