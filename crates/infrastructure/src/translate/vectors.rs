//! Vectors of texts: asked for in OpenAI's words, of providers that speak Google's.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::{
    fault::{Fault, Work},
    inference::{Address, Dropped, InferenceRequest, Operation, Translation, Unfit, Usage, WholeAnswer},
};

use super::{
    Asked,
    fields::{Fields, elements},
    in_place,
    json::{List, object, placed},
    malformed,
    raw::Raw,
};
use crate::base64;

/// What is asked for.
struct Wish<'a> {
    /// The texts, as they were spelt.
    texts: Vec<Raw<'a>>,
    dimensions: Option<u64>,
    /// Whether each vector is wanted as the bytes of its numbers, in base64.
    is_coded: bool,
}

impl<'a> Wish<'a> {
    fn read(mut fields: Fields<'a>, dropped: &mut Dropped) -> Result<Self, Unfit> {
        let texts = read_texts(&mut fields)?;
        let dimensions = fields.read("dimensions", "a whole number")?;
        let is_coded = match fields.text("encoding_format")?.as_deref() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(_) => return Err(fields.wrong("encoding_format", "must be 'float' or 'base64'")),
        };
        fields.ignore("model");
        fields.finish(dropped);
        Ok(Self { texts, dimensions, is_coded })
    }
}

/// One text or several; others than OpenAI have other numbers for tokens.
fn read_texts<'a>(fields: &mut Fields<'a>) -> Result<Vec<Raw<'a>>, Unfit> {
    let path = fields.at("input");
    let Some(input) = fields.take("input") else { return Err(Unfit::field(&path, "is missing")) };
    let all = if input.get().starts_with('[') { elements(&path, input)? } else { vec![(path.clone(), input)] };
    if all.is_empty() {
        return Err(Unfit::field(&path, "is empty"));
    }
    let text = |(path, value): (String, Raw<'a>)| {
        let is_text = value.get().starts_with('"');
        is_text
            .then_some(value)
            .ok_or_else(|| Unfit::field(&path, "must be text: tokens mean something to one model only"))
    };
    all.into_iter().map(text).collect()
}

/// The request for vectors in Google's words; each text names the model once more, which is filled in for each provider.
pub(super) fn request(request: &InferenceRequest) -> Result<Translation, Unfit> {
    let mut dropped = Dropped::default();
    let Wish { texts, dimensions, is_coded: _ } = Wish::read(Fields::of_request(request)?, &mut dropped)?;
    let written = placed(|root| {
        root.list("requests", |list| {
            for text in texts {
                list.object(|one| {
                    one.put_word("model", "");
                    one.object("content", |content| {
                        content.list("parts", |parts| parts.object(|part| part.put_json("text", text.get())));
                    });
                    one.put_some("outputDimensionality", dimensions);
                });
            }
        });
    });
    let address = Address { model: request.envelope().model().into(), stream: false };
    Ok(Translation::new(in_place(Operation::EmbedContents, written, address)?, dropped))
}

#[derive(Deserialize)]
struct VectorsWire<'a> {
    #[serde(borrow)]
    embeddings: Vec<VectorWire<'a>>,
}

#[derive(Deserialize)]
struct VectorWire<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
}

/// The vectors in OpenAI's words, with what they cost: without a report, what the texts are estimated at.
pub(super) fn answer(WholeAnswer { body, usage, .. }: &WholeAnswer, asked: Asked<'_>) -> Result<WholeAnswer, Fault> {
    let broken = || malformed(Work::Ambiguous);
    let fields = Fields::of_request(asked.request).map_err(|_| broken())?;
    let wish = Wish::read(fields, &mut Dropped::default()).map_err(|_| broken())?;
    let VectorsWire { embeddings } = serde_json::from_slice(body).map_err(|_| broken())?;
    if embeddings.len() != wish.texts.len() {
        return Err(broken());
    }
    let usage = usage.unwrap_or_else(|| Usage::estimated(asked.request.prompt_tokens().into(), 0));
    let mut written = Ok(());
    let mut out = Vec::with_capacity(body.len());
    object(&mut out, |root| {
        root.put_word("object", "list");
        root.list("data", |list| {
            written = embeddings
                .iter()
                .enumerate()
                .try_for_each(|(at, vector)| write_vector(list, (at, vector.values), wish.is_coded).ok_or_else(broken));
        });
        root.put("model", asked.model);
        root.object("usage", |object| {
            object.put("prompt_tokens", &usage.input_tokens);
            object.put("total_tokens", &usage.input_tokens);
        });
    });
    written.map(|()| WholeAnswer::json(out.into(), Some(usage)))
}

/// Writes a vector, its numbers as they were spelt or as single-precision bytes; `None` if it is none.
fn write_vector(list: &mut List<'_>, (at, values): (usize, &RawValue), is_coded: bool) -> Option<()> {
    let numbers: Vec<f32> = serde_json::from_str(values.get()).ok()?;
    list.object(|vector| {
        vector.put_word("object", "embedding");
        vector.put("index", &at);
        if is_coded {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            vector.put("embedding", &base64::encode(&bytes));
        } else {
            vector.put("embedding", values);
        }
    });
    Some(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn asked(fields: &str) -> InferenceRequest {
        let body = Bytes::from(format!(r#"{{"model":"m",{fields}}}"#));
        InferenceRequest::read(Operation::Embeddings, body).unwrap()
    }

    #[track_caller]
    fn check_request(fields: &str, (expected, dropped): (&str, &str)) {
        let translated = request(&asked(fields)).unwrap();
        assert_eq!(translated.request.body(), expected);
        assert_eq!(translated.dropped.to_string(), dropped);
    }

    #[test]
    fn each_text_is_a_request_of_its_own() {
        check_request(
            r#""input":"caf\u00e9","encoding_format":"base64""#,
            (r#"{"requests":[{"model":"","content":{"parts":[{"text":"caf\u00e9"}]}}]}"#, ""),
        );
        check_request(
            r#""input":["a","b"],"dimensions":256,"user":"u","odd":1"#,
            (
                r#"{"requests":[{"model":"","content":{"parts":[{"text":"a"}]},"outputDimensionality":256},{"model":"","content":{"parts":[{"text":"b"}]},"outputDimensionality":256}]}"#,
                "user, odd",
            ),
        );
    }

    #[test]
    fn what_is_no_text_is_refused_by_its_place() {
        for (input, field) in [
            (r#""input":[1,2]"#, "input[0]"),
            (r#""input":["a",[1,2]]"#, "input[1]"),
            (r#""input":[]"#, "input"),
            (r#""input":{}"#, "input"),
            (r#""dimensions":7"#, "input"),
            (r#""input":"a","encoding_format":"int8""#, "encoding_format"),
            (r#""input":"a","dimensions":"many""#, "dimensions"),
        ] {
            assert_eq!(request(&asked(input)).unwrap_err().param(), Some(field), "{input}");
        }
    }

    fn answered(fields: &str, body: &'static str, usage: Option<Usage>) -> Result<WholeAnswer, Fault> {
        let answer_to = asked(fields);
        let about = Asked { request: &answer_to, at: 0, id: "i", model: "gemini-embedding-001" };
        answer(&WholeAnswer::json(Bytes::from_static(body.as_bytes()), usage), about)
    }

    const TWO: &str = r#"{"embeddings":[{"values":[0.10,-1]},{"values":[2e0]}]}"#;

    #[test]
    fn vectors_keep_their_order_and_their_numbers_the_way_they_are_spelt() {
        let usage = Usage { input_tokens: 7, ..Usage::default() };
        let told = answered(r#""input":["a","b"]"#, TWO, Some(usage)).unwrap();
        let expected = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,-1]},{"object":"embedding","index":1,"embedding":[2e0]}],"model":"gemini-embedding-001","usage":{"prompt_tokens":7,"total_tokens":7}}"#;
        assert_eq!((&told.body[..], told.usage), (expected.as_bytes(), Some(usage)));
    }

    #[test]
    fn a_vector_in_base64_is_made_of_single_precision_numbers() {
        let told = answered(r#""input":["a","b"],"encoding_format":"base64""#, TWO, None).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
        let bytes = base64::decode(told["data"][0]["embedding"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, [0.1_f32.to_le_bytes(), (-1_f32).to_le_bytes()].concat());
    }

    #[test]
    fn what_is_not_reported_is_estimated_from_the_texts() {
        let told = answered(r#""input":["a","b"]"#, TWO, None).unwrap();
        assert_eq!(told.usage, Some(Usage::estimated(asked(r#""input":["a","b"]"#).prompt_tokens().into(), 0)));
    }

    #[test]
    fn another_number_of_vectors_than_of_texts_is_no_answer() {
        for body in [TWO, "{}", r#"{"embeddings":[{"values":["a"]}]}"#, r#"{"embeddings":[{}]}"#] {
            assert!(answered(r#""input":"a""#, body, None).is_err(), "{body}");
        }
    }
}
