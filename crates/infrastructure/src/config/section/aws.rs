//! What `[providers.X]` says of Amazon Web Services: the region, and what requests are signed with.
//!
//! Nothing is looked for anywhere else: not in the environment, not in the files of AWS's own tools, not at a metadata service.

use super::provider::are_read;
use crate::{
    config::fields::Fields,
    provider::{AwsCredentials, Protocol},
};

const KEYS: [&str; 4] = ["region", "access_key_id", "secret_access_key", "session_token"];

/// Reads the region and the credentials. `has_key` says whether the provider has an `api_key`.
pub(super) fn read(
    protocol: Option<Protocol>,
    has_key: bool,
    fields: &mut Fields<'_>,
) -> (Option<String>, Option<AwsCredentials>) {
    if are_read(&KEYS, (Protocol::Bedrock, "Bedrock"), protocol, fields) {
        (region(fields), credentials(has_key, fields))
    } else {
        (None, None)
    }
}

fn region(fields: &mut Fields<'_>) -> Option<String> {
    let region = fields.word("region");
    fields.require("region", "write which region of AWS to ask, e.g. region = \"us-east-1\"");
    let region = region?.text;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !region.bytes().all(is_plain) {
        fields.error("region", "is no region of AWS", "write e.g. \"us-east-1\"");
    }
    Some(region)
}

fn credentials(has_key: bool, fields: &mut Fields<'_>) -> Option<AwsCredentials> {
    let [access_key_id, secret_access_key, session_token] =
        ["access_key_id", "secret_access_key", "session_token"].map(|key| fields.secret(key));
    match (access_key_id, secret_access_key) {
        (Some(access_key_id), Some(secret_access_key)) => {
            if has_key {
                fields.error("access_key_id", "contradicts 'api_key', which is sent unsigned", "remove one of them");
            }
            Some(AwsCredentials { access_key_id, secret_access_key, session_token })
        }
        (None, None) => {
            if session_token.is_some() {
                let help = "write 'access_key_id' and 'secret_access_key' too, or remove it";
                fields.error("session_token", "has no effect without a key", help);
            }
            None
        }
        (None, Some(_)) => {
            fields.require("access_key_id", "a 'secret_access_key' is named by it");
            None
        }
        (Some(_), None) => {
            fields.require("secret_access_key", "an 'access_key_id' alone signs nothing");
            None
        }
    }
}
