//! What `[providers.X]` says of Google Cloud: the project and the location, and what access tokens are fetched with.
//!
//! Nothing is looked for anywhere else: not in the environment, not where Google's own tools keep their files, and at a metadata service only
//! where one is named.

use super::provider::are_read;
use crate::{
    config::fields::Fields,
    provider::{GoogleCloud, GoogleCredentials, Protocol},
};

const KEYS: [&str; 4] = ["project", "location", "credentials", "metadata_server"];

/// Reads the place and the credentials. `has_key` says whether the provider has an `api_key`.
pub(super) fn read(
    protocol: Option<Protocol>,
    has_key: bool,
    fields: &mut Fields<'_>,
) -> (Option<GoogleCloud>, Option<GoogleCredentials>) {
    if are_read(&KEYS, (Protocol::Vertex, "Vertex AI"), protocol, fields) {
        (cloud(fields), credentials(has_key, fields))
    } else {
        (None, None)
    }
}

fn cloud(fields: &mut Fields<'_>) -> Option<GoogleCloud> {
    let project = plain(fields, "project", "write the id of the project of Google Cloud");
    let location = plain(fields, "location", "write where to ask, e.g. location = \"us-central1\", or \"global\"");
    Some(GoogleCloud { project: project?, location: location? })
}

/// A word that becomes part of a path or of a host. A project of a domain has a colon.
fn plain(fields: &mut Fields<'_>, key: &'static str, help: &'static str) -> Option<String> {
    let word = fields.word(key);
    fields.require(key, help);
    let word = word?.text;
    let is_plain = |byte: u8| {
        let joins = byte == b'-' || (key == "project" && matches!(byte, b'.' | b':'));
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || joins
    };
    if !word.bytes().all(is_plain) {
        fields.error(key, "may hold small letters, digits and '-' only", help);
        return None;
    }
    Some(word)
}

fn credentials(has_key: bool, fields: &mut Fields<'_>) -> Option<GoogleCredentials> {
    let json = fields.secret_text("credentials");
    let server = fields.word("metadata_server");
    let given = [("credentials", json.is_some()), ("metadata_server", server.is_some())];
    let mut given = given.into_iter().filter(|(_, is_given)| *is_given).map(|(key, _)| key);
    if let Some(first) = given.next()
        && (has_key || given.next().is_some())
    {
        let other = if has_key { "api_key" } else { "metadata_server" };
        fields.error(first, format!("contradicts '{other}', which says who asks too"), "remove one of them");
    }
    if let Some((json, source)) = json {
        let read = GoogleCredentials::from_json(&json);
        let help = "write the JSON of a service account or of an authorized user: \"${file:/run/secrets/google.json}\"";
        let reported = read.map_err(|invalid| fields.error("credentials", format!("{source}{invalid}"), help));
        return reported.ok();
    }
    let read = GoogleCredentials::from_metadata_server(&server?.text);
    let help = "write metadata_server = \"http://metadata.google.internal\"";
    read.map_err(|invalid| fields.error("metadata_server", invalid.to_string(), help)).ok()
}
