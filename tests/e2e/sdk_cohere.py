"""The official Cohere package for Python."""

import json

import cohere

from checks import expect
from gateway import PATIENCE
from tools import NAMED, QUESTION, TOOLS, results


class Cohere:
    """The chat of version 2."""

    def __init__(self, gateway):
        root = gateway.base_url.removesuffix("/v1")
        self.client = cohere.ClientV2(api_key="any", base_url=root, timeout=PATIENCE)

    def says(self, model, streamed):
        return self.ask(model, [{"role": "user", "content": "Hello"}], streamed)[0]

    def tells(self, model, streamed):
        tools = [
            {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}
            for name, about, schema, _ in TOOLS
        ]
        asked = [{"role": "user", "content": QUESTION}]
        _, calls = self.ask(model, asked, streamed, tools=tools)
        given = results([(call["function"]["name"], call["function"]["arguments"]) for call in calls])
        asked.append({"role": "assistant", "tool_calls": calls})
        asked += [{"role": "tool", "tool_call_id": call["id"], "content": text} for call, text in zip(calls, given)]
        return self.ask(model, asked, streamed, tools=tools)[0]

    def fills(self, model, streamed):
        form = {"type": "json_object", "json_schema": NAMED}
        return json.loads(self.ask(model, [{"role": "user", "content": "Hello"}], streamed, response_format=form)[0])["name"]

    def ask(self, model, asked, streamed, **options):
        """The text and the calls of an answer."""
        if not streamed:
            message = self.client.chat(model=model, messages=asked, **options).message
            text = "".join(part.text for part in message.content or () if part.type == "text")
            return text, [call.model_dump(exclude_none=True) for call in message.tool_calls or ()]
        text, calls, finish = "", [], None
        for event in self.client.chat_stream(model=model, messages=asked, **options):
            if event.type == "content-delta":
                text += event.delta.message.content.text or ""
            elif event.type == "tool-call-start":
                calls.append(event.delta.message.tool_calls.model_dump(exclude_none=True))
            elif event.type == "tool-call-delta":
                calls[-1]["function"]["arguments"] += event.delta.message.tool_calls.function.arguments
            elif event.type == "message-end":
                finish = event.delta.finish_reason
        expect(finish, "TOOL_CALL" if calls else "COMPLETE", "the finish reason")
        return text, calls


CALLERS = [Cohere]
