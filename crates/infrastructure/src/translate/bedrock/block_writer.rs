//! Writes the blocks of a message.

use tidegate_domain::inference::{Dropped, Unfit};

use crate::translate::{
    conversation::{Content, Part, Source, ToolCall, ToolResult},
    json::{List, Object, object_or_empty},
    messages::may_be_anthropics,
    raw::Json,
    responses::is_openais,
};

/// Writes the blocks of one message. Documents are counted through all messages: two must not have one name.
#[derive(Debug)]
pub(super) struct BlockWriter<'a> {
    pub(super) dropped: &'a mut Dropped,
    pub(super) documents: usize,
}

impl BlockWriter<'_> {
    /// Writes the blocks of the message at `path`.
    pub(super) fn write(&mut self, list: &mut List<'_>, parts: &[&Part], path: &str) -> Result<(), Unfit> {
        for part in parts {
            self.write_block(list, &part.content, path)?;
            write_cache_point(list, part.cache.as_ref());
        }
        Ok(())
    }

    fn write_block(&mut self, list: &mut List<'_>, content: &Content, path: &str) -> Result<(), Unfit> {
        match content {
            Content::Text(text) | Content::Refusal(text) => list.object(|block| block.put("text", text)),
            Content::Image { source, detail } => {
                if detail.is_some() {
                    self.dropped.note(format!("{path}.content[].detail"));
                }
                return write_image(list, source, path);
            }
            Content::Document { source, name } => return self.write_document(list, (source, name.as_deref()), path),
            Content::Audio { data, format } => list.object(|block| {
                block.object("audio", |audio| {
                    audio.put("format", format);
                    write_bytes(audio, data);
                });
            }),
            Content::ToolCall(call) => list.object(|block| block.object("toolUse", |object| write_call(object, call))),
            Content::ToolResult(result) => return self.write_result(list, result, path),
            Content::Reasoning { text, signature: Some(signature) } if may_be_anthropics(signature) => {
                list.object(|block| {
                    block.object("reasoningContent", |reasoning| {
                        reasoning.object("reasoningText", |object| {
                            object.put("text", text);
                            object.put("signature", signature);
                        });
                    });
                });
            }
            // Without the proof of its maker a thought is not taken back.
            Content::Reasoning { .. } => self.dropped.note(format!("{path}.content[].{}", content.thought_word())),
            Content::SealedReasoning(data) if is_openais(data) => {
                self.dropped.note(format!("{path}.content[].{}", content.thought_word()));
            }
            Content::SealedReasoning(data) => list.object(|block| {
                block.object("reasoningContent", |reasoning| reasoning.put("redactedContent", data));
            }),
        }
        Ok(())
    }

    fn write_document(
        &mut self,
        list: &mut List<'_>,
        (source, name): (&Source, Option<&str>),
        path: &str,
    ) -> Result<(), Unfit> {
        let (format, data) = match source {
            Source::Base64 { media_type, data } => (document_format(media_type), Some(data)),
            Source::Text(_) => (Some("txt"), None),
            Source::Url(_) | Source::File(_) => return Err(only_inline(path, "document")),
        };
        let Some(format) = format else {
            let field = format!("{path}.content[].type");
            return Err(Unfit::field(&field, "is a document of a media type that this model's provider does not take"));
        };
        self.documents += 1;
        let name = document_name(name.unwrap_or_default(), self.documents);
        list.object(|block| {
            block.object("document", |document| {
                document.put("format", format);
                document.put("name", &name);
                match (data, source) {
                    (Some(data), _) => write_bytes(document, data),
                    (None, Source::Text(text)) => document.object("source", |source| source.put("text", text)),
                    (None, _) => {}
                }
            });
        });
        Ok(())
    }

    fn write_result(&mut self, list: &mut List<'_>, result: &ToolResult, path: &str) -> Result<(), Unfit> {
        let parts: Vec<&Part> = result.parts.iter().collect();
        let mut written = Ok(());
        list.object(|block| {
            block.object("toolResult", |object| {
                object.put("toolUseId", &result.call);
                object.list("content", |content| {
                    written = parts.iter().try_for_each(|part| self.write_block(content, &part.content, path));
                });
                if result.is_error {
                    object.put_word("status", "error");
                }
            });
        });
        written
    }
}

/// The prompt up to here is to be kept.
pub(super) fn write_cache_point(list: &mut List<'_>, cache: Option<&Json>) {
    if cache.is_some() {
        list.object(|block| block.object("cachePoint", |point| point.put_word("type", "default")));
    }
}

fn write_call(object: &mut Object<'_>, call: &ToolCall) {
    object.put("toolUseId", &call.id);
    object.put("name", &call.name);
    object.put_json("input", object_or_empty(&call.arguments));
}

fn write_bytes(object: &mut Object<'_>, data: &str) {
    object.object("source", |source| source.put("bytes", data));
}

fn write_image(list: &mut List<'_>, source: &Source, path: &str) -> Result<(), Unfit> {
    let Source::Base64 { media_type, data } = source else { return Err(only_inline(path, "image")) };
    let Some(format @ ("png" | "jpeg" | "gif" | "webp")) = media_type.strip_prefix("image/") else {
        let field = format!("{path}.content[].type");
        return Err(Unfit::field(&field, "must be a PNG, JPEG, GIF or WebP image for this model's provider"));
    };
    list.object(|block| {
        block.object("image", |image| {
            image.put("format", format);
            write_bytes(image, data);
        });
    });
    Ok(())
}

fn only_inline(path: &str, what: &str) -> Unfit {
    let problem = format!("is an {what} elsewhere, and this model's provider fetches none; send its bytes in base64");
    let problem = if what == "document" { problem.replacen("an ", "a ", 1) } else { problem };
    Unfit::field(&format!("{path}.content[].type"), &problem)
}

/// The word for a media type.
fn document_format(media_type: &str) -> Option<&'static str> {
    match media_type {
        "application/pdf" => Some("pdf"),
        "text/csv" => Some("csv"),
        "application/msword" => Some("doc"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => Some("docx"),
        "application/vnd.ms-excel" => Some("xls"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Some("xlsx"),
        "text/html" => Some("html"),
        "text/plain" => Some("txt"),
        "text/markdown" => Some("md"),
        _ => None,
    }
}

/// A name of the few characters that the provider takes, which no other document has: it ends with the document's number.
fn document_name(name: &str, number: usize) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() || "-()[]".contains(character) { character } else { ' ' }
    };
    let plain: String = name.chars().map(plain).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let named = if words.is_empty() { "document".to_owned() } else { words.join(" ") };
    let named: String = named.chars().take(180).collect();
    format!("{} {number}", named.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documents_name_has_what_the_provider_takes() {
        for (name, expected) in [
            ("a.pdf", "a pdf 7"),
            ("Q3  (draft)[1]-x", "Q3 (draft)[1]-x 7"),
            ("\u{fc}ber/../etc", "ber etc 7"),
            ("", "document 7"),
            ("\u{1f600}", "document 7"),
        ] {
            assert_eq!(document_name(name, 7), expected);
        }
        assert_eq!(document_name(&"x".repeat(500), 12).len(), 183);
    }
}
