//! A caller: one connection, one request at a time, and sometimes no patience.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use serde_json::Value;
use tidegate_domain::pool::Random;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{departures::Departures, oracle};

/// How a request ended for its caller.
#[derive(Debug)]
pub enum Fate {
    /// A whole answer came, and it is right.
    Whole,
    /// A complete stream came, and it is right.
    Streamed,
    /// A stream broke, said so, and what came of it is right.
    Told,
    /// An error came.
    Refused,
    /// The caller went away.
    Vanished,
    /// What must not be.
    Wrong(String),
}

/// A caller.
pub struct Caller {
    address: SocketAddr,
    random: Random,
    departures: Arc<Departures>,
    connection: Option<TcpStream>,
    read: Vec<u8>,
    /// How the last request ended.
    before: String,
}

/// An answer as it came.
struct Answer {
    status: u16,
    body: Vec<u8>,
    closes: bool,
}

impl Caller {
    pub fn new((address, departures): (SocketAddr, Arc<Departures>), random: Random) -> Self {
        Self { address, random, departures, connection: None, read: Vec::new(), before: String::new() }
    }

    /// Makes one request.
    pub async fn call(&mut self) -> Fate {
        let nonce = format!("{:016x}", self.random.u64(..));
        let streams = self.random.bool();
        let model = ["p0", "p1", "p2", "all"][self.random.usize(..4)];
        // Half of them have their answer before they lose patience.
        let vanishes = self.random.u32(..10) == 0;
        // Nothing takes longer than the deadline of a request; what does hangs.
        let patience = if vanishes { self.random.u64(..150) } else { 60_000 };
        let asked = timeout(Duration::from_millis(patience), self.attempt(&nonce, model, streams)).await;
        match asked {
            Ok(Ok(answer)) => {
                self.before = format!("{} {}", answer.status, if streams { "streamed" } else { "whole" });
                judge(&answer, &nonce, streams)
            }
            Ok(Err(error)) => {
                self.leave();
                Fate::Wrong(format!("{nonce}: the gateway broke the connection after '{}': {error}", self.before))
            }
            Err(_) if vanishes => {
                self.departures.note(&nonce);
                self.leave();
                Fate::Vanished
            }
            Err(_) => {
                self.leave();
                Fate::Wrong(format!("{nonce}: no end of an answer within a minute"))
            }
        }
    }

    /// Goes away without a word.
    fn leave(&mut self) {
        if let Some(connection) = self.connection.take() {
            // If it cannot be reset it is closed, which is leaving as well.
            let _ = connection.set_zero_linger();
        }
        self.read.clear();
    }

    /// Asks, over the connection of the request before if it was left open. None rests for as long as the gateway keeps one that rests, so
    /// it must be there: a connection that is closed without having been announced so is wrong, whenever that happens.
    async fn attempt(&mut self, nonce: &str, model: &str, streams: bool) -> io::Result<Answer> {
        let body =
            format!(r#"{{"model":"{model}","stream":{streams},"messages":[{{"role":"user","content":"{nonce}"}}]}}"#);
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: chaos\r\ncontent-type: application/json\r\n";
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        if self.connection.is_none() {
            let connection = TcpStream::connect(self.address).await?;
            connection.set_nodelay(true)?;
            (self.connection, self.read) = (Some(connection), Vec::new());
        }
        let Some(connection) = &mut self.connection else { return Err(io::ErrorKind::NotConnected.into()) };
        connection.write_all(request.as_bytes()).await?;
        let answer = read_answer(connection, &mut self.read).await?;
        if answer.closes {
            self.connection = None;
        }
        Ok(answer)
    }
}

fn judge(answer: &Answer, nonce: &str, streams: bool) -> Fate {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status != 200 {
        let error: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        // A caller's mistake that an upstream makes up is relayed in its words.
        return if error.get("error").is_some() { Fate::Refused } else { Fate::Wrong(format!("{nonce}: '{text}'")) };
    }
    if !streams {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let content = body["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        return oracle::check(content, nonce, true).map_or_else(Fate::Wrong, |()| Fate::Whole);
    }
    let heard = oracle::hear(&text);
    match (heard.is_done, heard.is_broken) {
        (true, false) => oracle::check(&heard.text, nonce, true).map_or_else(Fate::Wrong, |()| Fate::Streamed),
        (false, true) => oracle::check(&heard.text, nonce, false).map_or_else(Fate::Wrong, |()| Fate::Told),
        (true, true) => Fate::Wrong(format!("{nonce}: broken and done")),
        (false, false) => Fate::Wrong(format!("{nonce}: a stream that ended in silence: '{text}'")),
    }
}

/// Reads one answer, by its length or its chunks.
async fn read_answer(connection: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<Answer> {
    let head_end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        more(connection, read).await?;
    };
    let head = String::from_utf8_lossy(&read[..head_end]).to_ascii_lowercase();
    read.drain(..head_end + 4);
    let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    let body = match length {
        Some(length) => take(connection, read, length).await?,
        None => read_chunks(connection, read).await?,
    };
    Ok(Answer { status, body, closes: head.contains("connection: close") })
}

async fn read_chunks(connection: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = loop {
            if let Some(at) = read.windows(2).position(|two| two == b"\r\n") {
                break at;
            }
            more(connection, read).await?;
        };
        let size = std::str::from_utf8(&read[..line]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let size = size.ok_or(io::ErrorKind::InvalidData)?;
        read.drain(..line + 2);
        let chunk = take(connection, read, size + 2).await?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

async fn take(connection: &mut TcpStream, read: &mut Vec<u8>, count: usize) -> io::Result<Vec<u8>> {
    while read.len() < count {
        more(connection, read).await?;
    }
    Ok(read.drain(..count).collect())
}

async fn more(connection: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<()> {
    if connection.read_buf(read).await? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}
