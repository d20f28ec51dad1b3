//! Upstream and caller, each on threads of their own, so that what they allocate is not counted.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

const WHOLE: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
/// So that two pieces are seldom read together.
const GAP: Duration = Duration::from_micros(50);

/// Starts an upstream that answers with as many pieces as `n` of the body's `"pieces":n,` says.
pub fn start_upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || while answer(&stream).is_some() {});
        }
    });
    address
}

fn answer(mut stream: &TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let body = read_message(&mut BufReader::new(stream))?;
    let pieces = body.split_once("\"pieces\":")?.1.split_once(',')?.0.parse::<usize>().ok()?;
    if pieces == 0 {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", WHOLE.len());
        return stream.write_all(format!("{head}{WHOLE}").as_bytes()).ok();
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .ok()?;
    for piece in 1..=pieces {
        let finish = if piece == pieces { "\"stop\"" } else { "null" };
        let event = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"a\"}},\"finish_reason\":{finish}}}]}}\n\n"
        );
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).ok()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "a thread outside the runtime, which only spaces what it writes"
        )]
        thread::sleep(GAP);
    }
    stream.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n").ok()
}

/// Reads a message that is framed by its length; returns its body.
fn read_message(reader: &mut impl BufRead) -> Option<String> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

type Order = (usize, usize, oneshot::Sender<()>);

/// A caller with one connection.
pub struct Caller(mpsc::Sender<Order>);

impl Caller {
    /// Connects to `gateway` with the first request.
    pub fn start(gateway: SocketAddr) -> Self {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            let stream = TcpStream::connect(gateway).unwrap();
            stream.set_nodelay(true).unwrap();
            for (requests, pieces, done) in orders {
                for _ in 0..requests {
                    ask(&stream, pieces);
                }
                done.send(()).unwrap();
            }
        });
        Self(sender)
    }

    /// Makes `requests` requests, and says when it is through.
    pub fn ask(&self, requests: usize, pieces: usize) -> oneshot::Receiver<()> {
        let (done, through) = oneshot::channel();
        self.0.send((requests, pieces, done)).unwrap();
        through
    }
}

fn ask(mut stream: &TcpStream, pieces: usize) {
    let body = format!(
        r#"{{"model":"fast","pieces":{pieces},"stream":{},"messages":[{{"role":"user","content":"hi"}}]}}"#,
        pieces > 0
    );
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\nauthorization: Bearer sk-caller\r\n";
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    if pieces == 0 {
        assert_eq!(read_message(&mut BufReader::new(stream)).unwrap(), WHOLE);
        return;
    }
    let (mut raw, mut scratch) = (Vec::new(), [0; 4096]);
    while !raw.ends_with(b"\r\n0\r\n\r\n") {
        let read = stream.read(&mut scratch).unwrap();
        assert_ne!(read, 0, "closed amid a stream");
        raw.extend_from_slice(&scratch[..read]);
    }
    let text = String::from_utf8(raw).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("data: [DONE]\n\n"), "{text}");
    assert_eq!(text.matches("\"content\":\"a\"").count(), pieces);
}
