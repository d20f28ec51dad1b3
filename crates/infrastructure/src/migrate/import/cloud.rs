//! Providers of which everybody has a part of their own: a resource at Azure, an account at AWS.

use super::{
    super::{NoteKind, yaml::Map},
    draft::{Draft, Upstream, referring},
    known::Wire,
};

/// A deployment at Azure: where its resource is, the version of the protocol if one is named, and its key.
pub(super) fn azure(
    (resource, version): (&str, Option<String>),
    api_key: Option<String>,
    (at, draft): ((usize, &str), &mut Draft),
) -> Upstream {
    if version.is_none() {
        let message = "no version of Azure's protocol is named: it is asked through its v1 API";
        draft.note(NoteKind::Guessed, at, message);
    }
    Upstream {
        name: "azure".to_owned(),
        wire: Wire::Protocol("azure"),
        base_url: Some(referring(resource)),
        keys: version.map(|version| ("api_version", referring(&version))).into_iter().collect(),
        api_key,
        key_header: None,
    }
}

/// Bedrock with the region and the credentials that `params` names, or else the variables that usually hold them.
pub(super) fn bedrock(params: &mut Map, (at, draft): ((usize, &str), &mut Draft)) -> Upstream {
    let region = params.take_text("aws_region_name").or_else(|| params.take_text("aws_region"));
    if region.is_none() {
        draft.note(NoteKind::Guessed, at, "no region of AWS's is named: set AWS_REGION");
    }
    let mut keys = vec![("region", region.map_or_else(|| "${AWS_REGION}".to_owned(), |region| referring(&region)))];
    let secrets = [
        ("access_key_id", "aws_access_key_id", "AWS_ACCESS_KEY_ID"),
        ("secret_access_key", "aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ];
    for (key, there, variable) in secrets {
        keys.extend(draft.key(params.take_text(there).as_deref(), variable, at).map(|said| (key, said)));
    }
    if let Some(token) = params.take_text("aws_session_token") {
        keys.extend(draft.key(Some(&token), "AWS_SESSION_TOKEN", at).map(|said| ("session_token", said)));
    }
    let wire = Wire::Protocol("bedrock");
    Upstream { name: "bedrock".to_owned(), wire, base_url: None, keys, api_key: None, key_header: None }
}
