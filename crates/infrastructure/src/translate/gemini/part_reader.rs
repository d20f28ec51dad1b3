//! Reads the parts of a turn. Each says what it is by the field that it has.

use std::collections::VecDeque;

use tidegate_domain::inference::{Dropped, Unfit};

use super::proof;
use crate::translate::{
    conversation::{Content, Part, Source, ToolCall, ToolResult},
    fields::{Fields, NOWHERE},
    raw::Raw,
};

/// Where only Google fetches a file.
const GOOGLES_FILES: [&str; 2] = ["gs://", "https://generativelanguage.googleapis.com/"];

/// The calls of a conversation so far. In Google's words they need no id: a result belongs to the first call of its name that has
/// none yet.
#[derive(Debug, Default)]
pub(super) struct Calls {
    made: usize,
    open: VecDeque<(String, String)>,
}

impl Calls {
    fn call(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.unwrap_or_else(|| format!("call_{}", self.made));
        self.made += 1;
        self.open.push_back((id.clone(), name.to_owned()));
        id
    }

    fn answered(&mut self, id: Option<&str>, name: &str) -> Option<String> {
        let belongs = |(known, called): &(String, String)| id.map_or(called == name, |id| known == id);
        let at = self.open.iter().position(belongs)?;
        self.open.remove(at).map(|(id, _)| id)
    }
}

/// Reads the parts of the turn that `fields` is.
pub(super) fn read_parts(
    fields: &mut Fields<'_>,
    calls: &mut Calls,
    dropped: &mut Dropped,
) -> Result<Vec<Part>, Unfit> {
    let mut parts = Vec::new();
    for part in fields.objects("parts")? {
        read_part(part, (&mut parts, calls), dropped)?;
    }
    Ok(parts)
}

fn read_part(
    mut fields: Fields<'_>,
    (parts, calls): (&mut Vec<Part>, &mut Calls),
    dropped: &mut Dropped,
) -> Result<(), Unfit> {
    let signature = fields.text("thoughtSignature")?.filter(|signature| proof::is_one(signature));
    let is_thought = fields.read("thought", "a boolean")?.unwrap_or(false);
    let said = read_content(&mut fields, calls, dropped)?;
    for key in ["videoMetadata", "executableCode", "codeExecutionResult", "toolCall", "toolResponse"] {
        fields.refuse(key, NOWHERE)?;
    }
    fields.finish(dropped);
    match (said, signature) {
        (Some(Content::Text(text)), Some(signature)) if is_thought => {
            let mut thought = proof::read(text, &signature);
            if let Content::Reasoning { text, .. } = &mut thought {
                text.insert_str(0, &take_unproven(parts));
            }
            parts.push(thought.into());
        }
        (Some(Content::Text(text)), None) if is_thought => {
            parts.push(Content::Reasoning { text, signature: None }.into());
        }
        (said, signature) => {
            parts.extend(signature.map(|signature| Part::from(proof::read(String::new(), &signature))));
            let is_empty = matches!(&said, Some(Content::Text(text)) if text.is_empty());
            parts.extend(said.filter(|_| !is_empty).map(Part::from));
        }
    }
    Ok(())
}

/// Takes the thoughts without a proof that stand last: a stream tells a thought in pieces, of which the last is its proof.
fn take_unproven(parts: &mut Vec<Part>) -> String {
    let is_unproven = |part: &Part| matches!(part.content, Content::Reasoning { signature: None, .. });
    let start = parts.iter().rposition(|part| !is_unproven(part)).map_or(0, |at| at + 1);
    let told = parts.drain(start..).filter_map(|part| match part.content {
        Content::Reasoning { text, .. } => Some(text),
        _ => None,
    });
    told.collect()
}

fn read_content(fields: &mut Fields<'_>, calls: &mut Calls, dropped: &mut Dropped) -> Result<Option<Content>, Unfit> {
    if let Some(text) = fields.text("text")? {
        return Ok(Some(Content::Text(text)));
    }
    if let Some(data) = fields.object("inlineData")? {
        return read_data(data, dropped).map(Some);
    }
    if let Some(file) = fields.object("fileData")? {
        return read_file(file, dropped).map(Some);
    }
    if let Some(mut call) = fields.object("functionCall")? {
        let (id, name) = (call.text("id")?, call.required_text("name")?);
        let id = calls.call(id, &name);
        let arguments = call.json("args").map_or_else(|| "{}".to_owned(), |args| args.get().to_owned());
        call.finish(dropped);
        return Ok(Some(Content::ToolCall(ToolCall { id, name, arguments })));
    }
    let Some(result) = fields.object("functionResponse")? else { return Ok(None) };
    read_result(result, calls, dropped).map(|result| Some(Content::ToolResult(result)))
}

/// Bytes within the request.
fn read_data(mut data: Fields<'_>, dropped: &mut Dropped) -> Result<Content, Unfit> {
    let (media_type, bytes) = (data.required_text("mimeType")?, data.required_text("data")?);
    let name = data.text("displayName")?;
    if let Some(format) = media_type.strip_prefix("audio/") {
        return Ok(Content::Audio { data: bytes, format: format.to_owned() });
    }
    let source = Source::Base64 { media_type: media_type.clone(), data: bytes };
    let content = of_media_type(&media_type, source, name).ok_or_else(|| data.wrong("mimeType", NOWHERE));
    data.finish(dropped);
    content
}

/// A file somewhere else.
fn read_file(mut file: Fields<'_>, dropped: &mut Dropped) -> Result<Content, Unfit> {
    let (url, media_type) = (file.required_text("fileUri")?, file.text("mimeType")?.unwrap_or_default());
    if GOOGLES_FILES.iter().any(|start| url.starts_with(start)) {
        return Err(file.wrong("fileUri", "is a file that only Google fetches; send its bytes as inlineData"));
    }
    let name = file.text("displayName")?;
    let content = of_media_type(&media_type, Source::Url(url), name).ok_or_else(|| file.wrong("mimeType", NOWHERE));
    file.finish(dropped);
    content
}

fn of_media_type(media_type: &str, source: Source, name: Option<String>) -> Option<Content> {
    match media_type.split('/').next() {
        Some("image") => Some(Content::Image { source, detail: None }),
        Some("application" | "text") => Some(Content::Document { source, name }),
        _ => None,
    }
}

/// What came of a call. Google has the result, and what went wrong, in an object; a text of ours stands in a field of it.
fn read_result(mut fields: Fields<'_>, calls: &mut Calls, dropped: &mut Dropped) -> Result<ToolResult, Unfit> {
    let (id, name) = (fields.text("id")?, fields.required_text("name")?);
    let Some(call) = calls.answered(id.as_deref(), &name) else {
        return Err(fields.wrong("name", "answers no call that comes before it"));
    };
    let response = fields.take("response").map_or("{}", Raw::get);
    let (text, is_error) = match serde_json::from_str(response) {
        Ok(ResultWire { output: Some(text), error: None }) => (text, false),
        Ok(ResultWire { output: None, error: Some(text) }) => (text, true),
        _ => (response.to_owned(), false),
    };
    let mut parts = vec![Content::Text(text).into()];
    parts.extend(read_parts(&mut fields, calls, dropped)?);
    for key in ["willContinue", "scheduling"] {
        fields.ignore(key);
    }
    fields.finish(dropped);
    Ok(ToolResult { call, parts, is_error })
}

/// A result that is nothing but a text.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultWire {
    #[serde(alias = "result")]
    output: Option<String>,
    error: Option<String>,
}
