//! `[providers.X]`.

use secrecy::SecretString;
use tidegate_domain::{
    inference::{Operation, Prefill},
    name::{InvalidName, KeyName, ProviderName},
};
use validator::Validate;

use super::{aws, google, name, policy::seconds, simulated};
use crate::{
    config::{fields::Fields, findings::Place, word::Word},
    provider::{
        Authorities, Protocol, ProviderSettings, Proxy, SimulatedSettings,
        catalogue::{Preset, preset, presets},
        reach::is_host_off_limits,
    },
};

/// Headers that belong to the connection or are made from other keys.
const RESERVED_HEADERS: [&str; 5] = ["host", "connection", "content-length", "content-type", "transfer-encoding"];

/// What a provider without a network has no use for.
const CONNECTION_KEYS: [&str; 10] = [
    "base_url",
    "operations",
    "api_key",
    "keys",
    "headers",
    "connect_timeout",
    "allow_link_local",
    "ca_certificates",
    "proxy",
    "proxy_credentials",
];

/// The protocols, each with its word.
const PROTOCOLS: [(&str, Protocol); 8] = [
    ("openai", Protocol::OpenAi),
    ("anthropic", Protocol::Anthropic),
    ("gemini", Protocol::Gemini),
    ("vertex", Protocol::Vertex),
    ("azure", Protocol::Azure),
    ("cohere", Protocol::Cohere),
    ("bedrock", Protocol::Bedrock),
    ("simulated", Protocol::Simulated),
];

#[derive(Validate)]
struct ConnectToml {
    #[validate(range(min = 0.001, max = 300.0))]
    connect_timeout: Option<f64>,
}

/// Reads a provider.
pub(in crate::config) fn read(word: &Word, fields: &mut Fields<'_>) -> Option<ProviderSettings> {
    let name = name(fields, word, ProviderName::new);
    fields.text("description");
    let preset = read_preset(fields);
    let protocol = fields.choice("protocol", &PROTOCOLS.map(|(word, _)| word), |name| {
        PROTOCOLS.into_iter().find(|(word, _)| *word == name).map(|(_, protocol)| protocol)
    });
    if !fields.was_given("preset") {
        fields.require("protocol", "write protocol = \"openai\", \"anthropic\" or another, or a preset");
    }
    let protocol = protocol.or(preset.map(|preset| preset.protocol));
    if let Some(preset) = preset.filter(|preset| protocol != Some(preset.protocol)) {
        let spoken = PROTOCOLS.iter().find(|(_, known)| *known == preset.protocol).map_or("", |(word, _)| word);
        fields.error("preset", format!("is one of the protocol \"{spoken}\""), "remove it, or 'protocol'");
    }
    let simulated = read_simulated(protocol, fields);
    let allow_link_local = fields.flag("allow_link_local").unwrap_or(false);
    let base_url = base_url(fields).or_else(|| preset.map(|preset| preset.base_url.clone()));
    if protocol == Some(Protocol::Azure) {
        fields.require("base_url", "write where your resource is: base_url = \"https://NAME.openai.azure.com\"");
    }
    refuse_off_limits(base_url.as_deref(), allow_link_local, fields);
    let base_url = base_url.or_else(|| protocol.and_then(Protocol::home).map(str::to_owned));
    let operations = operations(fields).or_else(|| preset.and_then(|preset| preset.operations.clone()));
    let api_version = api_version(protocol, fields);
    let api_key = fields.secret("api_key");
    let keys = keys(fields);
    let has_key = api_key.is_some() || !keys.is_empty();
    let (region, aws_credentials) = aws::read(protocol, has_key, fields);
    let (google_cloud, google_credentials) = google::read(protocol, has_key, fields);
    let headers = headers(fields, has_key || google_credentials.is_some());
    let (authorities, proxy) = (authorities(fields), proxy(fields));
    let prefill = prefill(fields, protocol);
    let connect = ConnectToml { connect_timeout: fields.number("connect_timeout") };
    fields.check(&connect);
    let ConnectToml { connect_timeout } = connect;
    Some(ProviderSettings {
        name: name?,
        protocol: protocol?,
        base_url,
        operations,
        api_version,
        region,
        aws_credentials,
        google_cloud,
        google_credentials,
        api_key,
        keys,
        headers,
        connect_timeout: seconds(connect_timeout.unwrap_or(5.0)),
        allow_link_local,
        authorities,
        proxy,
        prefill,
        simulated,
    })
}

/// How the provider is told to go on with an answer that broke off elsewhere.
fn prefill(fields: &mut Fields<'_>, protocol: Option<Protocol>) -> Option<Prefill> {
    if protocol == Some(Protocol::Simulated) {
        fields.refuse("prefill", "has no effect: a simulated provider goes on with nobody's answer", "remove it");
        return None;
    }
    fields.choice("prefill", &Prefill::ALL.map(Prefill::as_str), Prefill::of_name)
}

fn read_preset(fields: &mut Fields<'_>) -> Option<&'static Preset> {
    let word = fields.word("preset")?;
    let found = preset(&word.text);
    if found.is_none() {
        let near = word.did_you_mean(presets());
        let message = format!("{} is no provider of the catalogue", word.quoted());
        fields.findings.error(&word.place, message, format!("{near} all of them: {}", presets().join(", ")));
    }
    found
}

fn read_simulated(protocol: Option<Protocol>, fields: &mut Fields<'_>) -> Option<SimulatedSettings> {
    match protocol {
        Some(Protocol::Simulated) => {
            for key in CONNECTION_KEYS {
                fields.refuse(key, "has no effect: a simulated provider makes no connection", "remove it");
            }
            Some(simulated::read(fields))
        }
        Some(
            Protocol::OpenAi
            | Protocol::Anthropic
            | Protocol::Gemini
            | Protocol::Vertex
            | Protocol::Azure
            | Protocol::Cohere
            | Protocol::Bedrock,
        ) => {
            let help = "remove it, or write protocol = \"simulated\"";
            fields.refuse("simulated", "has no effect: the provider is not simulated", help);
            None
        }
        None => {
            fields.pass_over(&["simulated"]);
            None
        }
    }
}

/// What the provider offers.
fn operations(fields: &mut Fields<'_>) -> Option<Vec<Operation>> {
    let words = fields.words("operations")?;
    let mut operations = Vec::new();
    for word in words {
        match word.text.parse::<Operation>() {
            Ok(operation) => operations.push(operation),
            Err(error) => {
                let known = Operation::ALL.map(Operation::as_str).join(", ");
                fields.findings.error(&word.place, error.to_string(), format!("use some of: {known}"));
            }
        }
    }
    Some(operations)
}

/// The version of Azure's protocol.
fn api_version(protocol: Option<Protocol>, fields: &mut Fields<'_>) -> Option<String> {
    if !are_read(&["api_version"], (Protocol::Azure, "Azure"), protocol, fields) {
        return None;
    }
    let version = fields.word("api_version")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if !version.text.bytes().all(is_plain) {
        fields.error("api_version", "is no version", "write e.g. \"2024-10-21\"");
    }
    Some(version.text)
}

/// Whether keys are to be read that only one protocol, called so, has a use for. Where another is `spoken` they are refused, and passed over
/// where nobody knows which.
pub(super) fn are_read(
    keys: &[&'static str],
    (protocol, name): (Protocol, &str),
    spoken: Option<Protocol>,
    fields: &mut Fields<'_>,
) -> bool {
    match spoken {
        None => fields.pass_over(keys),
        Some(spoken) if spoken == protocol => return true,
        Some(_) => {
            for key in keys {
                fields.refuse(key, &format!("has no effect: only {name} asks for it"), "remove it");
            }
        }
    }
    false
}

/// The credentials that instances name.
fn keys(fields: &mut Fields<'_>) -> Vec<(KeyName, SecretString)> {
    let mut keys = Vec::new();
    for (raw, place, key) in fields.secrets("keys") {
        match KeyName::new(&raw) {
            Ok(name) => keys.push((name, key)),
            // The text is not repeated: somebody may have written the key itself there.
            Err(InvalidName { problem, .. }) => {
                let place = Place { key: fields.place("keys").key, ..place };
                fields.findings.error(
                    &place,
                    format!("has a name that cannot name a key: {problem}"),
                    "choose another name",
                );
            }
        }
    }
    keys
}

fn headers(fields: &mut Fields<'_>, has_key: bool) -> Vec<(String, SecretString)> {
    let mut headers = Vec::new();
    for (name, place, value) in fields.secrets("headers") {
        let lower = name.to_ascii_lowercase();
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            fields.findings.error(&place, "is no header name", "use letters, digits and '-'");
        } else if RESERVED_HEADERS.contains(&&*lower) {
            fields.findings.error(&place, "is set by the gateway itself", "remove it");
        } else if lower == "authorization" && has_key {
            fields.findings.error(
                &place,
                "contradicts 'api_key', 'keys' or 'credentials', which set it too",
                "remove one of them",
            );
        } else {
            headers.push((name, value));
        }
    }
    headers
}

/// Refuses a host where no provider is.
fn refuse_off_limits(base_url: Option<&str>, allow_link_local: bool, fields: &Fields<'_>) {
    let uri = base_url.and_then(|url| url.parse::<http::Uri>().ok());
    if !allow_link_local && uri.as_ref().and_then(http::Uri::host).is_some_and(is_host_off_limits) {
        let help = "if the provider is really there, write allow_link_local = true";
        fields.error("base_url", "is a link-local or metadata address, where machines keep their credentials", help);
    }
}

/// Whom the provider's certificate is checked against.
fn authorities(fields: &mut Fields<'_>) -> Option<Authorities> {
    let pem = fields.text("ca_certificates")?;
    match Authorities::from_pem(&pem) {
        Ok(authorities) => Some(authorities),
        Err(invalid) => {
            fields.error("ca_certificates", invalid.to_string(), "write e.g. \"${file:/etc/ssl/our-ca.pem}\"");
            None
        }
    }
}

/// What the provider is reached through.
fn proxy(fields: &mut Fields<'_>) -> Option<Proxy> {
    let credentials = fields.secret("proxy_credentials");
    let Some(url) = fields.word("proxy") else {
        if credentials.is_some() {
            fields.error("proxy_credentials", "has no effect without 'proxy'", "remove it, or name the proxy");
        }
        return None;
    };
    match Proxy::new(&url.text, credentials.as_ref()) {
        Ok(proxy) => Some(proxy),
        Err(invalid) => {
            fields.error("proxy", invalid.to_string(), "write e.g. http://proxy.example:3128");
            None
        }
    }
}

/// The checked URL of `base_url`, without a slash at its end.
pub(super) fn base_url(fields: &mut Fields<'_>) -> Option<String> {
    let word = fields.word("base_url")?;
    match objection(&word.text) {
        None => Some(word.text.trim_end_matches('/').to_owned()),
        Some(objection) => {
            fields.error("base_url", objection, "write e.g. https://host/v1");
            None
        }
    }
}

/// What is wrong with a URL; it never repeats the URL, which may hold a password.
fn objection(url: &str) -> Option<&'static str> {
    let Ok(uri) = url.parse::<http::Uri>() else { return Some("is not a URL") };
    let Some(authority) = uri.authority() else { return Some("is not a full URL: scheme or host is missing") };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Some("must start with https:// or http://");
    }
    if authority.as_str().contains('@') {
        return Some("holds a user name or password; put credentials into 'api_key' or 'headers'");
    }
    if uri.query().is_some() || url.contains('#') {
        return Some("ends in a query or fragment, to which no path can be added");
    }
    authority.host().is_empty().then_some("has no host")
}
