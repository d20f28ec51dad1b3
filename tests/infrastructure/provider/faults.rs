//! Every way a connection or an answer fails, in every phase, and the fault it becomes.

use std::time::Duration;

use layered_tests::upstream::{Behaviour, Failure, FaultyUpstream, Phase, Step, deserted_url};
use tidegate_domain::{
    fault::{FaultKind, TransportFault, Work},
    inference::{Allowance, Quota},
};
use tokio::net::TcpListener;

use super::{STREAM, WHOLE, client, client_with, outcome, send, send_and_tell, settings, settle};

const RESET: FaultKind = FaultKind::Transport(TransportFault::Reset);
const MALFORMED: FaultKind = FaultKind::Malformed;

#[track_caller]
fn check_fault(found: Option<(FaultKind, Work)>, kind: FaultKind, work: Work) {
    assert_eq!(found, Some((kind, work)));
}

async fn fault_of(behaviour: Behaviour, body: &'static str) -> Option<(FaultKind, Work)> {
    let upstream = FaultyUpstream::start("a").await;
    upstream.always(behaviour);
    outcome(&client(&upstream.base_url()), body).await.fault
}

async fn failed(at: Phase, how: Failure, body: &'static str) -> Option<(FaultKind, Work)> {
    fault_of(Behaviour::Fail { at, how }, body).await
}

#[tokio::test]
async fn a_connection_that_nobody_accepts_was_not_sent() {
    let found = outcome(&client(&deserted_url().await), WHOLE).await.fault;
    check_fault(found, FaultKind::Transport(TransportFault::Connect), Work::NotSent);
}

#[tokio::test]
async fn a_name_that_nobody_knows_was_not_sent() {
    let found = outcome(&client("http://nowhere.invalid/v1"), WHOLE).await.fault;
    check_fault(found, FaultKind::Transport(TransportFault::Dns), Work::NotSent);
}

#[tokio::test]
async fn a_handshake_that_is_cut_is_a_tls_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let found = outcome(&client(&url), WHOLE).await.fault;
    check_fault(found, FaultKind::Transport(TransportFault::Tls), Work::NotSent);
}

#[tokio::test]
async fn a_handshake_that_stalls_ends_at_the_connect_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&format!("https://{}/v1", listener.local_addr().unwrap()));
    settings.connect_timeout = Duration::from_millis(50);
    let found = outcome(&client_with(settings), WHOLE).await.fault;
    check_fault(found, FaultKind::Transport(TransportFault::Connect), Work::NotSent);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_ambiguous() {
    for how in [Failure::Reset, Failure::Close] {
        for body in [WHOLE, STREAM] {
            check_fault(failed(Phase::BeforeHeaders, how.clone(), body).await, RESET, Work::Ambiguous);
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_head_is_ambiguous() {
    for body in [WHOLE, STREAM] {
        check_fault(failed(Phase::AfterHeaders, Failure::Reset, body).await, RESET, Work::Ambiguous);
        check_fault(failed(Phase::AfterHeaders, Failure::Close, body).await, MALFORMED, Work::Ambiguous);
        check_fault(failed(Phase::AfterHeaders, Failure::End, body).await, MALFORMED, Work::Ambiguous);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_after_content_was_delivered_in_part() {
    let at = Phase::AfterTokens(2);
    check_fault(failed(at, Failure::Close, STREAM).await, MALFORMED, Work::Partial);
    check_fault(failed(at, Failure::End, STREAM).await, MALFORMED, Work::Partial);
    let garbage = Failure::Say("data: {\"choices\":[{\n\n".to_owned());
    check_fault(failed(at, garbage, STREAM).await, MALFORMED, Work::Partial);
    let event = Failure::Say("data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n".to_owned());
    check_fault(failed(at, event, STREAM).await, FaultKind::Transient, Work::Partial);
}

#[tokio::test]
async fn a_stream_that_breaks_before_content_is_ambiguous() {
    let at = Phase::AfterTokens(0);
    check_fault(failed(at, Failure::Close, STREAM).await, MALFORMED, Work::Ambiguous);
    check_fault(failed(at, Failure::End, STREAM).await, MALFORMED, Work::Ambiguous);
    let event = Failure::Say("event: error\ndata: {\"error\":{\"type\":\"overloaded_error\"}}\n\n".to_owned());
    check_fault(failed(at, event, STREAM).await, FaultKind::Overloaded, Work::Refused);
}

#[tokio::test]
async fn a_stream_that_is_reset_after_content_is_a_reset() {
    let upstream = FaultyUpstream::start("a").await;
    upstream.always(Behaviour::Fail { at: Phase::AfterTokens(2), how: Failure::Reset });
    let (kind, _) = outcome(&client(&upstream.base_url()), STREAM).await.fault.unwrap();
    // What a reset overtakes is lost, so how much was delivered depends on the network.
    assert_eq!(kind, RESET);
}

#[tokio::test]
async fn a_whole_answer_cut_in_two_is_malformed() {
    let at = Phase::AfterTokens(1);
    check_fault(failed(at, Failure::Close, WHOLE).await, MALFORMED, Work::Ambiguous);
    check_fault(failed(at, Failure::End, WHOLE).await, MALFORMED, Work::Ambiguous);
}

#[tokio::test]
async fn a_200_that_is_no_answer_is_malformed() {
    for body in ["", "{}", r#"{"choices":[]}"#, "<html>portal</html>", "data: {}\n\n"] {
        check_fault(fault_of(Behaviour::status(200).with_body(body), WHOLE).await, MALFORMED, Work::Ambiguous);
        check_fault(fault_of(Behaviour::status(200).with_body(body), STREAM).await, MALFORMED, Work::Ambiguous);
    }
    let error = Behaviour::status(200).with_body(r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#);
    for body in [WHOLE, STREAM] {
        check_fault(fault_of(error.clone(), body).await, FaultKind::RateLimited, Work::Refused);
    }
}

#[tokio::test]
async fn a_compressed_answer_is_malformed() {
    let gzip = Behaviour::status(200).with_header("content-encoding", "gzip");
    check_fault(fault_of(gzip, WHOLE).await, MALFORMED, Work::Ambiguous);
}

#[tokio::test]
async fn what_is_no_http_is_malformed() {
    let script = Behaviour::Script(vec![Step::Write(b"SSH-2.0-server\r\n\r\n".to_vec()), Step::Close]);
    check_fault(fault_of(script, WHOLE).await, MALFORMED, Work::Ambiguous);
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let script = Behaviour::Script(vec![
        Step::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{".to_vec()),
        Step::Hang,
    ]);
    check_fault(fault_of(script, WHOLE).await, MALFORMED, Work::Ambiguous);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (upstream, elsewhere) = (FaultyUpstream::start("a").await, FaultyUpstream::start("b").await);
    upstream.always(Behaviour::status(307).with_header("location", &elsewhere.base_url()));
    check_fault(outcome(&client(&upstream.base_url()), WHOLE).await.fault, MALFORMED, Work::Refused);
    assert_eq!(elsewhere.connection_count(), 0);
}

#[tokio::test]
async fn a_status_is_classified_with_its_headers_and_its_body() {
    let upstream = FaultyUpstream::start("a").await;
    let client = client(&upstream.base_url());
    upstream.enqueue(Behaviour::status(429).with_header("retry-after", "20"));
    let fault = send(&client, STREAM).await.unwrap_err();
    assert_eq!((fault.kind, fault.retry_after), (FaultKind::RateLimited, Some(Duration::from_secs(20))));
    let body = r#"{"error":{"message":"Bad","type":"invalid_request_error"}}"#;
    upstream.enqueue(Behaviour::status(400).with_body(body));
    let upstreams_words = send(&client, WHOLE).await.unwrap_err().upstream.unwrap();
    assert_eq!((upstreams_words.status, &upstreams_words.body[..]), (400, body.as_bytes()));
}

#[tokio::test]
async fn a_pooled_connection_that_was_closed_is_replaced_unseen() {
    let upstream = FaultyUpstream::start("a").await;
    let client = client(&upstream.base_url());
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{\"choices\":[{}]}".to_vec();
    upstream.enqueue(Behaviour::Script(vec![Step::Write(answer), Step::Close]));
    assert_eq!(outcome(&client, WHOLE).await.fault, None);
    settle().await;
    assert_eq!(outcome(&client, WHOLE).await.fault, None);
    assert_eq!(upstream.connection_count(), 2);
}

#[tokio::test]
async fn what_an_answer_says_is_left_of_our_rate_is_heard_be_it_a_success_or_a_refusal() {
    let upstream = FaultyUpstream::start("a").await;
    let client = client(&upstream.base_url());
    let left = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1m30s")];
    let spent = Allowance { remaining: 0, reset: Duration::from_secs(90) };
    let heard = Some(Quota { requests: Some(spent), tokens: None });
    for status in [200, 429, 500] {
        let silent = left.into_iter().fold(Behaviour::status(status), |b, (name, value)| b.with_header(name, value));
        upstream.enqueue(silent);
        assert_eq!(send_and_tell(&client, WHOLE).await.1, heard, "{status}");
    }
    assert_eq!(send_and_tell(&client, WHOLE).await.1, None);
}
