"""What scenarios say about answers and errors."""


def text_of(answer):
    return answer.choices[0].message.content


def read(stream):
    """The text, the last finish reason and the usage of a stream."""
    text, finish, usage = "", None, None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return text, finish, usage


def expect(actual, expected, what):
    assert actual == expected, f"{what}: expected {expected!r}, got {actual!r}"


def raises(error, call):
    try:
        result = call()
    except error as raised:
        return raised
    raise AssertionError(f"expected {error.__name__}, got {result!r}")
