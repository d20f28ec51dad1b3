"""Amazon Bedrock's Converse, as a provider speaks it."""

import json
import struct
import zlib

from speaking import ARGUMENTS, TOKENS, Objection, answered, compose, needs, one_of, only

MEDIA_TYPE = "application/vnd.amazon.eventstream"
# Which event carries the first content.
FIRST_CONTENT = 1
FIELDS = {"messages", "system", "toolConfig", "inferenceConfig", "outputConfig", "additionalModelRequestFields"}
BLOCKS = {
    "user": {"text", "image", "document", "toolResult", "cachePoint"},
    "assistant": {"text", "toolUse", "reasoningContent", "cachePoint"},
}


def serves(path):
    return path.startswith("/model/") and path.endswith(("/converse", "/converse-stream"))


def streams(path, body):
    return path.endswith("-stream")


def read(body, headers):
    if not headers.get("authorization"):
        raise Objection("authorization is missing")
    only(body, FIELDS, "the body")
    needs(body, ("messages",), "the body")
    open_calls, texts = [], []
    roles = [message.get("role") for message in body["messages"]]
    if roles[0] != "user" or any(one == next for one, next in zip(roles, roles[1:])):
        raise Objection(f"the roles do not alternate from 'user' on: {roles}")
    for at, message in enumerate(body["messages"]):
        where = f"messages[{at}]"
        only(message, {"role", "content"}, where)
        one_of(message["role"], BLOCKS, f"{where}.role")
        for block in message["content"]:
            only(block, BLOCKS[message["role"]], f"{where}.content[]")
        if message["role"] == "user":
            results = [block["toolResult"] for block in message["content"] if "toolResult" in block]
            answered(open_calls, [result["toolUseId"] for result in results])
            open_calls, texts = [], texts + ["".join(part["text"] for part in result["content"]) for result in results]
        else:
            open_calls = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
    answered(open_calls, [])
    only(body.get("inferenceConfig") or {}, {"maxTokens", "temperature", "topP", "stopSequences"}, "inferenceConfig")
    config = body.get("outputConfig") or {}
    only(config, {"textFormat", "effort"}, "outputConfig")
    tools = [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools", ())]
    for tool in tools:
        only(tool, {"name", "description", "inputSchema", "strict"}, "toolConfig.tools[].toolSpec")
        needs(tool["inputSchema"], ("json",), "toolConfig.tools[].toolSpec.inputSchema")
    if "textFormat" in config:
        json.loads(config["textFormat"]["structure"]["jsonSchema"]["schema"])
    return [tool["name"] for tool in tools], texts, "textFormat" in config


def whole(body, name, heard):
    speech = compose(name, *heard)
    blocks = [{"text": speech.text}] if speech.text else []
    blocks += [{"toolUse": {"toolUseId": id, "name": tool, "input": json.loads(ARGUMENTS)}} for id, tool in speech.calls]
    message = {"role": "assistant", "content": blocks}
    return {"output": {"message": message}, "stopReason": stop(speech), "usage": usage(), "metrics": {"latencyMs": 1}}


def events(body, name, heard):
    speech = compose(name, *heard)
    yield frame("messageStart", {"role": "assistant"})
    for piece in speech.pieces() if speech.text else ():
        yield frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
    if speech.text:
        yield frame("contentBlockStop", {"contentBlockIndex": 0})
    for at, (id, tool) in enumerate(speech.calls):
        start = {"toolUse": {"toolUseId": id, "name": tool}}
        yield frame("contentBlockStart", {"contentBlockIndex": at, "start": start})
        for piece in (ARGUMENTS[:5], ARGUMENTS[5:]):
            yield frame("contentBlockDelta", {"contentBlockIndex": at, "delta": {"toolUse": {"input": piece}}})
        yield frame("contentBlockStop", {"contentBlockIndex": at})
    yield frame("messageStop", {"stopReason": stop(speech)})
    yield frame("metadata", {"usage": usage(), "metrics": {"latencyMs": 1}})


def frame(kind, payload):
    """One message of `application/vnd.amazon.eventstream`."""
    written = b""
    for name, value in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
        written += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    payload = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(written) + len(payload), len(written))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + written + payload
    return message + struct.pack(">I", zlib.crc32(message))


def stop(speech):
    return "tool_use" if speech.calls else "end_turn"


def usage():
    return {"inputTokens": TOKENS[0], "outputTokens": TOKENS[1], "totalTokens": sum(TOKENS)}


def objection(message):
    return {"message": message}
