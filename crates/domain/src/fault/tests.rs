//! What each kind of fault means, in one table: a change of meaning is a change of a row.

use super::*;

/// What a kind means for the instance, for our credential and for whoever is asked next, how long the instance is left alone in
/// seconds at first and at most, and what the kind is called.
#[derive(Clone, Copy)]
struct Meaning {
    counts: bool,
    credential: bool,
    retry: RetryAdvice,
    fallback: FallbackAdvice,
    cooldown: Option<u64>,
    longest: Option<u64>,
    word: &'static str,
}

const TRANSPORT: Meaning = Meaning {
    counts: true,
    credential: false,
    retry: RetryAdvice::AtOnceIfUnsent,
    fallback: FallbackAdvice::Anywhere,
    cooldown: None,
    longest: None,
    word: "transport_reset",
};
const LATE: Meaning = Meaning { retry: RetryAdvice::Never, word: "timeout_total", ..TRANSPORT };
const OURS: Meaning = Meaning { credential: true, cooldown: Some(300), word: "auth", ..LATE };
const CALLERS: Meaning = Meaning { counts: false, fallback: FallbackAdvice::Nowhere, word: "client", ..LATE };
const BUSY: Meaning = Meaning {
    counts: false,
    retry: RetryAdvice::AfterBackoff,
    cooldown: Some(2),
    longest: Some(60),
    word: "overloaded",
    ..LATE
};

fn meaning(kind: FaultKind) -> Meaning {
    use FaultKind::*;
    match kind {
        Client => CALLERS,
        ContextLength => Meaning { fallback: FallbackAdvice::LargerWindow, word: "context_length", ..CALLERS },
        ContentFilter => Meaning { fallback: FallbackAdvice::WhereNamed, word: "content_filter", ..CALLERS },
        Cancelled => Meaning { word: "cancelled", ..CALLERS },
        Auth => OURS,
        Billing => Meaning { cooldown: Some(900), word: "billing", ..OURS },
        ModelMissing => Meaning { credential: false, word: "model_missing", ..OURS },
        RateLimited => Meaning {
            retry: RetryAdvice::AfterWait,
            cooldown: Some(10),
            longest: Some(600),
            word: "rate_limited",
            ..BUSY
        },
        Overloaded => BUSY,
        Transient => Meaning { counts: true, cooldown: None, longest: None, word: "transient", ..BUSY },
        Timeout(Phase::Headers) => Meaning { word: "timeout_headers", ..LATE },
        Timeout(Phase::FirstContent) => Meaning { word: "timeout_first_content", ..LATE },
        Timeout(Phase::Idle) => Meaning { word: "timeout_idle", ..LATE },
        Timeout(Phase::Pace) => Meaning { word: "timeout_pace", ..LATE },
        Timeout(Phase::Total) => LATE,
        Transport(TransportFault::Dns) => Meaning { word: "transport_dns", ..TRANSPORT },
        Transport(TransportFault::Connect) => Meaning { word: "transport_connect", ..TRANSPORT },
        Transport(TransportFault::Tls) => Meaning { word: "transport_tls", ..TRANSPORT },
        Transport(TransportFault::Reset) => TRANSPORT,
        Malformed => Meaning { word: "malformed", ..LATE },
    }
}

#[test]
fn every_kind_of_fault_means_what_the_table_says() {
    for kind in FaultKind::ALL {
        let meaning = meaning(kind);
        assert_eq!(kind.counts_against_instance(), meaning.counts, "{kind} counts");
        assert_eq!(kind.is_about_credential(), meaning.credential, "{kind} is about a credential");
        assert_eq!(kind.permits_retry(), meaning.retry, "{kind}");
        assert_eq!(kind.fallback(), meaning.fallback, "{kind}");
        assert_eq!(kind.permits_fallback(), meaning.fallback == FallbackAdvice::Anywhere, "{kind} permits fallback");
        assert_eq!(kind.cooldown(), meaning.cooldown.map(Duration::from_secs), "{kind} at first");
        assert_eq!(kind.longest_cooldown(), meaning.longest.map(Duration::from_secs), "{kind} at most");
        assert_eq!((kind.as_str(), kind.to_string().as_str()), (meaning.word, meaning.word));
    }
}

#[test]
fn what_came_of_the_request_never_benches_an_instance_whatever_it_says() {
    let asking = |kind| Fault { retry_after: Some(Duration::from_secs(7)), ..Fault::new(kind, Work::Refused, "test") };
    assert_eq!(asking(FaultKind::Client).cooldown(), None);
    assert_eq!(asking(FaultKind::Transient).cooldown(), Some(Duration::from_secs(7)));
    assert_eq!(Fault::new(FaultKind::Transient, Work::Refused, "test").cooldown(), None);
    assert_eq!(Fault::new(FaultKind::Billing, Work::Refused, "test").cooldown(), Some(Duration::from_mins(15)));
}

#[test]
fn a_refusal_is_about_what_is_being_served_unless_it_is_a_rate_that_is_whole_again_at_a_known_moment() {
    for kind in FaultKind::ALL {
        let fault = Fault::new(kind, Work::Refused, "test");
        assert_eq!(fault.is_pushback(), matches!(kind, FaultKind::Overloaded | FaultKind::RateLimited), "{kind}");
        let timed = Fault { retry_after: Some(Duration::from_secs(7)), ..fault };
        assert_eq!(timed.is_pushback(), kind == FaultKind::Overloaded, "{kind} with a wait");
    }
}

#[test]
fn a_deadline_that_ran_out_names_its_phase_and_leaves_open_what_was_done() {
    for (phase, text) in [
        (Phase::Headers, "timeout_headers: no answer within the headers deadline"),
        (Phase::FirstContent, "timeout_first_content: no content within the first-content deadline"),
        (Phase::Idle, "timeout_idle: no content within the idle deadline"),
        (Phase::Pace, "timeout_pace: content came more slowly than the pace that is asked for"),
        (Phase::Total, "timeout_total: no complete answer within the deadline of the request"),
    ] {
        let fault = Fault::timed_out(phase);
        assert_eq!((fault.kind, fault.work), (FaultKind::Timeout(phase), Work::Ambiguous));
        assert_eq!(fault.to_string(), text);
    }
}

#[test]
fn every_kind_is_at_its_place() {
    for (at, kind) in FaultKind::ALL.into_iter().enumerate() {
        assert_eq!(kind.index(), at, "{kind}");
    }
}
