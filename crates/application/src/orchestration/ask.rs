//! One question to one candidate, under the deadlines of its leg.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use tidegate_domain::{
    fault::{Fault, FaultKind, Phase, Work},
    inference::{AnswerStream, Call, InferenceRequest, LlmClient, Part, Reply, RequestId, WholeAnswer},
    resilience::Deadlines,
};
use tokio::time::{Instant, timeout_at};

use super::{
    stream::Held,
    watch::{StreamDeadlines, later},
};
use crate::{
    live::{Answering, LiveInstance},
    wrappers::Leg,
};

/// The most bytes of a stream that are held before its first content.
const MAX_HELD_BYTES: usize = 64 * 1024;

/// Everything that it takes to ask one candidate, apart from the walk: two can be asked at once.
pub(super) struct Question<C> {
    pub(super) leg: Arc<Leg<C>>,
    pub(super) instance: Arc<LiveInstance<C>>,
    pub(super) request_id: RequestId,
    /// When the request came, by the wall.
    pub(super) received: SystemTime,
    pub(super) began: Instant,
    /// When it must have begun to answer, so that there is time left for others.
    pub(super) share: Instant,
    /// The end of the request.
    pub(super) deadline: Instant,
}

/// The beginning of an answer. A stream is boxed: every answer would have to make room for it, from step to step.
pub(super) enum Beginning<S> {
    Whole(WholeAnswer),
    Stream(Box<Held<S>>, StreamDeadlines),
}

impl<S> Beginning<S> {
    /// How the answer comes.
    pub(super) fn how(&self) -> Answering {
        match self {
            Self::Whole(_) => Answering::Whole,
            Self::Stream(..) => Answering::Streaming,
        }
    }
}

impl<C: LlmClient> Question<C> {
    /// Asks for `part` of the answer to `request`. No `async fn`, which would keep what it is given twice: as it came, and as its body has it.
    pub(super) fn ask(
        self,
        request: &InferenceRequest,
        part: Part<'_>,
    ) -> impl Future<Output = Result<Beginning<C::Stream>, Fault>> {
        let Self { leg, instance, request_id, received, began, share, deadline } = self;
        async move {
            let quota = OnceLock::new();
            let card = instance.card.as_deref();
            let call = Call {
                request,
                model: instance.spec.model.model(),
                defaults: leg.manner.defaults_for(card),
                request_id: &request_id,
                received,
                max_output: card.and_then(|card| card.max_output),
                part,
                quota: &quota,
            };
            let Deadlines { headers, first_content, idle, total, pace, .. } = leg.manner.deadlines(card, request);
            let end = deadline.min(later(began, total));
            let share = share.min(end);
            // The head of a whole answer comes with its last token: only the attempt's time bounds it.
            let head = if request.envelope().stream() { share.min(later(began, headers)) } else { share };
            let reply = within((Phase::Headers, head), end, pin!(instance.client.send(call))).await;
            if let Some(quota) = quota.get() {
                instance.state.observe_quota(*quota, instance.credential, Instant::now().into_std());
            }
            match reply? {
                Reply::Whole(answer) => Ok(Beginning::Whole(answer)),
                Reply::Stream(stream) => {
                    let first = share.min(later(began, first_content));
                    let held = within((Phase::FirstContent, first), end, pin!(hold(stream))).await?;
                    Ok(Beginning::Stream(Box::new(held), StreamDeadlines { idle, total: end, pace }))
                }
            }
        }
    }
}

/// Bounds `work` by the limit of its phase and by the end of its attempt. It stays where it is: it is large.
async fn within<T>(
    (phase, limit): (Phase, Instant),
    end: Instant,
    work: Pin<&mut impl Future<Output = Result<T, Fault>>>,
) -> Result<T, Fault> {
    let (until, phase) = if end <= limit { (end, Phase::Total) } else { (limit, phase) };
    timeout_at(until, work).await.unwrap_or_else(|_| Err(Fault::timed_out(phase)))
}

/// Reads a stream up to the point from which it may be shown.
async fn hold<S: AnswerStream>(mut stream: S) -> Result<Held<S>, Fault> {
    let mut held = Held::new();
    while !held.signals.commits() {
        let chunk = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await;
        let Some(chunk) = chunk else {
            return Err(Fault::new(FaultKind::Malformed, Work::Ambiguous, "the stream ended before its first content"));
        };
        held.push(chunk?);
        if !held.signals.commits() && held.bytes() > MAX_HELD_BYTES {
            return Err(Fault::new(FaultKind::Malformed, Work::Ambiguous, "64 KiB of stream held no content"));
        }
    }
    Ok(held.with(stream))
}
