//! Sound and pictures: forms on their way in, and what is no conversation on its way out.

use layered_tests::upstream::{Behaviour, Step};
use serde_json::json;

use super::{Border, data, events, says};
use crate::wire::{Answer, exchange, post};

const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";

/// A form with a file of every byte there is, lines that look like a boundary among them.
fn form(model: &str) -> Vec<u8> {
    let part = |name: &str, value: &[u8]| {
        [format!("--limit\r\nContent-Disposition: form-data; name={name}\r\n\r\n").as_bytes(), value, b"\r\n"].concat()
    };
    let sound: Vec<u8> = (0..=255).chain(*b"\r\n--limi\r\n--\r\nmodel").collect();
    let file = part("\"file\"; filename=\"a.wav\"", &sound);
    [part("\"temperature\"", b"0"), file, part("\"model\"", model.as_bytes()), b"--limit--\r\n".to_vec()].concat()
}

impl Border {
    async fn send(&self, path: &str, form: &[u8]) -> Answer {
        exchange(self.address, &post(path, form, "content-type: multipart/form-data; boundary=limit\r\n")).await
    }

    /// What is spoken of a text.
    async fn speak(&self, model: &str) -> Answer {
        self.ask("/v1/audio/speech", &json!({ "model": model, "input": "text", "voice": "v" })).await
    }
}

#[tokio::test]
async fn a_form_reaches_the_upstream_as_it_came_but_for_the_model() {
    let border = Border::start().await;
    for (path, answer) in [
        (TRANSCRIPTIONS, r#"{"text":"Hello","usage":{"type":"duration","seconds":3}}"#),
        ("/v1/audio/translations", r#"{"text":"Hello"}"#),
        (
            "/v1/images/edits",
            r#"{"created":1,"data":[{"b64_json":"AA"}],"usage":{"input_tokens":9,"output_tokens":4}}"#,
        ),
        ("/v1/images/variations", r#"{"created":1,"data":[]}"#),
    ] {
        border.openai.enqueue(says("application/json", answer));
        let answered = border.send(path, &form("both")).await;
        assert_eq!((answered.status, &answered.body[..]), (200, answer.as_bytes()), "{path}");
        let sent = border.openai.requests().pop().unwrap();
        assert_eq!((sent.path.as_str(), &sent.body[..]), (path, &form("model")[..]));
        assert_eq!(sent.header("content-type"), Some("multipart/form-data; boundary=limit"));
    }
}

#[tokio::test]
async fn a_form_fails_over_like_everything_else() {
    let border = Border::start().await;
    border.openai.enqueue(Behaviour::status(503));
    border.openai.enqueue(says("text/plain", "Hello\n"));
    let answer = border.send(TRANSCRIPTIONS, &form("openai")).await;
    assert_eq!((answer.status, answer.header("x-tidegate-attempts")), (200, Some("2")));
    assert_eq!((answer.header("content-type"), &answer.body[..]), (Some("text/plain"), &b"Hello\n"[..]));
}

#[tokio::test]
async fn a_form_that_cannot_be_read_is_refused_before_anybody_is_asked() {
    let border = Border::start().await;
    let cut = &form("openai")[..200];
    let answer = border.send(TRANSCRIPTIONS, cut).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_form"));
    let twice = form("openai\r\n--limit\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nchat");
    assert_eq!(border.send(TRANSCRIPTIONS, &twice).await.status, 400);
    assert_eq!(border.send("/v1/embeddings", &form("openai")).await.status, 415);
    assert_eq!(border.openai.request_count(), 0);
}

#[tokio::test]
async fn a_transcript_is_streamed_until_it_is_whole() {
    let border = Border::start().await;
    let stream_form = form("openai\r\n--limit\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue");
    let stream = [
        json!({ "type": "transcript.text.delta", "delta": "Hel" }),
        json!({ "type": "transcript.text.delta", "delta": "lo" }),
        json!({ "type": "transcript.text.done", "text": "Hello" }),
    ];
    border.openai.enqueue(events(&stream));
    assert_eq!(data(&border.send(TRANSCRIPTIONS, &stream_form).await), stream);

    border.openai.enqueue(events(&stream[..2]));
    let last = data(&border.send(TRANSCRIPTIONS, &stream_form).await).pop().unwrap();
    assert_eq!(last["error"]["code"], "upstream_stream_error");

    border.openai.enqueue(says("application/json", r#"{"text":"Hello"}"#));
    assert_eq!(border.send(TRANSCRIPTIONS, &stream_form).await.json(), json!({ "text": "Hello" }));
}

#[tokio::test]
async fn a_picture_of_any_size_is_one_event_of_a_stream() {
    let border = Border::start().await;
    let picture = "A".repeat(3 * 1024 * 1024);
    let stream = [
        json!({ "type": "image_generation.partial_image", "b64_json": picture }),
        json!({ "type": "image_generation.completed", "b64_json": picture }),
    ];
    border.openai.enqueue(events(&stream));
    let asked = json!({ "model": "openai", "prompt": "p", "stream": true });
    assert_eq!(data(&border.ask("/v1/images/generations", &asked).await), stream);
}

#[tokio::test]
async fn sound_is_passed_on_as_it_comes() {
    let border = Border::start().await;
    border.openai.enqueue(says("audio/mpeg", "sound"));
    let spoken = border.speak("openai").await;
    assert_eq!((spoken.header("content-type"), &spoken.body[..]), (Some("audio/mpeg"), &b"sound"[..]));
    assert!(spoken.head.contains("transfer-encoding: chunked"), "{}", spoken.head);

    border.openai.enqueue(says("application/json", r#"{"error":{"message":"told to","code":"server_error"}}"#));
    border.openai.enqueue(says("audio/mpeg", "sound"));
    assert_eq!(border.speak("openai").await.header("x-tidegate-attempts"), Some("2"));
}

#[tokio::test]
async fn sound_that_was_cut_does_not_end_as_if_it_were_whole() {
    let border = Border::start().await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n5\r\nsound\r\n";
    border.openai.enqueue(Behaviour::Script(vec![Step::Write(head.to_vec()), Step::Reset]));
    let request = json!({ "model": "openai", "input": "text", "voice": "v" }).to_string();
    let raw = raw_exchange(&border, &post("/v1/audio/speech", request.as_bytes(), "")).await;
    assert!(raw.contains("5\r\nsound\r\n"), "{raw}");
    assert!(!raw.contains("\r\n0\r\n"), "it ends as if it were whole: {raw}");
}

/// Everything that came, framing included.
async fn raw_exchange(border: &Border, request: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(border.address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut raw = Vec::new();
    // However the connection ends, what came before counts.
    while matches!(stream.read_buf(&mut raw).await, Ok(read) if read > 0) {}
    String::from_utf8(raw).unwrap()
}
