"""Every SDK before every provider: each asks, calls tools and fills a form, streamed and not, whoever answers.

The simulated providers refuse what the real ones would. Each answers with its own name, so that it is seen who did.
"""

import sdk_anthropic
import sdk_cohere
import sdk_google
import sdk_langchain
import sdk_node
import sdk_openai
from checks import expect
from gateway import Gateway
from upstream import Upstream

# What a provider's tokens are fetched with.
TOKENS = """credentials = '{{"type": "authorized_user", "client_id": "id", "client_secret": "secret",\
 "refresh_token": "refresh", "token_uri": "{address}/token"}}'"""
# The providers by the protocol that they speak, each with what its configuration says besides its key.
PROVIDERS = {
    "chat": 'protocol = "openai"\noperations = ["chat_completions"]\nbase_url = "{address}/v1"',
    "responses": 'protocol = "openai"\noperations = ["responses"]\nbase_url = "{address}/v1"',
    "messages": 'protocol = "anthropic"\nbase_url = "{address}/v1"',
    "gemini": 'protocol = "gemini"\nbase_url = "{address}/v1beta"',
    "vertex": 'protocol = "vertex"\nproject = "p"\nlocation = "global"\nbase_url = "{address}/v1"\n' + TOKENS,
    "cohere": 'protocol = "cohere"\nbase_url = "{address}/v2"',
    "converse": 'protocol = "bedrock"\nregion = "us-east-1"\nbase_url = "{address}"',
}
# What is no conversation.
OTHERS = {"audio": 'protocol = "openai"\noperations = ["transcriptions", "speech"]\nbase_url = "{address}/v1"'}
# What is known of one model.
CARD = """
[models.known]
model = "messages:model"
max_output = 4096
"""
# A provider, and a pool of its name that holds nothing else.
ENTRY = """
[providers.{name}]
{settings}

[[pools.{name}.instances]]
model = "{name}:model"
"""
SDKS = (sdk_openai, sdk_anthropic, sdk_google, sdk_cohere, sdk_langchain, sdk_node)
CALLERS = [caller for sdk in SDKS for caller in sdk.CALLERS]


class Border:
    """A gateway before one provider of each protocol."""

    def __init__(self, binary):
        providers = {**PROVIDERS, **OTHERS}
        self.upstreams = {name: Upstream(name, is_strict=True) for name in providers}
        entries = [
            ENTRY.format(name=name, settings=settings(providers[name]).format(address=upstream.address))
            for name, upstream in self.upstreams.items()
        ]
        self.gateway = Gateway(binary, "".join(entries) + CARD)

    def close(self):
        self.gateway.close()
        for upstream in self.upstreams.values():
            upstream.kill()


def settings(provider):
    """What the configuration says of a provider, which has a key unless it has credentials."""
    return provider if "credentials" in provider else provider + '\napi_key = "${{TIDEGATE_E2E_KEY}}"'


def scenario(caller):
    def asks(border):
        sdk = caller(border.gateway)
        try:
            for provider in PROVIDERS:
                before_one(sdk, provider)
        finally:
            getattr(sdk, "close", lambda: None)()

    asks.__name__ = f"{caller.__module__}_{caller.__name__.lower()}_is_answered_by_every_provider"
    asks.world = Border
    return asks


def before_one(sdk, provider):
    for streamed in (False, True):
        how = "streamed" if streamed else "whole"
        expect(sdk.says(provider, streamed), provider, f"what {provider} says, {how}")
        expect(sdk.tells(provider, streamed), f"{provider}: 5, noon", f"what {provider} tells of its tools, {how}")
        expect(sdk.fills(provider, streamed), provider, f"what {provider} fills in, {how}")


SCENARIOS = [scenario(caller) for caller in CALLERS]
