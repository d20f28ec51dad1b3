#!/usr/bin/env python3
"""Rewrites the model catalogue from a table of models in LiteLLM's JSON form.

    python3 config/catalog/import.py model_prices_and_context_window.json 2026-11-24

The table is the one that the `litellm` package carries. Only facts are taken: windows, limits, abilities and prices. Review
the difference before it is committed; what a user writes under `[models.X]` stands above all of it.

At Bedrock a model has other prices by an inference profile, whose name is the model's behind that of a part of the world: they
stand on the model's card, under that part's name. Without a profile, prices are those of US East.
"""

import json
import pathlib
import re
import sys

# Our file: the table's words for the vendor, and the hosts at which its models are asked for; `*` stands for the beginning of one label.
VENDORS = {
    "openai": (["openai"], ["api.openai.com"]),
    "anthropic": (["anthropic"], ["api.anthropic.com"]),
    "gemini": (
        ["gemini"],
        [
            "generativelanguage.googleapis.com",
            "aiplatform.googleapis.com",
            "*-aiplatform.googleapis.com",
            "aiplatform.us.rep.googleapis.com",
            "aiplatform.eu.rep.googleapis.com",
        ],
    ),
    "mistral": (["mistral"], ["api.mistral.ai"]),
    "deepseek": (["deepseek"], ["api.deepseek.com"]),
    "groq": (["groq"], ["api.groq.com"]),
    "xai": (["xai"], ["api.x.ai"]),
    "together": (["together_ai"], ["api.together.xyz", "api.together.ai"]),
    "cerebras": (["cerebras"], ["api.cerebras.ai"]),
    "moonshot": (["moonshot"], ["api.moonshot.ai", "api.moonshot.cn"]),
    "cohere": (["cohere_chat"], ["api.cohere.com", "api.cohere.ai"]),
    "bedrock": (
        ["bedrock_converse", "bedrock"],
        ["bedrock-runtime.*.amazonaws.com", "bedrock-runtime-fips.*.amazonaws.com"],
    ),
}
ABILITIES = {
    "tools": "supports_function_calling",
    "vision": "supports_vision",
    "audio": "supports_audio_input",
    "json_schema": "supports_response_schema",
    "reasoning": "supports_reasoning",
    "prefill": "supports_assistant_prefill",
}
# No models for conversation, or not to be had by everybody.
STRANGE = re.compile(r"^ft:|container|lyria|robotics|deep-research|daybreak|computer-use|rosalind|cyber|-exp|learnlm|omni|tts|^together-ai-")
# Where the vendor's own page says otherwise, or the table says nothing.
CORRECTIONS = {
    "gpt-4": {"max_output_tokens": 8192},
    "gpt-4-0613": {"max_output_tokens": 8192},
    **{
        f"command-{model}": {"supports_response_schema": True}
        for model in ("a-03-2025", "r-08-2024", "r-plus-08-2024", "r7b-12-2024")
    },
    # The table has the price of a later model; Bedrock's for this one is a tenth above what Anthropic announced.
    "claude-mythos-preview": {
        "input_cost_per_token": 25e-6,
        "cache_read_input_token_cost": 2.5e-6,
        "output_cost_per_token": 125e-6,
    },
    "mistral.pixtral-large-2502-v1:0": {"supports_vision": True},
    "meta.llama4-maverick-17b-instruct-v1:0": {"supports_vision": True},
    "meta.llama4-scout-17b-instruct-v1:0": {"supports_vision": True, "max_input_tokens": 3_500_000},
}
# Models that the vendor's own page has and the table has not.
ADDITIONS = {
    # By the profile of India, at the price of that of the United States.
    "bedrock": {
        f"in.openai.gpt-5.6-{model}": {
            "input_cost_per_token": price,
            "cache_read_input_token_cost": price / 10,
            "output_cost_per_token": price * 6,
        }
        for model, price in (("luna", 0.22e-6), ("terra", 2.2e-6))
    },
    "cohere": {
        "command-a-reasoning-08-2025": {"max_input_tokens": 256_000, "max_output_tokens": 32_000},
        "command-a-vision-07-2025": {"max_input_tokens": 128_000, "max_output_tokens": 8000},
        "command-a-translate-08-2025": {"max_input_tokens": 8000, "max_output_tokens": 8000},
        "north-small-translate-1-0": {"max_input_tokens": 16_000, "max_output_tokens": 16_000},
        "north-mini-code-1-0": {"max_input_tokens": 256_000, "max_output_tokens": 64_000},
    }
}
# Whose inference profile it is, in front of the model's name.
PROFILE = re.compile(r"^(us|us-gov|eu|apac|au|ca|global|in|jp|sa)\.(?=\w+\.)")
DATED = re.compile(r"-(20\d\d-\d\d-\d\d|20\d{6})$")


def window(vendor, entry):
    """Prompt and answer together. Where the table names the longest prompt alone, the answer comes on top."""
    longest, answer = entry.get("max_input_tokens"), entry.get("max_output_tokens") or 0
    if not isinstance(longest, int) or longest <= 0:
        return None
    beside = vendor == "gemini" or (vendor in ("openai", "bedrock") and longest in (272_000, 922_000))
    return longest + answer if beside else longest


def price(entry, key):
    """Dollars for a million tokens."""
    each = entry.get(key)
    return None if each is None else float(f"{each * 1_000_000:.6g}")


def prices(entry):
    """As they stand on a card; nothing where the table has none, or none that is one."""
    parts = {
        "input": price(entry, "input_cost_per_token"),
        "cached_input": price(entry, "cache_read_input_token_cost"),
        "output": price(entry, "output_cost_per_token"),
    }
    if parts["input"] is None or not parts["output"]:
        return None
    return "{ " + ", ".join(f"{key} = {value:g}" for key, value in parts.items() if value is not None) + " }"


def takes_schemas(model, entry):
    """Whether a model at Bedrock is given a schema as such. The table also counts those that are given one as a tool."""
    native = entry.get("supports_native_structured_output") or entry.get("supports_bedrock_native_structured_output")
    return native or (entry.get("supports_response_schema") and not model.startswith(("anthropic.", "amazon.")))


def card(vendor, model, entry):
    lines = {}
    says_something = any(key.startswith("supports_") for key in entry)
    if vendor == "bedrock":
        entry = entry | {"supports_response_schema": takes_schemas(model, entry)}
    if tokens := window(vendor, entry):
        lines["context_window"] = str(tokens)
    if (longest := entry.get("max_output_tokens")) and isinstance(longest, int):
        lines["max_output"] = str(longest)
    abilities = [ours for ours, theirs in ABILITIES.items() if entry.get(theirs)]
    # A model of which nothing is said is one of which nothing is known.
    if says_something:
        if entry.get("supports_native_streaming") is not False:
            abilities.append("streaming")
        lines["capabilities"] = json.dumps(abilities)
    if known := prices(entry):
        lines["prices"] = known
    return lines


def cards(vendor, theirs, table):
    found, profiles = {}, {}
    rows = [(name, entry) for name, entry in table.items() if isinstance(entry, dict)]
    rows = [(name, entry) for name, entry in rows if entry.get("litellm_provider") in theirs and entry.get("mode") == "chat"]
    rows += [(name, entry) for name, entry in ADDITIONS.get(vendor, {}).items()]
    # At Bedrock, a model comes before its profiles.
    for name, entry in sorted(rows, key=lambda row: bool(PROFILE.match(row[0]))):
        model = name
        for word in theirs:
            model = model.removeprefix(f"{word}/")
        if vendor == "bedrock" and ("/" in model or "." not in PROFILE.sub("", model) or "@" in model):
            continue
        if vendor == "bedrock" and (profile := PROFILE.match(model)):
            model = PROFILE.sub("", model)
            profiles.setdefault(model, {})[profile[1]] = prices(entry)
            # One that is asked by profiles alone has no price without one.
            if not STRANGE.search(model) and model not in found:
                found[model] = {key: value for key, value in card(vendor, model, entry).items() if key != "prices"}
            continue
        if STRANGE.search(model) or not (lines := card(vendor, model, entry | CORRECTIONS.get(model, {}))):
            continue
        found[model] = lines
    for model, lines in found.items():
        known = {where: cost for where, cost in sorted(profiles.get(model, {}).items()) if cost}
        if known:
            lines["profiles"] = "{ " + ", ".join(f"{where} = {cost}" for where, cost in known.items()) + " }"
    # A dated release that is like its model needs no card of its own.
    return {model: lines for model, lines in found.items() if found.get(DATED.sub("", model)) != lines or not DATED.search(model)}


def main(source, as_of):
    table = json.loads(pathlib.Path(source).read_text(encoding="utf-8"))
    here = pathlib.Path(__file__).parent
    for vendor, (theirs, hosts) in VENDORS.items():
        out = [
            f"# Models of {vendor}: tokens, abilities, and dollars for a million tokens. Written by import.py.",
            f'as_of = "{as_of}"',
            f"hosts = {json.dumps(hosts)}",
        ]
        for model, lines in sorted(cards(vendor, theirs, table).items()):
            out += ["", f"[models.{json.dumps(model)}]", *(f"{key} = {value}" for key, value in lines.items())]
        (here / f"{vendor}.toml").write_text("\n".join(out) + "\n", encoding="utf-8")
        print(f"{vendor}: {(len(out) - 3)} lines")


if __name__ == "__main__":
    main(*sys.argv[1:3])
