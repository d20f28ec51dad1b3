#!/usr/bin/env bash
# Builds the release binary for what it does most of the time: once so that it counts which of its code runs under load, and once more, optimised
# for that. Where LLVM's post-link optimizer is installed too, it then counts every branch of the result, and lays it out anew.
#
# Needs the `llvm-profdata` and `llvm-strip` of the compiler's own LLVM (`rustc --version --verbose` names it): `rustup component add llvm-tools`,
# or the path of the first in LLVM_PROFDATA, and the other beside it. The optimizer is `llvm-bolt`, or a path in LLVM_BOLT; with `LLVM_BOLT=` it is
# left out. The result is target/profile-guided/<host>/release/tidegate.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly HOST=$(rustc --print host-tuple)
readonly TARGET="$PWD/target/profile-guided"
readonly RESULT="$TARGET/$HOST/release/tidegate"
readonly COUNTS="$TARGET/counts"
readonly PROFDATA=${LLVM_PROFDATA:-$(rustc --print sysroot)/lib/rustlib/$HOST/bin/llvm-profdata}
readonly BOLT=${LLVM_BOLT-$(type -P llvm-bolt || true)}
readonly UPSTREAMS=(127.0.0.1:9481 127.0.0.1:9482)
readonly GATEWAY=127.0.0.1:9483

build() {
    # With a target named, build scripts and macros are built without the flags.
    CARGO_PROFILE_RELEASE_STRIP=none RUSTFLAGS="$1" cargo build --release --locked -p tidegate --target "$HOST" --target-dir "$TARGET"
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

# Has the gateway `$1` do what it does most of the time: pass on and translate, whole and streamed, and whatever it does to start, to stop and to
# keep its records. It starts twice, for a store that is there already is opened in another way than one that is made.
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

[limits]
max_concurrency = 512
queue_size = 1024
max_wait = 10

[pools.fast]
rotation = "round_robin"
instances = [{ id = "a", model = "a:mock" }, { id = "b", model = "b:mock" }]

[task_groups.chat.tiers.best]
models = ["pool:fast"]

[task_groups.chat.tiers.last-resort]
models = ["b:mock"]
priority = 2

[wrappers.assistant]
type = "task_group"
task_group = "chat"
CONFIG
    for _ in first again; do
        start "$bench" mock --listen "${UPSTREAMS[0]}" --also-listen "${UPSTREAMS[1]}" --gap-ms 1
        LLVM_PROFILE_FILE="$COUNTS/%p.profraw" start "$1" serve --config "$stage/tidegate.toml"
        until "$bench" load "$GATEWAY" --requests 64 2>/dev/null; do sleep 0.2; done
        "$bench" load "$GATEWAY" --requests 40000
        "$bench" load "$GATEWAY" --shape stream --requests 2000
        "$bench" load "$GATEWAY" --protocol messages --requests 20000
        "$bench" load "$GATEWAY" --protocol messages --shape stream --requests 1000
        stop
    done
    rm -r "$stage"
}

# Lays the result out anew: what runs stands together, block by block, and what does not is out of its way.
lay_out() {
    local merge=${BOLT/llvm-bolt/merge-fdata}
    "$BOLT" "$RESULT" -instrument -instrumentation-file="$COUNTS/branches" -instrumentation-file-append-pid -o "$TARGET/counting"
    train "$TARGET/counting"
    "$merge" "$COUNTS"/branches.*.fdata >"$TARGET/branches.fdata"
    # Pages of the usual size: of larger ones, what never runs would be in memory too.
    "$BOLT" "$RESULT" -data="$TARGET/branches.fdata" -reorder-blocks=ext-tsp -reorder-functions=cdsort -split-functions -split-all-cold \
        -split-eh -icf=1 -lite=0 -no-huge-pages -o "$TARGET/laid-out"
    mv "$TARGET/laid-out" "$RESULT"
}

"$PROFDATA" --version >/dev/null
cargo build --release --locked -p tidegate-bench
rm -rf "$COUNTS"
mkdir -p "$COUNTS"
build "-Cprofile-generate=$COUNTS"
train "$RESULT"
"$PROFDATA" merge --output "$TARGET/merged.profdata" "$COUNTS"/*.profraw
# What ran lies side by side in the file, so that what never runs stays out of memory.
"$PROFDATA" show --covered "$TARGET/merged.profdata" | sed 's/^.*;//' >"$TARGET/order.txt"
build "-Cprofile-use=$TARGET/merged.profdata -Clink-arg=-Wl,--symbol-ordering-file=$TARGET/order.txt \
-Clink-arg=-Wl,--no-warn-symbol-ordering -Clink-arg=-Wl,--emit-relocs"
[[ -z $BOLT ]] || lay_out
# LLVM's own: the GNU one damages what was laid out anew.
"${PROFDATA/llvm-profdata/llvm-strip}" "$RESULT"
"$RESULT" --version
echo "$RESULT"
