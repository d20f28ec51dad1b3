"""OpenAI's sound, as a provider speaks it: transcripts of forms, and speech."""

from speaking import Objection

MEDIA_TYPE = "audio/mpeg"
# Which piece carries the first content.
FIRST_CONTENT = 0


def serves(path):
    return path in ("/v1/audio/transcriptions", "/v1/audio/speech")


def streams(path, body):
    return path.endswith("/speech")


def read(body, headers):
    if body["model"] != "model":
        raise Objection(f"the model '{body['model']}' does not exist")
    return body.get("file")


def whole(body, name, file):
    return {"text": f"{name} heard {len(file)} bytes", "usage": {"type": "duration", "seconds": 1}}


def events(body, name, heard):
    yield name.encode()
    yield body["input"].encode()


def objection(message):
    return {"error": {"type": "invalid_request_error", "message": message, "param": None, "code": None}}
