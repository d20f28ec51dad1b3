//! What each kind of fault means, in one table: a change of meaning is a change of a row.

use super::*;

/// What a kind means for the instance, for our credential, for whoever is asked next, and what it is called.
struct Meaning {
    counts: bool,
    credential: bool,
    retry: RetryAdvice,
    fallback: bool,
    word: &'static str,
}

const TRANSPORT: Meaning = Meaning {
    counts: true,
    credential: false,
    retry: RetryAdvice::AtOnceIfUnsent,
    fallback: true,
    word: "transport_reset",
};
const LATE: Meaning =
    Meaning { counts: true, credential: false, retry: RetryAdvice::Never, fallback: true, word: "timeout_total" };
const OURS: Meaning =
    Meaning { counts: true, credential: true, retry: RetryAdvice::Never, fallback: true, word: "auth" };
const CALLERS: Meaning =
    Meaning { counts: false, credential: false, retry: RetryAdvice::Never, fallback: false, word: "client" };
const BUSY: Meaning =
    Meaning { counts: false, credential: false, retry: RetryAdvice::AfterBackoff, fallback: true, word: "overloaded" };

#[test]
fn every_kind_of_fault_means_what_the_table_says() {
    use FaultKind::*;
    for (kind, meaning) in [
        (Client, CALLERS),
        (ContextLength, Meaning { word: "context_length", ..CALLERS }),
        (ContentFilter, Meaning { word: "content_filter", ..CALLERS }),
        (Cancelled, Meaning { word: "cancelled", ..CALLERS }),
        (Auth, OURS),
        (Billing, Meaning { word: "billing", ..OURS }),
        (ModelMissing, Meaning { credential: false, word: "model_missing", ..OURS }),
        (RateLimited, Meaning { retry: RetryAdvice::AfterWait, word: "rate_limited", ..BUSY }),
        (Overloaded, BUSY),
        (Transient, Meaning { counts: true, word: "transient", ..BUSY }),
        (Timeout(Phase::Headers), Meaning { word: "timeout_headers", ..LATE }),
        (Timeout(Phase::FirstContent), Meaning { word: "timeout_first_content", ..LATE }),
        (Timeout(Phase::Idle), Meaning { word: "timeout_idle", ..LATE }),
        (Timeout(Phase::Total), LATE),
        (Transport(TransportFault::Dns), Meaning { word: "transport_dns", ..TRANSPORT }),
        (Transport(TransportFault::Connect), Meaning { word: "transport_connect", ..TRANSPORT }),
        (Transport(TransportFault::Tls), Meaning { word: "transport_tls", ..TRANSPORT }),
        (Transport(TransportFault::Reset), TRANSPORT),
        (Malformed, Meaning { word: "malformed", ..LATE }),
    ] {
        assert_eq!(kind.counts_against_instance(), meaning.counts, "{kind} counts");
        assert_eq!(kind.is_about_credential(), meaning.credential, "{kind} is about a credential");
        assert_eq!(kind.permits_retry(), meaning.retry, "{kind}");
        assert_eq!(kind.permits_fallback(), meaning.fallback, "{kind} permits fallback");
        assert_eq!((kind.as_str(), kind.to_string().as_str()), (meaning.word, meaning.word));
    }
}

#[test]
fn what_came_of_the_request_never_benches_an_instance_whatever_it_says() {
    let asking = |kind| Fault { retry_after: Some(Duration::from_secs(7)), ..Fault::new(kind, Work::Refused, "test") };
    assert_eq!(asking(FaultKind::Client).cooldown(), None);
    assert_eq!(asking(FaultKind::Transient).cooldown(), Some(Duration::from_secs(7)));
    assert_eq!(Fault::new(FaultKind::Transient, Work::Refused, "test").cooldown(), None);
    assert!(Fault::new(FaultKind::Billing, Work::Refused, "test").cooldown() > Some(Duration::ZERO));
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
    for phase in [Phase::Headers, Phase::FirstContent, Phase::Idle, Phase::Total] {
        let fault = Fault::timed_out(phase);
        assert_eq!((fault.kind, fault.work), (FaultKind::Timeout(phase), Work::Ambiguous));
        assert!(fault.to_string().starts_with(&format!("{}: no ", fault.kind)), "{fault}");
    }
}

#[test]
fn every_kind_is_at_its_place() {
    for (at, kind) in FaultKind::ALL.into_iter().enumerate() {
        assert_eq!(kind.index(), at, "{kind}");
    }
}
