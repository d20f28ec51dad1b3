//! What can go wrong with an attempt, and what each kind of fault permits.
//!
//! Every failed attempt gets exactly one [`FaultKind`], by its provider's table; all decisions key on the kind. The
//! decisions are exhaustive matches, so that a new kind must answer every question before it compiles.

use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request itself is wrong; relayed as is.
    Client,
    /// The prompt does not fit the model.
    ContextLength,
    /// The provider refused the content.
    ContentFilter,
    /// The provider refused our credential.
    Auth,
    /// The account is out of money or quota.
    Billing,
    /// The provider does not know the model.
    ModelMissing,
    /// The provider limits our rate.
    RateLimited,
    /// The provider is saturated.
    Overloaded,
    /// The provider failed in a way that may pass.
    Transient,
    /// A deadline ran out.
    Timeout(Phase),
    /// The connection failed.
    Transport(TransportFault),
    /// The answer is not what the protocol allows.
    Malformed,
    /// The caller went away.
    Cancelled,
}

/// The phase of an attempt in which a deadline ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Until the head of the answer.
    Headers,
    /// Until the first content.
    FirstContent,
    /// Between two pieces of content.
    Idle,
    /// Not between two pieces, but all in all: content came more slowly than it must.
    Pace,
    /// The whole attempt or request.
    Total,
}

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportFault {
    /// The name could not be resolved.
    Dns,
    /// Nobody accepted the connection, or not in time.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke.
    Reset,
}

/// Whether the upstream can have started work on the attempt: an attempt that may be billed is not lightly repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// Nothing reached it.
    NotSent,
    /// It said no.
    Refused,
    /// Nobody can tell.
    Ambiguous,
    /// It delivered a part.
    Partial,
}

/// Whether, and how, the same instance may be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAdvice {
    /// Not for this request.
    Never,
    /// Once, at once, if nothing was sent.
    AtOnceIfUnsent,
    /// After a backoff.
    AfterBackoff,
    /// After the wait that the provider named, if the deadline allows it.
    AfterWait,
}

/// Who else may be asked after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FallbackAdvice {
    /// Anybody within reach.
    Anywhere,
    /// Only a model that takes more.
    LargerWindow,
    /// Only whom the definition names for such a fault.
    WhereNamed,
    /// Nobody.
    Nowhere,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Client,
        Self::ContextLength,
        Self::ContentFilter,
        Self::Auth,
        Self::Billing,
        Self::ModelMissing,
        Self::RateLimited,
        Self::Overloaded,
        Self::Transient,
        Self::Timeout(Phase::Headers),
        Self::Timeout(Phase::FirstContent),
        Self::Timeout(Phase::Idle),
        Self::Timeout(Phase::Pace),
        Self::Timeout(Phase::Total),
        Self::Transport(TransportFault::Dns),
        Self::Transport(TransportFault::Connect),
        Self::Transport(TransportFault::Tls),
        Self::Transport(TransportFault::Reset),
        Self::Malformed,
        Self::Cancelled,
    ];

    /// The place of the kind in [`FaultKind::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::ContextLength => 1,
            Self::ContentFilter => 2,
            Self::Auth => 3,
            Self::Billing => 4,
            Self::ModelMissing => 5,
            Self::RateLimited => 6,
            Self::Overloaded => 7,
            Self::Transient => 8,
            Self::Timeout(Phase::Headers) => 9,
            Self::Timeout(Phase::FirstContent) => 10,
            Self::Timeout(Phase::Idle) => 11,
            Self::Timeout(Phase::Pace) => 12,
            Self::Timeout(Phase::Total) => 13,
            Self::Transport(TransportFault::Dns) => 14,
            Self::Transport(TransportFault::Connect) => 15,
            Self::Transport(TransportFault::Tls) => 16,
            Self::Transport(TransportFault::Reset) => 17,
            Self::Malformed => 18,
            Self::Cancelled => 19,
        }
    }

    /// Whether it counts as a failure of the instance, towards its breaker and its health. What the caller did, and
    /// backpressure, do not: a saturated engine must not be ejected into a stampede on its neighbours.
    pub fn counts_against_instance(self) -> bool {
        match self {
            // The instance failed, or cannot serve us at all.
            Self::Transient
            | Self::Timeout(_)
            | Self::Transport(_)
            | Self::Malformed
            | Self::Auth
            | Self::Billing
            | Self::ModelMissing => true,
            // The request or its caller ended it, or the instance is only busy.
            Self::Client
            | Self::ContextLength
            | Self::ContentFilter
            | Self::Cancelled
            | Self::RateLimited
            | Self::Overloaded => false,
        }
    }

    /// Whether the same instance may be asked again.
    pub fn permits_retry(self) -> RetryAdvice {
        match self {
            Self::Transient | Self::Overloaded => RetryAdvice::AfterBackoff,
            Self::RateLimited => RetryAdvice::AfterWait,
            Self::Transport(_) => RetryAdvice::AtOnceIfUnsent,
            // It would fail the same way, may be billed twice, or has nobody left to answer.
            Self::Client
            | Self::ContextLength
            | Self::ContentFilter
            | Self::Auth
            | Self::Billing
            | Self::ModelMissing
            | Self::Timeout(_)
            | Self::Malformed
            | Self::Cancelled => RetryAdvice::Never,
        }
    }

    /// Which other instance, tier, pool or group may be asked instead.
    pub fn fallback(self) -> FallbackAdvice {
        match self {
            Self::Auth
            | Self::Billing
            | Self::ModelMissing
            | Self::RateLimited
            | Self::Overloaded
            | Self::Transient
            | Self::Timeout(_)
            | Self::Transport(_)
            | Self::Malformed => FallbackAdvice::Anywhere,
            Self::ContextLength => FallbackAdvice::LargerWindow,
            Self::ContentFilter => FallbackAdvice::WhereNamed,
            Self::Client | Self::Cancelled => FallbackAdvice::Nowhere,
        }
    }

    /// Whether anybody else within reach may be asked instead.
    pub fn permits_fallback(self) -> bool {
        self.fallback() == FallbackAdvice::Anywhere
    }

    /// How long an instance is left alone after it, where it named no wait itself; `None` if it may be asked at once.
    pub fn cooldown(self) -> Option<Duration> {
        match self {
            Self::RateLimited => Some(Duration::from_secs(10)),
            Self::Overloaded => Some(Duration::from_secs(2)),
            Self::Auth | Self::ModelMissing => Some(Duration::from_mins(5)),
            Self::Billing => Some(Duration::from_mins(15)),
            Self::Client
            | Self::ContextLength
            | Self::ContentFilter
            | Self::Cancelled
            | Self::Transient
            | Self::Timeout(_)
            | Self::Transport(_)
            | Self::Malformed => None,
        }
    }

    /// The longest that an instance is left alone after it where no wait was named: the time doubles each time the instance
    /// goes on in the same way. `None` if it does not grow.
    pub fn longest_cooldown(self) -> Option<Duration> {
        match self {
            Self::RateLimited => Some(Duration::from_mins(10)),
            Self::Overloaded => Some(Duration::from_mins(1)),
            Self::Client
            | Self::ContextLength
            | Self::ContentFilter
            | Self::Auth
            | Self::Billing
            | Self::ModelMissing
            | Self::Transient
            | Self::Timeout(_)
            | Self::Transport(_)
            | Self::Malformed
            | Self::Cancelled => None,
        }
    }

    /// Whether it is the credential that was refused, so that another one deserves a fresh start.
    pub fn is_about_credential(self) -> bool {
        match self {
            Self::Auth | Self::Billing => true,
            Self::Client
            | Self::ContextLength
            | Self::ContentFilter
            | Self::ModelMissing
            | Self::RateLimited
            | Self::Overloaded
            | Self::Transient
            | Self::Timeout(_)
            | Self::Transport(_)
            | Self::Malformed
            | Self::Cancelled => false,
        }
    }

    /// The word for logs, metrics and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::ContextLength => "context_length",
            Self::ContentFilter => "content_filter",
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::ModelMissing => "model_missing",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Transient => "transient",
            Self::Timeout(Phase::Headers) => "timeout_headers",
            Self::Timeout(Phase::FirstContent) => "timeout_first_content",
            Self::Timeout(Phase::Idle) => "timeout_idle",
            Self::Timeout(Phase::Pace) => "timeout_pace",
            Self::Timeout(Phase::Total) => "timeout_total",
            Self::Transport(TransportFault::Dns) => "transport_dns",
            Self::Transport(TransportFault::Connect) => "transport_connect",
            Self::Transport(TransportFault::Tls) => "transport_tls",
            Self::Transport(TransportFault::Reset) => "transport_reset",
            Self::Malformed => "malformed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An upstream's own error answer, kept so that a caller's mistake can be relayed as the upstream worded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    /// The HTTP status.
    pub status: u16,
    /// The body, bounded; JSON of the caller's protocol or empty.
    pub body: Bytes,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct Fault {
    /// Its kind.
    pub kind: FaultKind,
    /// Whether work can have started.
    pub work: Work,
    /// How long the upstream asked us to stay away, in its answer to this very attempt; once the instance is left alone, how
    /// long that is.
    pub retry_after: Option<Duration>,
    /// The upstream's own answer, if there was one.
    pub upstream: Option<UpstreamError>,
    /// What happened, for people; holds no content and no secret.
    pub detail: Cow<'static, str>,
}

impl Fault {
    /// A fault that is no answer of the upstream's.
    pub fn new(kind: FaultKind, work: Work, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, work, retry_after: None, upstream: None, detail: detail.into() }
    }

    /// The fault of a deadline that ran out in `phase`: nobody can tell what the upstream has done by then.
    pub fn timed_out(phase: Phase) -> Self {
        let detail = match phase {
            Phase::Headers => "no answer within the headers deadline",
            Phase::FirstContent => "no content within the first-content deadline",
            Phase::Idle => "no content within the idle deadline",
            Phase::Pace => "content came more slowly than the pace that is asked for",
            Phase::Total => "no complete answer within the deadline of the request",
        };
        Self::new(FaultKind::Timeout(phase), Work::Ambiguous, detail)
    }

    /// Whether the instance has more to do than it takes at once. A rate that is used up names the moment at which it is whole
    /// again; a refusal that names none is about what is being served.
    pub fn is_pushback(&self) -> bool {
        match self.kind {
            FaultKind::Overloaded => true,
            FaultKind::RateLimited => self.retry_after.is_none(),
            FaultKind::Client
            | FaultKind::ContextLength
            | FaultKind::ContentFilter
            | FaultKind::Auth
            | FaultKind::Billing
            | FaultKind::ModelMissing
            | FaultKind::Transient
            | FaultKind::Timeout(_)
            | FaultKind::Transport(_)
            | FaultKind::Malformed
            | FaultKind::Cancelled => false,
        }
    }

    /// How long the instance is left alone: what it asked for, else what the kind calls for. What came of the request or its
    /// caller never benches an instance.
    pub fn cooldown(&self) -> Option<Duration> {
        if !self.kind.permits_fallback() {
            return None;
        }
        self.retry_after.or(self.kind.cooldown())
    }
}

#[cfg(test)]
mod tests;
