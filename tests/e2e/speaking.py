"""What every simulated provider says, whichever protocol it speaks, and how it objects to what the real one would refuse."""

# The arguments that every call of a tool has.
ARGUMENTS = '{"a": 2, "b": 3}'
TOKENS = (3, 2)


class Objection(Exception):
    """What the real provider would answer with a 400."""


def only(value, allowed, where):
    """Refuses a field that the protocol does not know."""
    if not isinstance(value, dict):
        raise Objection(f"{where} must be an object, not {value!r}")
    unknown = set(value) - set(allowed)
    if unknown:
        raise Objection(f"{where}: unknown {sorted(unknown)}")


def one_of(value, allowed, where):
    if value not in allowed:
        raise Objection(f"{where} must be one of {sorted(allowed)}, not {value!r}")


def needs(value, keys, where):
    missing = [key for key in keys if key not in value]
    if missing:
        raise Objection(f"{where}: missing {missing}")


def answered(calls, results):
    """Every call has a result, and every result a call."""
    if sorted(calls) != sorted(results):
        raise Objection(f"results {sorted(results)} do not answer calls {sorted(calls)}")


class Speech:
    """What is to be said: a text, or calls of tools, each with an id and a name."""

    def __init__(self, text=None, calls=()):
        self.text, self.calls = text, list(calls)

    def pieces(self):
        """The text in two."""
        half = len(self.text) // 2
        return [self.text[:half], self.text[half:]]


def compose(name, tools, results, wants_json):
    """Each tool is called once; what came of it is told; an object is given where a schema asks for it; else a name."""
    if results:
        return Speech(f"{name}: " + ", ".join(results))
    if tools:
        return Speech(calls=[(f"call_{at}", tool) for at, tool in enumerate(tools)])
    return Speech('{"name": "%s"}' % name if wants_json else name)
