"""Vertex AI: Google's generateContent below a project, with a token that its own endpoint gives out."""

import speaks_gemini
from speaking import Objection
from speaks_gemini import FIRST_CONTENT, MEDIA_TYPE, events, objection, streams, whole  # noqa: F401

TOKEN = "ya29.e2e"


def serves(path):
    return path.startswith("/v1/projects/p/locations/global/publishers/google/models/")


def read(body, headers):
    if headers.get("authorization") != f"Bearer {TOKEN}":
        raise Objection(f"authorization is {headers.get('authorization')}")
    return speaks_gemini.read(body, headers)
