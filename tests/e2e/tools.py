"""The tools that every SDK brings, what they give back, and the form that every answer can be asked for in."""

import json

from checks import expect

SUM = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
NOTHING = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "additionalProperties": False}
NAMED = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}

# Name, what it is for, the schema of its arguments, and what it gives back.
TOOLS = [("add", "Adds two numbers.", SUM, "5"), ("tell_time", "Says what time it is.", NOTHING, "noon")]
QUESTION = "How much is 2 and 3, and what time is it?"


def results(calls):
    """What the tools give back for `calls`, each a name and its arguments as JSON or as a dictionary."""
    expect([name for name, _ in calls], [name for name, *_ in TOOLS], "the tools called")
    for _, arguments in calls:
        given = json.loads(arguments) if isinstance(arguments, str) else dict(arguments)
        expect(given, {"a": 2, "b": 3}, "the arguments")
    return [result for *_, result in TOOLS]
