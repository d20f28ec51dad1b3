//! Between the words of the caller and the words of the provider.
//!
//! Each dialect is read into a `Conversation`, an `Answer` or `Event`s, which are in nobody's words, and written from
//! them: with N dialects there are N readers and N writers, not a translator for each pair. A reader names what has no place in
//! a conversation and a writer what has no place in its dialect: as [`Unfit`] if leaving it out would change what is asked,
//! else as [`Dropped`].
//!
//! Everything here is pure and works on bytes: a stream is translated by pushing chunks of whole events, as a client of the
//! same protocol delivers them.
//!
//! | module | concept |
//! |---|---|
//! | `conversation` | a request in nobody's words |
//! | `answer` | an answer in nobody's words, whole and as events |
//! | `chat`, `cohere`, `gemini`, `messages`, `responses` | one dialect each: request, answer, stream, both ways |
//! | `bedrock` | one dialect for those who are asked: nobody asks in it |
//! | `foreign` | what is left out of a request that goes out in its own words |
//! | `count`, `vectors` | what is no conversation: how many tokens one has, and vectors of texts |
//! | `stream` | a stream on its way from one dialect into another |
//! | `schema` | a schema as some providers demand it |
//! | `words` | what a caller calls a field that has no place elsewhere |
//! | `logprobs` | how likely the tokens of an answer were |
//! | `fields`, `json`, `raw` | reading objects without overlooking a field; writing them without a tree; what stays as it was spelt |

mod answer;
mod bedrock;
mod chat;
mod cohere;
mod conversation;
mod count;
mod fields;
mod foreign;
mod gemini;
mod json;
mod logprobs;
mod messages;
mod raw;
mod responses;
mod schema;
mod stream;
#[cfg(test)]
mod tests;
mod vectors;
mod words;

use bytes::Bytes;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{
        Address, Complaint, Dialect, Dropped, Family, InferenceRequest, InvalidEnvelope, Operation, Rewording,
        Translation, Unfit, WholeAnswer,
    },
};

pub(crate) use self::foreign::may_bear_marks;
pub use self::stream::StreamTranslator;
use self::{conversation::Conversation, fields::Fields, json::Body};

/// What a provider can be asked for in place of an operation that it does not offer.
pub(crate) fn others(operation: Operation) -> impl Iterator<Item = Operation> {
    let dialects = operation.dialect().map(|_| Dialect::ALL.map(Operation::Converse));
    let other = match operation {
        Operation::CountTokens => Some(Operation::CountContents),
        Operation::CountContents => Some(Operation::CountTokens),
        Operation::Embeddings => Some(Operation::EmbedContents),
        _ => None,
    };
    dialects.into_iter().flatten().chain(other)
}

/// The request as one for `to`, which is one of the [`others`] or, to leave out what other makers' models thought, its own.
///
/// # Errors
/// [`Unfit`] names the field that cannot be said there.
pub(crate) fn for_operation(asked: &InferenceRequest, to: Operation) -> Result<Translation, Unfit> {
    match (asked.operation(), to) {
        (operation, to) if operation == to => foreign::request(asked),
        (Operation::Converse(from), Operation::Converse(to)) => request(asked, from, to),
        (Operation::CountTokens | Operation::CountContents, _) => count::request(asked, to),
        (Operation::Embeddings, _) => vectors::request(asked),
        (operation, _) => Err(Unfit::Operation(operation)),
    }
}

/// The request in another dialect.
///
/// # Errors
/// [`Unfit`] names the field that cannot be said there.
pub fn request(request: &InferenceRequest, from: Dialect, to: Dialect) -> Result<Translation, Unfit> {
    let mut dropped = Dropped::default();
    let fields = Fields::of_request(request)?;
    let mut conversation = match from {
        Dialect::Chat => chat::read_request(fields, &mut dropped)?,
        Dialect::Messages => messages::read_request(fields, &mut dropped)?,
        Dialect::Responses => responses::read_request(fields, &mut dropped)?,
        Dialect::Cohere => cohere::read_request(fields, &mut dropped)?,
        Dialect::Gemini => gemini::read_request(fields, &mut dropped)?,
        Dialect::Bedrock => return Err(Unfit::Operation(request.operation())),
    };
    conversation.stream = request.envelope().stream();
    for (name, _) in request.headers() {
        dropped.note(name);
    }
    let particular = (to == Dialect::Bedrock && conversation.reasoning.is_budget()).then(|| {
        let problem = "is a budget, which of Bedrock's models only Claude can be given";
        Unfit::field(&words::in_words_of(from, "thinking_budget", request.body()), problem)
    });
    let usual = reworded((request, &conversation), (from, to), (&dropped, Dropped::default()))?;
    let mut lost = Dropped::default();
    // Both are spoken by Claude.
    let is_reworded = matches!(to, Dialect::Messages | Dialect::Bedrock) && conversation.make_adaptive(&mut lost);
    let adaptive = if is_reworded {
        Some(Box::new(reworded((request, &conversation), (from, to), (&dropped, lost))?))
    } else {
        None
    };
    let Rewording { request, dropped } = usual;
    Ok(Translation { request, dropped, particular, adaptive })
}

/// The request as a conversation is written in the dialect `to`, without what its reader has `dropped` and what else is `lost`.
fn reworded(
    (request, conversation): (&InferenceRequest, &Conversation),
    (from, to): (Dialect, Dialect),
    (dropped, lost): (&Dropped, Dropped),
) -> Result<Rewording, Unfit> {
    let (model, stream) = (request.envelope().model(), request.envelope().stream());
    let write = |lost: &mut Dropped| {
        let written = write_request(conversation, (to, model), lost)?;
        if conversation.verbosity.is_some() && to != Dialect::Responses {
            lost.note("verbosity");
        }
        Ok(written)
    };
    let (written, dropped) = written_for((request, from), (dropped, lost), write)?;
    let request = in_place(Operation::Converse(to), written, Address { model: model.into(), stream })?;
    Ok(Rewording { request, dropped })
}

/// What `write` writes, and all that is left out: what was `dropped` before, and what is `lost` with that, named as the caller of `from` names
/// it. So is what is refused.
fn written_for(
    (request, from): (&InferenceRequest, Dialect),
    (dropped, mut lost): (&Dropped, Dropped),
    write: impl FnOnce(&mut Dropped) -> Result<Body, Unfit>,
) -> Result<(Body, Dropped), Unfit> {
    let body = request.body();
    let written = write(&mut lost).map_err(|unfit| match unfit {
        Unfit::Field { field, problem } => Unfit::field(&words::in_words_of(from, &field, body), &problem),
        Unfit::Operation(_) => unfit,
    })?;
    let mut dropped = dropped.clone();
    for field in lost.fields() {
        dropped.note(words::in_words_of(from, field, body));
    }
    Ok((written, dropped))
}

/// The request whose body was just written: it is not read to find what stands where.
fn in_place(operation: Operation, Body { bytes, places }: Body, address: Address) -> Result<InferenceRequest, Unfit> {
    readable(InferenceRequest::written(operation, bytes.into(), places, address))
}

/// A body that was just written is one that can be read.
fn readable(request: Result<InferenceRequest, InvalidEnvelope>) -> Result<InferenceRequest, Unfit> {
    request.map_err(|error| Unfit::field(error.param().unwrap_or_default(), &error.to_string()))
}

/// Writes it in the dialect, for the model of that name. What it names is not yet in the words of the caller.
fn write_request(
    conversation: &Conversation,
    (dialect, model): (Dialect, &str),
    dropped: &mut Dropped,
) -> Result<Body, Unfit> {
    match dialect {
        Dialect::Chat => chat::write_request(conversation, model, dropped),
        Dialect::Messages => messages::write_request(conversation, model, dropped),
        Dialect::Responses => responses::write_request(conversation, model, dropped),
        Dialect::Cohere => cohere::write_request(conversation, model, dropped),
        Dialect::Gemini => gemini::write_request(conversation, dropped),
        Dialect::Bedrock => bedrock::write_request(conversation, dropped),
    }
}

/// What the answer to a request takes from it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The request, as its caller made it.
    pub request: &'a InferenceRequest,
    /// When it came, in seconds since 1970: as good a time for an answer as any, where its provider names none.
    pub at: u64,
    /// What the answer is called where it does not say so itself: the request's id.
    pub id: &'a str,
    /// The model as its provider was asked for it, for an answer that does not name it.
    pub model: &'a str,
}

/// A whole answer, to who asked for something else than the operation `from`.
///
/// # Errors
/// A [`Fault`] if the answer is none to that operation.
pub(crate) fn whole(answered: &WholeAnswer, from: Operation, asked: Asked<'_>) -> Result<WholeAnswer, Fault> {
    let body = match (from, asked.request.operation()) {
        (Operation::Converse(from), Operation::Converse(to)) => answer(&answered.body, (from, to), asked)?,
        (Operation::CountTokens | Operation::CountContents, to) => count::answer(&answered.body, to)?,
        _ => return vectors::answer(answered, asked),
    };
    Ok(WholeAnswer::json(body, answered.usage))
}

/// A whole answer in another dialect.
///
/// # Errors
/// A [`Fault`] if the answer is none of the dialect that it should be in.
pub fn answer(body: &[u8], (from, to): (Dialect, Dialect), asked: Asked<'_>) -> Result<Bytes, Fault> {
    let read = match from {
        Dialect::Chat => chat::read_answer(body),
        Dialect::Messages => messages::read_answer(body),
        Dialect::Responses => responses::read_answer(body),
        Dialect::Cohere => cohere::read_answer(body),
        Dialect::Gemini => gemini::read_answer(body),
        Dialect::Bedrock => bedrock::read_answer(body),
    };
    let mut answer = read.map_err(|_| malformed(Work::Ambiguous))?;
    answer.created.get_or_insert(asked.at);
    for (said, name) in [(&mut answer.id, asked.id), (&mut answer.model, asked.model)] {
        if said.is_empty() {
            name.clone_into(said);
        }
    }
    let written = match to {
        Dialect::Chat => chat::write_answer(&answer),
        Dialect::Messages => messages::write_answer(&answer),
        Dialect::Responses => responses::write_answer(&answer, &responses::Echo::of(asked.request)),
        Dialect::Cohere => cohere::write_answer(&answer),
        Dialect::Gemini => gemini::write_answer(&answer),
        Dialect::Bedrock => return Err(malformed(Work::Ambiguous)),
    };
    Ok(written.into())
}

/// The fault with the upstream's own words, if it has any, as the caller's family words them.
pub(crate) fn fault(mut fault: Fault, to: Family) -> Fault {
    if let Some(upstream) = &mut fault.upstream
        && let Ok(body) = serde_json::from_slice::<serde_json::Value>(&upstream.body)
        && !to.is_worded(&body)
    {
        let text = |path: &str| body.pointer(path).and_then(serde_json::Value::as_str);
        let message = text("/error/message").or(text("/message")).unwrap_or("the upstream refused the request");
        let complaint = Complaint {
            status: upstream.status,
            kind: "invalid_request_error",
            message,
            param: text("/error/param"),
            code: text("/error/code").or(text("/error/status")).or(text("/error/type")),
        };
        upstream.body = to.error_body(&complaint).into();
    }
    fault
}

fn malformed(work: Work) -> Fault {
    Fault::new(FaultKind::Malformed, work, "the answer could not be read in the provider's own protocol")
}
