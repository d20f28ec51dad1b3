"""The official OpenAI package for Node, in a process of its own."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from tools import NAMED, QUESTION, TOOLS

# Where its packages are installed.
PACKAGES = os.environ.get("TIDEGATE_E2E_NODE", "")


class Node:
    """What is the same whichever API it asks."""

    def __init__(self, gateway):
        node = shutil.which("node")
        assert node and PACKAGES, "Node is missing, or TIDEGATE_E2E_NODE does not say where its packages are"
        script = Path(__file__).with_name("sdk_openai_node.mjs")
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([node, str(script), gateway.base_url], stdin=pipe, stdout=pipe, text=True)

    def says(self, model, streamed):
        return self.ask("says", model=model, streamed=streamed)

    def tells(self, model, streamed):
        tools = [{"name": name, "description": about, "parameters": schema} for name, about, schema, _ in TOOLS]
        given = [result for *_, result in TOOLS]
        return self.ask("tells", model=model, streamed=streamed, question=QUESTION, tools=tools, results=given)

    def fills(self, model, streamed):
        return self.ask("fills", model=model, streamed=streamed, schema=NAMED)

    def ask(self, does, **asked):
        self.process.stdin.write(json.dumps({"api": self.api, "does": does, **asked}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["text"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class NodeChat(Node):
    api = "chat"


class NodeResponses(Node):
    api = "responses"


CALLERS = [NodeChat, NodeResponses]
