#!/usr/bin/env python3
"""Rewrites the model catalogue from a table of models in LiteLLM's JSON form.

    python3 config/catalog/import.py model_prices_and_context_window.json 2026-11-24

The table is the one that the `litellm` package carries. Only facts are taken: windows, limits, abilities and prices. Review
the difference before it is committed; what a user writes under `[models.X]` stands above all of it.
"""

import json
import pathlib
import re
import sys

# Our file: the table's word for the vendor, and the hosts at which its models are asked for.
VENDORS = {
    "openai": ("openai", ["api.openai.com"]),
    "anthropic": ("anthropic", ["api.anthropic.com"]),
    "gemini": ("gemini", ["generativelanguage.googleapis.com"]),
    "mistral": ("mistral", ["api.mistral.ai"]),
    "deepseek": ("deepseek", ["api.deepseek.com"]),
    "groq": ("groq", ["api.groq.com"]),
    "xai": ("xai", ["api.x.ai"]),
    "together": ("together_ai", ["api.together.xyz", "api.together.ai"]),
    "cerebras": ("cerebras", ["api.cerebras.ai"]),
    "moonshot": ("moonshot", ["api.moonshot.ai", "api.moonshot.cn"]),
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
# Where the vendor's own page says otherwise.
CORRECTIONS = {"gpt-4": {"max_output_tokens": 8192}, "gpt-4-0613": {"max_output_tokens": 8192}}
DATED = re.compile(r"-(20\d\d-\d\d-\d\d|20\d{6})$")


def window(vendor, entry):
    """Prompt and answer together. Where the table names the longest prompt alone, the answer comes on top."""
    longest, answer = entry.get("max_input_tokens"), entry.get("max_output_tokens") or 0
    if not isinstance(longest, int) or longest <= 0:
        return None
    beside = vendor == "gemini" or (vendor == "openai" and longest in (272_000, 922_000))
    return longest + answer if beside else longest


def price(entry, key):
    """Dollars for a million tokens."""
    each = entry.get(key)
    return None if each is None else float(f"{each * 1_000_000:.6g}")


def card(vendor, entry):
    lines = {}
    if tokens := window(vendor, entry):
        lines["context_window"] = str(tokens)
    if (longest := entry.get("max_output_tokens")) and isinstance(longest, int):
        lines["max_output"] = str(longest)
    abilities = [ours for ours, theirs in ABILITIES.items() if entry.get(theirs)]
    # A model of which nothing is said is one of which nothing is known.
    if any(key.startswith("supports_") for key in entry):
        if entry.get("supports_native_streaming") is not False:
            abilities.append("streaming")
        lines["capabilities"] = json.dumps(abilities)
    parts = {
        "input": price(entry, "input_cost_per_token"),
        "cached_input": price(entry, "cache_read_input_token_cost"),
        "output": price(entry, "output_cost_per_token"),
    }
    if parts["input"] is not None and parts["output"] is not None and parts["output"] > 0:
        known = [f"{key} = {value:g}" for key, value in parts.items() if value is not None]
        lines["prices"] = "{ " + ", ".join(known) + " }"
    return lines


def cards(vendor, theirs, table):
    found = {}
    for name, entry in table.items():
        if not isinstance(entry, dict) or entry.get("litellm_provider") != theirs or entry.get("mode") != "chat":
            continue
        model = name.removeprefix(f"{theirs}/")
        if STRANGE.search(model) or not (lines := card(vendor, entry | CORRECTIONS.get(model, {}))):
            continue
        found[model] = lines
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
