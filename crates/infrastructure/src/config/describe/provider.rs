//! `[providers.X]`.

use super::{Description, key, or};

pub(super) const KEYS: &[Description] = &[
    key("providers", "The upstreams, by name."),
    key("providers.*.protocol", "How the upstream is spoken to. `simulated` answers by itself, without a network."),
    key(
        "providers.*.base_url",
        "Where the upstream is, up to and with `/v1`. By default whoever made the protocol: OpenAI, Anthropic, Google or Cohere; for Azure, the resource; for Bedrock and Vertex AI, the cloud itself in the region.",
    ),
    key(
        "providers.*.api_key",
        "The credential. Write it as a variable or a secret file: `\"${NAME}\"`, `\"${file:/run/secrets/NAME}\"`.",
    ),
    key(
        "providers.*.keys",
        "Further credentials by name, for instances that name one with `key`. Write each as a variable or a secret file.",
    ),
    key(
        "providers.*.preset",
        "A well-known provider: what it speaks, where it is and what it offers is then known. `config/catalog/providers.toml` lists them.",
    ),
    key(
        "providers.*.operations",
        "What the provider offers, e.g. `[\"chat_completions\", \"embeddings\"]`. By default what its preset or OpenAI itself offers, else conversations only.",
    ),
    key(
        "providers.*.api_version",
        "The version of Azure's protocol, e.g. `2024-10-21`: asked by deployment. Its current, versionless one by default.",
    ),
    key("providers.*.region", "The region of AWS that Bedrock is asked in, e.g. `us-east-1`."),
    key(
        "providers.*.access_key_id",
        "Names the key that requests to Bedrock are signed with. In its place, `api_key` may hold an API key of Bedrock's.",
    ),
    key(
        "providers.*.secret_access_key",
        "The key itself. Write it as a variable or a secret file: `\"${AWS_SECRET_ACCESS_KEY}\"`.",
    ),
    key("providers.*.session_token", "What goes with a key of AWS's that is temporary."),
    key("providers.*.project", "The project of Google Cloud that Vertex AI is asked for."),
    key("providers.*.location", "Where Vertex AI is asked: a region of Google Cloud, `us`, `eu` or `global`."),
    key(
        "providers.*.credentials",
        "What access tokens for Vertex AI are fetched with: the JSON of a service account or an authorized user, `\"${file:/run/secrets/NAME.json}\"`. In its place, `api_key` may hold an access token.",
    ),
    key(
        "providers.*.metadata_server",
        "Where a machine of Google Cloud gets access tokens of its own account: `http://metadata.google.internal`. Nobody is asked there otherwise.",
    ),
    key("providers.*.headers", "Headers to send along, by name. They may hold secrets and are never shown."),
    or("providers.*.connect_timeout", "5", "Seconds until a connection must be made, TLS included."),
    or(
        "providers.*.allow_link_local",
        "false",
        "Whether the upstream may be at a link-local or metadata address; nobody is asked there otherwise.",
    ),
    key(
        "providers.*.ca_certificates",
        "Certificate authorities in PEM to check the upstream's certificate against, in place of the public ones: `\"${file:our-ca.pem}\"`.",
    ),
    key(
        "providers.*.proxy",
        "An HTTP proxy that opens a tunnel to the upstream, e.g. `http://proxy.example:3128`. The environment's is not used.",
    ),
    key("providers.*.proxy_credentials", "`user:password` for the proxy. Write it as a variable or a secret file."),
    key(
        "providers.*.prefill",
        "How the provider is told to go on where another one's answer broke off, for `mid_stream = \"continue\"`. Without it, it is not asked to.",
    ),
    key("providers.*.simulated", "How a simulated provider behaves."),
    or("simulated.latency_ms", "50", "Milliseconds until the first token."),
    or("simulated.token_interval_ms", "10", "Milliseconds between two tokens."),
    or("simulated.tokens", "24", "Tokens in an answer."),
    or("simulated.failure_rate", "0", "The share of requests that fail, from 0 to 1."),
    or(
        "simulated.failure",
        "500",
        "How they fail: an HTTP status from 400 to 599, `hang`, `cut`, `stall` or `malformed`.",
    ),
    or("simulated.seed", "0", "What decides which requests fail: the same seed, the same requests."),
    key("simulated.reply", "The text of every answer, instead of `tokens`."),
];
