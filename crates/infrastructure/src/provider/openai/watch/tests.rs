//! Recorded streams, cut everywhere.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};
use tidegate_domain::{
    fault::FaultKind,
    inference::{Identity, Usage},
};

use super::*;
use crate::provider::{network_stream::ReadAnswer, watched::WatchedReader};

const ROLE: &str = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
const HELLO: &str =
    r#"data: {"choices":[{"index":0,"delta":{"content":"Gr\u00fc\u00dfe, grün"},"finish_reason":null}]}"#;
const FINISH: &str = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
const DONE: &str = "data: [DONE]";
const PING: &str = ": ping";

const COST: Usage =
    Usage { input_tokens: 5, output_tokens: 2, cached_tokens: 0, reasoning_tokens: 0, estimated: false };

/// All that a reader makes of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    forwarded: String,
    signals: Signals,
    fault: Option<(FaultKind, Work)>,
}

fn read(stream: &[u8], cuts: &[usize], wants_usage: bool) -> Outcome {
    read_choices(stream, cuts, (wants_usage, 1))
}

fn read_choices(stream: &[u8], cuts: &[usize], (wants_usage, choices): (bool, u32)) -> Outcome {
    let mut reader = WatchedReader::new(ChatWatch::new(wants_usage, choices));
    let mut items = Vec::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([stream.len()]) {
        if !reader.is_over()
            && let Err(fault) = reader.push(Bytes::copy_from_slice(&stream[start..end]))
        {
            items.push(Err(fault));
        }
        while !reader.is_over()
            && let Some(item) = reader.next()
        {
            items.push(item);
        }
        start = end;
    }
    while let Some(item) = reader.end_of_stream() {
        items.push(item);
    }
    let mut outcome = Outcome { forwarded: String::new(), signals: Signals::default(), fault: None };
    for item in items {
        assert_eq!(outcome.fault, None, "a fault is the last item");
        match item {
            Ok(chunk) => {
                outcome.forwarded.push_str(str::from_utf8(&chunk.bytes).unwrap());
                outcome.signals.merge(chunk.signals);
            }
            Err(fault) => outcome.fault = Some((fault.kind, fault.work)),
        }
    }
    outcome
}

fn stream(events: &[&str], ending: &str) -> String {
    let blank = ending.repeat(2);
    events.iter().flat_map(|event| [*event, blank.as_str()]).collect()
}

/// Checks the outcome of `stream`, whole, cut in two everywhere, and byte by byte.
#[track_caller]
fn check(stream: &str, wants_usage: bool, expected: &Outcome) {
    let bytes = stream.as_bytes();
    assert_eq!(&read(bytes, &[], wants_usage), expected);
    for cut in 0..=bytes.len() {
        assert_eq!(&read(bytes, &[cut], wants_usage), expected, "cut at {cut}");
    }
    assert_eq!(&read(bytes, &(0..=bytes.len()).collect::<Vec<_>>(), wants_usage), expected, "byte by byte");
}

fn complete(forwarded: String, usage: Option<Usage>) -> Outcome {
    Outcome { forwarded, signals: Signals { content: true, finished: true, done: true, usage, tokens: 1 }, fault: None }
}

fn broken(forwarded: String, content: bool, fault: (FaultKind, Work)) -> Outcome {
    Outcome {
        forwarded,
        signals: Signals { content, tokens: content.into(), ..Signals::default() },
        fault: Some(fault),
    }
}

#[test]
fn a_complete_stream_is_forwarded_byte_for_byte() {
    for ending in ["\n", "\r\n", "\r"] {
        let stream = stream(&[PING, ROLE, HELLO, PING, FINISH, USAGE, DONE], ending);
        check(&stream, true, &complete(stream.clone(), Some(COST)));
    }
}

#[test]
fn a_usage_chunk_that_nobody_asked_for_is_withheld_but_counted() {
    let events = stream(&[ROLE, HELLO, FINISH, USAGE, DONE], "\n");
    check(&events, false, &complete(stream(&[ROLE, HELLO, FINISH, DONE], "\n"), Some(COST)));
}

#[test]
fn a_usage_that_comes_with_a_choice_is_forwarded() {
    let last = r#"data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
    let stream = stream(&[last, DONE], "\n");
    check(&stream, false, &complete(stream.clone(), Some(COST)));
}

#[test]
fn a_terminal_event_may_lack_its_last_newlines() {
    for (tail, added) in [("data: [DONE]", "\n\n"), ("data: [DONE]\n", "\n"), ("data:[DONE]\r", "\n\n")] {
        let sent = stream(&[HELLO, FINISH], "\n") + tail;
        check(&sent, true, &complete(format!("{sent}{added}"), None));
    }
}

#[test]
fn a_finished_stream_without_its_terminal_event_gets_one() {
    let sent = stream(&[ROLE, HELLO, FINISH], "\n");
    check(&sent, true, &complete(sent.clone() + "data: [DONE]\n\n", None));
    check(&(sent.clone() + USAGE), false, &complete(sent + "data: [DONE]\n\n", Some(COST)));
}

#[test]
fn a_stream_that_ends_without_a_finish_is_malformed() {
    let truncated = |work| (FaultKind::Malformed, work);
    check("", true, &broken(String::new(), false, truncated(Work::Ambiguous)));
    let role = stream(&[PING, ROLE], "\n");
    check(&role, true, &broken(role.clone(), false, truncated(Work::Ambiguous)));
    let hello = stream(&[ROLE, HELLO], "\r\n");
    check(&hello, true, &broken(hello.clone(), true, truncated(Work::Partial)));
    check(&(hello.clone() + &FINISH[..30]), true, &broken(hello, true, truncated(Work::Partial)));
}

#[test]
fn one_choice_of_two_is_no_whole_answer() {
    let both = r#"data: {"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#;
    let sent = stream(&[both, FINISH], "\n");
    let outcome = read(sent.as_bytes(), &[], true);
    assert_eq!(outcome.fault, Some((FaultKind::Malformed, Work::Partial)));
}

#[test]
fn a_choice_that_was_asked_for_and_never_seen_is_missing() {
    let sent = stream(&[ROLE, HELLO, FINISH], "\n");
    let cut = read_choices(sent.as_bytes(), &[], (true, 2));
    assert_eq!(cut.fault, Some((FaultKind::Malformed, Work::Partial)));
    assert_eq!(cut.forwarded, sent);
}

#[test]
fn an_upstream_that_knows_of_one_choice_only_may_say_that_it_is_done() {
    let sent = stream(&[ROLE, HELLO, FINISH, DONE], "\n");
    assert_eq!(read_choices(sent.as_bytes(), &[], (true, 2)), complete(sent, None));
}

#[test]
fn a_terminal_event_before_every_choice_has_finished_is_malformed_and_not_forwarded() {
    let second = r#"data: {"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":null}]}"#;
    let partial = (FaultKind::Malformed, Work::Partial);
    check(&stream(&[ROLE, HELLO, DONE], "\n"), true, &broken(stream(&[ROLE, HELLO], "\n"), true, partial));
    let shown = stream(&[HELLO, second, FINISH], "\n");
    let signals = Signals { content: true, finished: true, tokens: 2, ..Signals::default() };
    let expected = Outcome { forwarded: shown.clone(), signals, fault: Some(partial) };
    check(&(shown + &stream(&[DONE], "\n")), true, &expected);
}

#[test]
fn nothing_follows_the_terminal_event() {
    let sent = stream(&[HELLO, FINISH, DONE], "\n");
    check(&(sent.clone() + &stream(&[DONE, HELLO], "\n")), true, &complete(sent, None));
}

#[test]
fn an_error_event_is_a_fault_of_its_inner_type() {
    let overloaded = r#"data: {"error":{"message":"busy","type":"overloaded_error"}}"#;
    check(overloaded, true, &broken(String::new(), false, (FaultKind::Overloaded, Work::Refused)));
    let hello = stream(&[ROLE, HELLO], "\n");
    check(&(hello.clone() + overloaded), true, &broken(hello.clone(), true, (FaultKind::Overloaded, Work::Partial)));
    let named = "event: error\ndata: {\"type\":\"error\",\"message\":\"m\"}\n\n";
    check(&(hello.clone() + named), true, &broken(hello, true, (FaultKind::Transient, Work::Partial)));
}

#[test]
fn what_is_no_json_is_malformed() {
    let hello = stream(&[HELLO], "\n");
    let sent = hello.clone() + "data: {\"choices\":[{\n\n" + &stream(&[FINISH, DONE], "\n");
    check(&sent, true, &broken(hello, true, (FaultKind::Malformed, Work::Partial)));
}

#[test]
fn an_endless_event_is_malformed() {
    let sent = [b"data: ".to_vec(), vec![b'x'; 1024 * 1024 + 1]].concat();
    let outcome = read(&sent, &[700_000], true);
    assert_eq!(outcome.fault, Some((FaultKind::Malformed, Work::Ambiguous)));
}

#[test]
fn one_read_is_one_chunk_without_a_copy() {
    let sent = Bytes::from(stream(&[ROLE, HELLO, PING, HELLO], "\n"));
    let mut reader = WatchedReader::new(ChatWatch::new(true, 1));
    reader.push(sent.clone()).unwrap();
    let chunk = reader.next().unwrap().unwrap();
    assert_eq!((chunk.bytes.as_ptr(), chunk.bytes.len()), (sent.as_ptr(), sent.len()));
    assert!(reader.next().is_none());
}

/// What a reader with `beginning` behind it forwards, and what it keeps.
fn go_on(beginning: &Partial, prefill: Prefill, stream: &str) -> (String, Option<Partial>) {
    let mut reader = WatchedReader::new(ChatWatch::new(true, 1).going_on(beginning, prefill));
    let mut forwarded = String::new();
    reader.push(Bytes::copy_from_slice(stream.as_bytes())).unwrap();
    while let Some(item) = reader.next() {
        forwarded.push_str(str::from_utf8(&item.unwrap().bytes).unwrap());
    }
    (forwarded, reader.take_partial())
}

#[test]
fn a_stream_keeps_its_text_and_how_it_introduced_itself() {
    let introduced =
        r#"data: {"id":"chatcmpl-1","model":"m","created":7,"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#;
    let mut reader = WatchedReader::new(ChatWatch::new(true, 1).keeping());
    reader.push(stream(&[introduced, HELLO, PING, HELLO], "\n").into()).unwrap();
    while reader.next().is_some() {}
    let identity = Identity { id: Some("chatcmpl-1".into()), model: Some("m".into()), created: Some(7) };
    let text = "Gr\u{fc}\u{df}e, gr\u{fc}n".repeat(2);
    assert_eq!(reader.take_partial(), Some(Partial { text, identity, ..Partial::default() }));
}

#[test]
fn only_text_is_kept() {
    let deltas = [
        r#""delta":{"content":"a","tool_calls":[{"index":0}]}"#,
        r#""delta":{"content":"a","reasoning_content":"hm"}"#,
        r#""delta":{"content":[{"type":"text","text":"a"}]}"#,
        r#""delta":{"content":"\ud83d"}"#,
        r#""index":1,"delta":{"content":"a"}"#,
        r#""delta":{"content":" "}"#,
    ];
    for delta in deltas {
        let mut reader = WatchedReader::new(ChatWatch::new(true, 1).keeping());
        reader.push(format!("data: {{\"choices\":[{{{delta}}}]}}\n\n").into()).unwrap();
        while reader.next().is_some() {}
        assert_eq!(reader.take_partial(), None, "{delta}");
    }
}

#[test]
fn the_rest_of_an_answer_looks_like_its_beginning() {
    let identity = Identity { id: Some("first".into()), model: Some("m1".into()), created: Some(7) };
    let beginning = Partial { text: "one ".into(), identity, spent: Usage::estimated(10, 2) };
    let rest = stream(
        &[
            r#"data: {"id":"second","created":9,"model":"m2","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"x":1.10}"#,
            PING,
            r#"data: {"id":"second","created":9,"model":"m2","choices":[{"index":0,"delta":{"role":"assistant","content":"two"},"logprobs":{"a":[1.10]}}],"x":1.10}"#,
            r#"data: {"id":"second","created":9,"model":"m2","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            r#"data: {"id":"second","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#,
            DONE,
        ],
        "\r\n",
    );
    let (told, kept) = go_on(&beginning, Prefill::Prefix, &rest);
    let expected = [
        ": ping\r\n\r\n",
        "data: {\"id\":\"first\",\"created\":7,\"model\":\"m1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two\"},\"logprobs\":{\"a\":[1.10]}}],\"x\":1.10}\n\n",
        "data: {\"id\":\"first\",\"created\":7,\"model\":\"m1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"id\":\"first\",\"choices\":[],\"usage\":{\"completion_tokens\":4,\"prompt_tokens\":15,\"total_tokens\":19}}\n\n",
        "data: [DONE]\r\n\r\n",
    ];
    assert_eq!(told, expected.concat());
    assert_eq!(kept.map(|kept| kept.text), Some("one two".to_owned()));
}

#[test]
fn an_echo_of_the_beginning_is_not_told_again() {
    let beginning = Partial { text: "one two ".into(), ..Partial::default() };
    let say = |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}");
    let rest = [say("one "), say("two th"), say("ree"), FINISH.to_owned(), DONE.to_owned()];
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let (told, kept) = go_on(&beginning, Prefill::PrefixEchoed, &stream(&rest, "\n"));
    assert!(told.contains(r#""content":"th""#) && !told.contains("one") && !told.contains("two"), "{told}");
    assert_eq!(kept.unwrap().text, "one two three");
}

#[test]
fn the_rest_may_be_nothing_but_its_finish() {
    let beginning = Partial { text: "all".into(), ..Partial::default() };
    let (told, _) = go_on(&beginning, Prefill::Prefix, &stream(&[ROLE, FINISH, DONE], "\n"));
    assert_eq!(told.matches("data: ").count(), 2, "{told}");
    assert!(told.ends_with("data: [DONE]\n\n"));
}

fn any_event() -> impl Strategy<Value = String> {
    let known =
        prop::sample::select(vec![ROLE, HELLO, FINISH, USAGE, DONE, PING, "data: {\"error\":\"x\"}", "data: {]"]);
    let ending = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    (known, ending).prop_map(|(event, ending)| format!("{event}{ending}{ending}"))
}

proptest! {
    #[test]
    fn no_chunking_changes_the_outcome(
        events in vec(any_event(), 0..8),
        cuts in vec(any::<Index>(), 0..16),
        wants_usage: bool,
    ) {
        let stream = events.concat().into_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(read(&stream, &[], wants_usage), read(&stream, &cuts, wants_usage));
    }
}
