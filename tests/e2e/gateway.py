"""The gateway under test: the release binary as a process, on a temporary configuration and free ports."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

# How long the binary may take to start, and to stop beyond its drain.
PATIENCE = 10.0
# How long it lets open requests finish after SIGTERM.
DRAIN = 2.0

SERVER = """
[server]
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin_port}"
drain_timeout = {drain}

[storage]
backend = "memory"
"""

# Tier 1 of `chat` is `alpha`, tier 2 is `beta`.
TWO_TIERS = """
[providers.alpha]
protocol = "openai"
base_url = "{alpha}"
api_key = "${{TIDEGATE_E2E_KEY}}"

[providers.beta]
protocol = "openai"
base_url = "{beta}"
api_key = "${{TIDEGATE_E2E_KEY}}"

[task_groups.chat.tiers.tier1]
models = ["alpha:model-a"]
priority = 1

[task_groups.chat.tiers.tier2]
models = ["beta:model-b"]
priority = 2

[pools.fast]
task_groups = ["chat"]

[wrappers.assistant]
type = "task_group"
task_group = "chat"
"""

# Beside the providers, one pool that shares its requests between them.
POOL_OF_TWO = """
[pools.two]
[[pools.two.instances]]
model = "alpha:model-a"
[[pools.two.instances]]
model = "beta:model-b"
"""


def two_tiers(alpha, beta):
    """A configuration with these two upstreams."""
    return TWO_TIERS.format(alpha=alpha.base_url, beta=beta.base_url)


class Gateway:
    """A running gateway; `config` says everything but where it listens."""

    def __init__(self, binary, config):
        self.folder = tempfile.TemporaryDirectory(prefix="tidegate-e2e-")
        self.port, self.admin_port = free_ports(2)
        folder = Path(self.folder.name)
        self.config = folder / "tidegate.toml"
        server = SERVER.format(port=self.port, admin_port=self.admin_port, drain=DRAIN)
        self.config.write_text(server + config)
        self.log = folder / "gateway.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [binary, "serve", "--config", str(self.config)],
                cwd=folder,
                env={**os.environ, "TIDEGATE_E2E_KEY": "not-a-key"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def wait_until_ready(self):
        deadline = time.monotonic() + PATIENCE
        while self.admin("/readyz") != 200:
            assert self.process.poll() is None, f"the gateway exited with {self.process.returncode} instead of starting"
            assert time.monotonic() < deadline, f"the gateway was not ready within {PATIENCE} s"
            time.sleep(0.02)

    def admin(self, path):
        """The status that the administrative listener answers with; None if nobody does."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            return None

    def rewrite(self, old, new):
        """Changes the configuration as an editor does: a draft takes the file's place."""
        draft = self.config.with_suffix(".draft")
        draft.write_text(self.config.read_text().replace(old, new))
        draft.replace(self.config)

    def health(self):
        """The health report."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/healthz", timeout=5) as answer:
            return json.load(answer)

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_for_exit(self, within):
        """The exit code; fails if there is none in time."""
        try:
            return self.process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the gateway did not exit within {within} s of SIGTERM") from None

    def tail_of_log(self, lines=25):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def free_ports(count):
    """Ports that nobody listened on a moment ago, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports
