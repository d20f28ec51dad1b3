//! Streams over real sockets, however they are cut and framed.

use layered_tests::upstream::{Answer, Behaviour, FaultyUpstream};
use tidegate_domain::{
    fault::{FaultKind, Work},
    inference::Signals,
};

use super::{Outcome, STREAM, STREAM_WITH_USAGE, client, outcome, usage};

async fn streamed(answer: Answer, body: &'static str) -> Outcome {
    let upstream = FaultyUpstream::start("a").await;
    upstream.always(Behaviour::Answer(answer));
    outcome(&client(&upstream.base_url()), body).await
}

#[tokio::test]
async fn however_a_stream_is_cut_and_framed_it_says_the_same() {
    for line_ending in ["\n", "\r\n", "\r"] {
        let whole = streamed(Answer { line_ending, ..Answer::default() }, STREAM_WITH_USAGE).await;
        assert_eq!(
            whole.signals,
            Signals { content: true, finished: true, done: true, usage: Some(usage(5, 3)), tokens: 3 }
        );
        assert!(whole.text.ends_with(&format!("data: [DONE]{line_ending}{line_ending}")), "{}", whole.text);
        for piece in [1, 2, 7, 64] {
            let answer = Answer { line_ending, piece: Some(piece), ..Answer::default() };
            assert_eq!(streamed(answer, STREAM_WITH_USAGE).await, whole, "{piece} bytes at a time");
        }
    }
}

#[tokio::test]
async fn the_usage_is_always_asked_for_and_shown_only_if_the_caller_did() {
    let shown = streamed(Answer::default(), STREAM_WITH_USAGE).await;
    let withheld = streamed(Answer::default(), STREAM).await;
    assert!(shown.text.contains("\"usage\""));
    assert!(!withheld.text.contains("\"usage\""));
    assert_eq!(shown.signals.usage, Some(usage(5, 3)));
    assert_eq!(withheld.signals.usage, Some(usage(5, 3)));
}

#[tokio::test]
async fn a_stream_without_usage_has_none() {
    let outcome = streamed(Answer { usage: false, ..Answer::default() }, STREAM).await;
    assert_eq!((outcome.signals.usage, outcome.fault), (None, None));
}

#[tokio::test]
async fn a_finished_stream_without_done_gets_one() {
    let outcome = streamed(Answer { done: false, ..Answer::default() }, STREAM).await;
    assert_eq!(outcome.fault, None);
    assert!(outcome.signals.done);
    assert!(outcome.text.ends_with("data: [DONE]\n\n"), "{}", outcome.text);
}

#[tokio::test]
async fn done_without_a_finish_is_a_fault_and_is_not_forwarded() {
    let outcome = streamed(Answer { finish: false, ..Answer::default() }, STREAM).await;
    assert_eq!((outcome.signals.done, outcome.fault), (false, Some((FaultKind::Malformed, Work::Partial))));
    assert!(!outcome.text.contains("[DONE]"), "{}", outcome.text);
}
