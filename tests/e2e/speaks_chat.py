"""OpenAI's Chat Completions, as a provider speaks it."""

import json

from speaking import ARGUMENTS, TOKENS, answered, compose, needs, one_of, only

MEDIA_TYPE = "text/event-stream"
# Which event carries the first content.
FIRST_CONTENT = 1
FIELDS = {
    *("model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "stream", "stream_options"),
    *("temperature", "top_p", "n", "stop", "seed", "user", "max_tokens", "max_completion_tokens", "reasoning_effort"),
    *("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "store", "metadata", "verbosity"),
}
ROLES = {"system", "developer", "user", "assistant", "tool"}
PARTS = {"text", "image_url", "input_audio", "file", "refusal"}


def serves(path):
    return path == "/v1/chat/completions"


def streams(path, body):
    return body.get("stream", False)


def read(body, headers):
    only(body, FIELDS, "the body")
    needs(body, ("model", "messages"), "the body")
    calls, results, texts = [], [], []
    for at, message in enumerate(body["messages"]):
        where = f"messages[{at}]"
        one_of(message.get("role"), ROLES, f"{where}.role")
        only(message, {"role", "content", "name", "tool_calls", "tool_call_id", "refusal"}, where)
        if isinstance(message.get("content"), list):
            for part in message["content"]:
                one_of(part.get("type"), PARTS, f"{where}.content[].type")
        for call in message.get("tool_calls") or ():
            only(call, {"id", "type", "function"}, f"{where}.tool_calls[]")
            json.loads(call["function"]["arguments"])
            calls.append(call["id"])
        if message["role"] == "tool":
            results.append(message["tool_call_id"])
            texts.append(text_of(message["content"]))
    answered(calls, results)
    for tool in body.get("tools") or ():
        only(tool, {"type", "function"}, "tools[]")
        only(tool["function"], {"name", "description", "parameters", "strict"}, "tools[].function")
    wanted = (body.get("response_format") or {}).get("type", "text")
    one_of(wanted, {"text", "json_object", "json_schema"}, "response_format.type")
    names = [tool["function"]["name"] for tool in body.get("tools") or ()]
    return names, texts, wanted != "text"


def text_of(content):
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def whole(body, name, heard):
    speech = compose(name, *heard)
    message = {"role": "assistant", "content": speech.text}
    if speech.calls:
        message["tool_calls"] = [call(each, ARGUMENTS) for each in speech.calls]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if speech.calls else "stop", "logprobs": None}
    return {**head(body, "chat.completion"), "choices": [choice], "usage": usage()}


def events(body, name, heard):
    speech = compose(name, *heard)
    yield chunk(body, {"role": "assistant", "content": ""})
    for piece in speech.pieces() if speech.text else ():
        yield chunk(body, {"content": piece})
    for at, each in enumerate(speech.calls):
        yield chunk(body, {"tool_calls": [{"index": at, **call(each, "")}]})
        for piece in (ARGUMENTS[:5], ARGUMENTS[5:]):
            yield chunk(body, {"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
    yield chunk(body, {}, "tool_calls" if speech.calls else "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield "data: " + json.dumps({**head(body, "chat.completion.chunk"), "choices": [], "usage": usage()}) + "\n\n"
    yield "data: [DONE]\n\n"


def call(each, arguments):
    return {"id": each[0], "type": "function", "function": {"name": each[1], "arguments": arguments}}


def chunk(body, delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return "data: " + json.dumps({**head(body, "chat.completion.chunk"), "choices": [choice]}) + "\n\n"


def head(body, kind):
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"]}


def usage():
    return {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}


def objection(message):
    return {"error": {"type": "invalid_request_error", "message": message, "param": None, "code": None}}
