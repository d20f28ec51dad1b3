"""The endpoint that gives out Google's access tokens, as OAuth 2.0 has it."""

from speaking import Objection, needs
from speaks_vertex import TOKEN

FORM = {"grant_type": "refresh_token", "client_id": "id", "client_secret": "secret", "refresh_token": "refresh"}


def serves(path):
    return path == "/token"


def streams(path, body):
    return False


def read(body, headers):
    needs(body, FORM, "the form")
    if body != FORM:
        raise Objection(f"the form is {sorted(body)}")
    return [], [], False


def whole(body, name, heard):
    return {"access_token": TOKEN, "expires_in": 3599, "scope": "cloud-platform", "token_type": "Bearer"}


def objection(message):
    return {"error": "invalid_grant", "error_description": message}
