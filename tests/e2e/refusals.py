"""Scenarios in which the gateway must say no: clearly, and without losing anything."""

import json
import socket
import sqlite3
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from checks import expect, raises, text_of
from gateway import PATIENCE




def a_body_of_100_megabytes_is_refused(world):
    with socket.create_connection(("127.0.0.1", world.gateway.port), timeout=PATIENCE) as connection:
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
        connection.sendall(f"{head}content-length: {100 * 1024 * 1024}\r\n\r\n".encode())
        answer = connection.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 413 "), answer
    assert "request_too_large" in answer, answer
    expect(text_of(world.ask()), "alpha", "the next request")


def a_body_that_is_no_json_is_refused(world):
    request = urllib.request.Request(f"{world.gateway.base_url}/chat/completions", data=b'{"model":')
    error = raises(urllib.error.HTTPError, lambda: urllib.request.urlopen(request, timeout=PATIENCE))
    expect(error.code, 400, "the status")
    expect(json.load(error)["error"]["code"], "invalid_json", "the code")


def a_configuration_that_cannot_be_used_is_refused_with_its_place(world):
    cases = {
        "broken": ("[pools.fast\n", "tidegate.toml:1:"),
        "missing variable": ('[providers.a]\nprotocol = "openai"\napi_key = "${NOT_SET_ANYWHERE}"\n', "NOT_SET_ANYWHERE"),
        "unknown key": ("[server]\nlissten = 1\n", "listen"),
        "dangling": ('[wrappers.w]\ntype = "pool"\npool = "nowhere"\n', "nowhere"),
    }
    for case, (text, named) in cases.items():
        result = serve_once(world.binary, text)
        expect(result.returncode, 1, f"the exit code of '{case}'")
        assert named in result.stderr, f"'{case}' does not name {named!r}:\n{result.stderr}"


def a_taken_port_is_refused_and_named(world):
    result = serve_once(world.binary, f'[server]\nlisten = "127.0.0.1:{world.gateway.port}"\n')
    expect(result.returncode, 1, "the exit code")
    assert str(world.gateway.port) in result.stderr, result.stderr


def a_database_that_another_process_holds_is_named_and_left_as_it_is(world):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "held.db"
        holder = sqlite3.connect(path, isolation_level=None)
        holder.executescript("CREATE TABLE kept (x); INSERT INTO kept VALUES (7); BEGIN EXCLUSIVE;")
        result = serve_once(world.binary, f'[storage]\nbackend = "sqlite"\npath = "{path}"\n')
        holder.rollback()
        kept = holder.execute("SELECT x FROM kept").fetchall()
        holder.close()
    expect(result.returncode, 1, "the exit code")
    assert "held.db" in result.stderr, result.stderr
    expect(kept, [(7,)], "what the other process keeps")


def serve_once(binary, text):
    """Serves a configuration that must not be served, and returns how it was refused."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "tidegate.toml"
        ports = "" if "[server]" in text else '[server]\nlisten = "127.0.0.1:0"\nadmin_listen = "127.0.0.1:0"\n'
        config.write_text(text + ports)
        command = [binary, "serve", "--config", str(config)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=2 * PATIENCE, check=False, stdin=subprocess.DEVNULL, cwd=folder
        )


SCENARIOS = [
    a_body_of_100_megabytes_is_refused,
    a_body_that_is_no_json_is_refused,
    a_configuration_that_cannot_be_used_is_refused_with_its_place,
    a_taken_port_is_refused_and_named,
    a_database_that_another_process_holds_is_named_and_left_as_it_is,
]
