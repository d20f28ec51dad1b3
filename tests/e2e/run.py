#!/usr/bin/env python3
"""End to end: the release binary, real sockets, and the official SDKs as the callers.

    python3 tests/e2e/run.py target/release/tidegate [part of a scenario's name ...]

Each scenario is one function with a gateway and upstreams of its own, so that one alone can be run and read. A failing
one shows its reason and the end of the gateway's log. The exit code is 0 only if all passed.
"""

import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai

import matrix
import protocols
import refusals
from checks import expect, raises, read, text_of
from gateway import DRAIN, PATIENCE, POOL_OF_TWO, Gateway, two_tiers
from upstream import BREAKS_OFF, FAILS, NEVER_ENDS, REFUSES, USAGE, Upstream, UpstreamProcess

REPOSITORY = Path(__file__).resolve().parents[2]
HELLO = [{"role": "user", "content": "Hello"}]


class World:
    """A gateway between the SDK and two upstreams."""

    def __init__(self, binary):
        self.binary = binary
        self.alpha, self.beta = Upstream("alpha"), Upstream("beta")
        self.gateway = Gateway(binary, two_tiers(self.alpha, self.beta))
        # The SDK's own retries are on, as they are for users: a scenario that counts attempts counts those too.
        self.client = openai.OpenAI(base_url=self.gateway.base_url, api_key="any", timeout=PATIENCE)

    def ask(self, model="chat", **options):
        return self.client.chat.completions.create(model=model, messages=HELLO, **options)

    def ask_raw(self, model="chat", **options):
        return self.client.chat.completions.with_raw_response.create(model=model, messages=HELLO, **options)

    def close(self):
        self.client.close()
        self.gateway.close()
        for upstream in (self.alpha, self.beta):
            upstream.kill()


def the_probes_of_a_running_gateway_answer(world):
    for path in ("/livez", "/readyz", "/healthz", "/metrics"):
        expect(world.gateway.admin(path), 200, path)


def every_name_is_listed_as_a_model(world):
    names = {model.id for model in world.client.models.list()}
    missing = {"chat", "fast", "assistant"} - names
    assert not missing, f"{missing} not among {names}"


def every_kind_of_name_answers(world):
    for model, served_by in {
        "assistant": "alpha",
        "chat": "alpha",
        "chat.tier2": "beta",
        "group:chat.tier2": "beta",
        "beta:model-b": "beta",
        "direct:alpha:model-a": "alpha",
    }.items():
        expect(text_of(world.ask(model)), served_by, model)
    assert text_of(world.ask("pool:fast")) in ("alpha", "beta")


def a_request_reaches_the_upstream_as_it_was_but_for_the_model(world):
    world.ask(temperature=0, extra_body={"x_unknown": {"b": 1, "a": [2]}})
    (body,) = world.alpha.bodies
    expected = {"messages": HELLO, "model": "model-a", "temperature": 0, "x_unknown": {"b": 1, "a": [2]}}
    expect(body, expected, "the upstream's body")


def an_answer_says_who_gave_it(world):
    headers = world.ask_raw().headers
    for name in ("x-tidegate-request-id", "x-tidegate-instance", "x-tidegate-revision"):
        assert headers.get(name), f"no {name} in {dict(headers)}"
    expect(headers.get("x-tidegate-attempts"), "1", "x-tidegate-attempts")


def a_stream_arrives_whole(world):
    expect(read(world.ask(stream=True)), ("alpha", "stop", None), "the stream")


def a_stream_reports_its_usage_to_who_asks(world):
    text, finish, usage = read(world.ask(stream=True, stream_options={"include_usage": True}))
    expect((text, finish), ("alpha", "stop"), "the stream")
    assert usage is not None, "no chunk reported the usage"
    expect(usage.total_tokens, USAGE["total_tokens"], "the usage")


def an_unknown_model_is_not_found(world):
    error = raises(openai.NotFoundError, lambda: world.ask("no-such-model"))
    expect(error.code, "model_not_found", "the code")
    expect((world.alpha.requests, world.beta.requests), (0, 0), "requests to the upstreams")


def a_failing_upstream_goes_unseen(world):
    world.alpha.mode = FAILS
    answer = world.ask_raw()
    expect(text_of(answer.parse()), "beta", "the answer")
    expect(answer.headers.get("x-tidegate-attempts"), "2", "x-tidegate-attempts")
    expect(read(world.ask(stream=True)), ("beta", "stop", None), "the stream")


def a_killed_upstream_goes_unseen(world):
    expect(text_of(world.ask()), "alpha", "before the crash")
    world.alpha.kill()
    expect(text_of(world.ask()), "beta", "after the crash")
    expect(read(world.ask(stream=True)), ("beta", "stop", None), "a stream after the crash")


def a_callers_mistake_is_not_sent_to_the_next_tier(world):
    world.alpha.mode = REFUSES
    error = raises(openai.BadRequestError, world.ask)
    assert "temperature is out of range" in str(error), f"the upstream's words are missing: {error}"
    expect(world.beta.requests, 0, "requests to the next tier")


def two_failing_upstreams_are_asked_once_each(world):
    world.alpha.mode = world.beta.mode = FAILS
    error = raises(openai.InternalServerError, world.ask)
    expect(error.response.headers.get("x-should-retry"), "false", "x-should-retry")
    expect((world.alpha.requests, world.beta.requests), (1, 1), "requests, the SDK's own retries included")


def a_stream_that_breaks_off_raises_in_the_sdk(world):
    world.alpha.mode = BREAKS_OFF
    raises(openai.APIError, lambda: read(world.ask(stream=True)))


def an_upstream_is_left_alone_when_its_caller_hangs_up(world):
    world.alpha.mode = NEVER_ENDS
    stream = world.ask(stream=True)
    next(iter(stream))
    stream.close()
    assert world.alpha.hung_up.wait(PATIENCE), "the upstream still streams to nobody"


def a_changed_file_is_in_force_without_a_restart(world):
    with world.ask(stream=True) as stream:
        world.gateway.rewrite('"alpha:model-a"', '"beta:model-a"')
        wait_until(lambda: world.gateway.health()["revision"] == 2, "the new configuration is in force")
        expect(read(stream), ("alpha", "stop", None), "the stream from before")
    expect(text_of(world.ask()), "beta", "the answer from after")


def a_broken_file_changes_nothing_and_shows(world):
    world.gateway.rewrite("[wrappers.assistant]", "[wrappers.assistant")
    wait_until(lambda: world.gateway.health()["status"] == "degraded", "the rejected file shows")
    world.gateway.hang_up()
    expect(text_of(world.ask("assistant")), "alpha", "the answer")
    world.gateway.rewrite("[wrappers.assistant", "[wrappers.assistant]")
    wait_until(lambda: world.gateway.health()["status"] == "active", "the file is usable again")
    expect(world.gateway.health()["revision"], 1, "the revision")


def wait_until(reached, what):
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.02)


def an_idle_gateway_stops_at_once(world):
    world.gateway.terminate()
    expect(world.gateway.wait_for_exit(within=DRAIN), 0, "the exit code")


def a_gateway_that_stops_ends_its_open_streams_truthfully(world):
    world.alpha.mode = NEVER_ENDS
    stream = iter(world.ask(stream=True))
    next(stream)
    ended = {}
    reader = threading.Thread(target=lambda: ended.update(read_to_the_end(stream)), daemon=True)
    reader.start()
    world.gateway.terminate()
    expect(world.gateway.wait_for_exit(within=DRAIN + PATIENCE), 0, "the exit code")
    reader.join(PATIENCE)
    assert ended, "the caller still waits for a gateway that is gone"
    assert ended["error"] or ended["finish"], "the stream ended as if it were complete, but has no finish"


def read_to_the_end(stream):
    try:
        _, finish, _ = read(stream)
        return {"error": None, "finish": finish}
    except Exception as error:  # Whatever the SDK raises, the caller knows that the answer is not whole.
        return {"error": error, "finish": None}


def a_gateway_that_stops_is_not_ready(world):
    world.alpha.mode = NEVER_ENDS
    stream = iter(world.ask(stream=True))
    next(stream)
    world.gateway.terminate()
    deadline = time.monotonic() + DRAIN
    while world.gateway.admin("/readyz") == 200:
        assert time.monotonic() < deadline, "it drains, and still says that it is ready"
        time.sleep(0.02)


def the_shipped_configuration_passes_its_check(world):
    result = check(world.binary, REPOSITORY / "config")
    expect(result.returncode, 0, f"the exit code; it said:\n{result.stdout}{result.stderr}")


def a_configuration_with_a_dangling_name_fails_its_check(world):
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "tidegate.toml"
        broken.write_text('[task_groups.chat.tiers.tier1]\nmodels = ["nobody:model"]\n')
        result = check(world.binary, broken)
    expect(result.returncode, 1, "the exit code")
    said = result.stdout + result.stderr
    assert "nobody" in said, f"the report does not name the culprit:\n{said}"


def a_killed_upstream_process_loses_no_request_under_load(world):
    """200 requests a second for four seconds, half of them streamed; half way, one of two upstreams is killed."""
    with UpstreamProcess("gamma") as gamma, UpstreamProcess("delta") as delta:
        with Gateway(world.binary, two_tiers(gamma, delta) + POOL_OF_TWO) as gateway:
            gateway.wait_until_ready()
            client = openai.OpenAI(base_url=gateway.base_url, api_key="any", timeout=PATIENCE, max_retries=0)
            answered = under_load(client, kill=gamma.kill)
    expect(len(answered), 800, "requests")
    lost = [each for each in answered if each not in ("gamma", "delta")]
    expect(lost, [], "lost requests")
    assert "gamma" in answered[:200] and "delta" in answered, "both upstreams were to share the load"


def under_load(client, kill):
    """Who answered each of 800 requests, or how it failed."""
    began = time.monotonic()

    def one(number):
        time.sleep(max(0.0, began + number / 200 - time.monotonic()))
        if number == 400:
            kill()
        try:
            if number % 2:
                return read(client.chat.completions.create(model="two", messages=HELLO, stream=True))[0]
            return text_of(client.chat.completions.create(model="two", messages=HELLO))
        except Exception as error:  # Any failure is a lost request, and is shown as what it was.
            return f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(max_workers=32) as workers:
        return list(workers.map(one, range(800)))


def an_idle_gateway_is_small(world):
    status = Path(f"/proc/{world.gateway.process.pid}/status")
    if not status.exists():
        return  # Only Linux tells.
    resident = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    kibibytes = int(resident.split()[1])
    assert kibibytes < 15 * 1024, f"{kibibytes} KiB are resident"


def check(binary, path):
    command = [binary, "check", "--config", str(path)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL, cwd=REPOSITORY
    )


SCENARIOS = [
    the_probes_of_a_running_gateway_answer,
    every_name_is_listed_as_a_model,
    every_kind_of_name_answers,
    a_request_reaches_the_upstream_as_it_was_but_for_the_model,
    an_answer_says_who_gave_it,
    a_stream_arrives_whole,
    a_stream_reports_its_usage_to_who_asks,
    an_unknown_model_is_not_found,
    a_failing_upstream_goes_unseen,
    a_killed_upstream_goes_unseen,
    a_callers_mistake_is_not_sent_to_the_next_tier,
    two_failing_upstreams_are_asked_once_each,
    a_stream_that_breaks_off_raises_in_the_sdk,
    an_upstream_is_left_alone_when_its_caller_hangs_up,
    a_changed_file_is_in_force_without_a_restart,
    a_broken_file_changes_nothing_and_shows,
    an_idle_gateway_stops_at_once,
    a_gateway_that_stops_ends_its_open_streams_truthfully,
    a_gateway_that_stops_is_not_ready,
    the_shipped_configuration_passes_its_check,
    a_configuration_with_a_dangling_name_fails_its_check,
    a_killed_upstream_process_loses_no_request_under_load,
    an_idle_gateway_is_small,
    *refusals.SCENARIOS,
    *protocols.SCENARIOS,
    *matrix.SCENARIOS,
]


def passes(scenario, binary):
    """Runs one scenario in a world of its own, and says how it went."""
    began = time.monotonic()
    world = getattr(scenario, "world", World)(binary)
    try:
        world.gateway.wait_until_ready()
        scenario(world)
    except Exception:
        print(f"FAIL  {scenario.__name__}  ({time.monotonic() - began:.2f} s)")
        print(indented(traceback.format_exc()))
        print(indented("--- the end of the gateway's log ---\n" + world.gateway.tail_of_log()), flush=True)
        return False
    finally:
        world.close()
    print(f"ok    {scenario.__name__}  ({time.monotonic() - began:.2f} s)", flush=True)
    return True


def indented(text):
    return "\n".join("      " + line for line in text.rstrip().splitlines())


def main(arguments):
    if not arguments:
        print(__doc__)
        return 2
    binary, wanted = str(Path(arguments[0]).resolve()), arguments[1:]
    if not Path(binary).is_file():
        print(f"there is no binary at {binary}: build it with `cargo build --release`")
        return 2
    chosen = [each for each in SCENARIOS if not wanted or any(part in each.__name__ for part in wanted)]
    results = [passes(scenario, binary) for scenario in chosen]
    print(f"\n{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
