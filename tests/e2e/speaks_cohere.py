"""Cohere's chat, as a provider speaks it."""

import json

from speaking import ARGUMENTS, TOKENS, answered, compose, needs, one_of, only

MEDIA_TYPE = "text/event-stream"
# Which event carries the first content.
FIRST_CONTENT = 2
FIELDS = {
    *("model", "messages", "tools", "tool_choice", "strict_tools", "response_format", "stream", "temperature", "p", "k"),
    *("seed", "max_tokens", "stop_sequences", "presence_penalty", "frequency_penalty", "thinking", "safety_mode"),
}
ROLES = {"system", "user", "assistant", "tool"}


def serves(path):
    return path == "/v2/chat"


def streams(path, body):
    return body.get("stream", False)


def read(body, headers):
    only(body, FIELDS, "the body")
    needs(body, ("model", "messages"), "the body")
    calls, results, texts = [], [], []
    for at, message in enumerate(body["messages"]):
        where = f"messages[{at}]"
        one_of(message.get("role"), ROLES, f"{where}.role")
        only(message, {"role", "content", "tool_calls", "tool_plan", "tool_call_id", "citations"}, where)
        calls += [call["id"] for call in message.get("tool_calls") or ()]
        if message["role"] == "tool":
            results.append(message["tool_call_id"])
            texts.append(text_of(message["content"]))
    answered(calls, results)
    names = [tool["function"]["name"] for tool in body.get("tools") or ()]
    wanted = (body.get("response_format") or {}).get("type", "text")
    one_of(wanted, {"text", "json_object"}, "response_format.type")
    return names, texts, wanted == "json_object"


def text_of(content):
    if isinstance(content, str):
        return content
    return "".join(part["text"] if part["type"] == "text" else str(part["document"]["data"]) for part in content)


def whole(body, name, heard):
    speech = compose(name, *heard)
    message = {"role": "assistant"}
    if speech.text:
        message["content"] = [{"type": "text", "text": speech.text}]
    else:
        message["tool_calls"] = [call(each, ARGUMENTS) for each in speech.calls]
    return {"id": "id", "finish_reason": finish(speech), "message": message, "usage": usage()}


def events(body, name, heard):
    speech = compose(name, *heard)
    yield event("message-start", id="id", delta={"message": {"role": "assistant", "content": [], "tool_calls": []}})
    if speech.text:
        yield event("content-start", index=0, delta={"message": {"content": {"type": "text", "text": ""}}})
        for piece in speech.pieces():
            yield event("content-delta", index=0, delta={"message": {"content": {"text": piece}}})
        yield event("content-end", index=0)
    for at, each in enumerate(speech.calls):
        yield event("tool-call-start", index=at, delta={"message": {"tool_calls": call(each, "")}})
        for piece in (ARGUMENTS[:5], ARGUMENTS[5:]):
            told = {"tool_calls": {"function": {"arguments": piece}}}
            yield event("tool-call-delta", index=at, delta={"message": told})
        yield event("tool-call-end", index=at)
    yield event("message-end", delta={"finish_reason": finish(speech), "usage": usage()})


def call(each, arguments):
    return {"id": each[0], "type": "function", "function": {"name": each[1], "arguments": arguments}}


def finish(speech):
    return "TOOL_CALL" if speech.calls else "COMPLETE"


def usage():
    tokens = {"input_tokens": TOKENS[0], "output_tokens": TOKENS[1]}
    return {"billed_units": tokens, "tokens": tokens}


def event(kind, **fields):
    return f"event: {kind}\ndata: " + json.dumps({"type": kind, **fields}) + "\n\n"


def objection(message):
    return {"id": "id", "message": message}
