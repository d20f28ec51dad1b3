//! Writes the parts of a turn.

use std::collections::HashMap;

use serde_json::value::RawValue;
use tidegate_domain::inference::{Dropped, Unfit};

use super::proof::{UNPROVEN, googles};
use crate::translate::{
    conversation::{Content, Part, Source, ToolCall, ToolResult},
    json::{List, Object, object_or_empty},
};

/// Which tool each call so far was for, and the how manyth it was: here a result names its tool. The ids of calls are not sent,
/// since Vertex refuses them.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    made: usize,
    calls: HashMap<&'a str, (usize, &'a str)>,
}

impl<'a> Names<'a> {
    fn call(&mut self, call: &'a ToolCall) {
        self.calls.insert(&call.id, (self.made, &call.name));
        self.made += 1;
    }

    fn name_of(&self, result: &ToolResult) -> Option<&'a str> {
        self.calls.get(result.call.as_str()).map(|(_, name)| *name)
    }

    /// The parts with their results in the order of the calls: without ids, it tells two results of one tool apart.
    fn in_order(&self, parts: &[&'a Part]) -> Vec<&'a Part> {
        let place = |part: &Part| match &part.content {
            Content::ToolResult(result) => Some(self.calls.get(result.call.as_str()).map(|(at, _)| *at)),
            _ => None,
        };
        let mut results: Vec<&Part> = parts.iter().copied().filter(|part| place(part).is_some()).collect();
        results.sort_by_key(|part| place(part));
        let mut results = results.into_iter();
        let next = |part: &&'a Part| if place(part).is_some() { results.next() } else { Some(*part) };
        parts.iter().filter_map(next).collect()
    }
}

/// Writes the parts of the turn at `path`. A proof of thinking stands on the part that came of it. Calls in parallel came of one thought:
/// newer models refuse a turn whose first call has no proof, which is so where another model made it or its caller cannot keep proofs.
pub(super) fn write_parts<'a>(
    list: &mut List<'_>,
    (parts, path): (&[&'a Part], &str),
    names: &mut Names<'a>,
    dropped: &mut Dropped,
) -> Result<(), Unfit> {
    if parts.iter().any(|part| part.cache.is_some()) {
        dropped.note(format!("{path}.content[].cache_control"));
    }
    if parts.iter().any(|part| matches!(part.content, Content::Document { name: Some(_), .. })) {
        dropped.note(format!("{path}.content[].filename"));
    }
    if parts.iter().any(|part| matches!(part.content, Content::Image { detail: Some(_), .. })) {
        dropped.note(format!("{path}.content[].detail"));
    }
    let (mut proof, mut unproven) = (None, Some(UNPROVEN));
    for part in names.in_order(parts) {
        match &part.content {
            Content::Reasoning { signature, .. } if signature.as_deref().and_then(googles).is_some() => {
                proof = signature.as_deref().and_then(googles);
            }
            // Without a proof of Google's a thought is not taken back.
            thought @ (Content::Reasoning { .. } | Content::SealedReasoning(_)) => {
                dropped.note(format!("{path}.content[].{}", thought.thought_word()));
            }
            call @ Content::ToolCall(_) => {
                let unproven = unproven.take();
                write_part(list, (call, proof.take().or(unproven)), (names, path))?;
            }
            content => write_part(list, (content, proof.take()), (names, path))?,
        }
    }
    if let Some(proof) = proof {
        list.object(|part| {
            part.put_word("text", "");
            part.put("thoughtSignature", proof);
        });
    }
    Ok(())
}

fn write_part<'a>(
    list: &mut List<'_>,
    (content, proof): (&'a Content, Option<&str>),
    (names, path): (&mut Names<'a>, &str),
) -> Result<(), Unfit> {
    if let Content::ToolCall(call) = content {
        names.call(call);
    }
    let mut written = Ok(());
    list.object(|part| {
        written = write_content(part, content, (names, path));
        part.put_some("thoughtSignature", proof);
    });
    written
}

fn write_content(part: &mut Object<'_>, content: &Content, (names, path): (&Names<'_>, &str)) -> Result<(), Unfit> {
    match content {
        Content::Text(text) | Content::Refusal(text) => part.put("text", text),
        Content::Image { source, .. } | Content::Document { source, .. } => return write_source(part, source, path),
        Content::Audio { data, format } => write_data(part, &format!("audio/{format}"), data),
        Content::ToolCall(call) => part.object("functionCall", |object| write_call(object, call)),
        Content::ToolResult(result) => {
            let Some(name) = names.name_of(result) else {
                let field = format!("{path}.content[].tool_call_id");
                return Err(Unfit::field(&field, "answers no call that comes before it"));
            };
            let mut written = Ok(());
            part.object("functionResponse", |object| written = write_result(object, (name, result), path));
            return written;
        }
        // Written as the proof of another part, or not at all.
        Content::Reasoning { .. } | Content::SealedReasoning(_) => {}
    }
    Ok(())
}

/// Writes the fields of a call, in a request as in an answer.
pub(super) fn write_call(object: &mut Object<'_>, call: &ToolCall) {
    object.put("name", &call.name);
    object.put_json("args", object_or_empty(&call.arguments));
}

/// A result that is an object stands as it is, a text in a field of one.
fn write_result(object: &mut Object<'_>, (name, result): (&str, &ToolResult), path: &str) -> Result<(), Unfit> {
    let (texts, media): (Vec<&Part>, Vec<&Part>) =
        result.parts.iter().partition(|part| matches!(part.content, Content::Text(_)));
    let text: String = texts.iter().filter_map(|part| text_of(part)).collect();
    object.put("name", name);
    if !result.is_error && is_result_of_its_own(&text) {
        object.put_json("response", &text);
    } else {
        let key = if result.is_error { "error" } else { "output" };
        object.object("response", |response| response.put(key, &text));
    }
    let mut written = Ok(());
    if !media.is_empty() {
        object.list("parts", |list| {
            written = media.iter().try_for_each(|media| {
                let mut written = Ok(());
                list.object(|part| written = write_content(part, &media.content, (&Names::default(), path)));
                written
            });
        });
    }
    written
}

fn text_of(part: &Part) -> Option<&str> {
    match &part.content {
        Content::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether a text is an object, and none that would be taken for the text that stands in it.
fn is_result_of_its_own(text: &str) -> bool {
    let Ok(fields) = serde_json::from_str::<HashMap<String, &RawValue>>(text) else { return false };
    fields.is_empty() || fields.keys().any(|key| !matches!(key.as_str(), "output" | "result" | "error"))
}

fn write_source(part: &mut Object<'_>, source: &Source, path: &str) -> Result<(), Unfit> {
    match source {
        Source::Base64 { media_type, data } => write_data(part, media_type, data),
        Source::Text(text) => part.put("text", text),
        // Google names its files by their URL.
        Source::Url(url) => write_file(part, url),
        Source::File(id) if id.contains("://") => write_file(part, id),
        Source::File(_) => {
            let field = format!("{path}.content[].file_id");
            return Err(Unfit::field(&field, "is a file of another provider's; send its bytes"));
        }
    }
    Ok(())
}

fn write_data(part: &mut Object<'_>, media_type: &str, data: &str) {
    part.object("inlineData", |object| {
        object.put("mimeType", media_type);
        object.put("data", data);
    });
}

fn write_file(part: &mut Object<'_>, url: &str) {
    part.object("fileData", |object| {
        object.put_some("mimeType", media_type_of(url));
        object.put("fileUri", url);
    });
}

/// What a file is by the end of its name: Vertex wants to be told.
fn media_type_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let (_, ending) = path.rsplit_once('.')?;
    match &*ending.to_ascii_lowercase() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "webp" => Some("image/webp"),
        "gif" => Some("image/gif"),
        "heic" => Some("image/heic"),
        "pdf" => Some("application/pdf"),
        "txt" => Some("text/plain"),
        _ => None,
    }
}
