"""A provider that fails on demand, over real sockets.

It answers with its own name as content, streamed or not, in the protocol that it is asked in and in the mode that a scenario sets,
and remembers every body that it was sent. Only the standard library: what fails here must not be somebody else's client.
"""

import email
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import speaks_audio
import speaks_chat
import speaks_cohere
import speaks_converse
import speaks_gemini
import speaks_messages
import speaks_responses
import speaks_tokens
import speaks_vertex
from speaking import Objection

# The tokens that every answer claims to have cost.
USAGE = speaks_chat.usage()
# What the providers speak.
PROTOCOLS = [
    *(speaks_chat, speaks_responses, speaks_messages, speaks_gemini, speaks_converse, speaks_cohere),
    *(speaks_vertex, speaks_tokens, speaks_audio),
]

# What an upstream can do with a request.
ANSWERS = "answers"
FAILS = "fails"  # 500
REFUSES = "refuses"  # 400, the caller's own mistake
BREAKS_OFF = "breaks off"  # a stream that is cut after its first content
NEVER_ENDS = "never ends"  # a stream that goes on until somebody hangs up


class Upstream:
    """One provider on a port of its own."""

    def __init__(self, name, is_strict=False):
        self.name = name
        # Whether it refuses what the real provider would.
        self.is_strict = is_strict
        self.mode = ANSWERS
        self.bodies = []
        self.hung_up = threading.Event()
        self.connections = set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.upstream = self
        threading.Thread(target=self.server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def base_url(self):
        return f"{self.address}/v1"

    @property
    def requests(self):
        return len(self.bodies)

    def kill(self):
        """Stops listening and breaks every connection, as a crash does."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It is closed already.


class UpstreamProcess:
    """An upstream in a process of its own, so that it can be killed as processes are."""

    def __init__(self, name):
        command = [sys.executable, __file__, name]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.base_url = self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.upstream = self.server.upstream
        self.upstream.connections.add(self.connection)

    def finish(self):
        self.upstream.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass  # The other side is gone.

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(200, {"object": "list", "data": []})

    def do_POST(self):
        body = self.body()
        mode = self.upstream.mode
        self.upstream.bodies.append(body)
        spoken = next(protocol for protocol in PROTOCOLS if protocol.serves(self.path))
        if mode == FAILS:
            return self.answer(500, error("server_error", "it broke"))
        if mode == REFUSES:
            return self.answer(400, error("invalid_request_error", "temperature is out of range"))
        heard = ([], [], False)
        if self.upstream.is_strict:
            try:
                heard = spoken.read(body, self.headers)
            except (Objection, KeyError, TypeError, ValueError) as objection:
                return self.answer(400, spoken.objection(f"{type(objection).__name__}: {objection}"))
        if spoken.streams(self.path, body):
            self.stream(spoken, spoken.events(body, self.upstream.name, heard), mode)
        else:
            self.answer(200, spoken.whole(body, self.upstream.name, heard))

    def answer(self, status, value):
        payload = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def body(self):
        """The body as JSON, or the fields of a form."""
        raw = self.rfile.read(int(self.headers["content-length"]))
        media_type = self.headers["content-type"]
        if media_type == "application/x-www-form-urlencoded":
            return dict(urllib.parse.parse_qsl(raw.decode(), strict_parsing=True))
        if not media_type.startswith("multipart/"):
            return json.loads(raw)
        form = email.message_from_bytes(b"content-type: " + media_type.encode() + b"\r\n\r\n" + raw)
        fields = {}
        for part in form.get_payload():
            name = part.get_param("name", header="content-disposition")
            value = part.get_payload(decode=True)
            fields[name] = value if part.get_filename() else value.decode()
        return fields

    def stream(self, spoken, events, mode):
        self.send_response(200)
        self.send_header("content-type", spoken.MEDIA_TYPE)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            self.send_events(list(events), spoken.FIRST_CONTENT, mode)
        except OSError:
            self.upstream.hung_up.set()
            self.close_connection = True

    def send_events(self, events, first_content, mode):
        for at, event in enumerate(events):
            event = event if isinstance(event, bytes) else event.encode()
            self.chunk(event)
            has_content = at == first_content
            if has_content and mode == BREAKS_OFF:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            while has_content and mode == NEVER_ENDS:
                time.sleep(0.05)
                self.chunk(event)
        self.chunk(b"")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


def error(kind, message):
    return {"error": {"type": kind, "message": message, "param": None, "code": None}}


if __name__ == "__main__":
    print(Upstream(sys.argv[1]).base_url, flush=True)
    threading.Event().wait()
