"""The official OpenAI package for Python, by Chat Completions and by Responses."""

import openai
import pydantic

from checks import expect, read
from gateway import PATIENCE
from tools import QUESTION, TOOLS, results

HELLO = [{"role": "user", "content": "Hello"}]


class Named(pydantic.BaseModel):
    name: str


class Chat:
    """Chat Completions."""

    def __init__(self, gateway):
        self.client = openai.OpenAI(base_url=gateway.base_url, api_key="any", timeout=PATIENCE, max_retries=0)

    def says(self, model, streamed):
        if streamed:
            usage = {"include_usage": True}
            text, finish, usage = read(self.create(model, HELLO, stream=True, stream_options=usage))
            expect((finish, usage.total_tokens), ("stop", 5), "the finish and the usage")
            return text
        return self.create(model, HELLO).choices[0].message.content

    def tells(self, model, streamed):
        function = lambda name, about, schema: {"name": name, "description": about, "parameters": schema}
        tools = [{"type": "function", "function": function(*tool[:3])} for tool in TOOLS]
        asked = [{"role": "user", "content": QUESTION}]
        if streamed:
            with self.client.chat.completions.stream(model=model, messages=asked, tools=tools) as stream:
                for _ in stream:
                    pass
                message = stream.get_final_completion().choices[0].message
        else:
            message = self.create(model, asked, tools=tools).choices[0].message
        calls = message.tool_calls
        given = results([(call.function.name, call.function.arguments) for call in calls])
        asked.append({"role": "assistant", "tool_calls": [call.model_dump(exclude={"index"}) for call in calls]})
        for call in asked[-1]["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
        asked += [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in zip(calls, given)]
        return self.create(model, asked, tools=tools).choices[0].message.content

    def fills(self, model, streamed):
        asked = {"model": model, "messages": HELLO, "response_format": Named}
        if streamed:
            with self.client.chat.completions.stream(**asked) as stream:
                return stream.get_final_completion().choices[0].message.parsed.name
        return self.client.chat.completions.parse(**asked).choices[0].message.parsed.name

    def create(self, model, messages, **options):
        return self.client.chat.completions.create(model=model, messages=messages, **options)


class Responses:
    """Responses."""

    def __init__(self, gateway):
        self.client = openai.OpenAI(base_url=gateway.base_url, api_key="any", timeout=PATIENCE, max_retries=0)

    def says(self, model, streamed):
        return self.ask(model, "Hello", streamed).output_text

    def tells(self, model, streamed):
        tools = [
            {"type": "function", "name": name, "description": about, "parameters": schema, "strict": False}
            for name, about, schema, _ in TOOLS
        ]
        asked = [{"role": "user", "content": QUESTION}]
        output = self.ask(model, asked, streamed, tools=tools).output
        calls = [item for item in output if item.type == "function_call"]
        given = results([(call.name, call.arguments) for call in calls])
        asked += [{key: getattr(call, key) for key in ("type", "call_id", "name", "arguments")} for call in calls]
        asked += [
            {"type": "function_call_output", "call_id": call.call_id, "output": text} for call, text in zip(calls, given)
        ]
        return self.ask(model, asked, streamed, tools=tools).output_text

    def fills(self, model, streamed):
        if streamed:
            return self.ask(model, "Hello", True, text_format=Named).output_parsed.name
        return self.client.responses.parse(model=model, input="Hello", text_format=Named).output_parsed.name

    def ask(self, model, asked, streamed, **options):
        if not streamed:
            response = self.client.responses.create(model=model, input=asked, **options)
        else:
            with self.client.responses.stream(model=model, input=asked, **options) as stream:
                for _ in stream:
                    pass
                response = stream.get_final_response()
        expect((response.status, response.usage.total_tokens), ("completed", 5), "the status and the usage")
        return response


CALLERS = [Chat, Responses]
