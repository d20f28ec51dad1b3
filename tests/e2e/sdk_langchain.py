"""LangChain, over its packages for OpenAI and for Anthropic."""

import pydantic
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

from gateway import PATIENCE
from tools import QUESTION, TOOLS, results


class Named(pydantic.BaseModel):
    """Somebody with a name."""

    name: str


class LangChain:
    """What is the same whichever package it goes over."""

    def __init__(self, gateway):
        self.gateway = gateway

    def says(self, model, streamed):
        return self.ask(self.model(model), [HumanMessage("Hello")], streamed).text

    def tells(self, model, streamed):
        tools = [{"name": name, "description": about, "parameters": schema} for name, about, schema, _ in TOOLS]
        model = self.model(model).bind_tools([{"type": "function", "function": tool} for tool in tools])
        asked = [HumanMessage(QUESTION)]
        message = self.ask(model, asked, streamed)
        given = results([(call["name"], call["args"]) for call in message.tool_calls])
        heard = [ToolMessage(text, tool_call_id=call["id"]) for call, text in zip(message.tool_calls, given)]
        return self.ask(model, [*asked, message, *heard], streamed).text

    def fills(self, model, streamed):
        form = self.model(model).with_structured_output(Named, method="json_schema")
        # What is filled in so far comes as often as more of it does; the last is the whole.
        return (list(form.stream("Hello"))[-1] if streamed else form.invoke("Hello")).name

    def ask(self, model, asked, streamed):
        if not streamed:
            return model.invoke(asked)
        message = None
        for chunk in model.stream(asked):
            message = chunk if message is None else message + chunk
        return message


class LangChainOpenAI(LangChain):
    responses = False

    def model(self, name):
        return ChatOpenAI(
            model=name,
            base_url=self.gateway.base_url,
            api_key="any",
            timeout=PATIENCE,
            max_retries=0,
            use_responses_api=self.responses,
        )


class LangChainResponses(LangChainOpenAI):
    responses = True


class LangChainAnthropic(LangChain):
    def model(self, name):
        root = self.gateway.base_url.removesuffix("/v1")
        return ChatAnthropic(model=name, base_url=root, api_key="any", max_tokens=100, timeout=PATIENCE, max_retries=0)


CALLERS = [LangChainOpenAI, LangChainResponses, LangChainAnthropic]
