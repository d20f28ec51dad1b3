//! Whoever stops waiting stops the upstream's work.

use layered_tests::upstream::{Behaviour, Failure, FaultyUpstream, Phase, Step};
use tidegate_domain::inference::Reply;

use super::{STREAM, WHOLE, client, next, send};

#[tokio::test]
async fn dropping_a_request_closes_its_connection() {
    let phases = [(WHOLE, Phase::BeforeHeaders), (WHOLE, Phase::AfterHeaders), (STREAM, Phase::BeforeHeaders)];
    for (body, at) in phases {
        let upstream = FaultyUpstream::start("a").await;
        upstream.always(Behaviour::Fail { at, how: Failure::Hang });
        let client = client(&upstream.base_url());
        tokio::select! {
            _ = send(&client, body) => panic!("a hanging upstream does not answer"),
            () = upstream.wait_for_requests(1) => {}
        }
        upstream.wait_for_disconnect().await;
    }
}

#[tokio::test]
async fn dropping_a_stream_closes_its_connection() {
    for tokens in [0, 2] {
        let upstream = FaultyUpstream::start("a").await;
        upstream.always(Behaviour::Fail { at: Phase::AfterTokens(tokens), how: Failure::Hang });
        let client = client(&upstream.base_url());
        let Reply::Stream(mut stream) = send(&client, STREAM).await.unwrap() else { panic!("a stream was asked for") };
        next(&mut stream).await.unwrap().unwrap();
        assert_eq!(upstream.disconnect_count(), 0);
        drop(stream);
        upstream.wait_for_disconnect().await;
    }
}

#[tokio::test]
async fn a_fault_closes_its_connection() {
    let upstream = FaultyUpstream::start("a").await;
    let garbage = Step::Write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {]\n\n".to_vec());
    upstream.always(Behaviour::Script(vec![garbage, Step::Hang]));
    let client = client(&upstream.base_url());
    let Reply::Stream(mut stream) = send(&client, STREAM).await.unwrap() else { panic!("a stream was asked for") };
    assert!(next(&mut stream).await.unwrap().is_err());
    upstream.wait_for_disconnect().await;
    assert!(next(&mut stream).await.is_none());
}
