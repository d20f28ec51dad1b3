// The official OpenAI package for Node: node sdk_openai_node.mjs BASE_URL, with the package below $TIDEGATE_E2E_NODE.
//
// Answers one line of JSON on its standard output for each one on its standard input: {"api", "does", "model", "streamed"}
// becomes {"text"} or {"error"}.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { OpenAI } = createRequire(`${process.env.TIDEGATE_E2E_NODE}/`)("openai");
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "any", maxRetries: 0, timeout: 10_000 });
const HELLO = [{ role: "user", content: "Hello" }];

const chat = {
  async ask(model, messages, streamed, options = {}) {
    const asked = { model, messages, ...options };
    const completion = streamed
      ? await client.chat.completions.stream(asked).finalChatCompletion()
      : await client.chat.completions.create(asked);
    return completion.choices[0].message;
  },
  async says({ model, streamed }) {
    return (await chat.ask(model, HELLO, streamed)).content;
  },
  async tells({ model, streamed, question, tools, results }) {
    const options = { tools: tools.map((tool) => ({ type: "function", function: tool })) };
    const asked = [{ role: "user", content: question }];
    const { tool_calls } = await chat.ask(model, asked, streamed, options);
    check(tool_calls.map((call) => call.function), tools);
    const calls = tool_calls.map(({ id, function: { name, arguments: given } }) => ({
      id,
      type: "function",
      function: { name, arguments: given },
    }));
    asked.push({ role: "assistant", tool_calls: calls });
    calls.forEach(({ id }, at) => asked.push({ role: "tool", tool_call_id: id, content: results[at] }));
    return (await chat.ask(model, asked, streamed, options)).content;
  },
  async fills({ model, streamed, schema }) {
    const response_format = { type: "json_schema", json_schema: { name: "named", strict: true, schema } };
    return JSON.parse((await chat.ask(model, HELLO, streamed, { response_format })).content).name;
  },
};

const responses = {
  async ask(model, input, streamed, options = {}) {
    const asked = { model, input, ...options };
    return streamed ? client.responses.stream(asked).finalResponse() : client.responses.create(asked);
  },
  async says({ model, streamed }) {
    return textOf(await responses.ask(model, "Hello", streamed));
  },
  async tells({ model, streamed, question, tools, results }) {
    const options = { tools: tools.map((tool) => ({ type: "function", strict: false, ...tool })) };
    const asked = [{ role: "user", content: question }];
    const { output } = await responses.ask(model, asked, streamed, options);
    const calls = output.filter(({ type }) => type === "function_call");
    check(calls, tools);
    calls.forEach(({ type, call_id, name, arguments: given }) => asked.push({ type, call_id, name, arguments: given }));
    calls.forEach(({ call_id }, at) => asked.push({ type: "function_call_output", call_id, output: results[at] }));
    return textOf(await responses.ask(model, asked, streamed, options));
  },
  async fills({ model, streamed, schema }) {
    const text = { format: { type: "json_schema", name: "named", strict: true, schema } };
    return JSON.parse(textOf(await responses.ask(model, "Hello", streamed, { text }))).name;
  },
};

function textOf({ output }) {
  const parts = output.flatMap(({ content }) => content ?? []);
  return parts.map(({ text }) => text ?? "").join("");
}

function check(calls, tools) {
  const seen = JSON.stringify(calls.map(({ name, arguments: given }) => [name, JSON.parse(given)]));
  const expected = JSON.stringify(tools.map(({ name }) => [name, { a: 2, b: 3 }]));
  if (seen !== expected) throw new Error(`the tools called: expected ${expected}, got ${seen}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { api, does, ...asked } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ text: await { chat, responses }[api][does](asked) }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
