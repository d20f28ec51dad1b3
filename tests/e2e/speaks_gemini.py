"""Google's generateContent, as a provider speaks it."""

import json

from speaking import ARGUMENTS, TOKENS, Objection, compose, needs, one_of, only

MEDIA_TYPE = "text/event-stream"
# Which event carries the first content.
FIRST_CONTENT = 0
FIELDS = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings"}
CONFIG = {
    *("temperature", "topP", "topK", "maxOutputTokens", "stopSequences", "seed", "presencePenalty", "frequencyPenalty"),
    *("responseMimeType", "responseJsonSchema", "responseSchema", "thinkingConfig", "candidateCount"),
}
PARTS = {"text", "inlineData", "fileData", "functionCall", "functionResponse", "thought", "thoughtSignature"}

# Google reads a field in either spelling, and its own SDK writes this one with underscores.
DECLARATION = {"name", "description", "parameters", "parametersJsonSchema", "parameters_json_schema"}


def serves(path):
    return path.startswith("/v1beta/models/")


def streams(path, body):
    return ":streamGenerateContent" in path


def read(body, headers):
    if not headers.get("x-goog-api-key") and not headers.get("authorization"):
        raise Objection("x-goog-api-key is missing")
    only(body, FIELDS, "the body")
    needs(body, ("contents",), "the body")
    open_calls, texts = [], []
    for at, content in enumerate(body["contents"]):
        where = f"contents[{at}]"
        only(content, {"role", "parts"}, where)
        one_of(content.get("role"), {"user", "model"}, f"{where}.role")
        for part in content["parts"]:
            only(part, PARTS, f"{where}.parts[]")
        results = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        # Results are told apart by their tool's name, in the order of the calls.
        if content["role"] == "user" and [result["name"] for result in results] != open_calls:
            raise Objection(f"{where}: results {[result['name'] for result in results]} do not answer {open_calls}")
        texts += [str(*result["response"].values()) for result in results]
        open_calls = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
    config = body.get("generationConfig") or {}
    only(config, CONFIG, "generationConfig")
    tools = [tool for each in body.get("tools") or () for tool in each["functionDeclarations"]]
    for tool in tools:
        only(tool, DECLARATION, "tools[].functionDeclarations[]")
    return [tool["name"] for tool in tools], texts, config.get("responseMimeType") == "application/json"


def whole(body, name, heard):
    speech = compose(name, *heard)
    parts = [{"text": speech.text}] if speech.text else [call(tool) for _, tool in speech.calls]
    return candidate(parts, "STOP")


def events(body, name, heard):
    speech = compose(name, *heard)
    parts = [{"text": piece} for piece in speech.pieces()] if speech.text else [call(tool) for _, tool in speech.calls]
    for at, part in enumerate(parts):
        yield "data: " + json.dumps(candidate([part], "STOP" if at + 1 == len(parts) else None)) + "\r\n\r\n"


def call(tool):
    return {"functionCall": {"name": tool, "args": json.loads(ARGUMENTS)}}


def candidate(parts, finish):
    told = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        told["finishReason"] = finish
    usage = {"promptTokenCount": TOKENS[0], "candidatesTokenCount": TOKENS[1], "totalTokenCount": sum(TOKENS)}
    return {"candidates": [told], "usageMetadata": usage, "modelVersion": "model", "responseId": "id"}


def objection(message):
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
