//! `[providers.X]`.

use secrecy::SecretString;
use tidegate_domain::{inference::Prefill, name::ProviderName};
use validator::Validate;

use super::{name, policy::seconds, simulated};
use crate::{
    config::{fields::Fields, word::Word},
    provider::{Protocol, ProviderSettings},
};

/// Headers that belong to the connection or are made from other keys.
const RESERVED_HEADERS: [&str; 5] = ["host", "connection", "content-length", "content-type", "transfer-encoding"];

#[derive(Validate)]
struct ConnectToml {
    #[validate(range(min = 0.001, max = 300.0))]
    connect_timeout: Option<f64>,
}

/// Reads a provider.
pub(in crate::config) fn read(word: &Word, fields: &mut Fields<'_>) -> Option<ProviderSettings> {
    let name = name(fields, word, ProviderName::new);
    fields.text("description");
    let protocol = fields.choice("protocol", &["openai", "anthropic", "simulated"], |name| match name {
        "openai" => Some(Protocol::OpenAi),
        "anthropic" => Some(Protocol::Anthropic),
        "simulated" => Some(Protocol::Simulated),
        _ => None,
    });
    fields.require("protocol", "write protocol = \"openai\", \"anthropic\" or \"simulated\"");
    let simulated = match protocol {
        Some(Protocol::Simulated) => {
            for key in ["base_url", "api_key", "headers", "connect_timeout"] {
                fields.refuse(key, "has no effect: a simulated provider makes no connection", "remove it");
            }
            Some(simulated::read(fields))
        }
        Some(Protocol::OpenAi | Protocol::Anthropic) => {
            let help = "remove it, or write protocol = \"simulated\"";
            fields.refuse("simulated", "has no effect: the provider is not simulated", help);
            None
        }
        None => {
            fields.pass_over(&["simulated"]);
            None
        }
    };
    let base_url = base_url(fields).or_else(|| protocol.and_then(Protocol::home).map(str::to_owned));
    let api_key = fields.secret("api_key");
    let headers = headers(fields, api_key.is_some());
    let prefill = prefill(fields, protocol);
    let connect = ConnectToml { connect_timeout: fields.number("connect_timeout") };
    fields.check(&connect);
    let ConnectToml { connect_timeout } = connect;
    Some(ProviderSettings {
        name: name?,
        protocol: protocol?,
        base_url,
        api_key,
        headers,
        connect_timeout: seconds(connect_timeout.unwrap_or(5.0)),
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

fn headers(fields: &mut Fields<'_>, has_key: bool) -> Vec<(String, SecretString)> {
    let mut headers = Vec::new();
    for (name, place, value) in fields.secrets("headers") {
        let lower = name.to_ascii_lowercase();
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            fields.findings.error(&place, "is no header name", "use letters, digits and '-'");
        } else if RESERVED_HEADERS.contains(&&*lower) {
            fields.findings.error(&place, "is set by the gateway itself", "remove it");
        } else if lower == "authorization" && has_key {
            fields.findings.error(&place, "contradicts 'api_key', which sets it too", "remove one of them");
        } else {
            headers.push((name, value));
        }
    }
    headers
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
