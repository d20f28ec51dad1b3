//! The tokens of one provider: one is held, and one request at a time fetches the next.
//!
//! Fetching is a task of its own, so that a caller who goes away takes nothing with him and whoever waits beside him gets what he started. It
//! keeps its own deadline, for nobody's request may be the one that it serves.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use serde::Deserialize;
use tidegate_domain::{
    fault::{Fault, FaultKind, Phase, Work},
    time::Clock,
};
use tokio::sync::watch;

use super::{
    credentials::GoogleCredentials,
    lease::{Advice, Lease, Token},
};
use crate::{
    clock::TokioClock,
    provider::transport::{Transport, read_body},
};

/// How long fetching may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer of a token endpoint that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The longest that a token is believed to live.
const MAX_LIFETIME: Duration = Duration::from_hours(12);

/// The tokens that `credentials` get. Clones share them.
#[derive(Clone)]
pub(in crate::provider) struct Tokens(Arc<Shared>);

struct Shared {
    credentials: GoogleCredentials,
    transport: Transport,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lease: Lease,
    /// Gets what is being fetched.
    fetching: Option<watch::Receiver<Option<Result<Token, Fault>>>>,
}

#[derive(Deserialize)]
struct AnswerWire {
    access_token: Option<String>,
    expires_in: Option<u64>,
    error: Option<serde_json::Value>,
}

impl Tokens {
    pub(in crate::provider) fn new(credentials: GoogleCredentials, transport: Transport) -> Self {
        Self(Arc::new(Shared { credentials, transport, state: Mutex::default() }))
    }

    /// What they are fetched with.
    pub(in crate::provider) fn credentials(&self) -> &GoogleCredentials {
        &self.0.credentials
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// A [`Fault`] if none can be had.
    pub(in crate::provider) async fn token(&self) -> Result<Token, Fault> {
        let mut fetching = {
            let mut state = self.0.state();
            match state.lease.advice(TokioClock.now()) {
                Advice::Use(token) => return Ok(token),
                Advice::GiveUp(fault) => return Err(fault),
                Advice::UseAndFetch(token) => {
                    self.fetch(&mut state);
                    return Ok(token);
                }
                Advice::Fetch => self.fetch(&mut state),
            }
        };
        // Nobody answers if the task was taken down.
        let fetched = fetching.wait_for(Option::is_some).await.ok().and_then(|fetched| fetched.clone());
        fetched.unwrap_or_else(|| Err(unfetched(FaultKind::Transient, "fetching it was interrupted")))
    }

    /// A token in place of one that the provider refused; `None` if that would help nothing.
    ///
    /// # Errors
    /// A [`Fault`] if none can be had.
    pub(in crate::provider) async fn instead_of(&self, token: &Token) -> Result<Option<Token>, Fault> {
        if !self.0.state().lease.refuse(token, TokioClock.now()) {
            return Ok(None);
        }
        self.token().await.map(Some)
    }

    /// What is being fetched, or is from now on.
    fn fetch(&self, state: &mut State) -> watch::Receiver<Option<Result<Token, Fault>>> {
        // One whose task was taken down will never come.
        let under_way = state.fetching.take().filter(|fetching| fetching.has_changed().is_ok());
        let fetching = under_way.unwrap_or_else(|| {
            let (sender, receiver) = watch::channel(None);
            let shared = Arc::clone(&self.0);
            tokio::spawn(async move {
                let fetched = shared.fetched().await;
                let mut state = shared.state();
                state.lease.take(fetched.clone(), TokioClock.now());
                state.fetching = None;
                drop(state);
                // Nobody may be waiting any more.
                let _ = sender.send(Some(fetched));
            });
            receiver
        });
        state.fetching = Some(fetching.clone());
        fetching
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetched(&self) -> Result<Token, Fault> {
        let Ok(fetched) = tokio::time::timeout(FETCH_TIMEOUT, self.ask()).await else {
            let detail = "the place that gives it out did not answer in 15 s";
            return Err(unfetched(FaultKind::Timeout(Phase::Headers), detail));
        };
        fetched
    }

    async fn ask(&self) -> Result<Token, Fault> {
        let Some(request) = self.credentials.request(TokioClock.wall()) else {
            return Err(unfetched(FaultKind::Auth, "the assertion could not be signed"));
        };
        let message = self.transport.message(request).map_err(|fault| unreached(&fault))?;
        let answer = self.transport.send(message).await.map_err(|fault| unreached(&fault))?;
        let status = answer.status.as_u16();
        let body = read_body(answer.body, MAX_ANSWER_BYTES).await.unwrap_or_default();
        let answer = serde_json::from_slice::<AnswerWire>(&body).ok();
        if status != 200 {
            let said = answer.as_ref().and_then(|answer| answer.error.as_ref()?.as_str()).filter(|word| is_word(word));
            let word = said.map(|word| format!(" ({word})")).unwrap_or_default();
            return Err(unfetched(kind_of(status), &format!("the place that gives it out answered {status}{word}")));
        }
        let malformed = || unfetched(FaultKind::Malformed, "the place that gives it out answered without one");
        let AnswerWire { access_token, expires_in, error: _ } = answer.ok_or_else(malformed)?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", access_token.ok_or_else(malformed)?))
            .map_err(|_| malformed())?;
        header.set_sensitive(true);
        let lifetime = expires_in.filter(|seconds| *seconds > 0).ok_or_else(malformed)?;
        let lifetime = Duration::from_secs(lifetime).min(MAX_LIFETIME);
        Ok(Token::new(header, TokioClock.now(), lifetime))
    }
}

/// Whether what an endpoint calls an error may be repeated: a word, and nothing that could be a secret.
fn is_word(word: &str) -> bool {
    word.len() <= 40 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// What an answer of the token endpoint means. A refusal is one of our credentials, however it is put (RFC 6749, section 5.2).
fn kind_of(status: u16) -> FaultKind {
    match status {
        429 | 503 => FaultKind::Overloaded,
        408 | 500..=599 => FaultKind::Transient,
        400..=499 => FaultKind::Auth,
        _ => FaultKind::Malformed,
    }
}

fn unfetched(kind: FaultKind, why: &str) -> Fault {
    Fault::new(kind, Work::NotSent, format!("no access token: {why}"))
}

/// The fault of a token endpoint that could not be reached: nothing of the request itself was sent.
fn unreached(fault: &Fault) -> Fault {
    let detail = format!("no access token: on the way to the place that gives it out, {}", fault.detail);
    Fault::new(fault.kind, Work::NotSent, detail)
}

/// They hold credentials.
impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Tokens").field(&self.0.credentials).finish()
    }
}
