//! A caller of a few lines, down to the bytes: what an HTTP client would hide is what these tests are about.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The body, without the framing.
    pub body: Vec<u8>,
}

impl Answer {
    /// Takes an answer apart.
    #[track_caller]
    pub fn parse(raw: &[u8]) -> Self {
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(raw[..end].to_vec()).unwrap().to_lowercase();
        let body = &raw[end + 4..];
        let is_chunked = head.contains("transfer-encoding: chunked");
        let status = head[9..12].parse().unwrap();
        Self { status, body: if is_chunked { dechunk(body) } else { body.to_vec() }, head }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The code of the error in the body.
    #[track_caller]
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("the body is an error").to_owned()
    }
}

/// Removes the framing of a chunked body; whatever was cut off is missing.
fn dechunk(mut framed: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = framed.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&framed[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        body.extend_from_slice(&framed[line + 2..line + 2 + length]);
        framed = &framed[line + 2 + length + 2..];
    }
    body
}

/// Sends `request` and reads until the server closes.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    rest(&mut stream).await
}

/// Reads an answer until the server closes.
pub async fn rest(stream: &mut TcpStream) -> Answer {
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await.unwrap();
    Answer::parse(&raw)
}

/// Reads until `needle` has arrived, and returns everything so far.
pub async fn until(stream: &mut TcpStream, needle: &str) -> String {
    let mut raw = Vec::new();
    while !String::from_utf8_lossy(&raw).contains(needle) {
        assert_ne!(stream.read_buf(&mut raw).await.unwrap(), 0, "closed before '{needle}'");
    }
    String::from_utf8(raw).unwrap()
}

/// The bytes of a GET, after which the server closes.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").into_bytes()
}

/// The bytes of a chat request, after which the server closes.
pub fn chat(body: &[u8], headers: &str) -> Vec<u8> {
    post("/v1/chat/completions", body, headers)
}

/// The bytes of a POST, after which the server closes.
pub fn post(path: &str, body: &[u8], headers: &str) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}
