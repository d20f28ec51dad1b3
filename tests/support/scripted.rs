//! A scripted client: a fake that does what it is told, in order, and remembers what it was asked.

mod calls;

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use calls::CallUnderWay;
use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{
        AnswerStream, BuildClientError, Call, ClientFactory, InferenceRequest, LlmClient, Part, Partial, Quota, Reply,
        Signals, StreamChunk, Succession, Usage, WholeAnswer,
    },
    pool::InstanceSpec,
};
use tokio::time::Sleep;

/// What a scripted client does with one request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers with the whole of its model's name.
    Answer,
    /// Fails.
    Fail(Fault),
    /// Never answers.
    Hang,
    /// Answers after a while.
    AnswerAfter(Duration),
    /// Streams.
    Stream(Vec<Beat>),
}

impl Act {
    /// Fails with a fault of `kind` that the upstream said itself.
    pub fn fail(kind: FaultKind) -> Self {
        Self::Fail(Fault::new(kind, Work::Refused, "scripted"))
    }

    /// Streams `tokens` pieces of content, a finish and the end.
    pub fn tokens(tokens: usize) -> Self {
        let mut beats = vec![Beat::role()];
        beats.extend((0..tokens).map(|at| Beat::content(&format!("t{at} "))));
        beats.push(Beat::finish());
        Self::Stream(beats)
    }
}

/// One beat of a scripted stream.
#[derive(Debug, Clone)]
pub enum Beat {
    /// A chunk.
    Chunk(StreamChunk),
    /// A chunk that is no plain text.
    ToolCall(StreamChunk),
    /// Silence for a while.
    Wait(Duration),
    /// A fault, as the last item.
    Fault(Fault),
    /// Silence for ever.
    Hang,
}

impl Beat {
    /// A chunk without content: a role, a comment, a ping.
    pub fn role() -> Self {
        Self::chunk("role ", Signals::default())
    }

    /// A piece of content.
    pub fn content(text: &str) -> Self {
        Self::chunk(text, Signals { content: true, ..Signals::default() })
    }

    /// A piece of content that is no text: whoever sent it cannot be continued.
    pub fn tool_call(text: &str) -> Self {
        Self::ToolCall(StreamChunk {
            bytes: Bytes::from(text.to_owned()),
            signals: Signals { content: true, ..Signals::default() },
        })
    }

    /// The finish, with the usage and the terminal event.
    pub fn finish() -> Self {
        let usage = Some(Usage { input_tokens: 3, output_tokens: 5, ..Usage::default() });
        Self::chunk("end", Signals { finished: true, done: true, usage, ..Signals::default() })
    }

    fn chunk(text: &str, signals: Signals) -> Self {
        Self::Chunk(StreamChunk { bytes: Bytes::from(text.to_owned()), signals })
    }
}

/// The scripts of every model, shared by all clients, and where their one provider is.
#[derive(Debug, Clone, Default)]
pub struct Scripts {
    by_model: Arc<Mutex<HashMap<String, Script>>>,
    improviser: Arc<Mutex<Option<Improviser>>>,
    provider: Provider,
    silent: Arc<AtomicBool>,
    /// How many times the clients may still be polled before one panics; none ever does at 0.
    fuse: Arc<AtomicUsize>,
    /// How many calls are under way, and how many were at the most.
    calls: Arc<Mutex<(usize, usize)>>,
}

/// Where a provider is, and what it knows us by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Provider {
    place: &'static str,
    key: &'static str,
}

/// Makes up what a model does next, given the model and whether a stream is asked for.
struct Improviser(Box<Improvise>);

type Improvise = dyn FnMut(&str, bool) -> Act + Send;

impl std::fmt::Debug for Improviser {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Improviser")
    }
}

#[derive(Debug, Default)]
struct Script {
    queue: VecDeque<Act>,
    always: Option<Act>,
    quota: Option<Quota>,
    checks: usize,
    check_fault: Option<Fault>,
    bodies: Vec<Bytes>,
    /// What it was to go on from, by attempt.
    beginnings: Vec<Option<String>>,
    cannot_go_on: bool,
    streams_dropped: usize,
    active: usize,
}

impl Scripts {
    /// Queues what `model` does next, once.
    pub fn next(&self, model: &str, act: Act) {
        self.with(model, |script| script.queue.push_back(act));
    }

    /// Sets what `model` does whenever nothing is queued; it answers until told otherwise.
    pub fn always(&self, model: &str, act: Act) {
        self.with(model, |script| script.always = Some(act));
    }

    /// Sets what the next answer of `model` says is left of our rate.
    pub fn says_left(&self, model: &str, quota: Quota) {
        self.with(model, |script| script.quota = Some(quota));
    }

    /// Sets what every check of `model` comes to.
    pub fn checks(&self, model: &str, result: Result<(), FaultKind>) {
        let fault = result.err().map(|kind| Fault::new(kind, Work::Refused, "scripted"));
        self.with(model, |script| script.check_fault = fault);
    }

    /// How often `model` was checked.
    pub fn checked(&self, model: &str) -> usize {
        self.with(model, |script| script.checks)
    }

    /// Makes checks wait for ever.
    pub fn leave_checks_unanswered(&self) {
        self.silent.store(true, Relaxed);
    }

    /// Makes a client panic when the clients are polled for the `polls`-th time, counted from 1; never at 0.
    pub fn panic_at_poll(&self, polls: usize) {
        self.fuse.store(polls, Relaxed);
    }

    /// Forgets what was queued, set or made up: everybody answers at once.
    pub fn answer_at_once(&self) {
        *self.improviser.lock().unwrap() = None;
        self.by_model.lock().unwrap().values_mut().for_each(|script| {
            (script.queue, script.always) = (VecDeque::new(), Some(Act::Answer));
        });
    }

    /// Burns the fuse by one poll.
    fn burn(&self) {
        let left = self.fuse.load(Relaxed);
        self.fuse.store(left.saturating_sub(1), Relaxed);
        assert!(left != 1, "a client's panic, as it was told");
    }

    /// The same scripts for clients of a provider at `place` that are known there by `key`.
    pub fn at(&self, place: &'static str, key: &'static str) -> Self {
        Self { provider: Provider { place, key }, ..self.clone() }
    }

    /// Makes up what happens whenever nothing is queued or set.
    pub fn improvise(&self, act: impl FnMut(&str, bool) -> Act + Send + 'static) {
        *self.improviser.lock().unwrap() = Some(Improviser(Box::new(act)));
    }

    fn improvised(&self, model: &str, stream: bool) -> Option<Act> {
        self.improviser.lock().unwrap().as_mut().map(|improviser| (improviser.0)(model, stream))
    }

    /// How often `model` was asked.
    pub fn asked(&self, model: &str) -> usize {
        self.with(model, |script| script.bodies.len())
    }

    /// The bodies that `model` was sent.
    pub fn bodies(&self, model: &str) -> Vec<Bytes> {
        self.with(model, |script| script.bodies.clone())
    }

    /// What `model` was to go on from at each time it was asked.
    pub fn beginnings(&self, model: &str) -> Vec<Option<String>> {
        self.with(model, |script| script.beginnings.clone())
    }

    /// Makes `model` one that cannot go on where another broke off.
    pub fn forbid_to_go_on(&self, model: &str) {
        self.with(model, |script| script.cannot_go_on = true);
    }

    /// How many of `model`'s streams are gone, at their end or before.
    pub fn streams_dropped(&self, model: &str) -> usize {
        self.with(model, |script| script.streams_dropped)
    }

    fn with<T>(&self, model: &str, work: impl FnOnce(&mut Script) -> T) -> T {
        work(self.by_model.lock().unwrap().entry(model.to_owned()).or_default())
    }
}

impl ClientFactory for Scripts {
    type Client = ScriptedClient;

    fn client(&self, instance: &InstanceSpec) -> Result<ScriptedClient, BuildClientError> {
        Ok(ScriptedClient { scripts: self.clone(), model: instance.model.model().to_owned() })
    }
}

/// Does what the script of the model says.
#[derive(Debug, Clone)]
pub struct ScriptedClient {
    scripts: Scripts,
    model: String,
}

impl LlmClient for ScriptedClient {
    type Stream = ScriptedStream;

    async fn send(&self, call: Call<'_>) -> Result<Reply<ScriptedStream>, Fault> {
        let under_way = self.scripts.begin_call(call.model);
        let body = call.request.body_for(call.model, call.defaults);
        let stream = call.request.envelope().stream();
        let beginning = match call.part {
            Part::Rest(partial) => Some(partial.text.clone()),
            Part::Whole | Part::Kept => None,
        };
        let kept = match call.part {
            Part::Rest(partial) => Some(partial.clone()),
            Part::Kept => Some(Partial::default()),
            Part::Whole => None,
        };
        let act = self.scripts.with(call.model, |script| {
            script.bodies.push(body);
            script.beginnings.push(beginning);
            call.note_quota(script.quota.take());
            script.queue.pop_front().or_else(|| script.always.clone())
        });
        self.scripts.burn();
        let act = act.or_else(|| self.scripts.improvised(call.model, stream));
        let act = act.unwrap_or_else(|| if stream { Act::tokens(3) } else { Act::Answer });
        match act {
            Act::Answer => Ok(answer(call.model)),
            Act::Fail(fault) => Err(fault),
            Act::Hang => std::future::pending().await,
            Act::AnswerAfter(wait) => {
                tokio::time::sleep(wait).await;
                self.scripts.burn();
                Ok(answer(call.model))
            }
            Act::Stream(beats) => Ok(Reply::Stream(ScriptedStream {
                model: call.model.to_owned(),
                scripts: self.scripts.clone(),
                beats: beats.into(),
                waiting: None,
                kept,
                _under_way: under_way,
            })),
        }
    }

    async fn check(&self) -> Result<(), Fault> {
        let fault = self.scripts.with(&self.model, |script| {
            script.checks += 1;
            script.check_fault.clone()
        });
        if self.scripts.silent.load(Relaxed) {
            return std::future::pending().await;
        }
        fault.map_or(Ok(()), Err)
    }

    fn can_go_on(&self, _: &InferenceRequest) -> bool {
        !self.scripts.with(&self.model, |script| script.cannot_go_on)
    }

    fn succession(&self, predecessor: &Self) -> Succession {
        let (own, old) = (self.scripts.provider, predecessor.scripts.provider);
        match (own.place == old.place, own.key == old.key) {
            (true, true) => Succession::Same,
            (true, false) => Succession::OtherCredential,
            (false, _) => Succession::OtherUpstream,
        }
    }
}

fn answer(model: &str) -> Reply<ScriptedStream> {
    let usage = Usage { input_tokens: 3, output_tokens: 5, ..Usage::default() };
    Reply::Whole(WholeAnswer::json(Bytes::from(model.to_owned()), Some(usage)))
}

/// A scripted stream.
#[derive(Debug)]
pub struct ScriptedStream {
    model: String,
    scripts: Scripts,
    beats: VecDeque<Beat>,
    waiting: Option<Pin<Box<Sleep>>>,
    /// What it delivered, while that is text.
    kept: Option<Partial>,
    _under_way: CallUnderWay,
}

impl AnswerStream for ScriptedStream {
    fn take_partial(&mut self) -> Option<Partial> {
        self.kept.take()
    }
}

impl Stream for ScriptedStream {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.scripts.burn();
        loop {
            if let Some(sleep) = &mut self.waiting {
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.waiting = None;
            }
            match self.beats.pop_front() {
                Some(Beat::Chunk(chunk)) => {
                    if let (Some(kept), true) = (&mut self.kept, chunk.signals.content) {
                        kept.text.push_str(std::str::from_utf8(&chunk.bytes).unwrap());
                    }
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Some(Beat::ToolCall(chunk)) => {
                    self.kept = None;
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Some(Beat::Wait(wait)) => self.waiting = Some(Box::pin(tokio::time::sleep(wait))),
                Some(Beat::Fault(fault)) => {
                    self.beats.clear();
                    return Poll::Ready(Some(Err(fault)));
                }
                Some(Beat::Hang) => {
                    self.beats.push_front(Beat::Hang);
                    return Poll::Pending;
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for ScriptedStream {
    fn drop(&mut self) {
        self.scripts.with(&self.model, |script| script.streams_dropped += 1);
    }
}
