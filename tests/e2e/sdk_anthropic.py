"""The official Anthropic package for Python."""

import json

import anthropic

from checks import expect
from gateway import PATIENCE
from tools import NAMED, QUESTION, TOOLS, results


class Messages:
    """Messages."""

    def __init__(self, gateway):
        root = gateway.base_url.removesuffix("/v1")
        self.client = anthropic.Anthropic(base_url=root, api_key="any", timeout=PATIENCE, max_retries=0)

    def says(self, model, streamed):
        return text_of(self.ask(model, "Hello", streamed, "end_turn"))

    def tells(self, model, streamed):
        tools = [{"name": name, "description": about, "input_schema": schema} for name, about, schema, _ in TOOLS]
        asked = [{"role": "user", "content": QUESTION}]
        message = self.ask(model, asked, streamed, "tool_use", tools=tools)
        calls = [block for block in message.content if block.type == "tool_use"]
        given = results([(call.name, call.input) for call in calls])
        said = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input} for call in calls]
        heard = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in zip(calls, given)]
        asked += [{"role": "assistant", "content": said}, {"role": "user", "content": heard}]
        return text_of(self.ask(model, asked, streamed, "end_turn", tools=tools))

    def fills(self, model, streamed):
        form = {"format": {"type": "json_schema", "schema": NAMED}}
        return json.loads(text_of(self.ask(model, "Hello", streamed, "end_turn", output_config=form)))["name"]

    def ask(self, model, asked, streamed, stop, **options):
        asked = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
        options = {"model": model, "messages": asked, "max_tokens": 100, **options}
        if not streamed:
            message = self.client.messages.create(**options)
        else:
            with self.client.messages.stream(**options) as stream:
                message = stream.get_final_message()
        expect((message.stop_reason, message.usage.output_tokens), (stop, 2), "the stop reason and the usage")
        return message


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


CALLERS = [Messages]
