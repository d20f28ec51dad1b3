"""Anthropic's Messages, as a provider speaks it."""

import json

from speaking import ARGUMENTS, TOKENS, Objection, answered, compose, needs, one_of, only

MEDIA_TYPE = "text/event-stream"
# Which event carries the first content.
FIRST_CONTENT = 3
FIELDS = {
    *("model", "messages", "system", "max_tokens", "tools", "tool_choice", "stream", "temperature", "top_p", "top_k"),
    *("stop_sequences", "metadata", "thinking", "output_config", "service_tier"),
}
BLOCKS = {
    "user": {"text", "image", "document", "tool_result"},
    "assistant": {"text", "tool_use", "thinking", "redacted_thinking"},
}


def serves(path):
    return path == "/v1/messages"


def streams(path, body):
    return body.get("stream", False)


def read(body, headers):
    if not headers.get("anthropic-version") or not headers.get("x-api-key"):
        raise Objection("anthropic-version and x-api-key are missing")
    only(body, FIELDS, "the body")
    needs(body, ("model", "messages", "max_tokens"), "the body")
    if body["messages"][0].get("role") != "user":
        raise Objection("messages[0].role must be 'user'")
    open_calls, texts = [], []
    for at, message in enumerate(body["messages"]):
        where = f"messages[{at}]"
        only(message, {"role", "content"}, where)
        one_of(message.get("role"), BLOCKS, f"{where}.role")
        blocks = message["content"]
        blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
        for block in blocks:
            one_of(block.get("type"), BLOCKS[message["role"]], f"{where}.content[].type")
        if message["role"] == "user":
            # The results of a turn's calls stand in the message that follows it.
            results = [block for block in blocks if block["type"] == "tool_result"]
            answered(open_calls, [block["tool_use_id"] for block in results])
            open_calls, texts = [], texts + [text_of(block["content"]) for block in results]
        else:
            open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    answered(open_calls, [])
    for tool in body.get("tools") or ():
        only(tool, {"name", "description", "input_schema", "strict", "cache_control", "type"}, "tools[]")
        needs(tool, ("name", "input_schema"), "tools[]")
    wants_json = bool((body.get("output_config") or {}).get("format"))
    return [tool["name"] for tool in body.get("tools") or ()], texts, wants_json


def text_of(content):
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def whole(body, name, heard):
    speech = compose(name, *heard)
    blocks = [{"type": "text", "text": speech.text}] if speech.text else []
    blocks += [{"type": "tool_use", "id": id, "name": tool, "input": json.loads(ARGUMENTS)} for id, tool in speech.calls]
    usage = {"input_tokens": TOKENS[0], "output_tokens": TOKENS[1]}
    return {**head(body), "content": blocks, "stop_reason": stop(speech), "stop_sequence": None, "usage": usage}


def events(body, name, heard):
    speech = compose(name, *heard)
    usage = {"input_tokens": TOKENS[0], "output_tokens": 0}
    begun = {**head(body), "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield event("message_start", message=begun)
    yield event("ping")
    blocks = [({"type": "text", "text": ""}, "text", speech.pieces())] if speech.text else []
    blocks += [
        ({"type": "tool_use", "id": id, "name": tool, "input": {}}, "partial_json", [ARGUMENTS[:5], ARGUMENTS[5:]])
        for id, tool in speech.calls
    ]
    for at, (block, key, pieces) in enumerate(blocks):
        yield event("content_block_start", index=at, content_block=block)
        kind = "text_delta" if key == "text" else "input_json_delta"
        for piece in pieces:
            yield event("content_block_delta", index=at, delta={"type": kind, key: piece})
        yield event("content_block_stop", index=at)
    yield event("message_delta", delta={"stop_reason": stop(speech), "stop_sequence": None}, usage={"output_tokens": TOKENS[1]})
    yield event("message_stop")


def stop(speech):
    return "tool_use" if speech.calls else "end_turn"


def head(body):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"]}


def event(kind, **fields):
    return f"event: {kind}\ndata: " + json.dumps({"type": kind, **fields}) + "\n\n"


def objection(message):
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
