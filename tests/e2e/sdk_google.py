"""The official google-genai package for Python."""

import json

from google import genai
from google.genai import types

from checks import expect
from gateway import PATIENCE
from tools import NAMED, QUESTION, TOOLS, results


class Google:
    """generateContent."""

    def __init__(self, gateway):
        root = gateway.base_url.removesuffix("/v1")
        options = types.HttpOptions(base_url=root, timeout=int(PATIENCE * 1000))
        self.client = genai.Client(api_key="any", vertexai=False, http_options=options)

    def says(self, model, streamed):
        return text_of(self.ask(model, "Hello", streamed))

    def tells(self, model, streamed):
        declared = [
            types.FunctionDeclaration(name=name, description=about, parameters_json_schema=schema)
            for name, about, schema, _ in TOOLS
        ]
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=declared)],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        parts = self.ask(model, QUESTION, streamed, config)
        calls = [part for part in parts if part.function_call]
        given = results([(call.function_call.name, call.function_call.args) for call in calls])
        heard = [
            types.Part.from_function_response(name=call.function_call.name, response={"output": text})
            for call, text in zip(calls, given)
        ]
        for call, part in zip(calls, heard):
            part.function_response.id = call.function_call.id
        asked = [
            types.Content(role="user", parts=[types.Part(text=QUESTION)]),
            types.Content(role="model", parts=calls),
            types.Content(role="user", parts=heard),
        ]
        return text_of(self.ask(model, asked, streamed, config))

    def fills(self, model, streamed):
        config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=NAMED)
        return json.loads(text_of(self.ask(model, "Hello", streamed, config)))["name"]

    def ask(self, model, asked, streamed, config=None):
        if streamed:
            answers = list(self.client.models.generate_content_stream(model=model, contents=asked, config=config))
        else:
            answers = [self.client.models.generate_content(model=model, contents=asked, config=config)]
        expect(answers[-1].candidates[0].finish_reason, types.FinishReason.STOP, "the finish reason")
        expect(answers[-1].usage_metadata.candidates_token_count, 2, "the usage")
        contents = [answer.candidates[0].content for answer in answers if answer.candidates]
        return [part for content in contents for part in (content.parts or () if content else ())]


def text_of(parts):
    return "".join(part.text or "" for part in parts)


CALLERS = [Google]
