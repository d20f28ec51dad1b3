"""OpenAI's Responses, as a provider speaks it."""

import json

from speaking import ARGUMENTS, TOKENS, Objection, answered, compose, needs, one_of, only

MEDIA_TYPE = "text/event-stream"
# Which event carries the first content.
FIRST_CONTENT = 3
FIELDS = {
    *("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "include"),
    *("store", "stream", "stream_options", "temperature", "top_p", "max_output_tokens", "user", "metadata", "truncation"),
    *("previous_response_id", "prompt_cache_key", "safety_identifier", "service_tier", "background"),
}
ITEMS = {"message", "function_call", "function_call_output", "reasoning"}
# Which parts a message may have, by who says it.
PARTS = {"assistant": {"output_text", "refusal"}, None: {"input_text", "input_image", "input_file"}}


def serves(path):
    return path == "/v1/responses"


def streams(path, body):
    return body.get("stream", False)


def read(body, headers):
    only(body, FIELDS, "the body")
    needs(body, ("model", "input"), "the body")
    items = body["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    calls, results, texts = [], [], []
    for at, item in enumerate(items):
        where, kind = f"input[{at}]", item.get("type", "message")
        one_of(kind, ITEMS, f"{where}.type")
        if kind == "message":
            read_message(item, where)
        elif kind == "function_call":
            needs(item, ("call_id", "name", "arguments"), where)
            json.loads(item["arguments"])
            calls.append(item["call_id"])
        elif kind == "function_call_output":
            needs(item, ("call_id", "output"), where)
            results.append(item["call_id"])
            texts.append(text_of(item["output"]))
    answered(calls, results)
    names = [read_tool(tool) for tool in body.get("tools") or ()]
    wanted = ((body.get("text") or {}).get("format") or {}).get("type", "text")
    one_of(wanted, {"text", "json_object", "json_schema"}, "text.format.type")
    return names, texts, wanted != "text"


def read_message(item, where):
    only(item, {"type", "role", "content", "id", "status"}, where)
    one_of(item.get("role"), {"system", "developer", "user", "assistant"}, f"{where}.role")
    if isinstance(item["content"], str):
        return
    allowed = PARTS.get(item["role"], PARTS[None])
    for part in item["content"]:
        one_of(part.get("type"), allowed, f"{where}.content[].type")


def read_tool(tool):
    only(tool, {"type", "name", "description", "parameters", "strict"}, "tools[]")
    needs(tool, ("name", "parameters"), "tools[]")
    if tool.get("strict", True) and tool["parameters"].get("additionalProperties") is not False:
        raise Objection(f"tools[]: '{tool['name']}' is strict, and its schema is not closed")
    return tool["name"]


def text_of(output):
    return output if isinstance(output, str) else "".join(part["text"] for part in output)


def whole(body, name, heard):
    return response(body, "completed", items_of(compose(name, *heard)))


def events(body, name, heard):
    count = iter(range(1000))

    def event(kind, **fields):
        return f"event: {kind}\ndata: " + json.dumps({"type": kind, "sequence_number": next(count), **fields}) + "\n\n"

    yield event("response.created", response=response(body, "in_progress", []))
    items = items_of(compose(name, *heard))
    for at, item in enumerate(items):
        place = {"item_id": item["id"], "output_index": at}
        is_call = item["type"] == "function_call"
        begun = {**item, "status": "in_progress", **({"arguments": ""} if is_call else {"content": []})}
        yield event("response.output_item.added", output_index=at, item=begun)
        kind = "function_call_arguments" if is_call else "output_text"
        text = item["arguments"] if is_call else item["content"][0]["text"]
        if not is_call:
            place["content_index"] = 0
            yield event("response.content_part.added", **place, part={**item["content"][0], "text": ""})
        for piece in (text[:3], text[3:]):
            yield event(f"response.{kind}.delta", **place, delta=piece)
        yield event(f"response.{kind}.done", **place, **({"arguments": text} if is_call else {"text": text}))
        if not is_call:
            yield event("response.content_part.done", **place, part=item["content"][0])
        yield event("response.output_item.done", output_index=at, item=item)
    yield event("response.completed", response=response(body, "completed", items))


def items_of(speech):
    if speech.calls:
        return [
            {"id": f"fc_{at}", "type": "function_call", "call_id": id, "name": tool, "arguments": ARGUMENTS, "status": "completed"}
            for at, (id, tool) in enumerate(speech.calls)
        ]
    part = {"type": "output_text", "text": speech.text, "annotations": [], "logprobs": []}
    return [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}]


def response(body, status, items):
    usage = {
        "input_tokens": TOKENS[0],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": TOKENS[1],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": sum(TOKENS),
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": body["model"],
        "output": items,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "text": body.get("text") or {"format": {"type": "text"}},
        "tools": body.get("tools") or [],
        "usage": usage if status == "completed" else None,
    }


def objection(message):
    return {"error": {"type": "invalid_request_error", "message": message, "param": None, "code": None}}
