"""Scenarios of what only some protocols have."""

import openai

from checks import expect, raises
from matrix import Border
from sdk_anthropic import Messages
from sdk_openai import Chat, Responses
from upstream import BREAKS_OFF


def a_file_is_transcribed_with_every_byte_of_it(border):
    sound = bytes(range(256)) * 5000 + b"\r\n--boundary\r\n"
    transcript = Chat(border.gateway).client.audio.transcriptions.create(model="audio", file=("a.wav", sound))
    expect(transcript.text, f"audio heard {len(sound)} bytes", "the transcript")
    expect(border.upstreams["audio"].bodies[0]["file"], sound, "the file")


def speech_is_passed_on_as_it_is(border):
    client = Chat(border.gateway).client
    spoken = client.audio.speech.create(model="audio", voice="alloy", input="Hello")
    expect((spoken.content, spoken.response.headers["content-type"]), (b"audioHello", "audio/mpeg"), "what is spoken")


def speech_that_breaks_off_raises_in_the_sdk(border):
    border.upstreams["audio"].mode = BREAKS_OFF
    client = Chat(border.gateway).client
    raises(Exception, lambda: client.audio.speech.create(model="audio", voice="alloy", input="Hello").content)


def a_response_that_breaks_off_raises_in_the_sdk(border):
    client = Responses(border.gateway).client
    for provider in ("responses", "messages"):
        border.upstreams[provider].mode = BREAKS_OFF
        raised = raises(openai.APIError, lambda: list(client.responses.create(model=provider, input="Hi", stream=True)))
        expect(raised.code, "upstream_stream_error", f"the code of the error, at {provider}")


def a_limit_that_must_be_told_follows_the_models_card(border):
    Chat(border.gateway).says("messages", False)
    expect(border.upstreams["messages"].bodies[-1]["max_tokens"], 4096, "the most tokens")


def the_models_are_listed_for_anthropics_sdk(border):
    names = {model.id for model in Messages(border.gateway).client.models.list()}
    missing = set(border.upstreams) - names
    assert not missing, f"{missing} not among {names}"


SCENARIOS = [
    a_file_is_transcribed_with_every_byte_of_it,
    speech_is_passed_on_as_it_is,
    speech_that_breaks_off_raises_in_the_sdk,
    a_response_that_breaks_off_raises_in_the_sdk,
    a_limit_that_must_be_told_follows_the_models_card,
    the_models_are_listed_for_anthropics_sdk,
]
for each in SCENARIOS:
    each.world = Border
