//! What of a conversation in Google's words is no text: its parts name no kind, but have a field of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Capabilities, Capability};

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, alias = "inline_data", alias = "fileData", alias = "file_data", rename = "inlineData")]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, alias = "mime_type", rename = "mimeType")]
    media_type: Option<Cow<'a, str>>,
}

/// The bytes of `contents` that are no text; what they need is added to `capabilities`.
pub(super) fn media(contents: &str, capabilities: &mut Capabilities) -> usize {
    // Without one of these words there is nothing to look for, and to parse every prompt would cost more than all the rest.
    if !["inlineData", "inline_data", "fileData", "file_data"].iter().any(|key| contents.contains(key)) {
        return 0;
    }
    let contents: Vec<Content<'_>> = serde_json::from_str(contents).unwrap_or_default();
    let mut bytes = 0;
    for raw in contents.into_iter().flat_map(|content| content.parts) {
        let Ok(Part { data: Some(Data { media_type }) }) = serde_json::from_str(raw.get()) else { continue };
        bytes += raw.get().len();
        let media_type = media_type.unwrap_or_default();
        if media_type.starts_with("image/") {
            capabilities.insert(Capability::Vision);
        } else if media_type.starts_with("audio/") {
            capabilities.insert(Capability::Audio);
        }
    }
    bytes
}
