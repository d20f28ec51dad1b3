//! What a response repeats of its request.

use tidegate_domain::inference::InferenceRequest;

use crate::translate::{fields::Fields, json::Object, raw::Json};

/// The fields that a response repeats, each with its default where SDKs insist on it. Not among them is what was asked for and is
/// not done by way of a translation: storing, cutting, a tier of service.
const REPEATED: [(&str, Option<&str>); 14] = [
    ("instructions", None),
    ("max_output_tokens", None),
    ("metadata", Some("{}")),
    ("parallel_tool_calls", Some("true")),
    ("prompt_cache_key", None),
    ("reasoning", None),
    ("safety_identifier", None),
    ("temperature", None),
    ("text", None),
    ("tool_choice", Some("\"auto\"")),
    ("tools", Some("[]")),
    ("top_logprobs", None),
    ("top_p", None),
    ("user", None),
];

/// The fields of a request that its response repeats, as they were spelt.
#[derive(Debug, Default)]
pub(in crate::translate) struct Echo([Option<Json>; REPEATED.len()]);

impl Echo {
    /// What the response to `request` repeats. A body that is no object repeats nothing.
    pub(in crate::translate) fn of(request: &InferenceRequest) -> Self {
        let Ok(mut fields) = Fields::of_request(request) else { return Self::default() };
        Self(REPEATED.map(|(key, _)| fields.json(key)))
    }

    /// Writes the fields.
    pub(super) fn write(&self, root: &mut Object<'_>) {
        for ((key, default), given) in REPEATED.iter().zip(&self.0) {
            if let Some(json) = given.as_ref().map(Json::get).or(*default) {
                root.put_json(key, json);
            }
        }
    }
}
