//! The upstream: answers as fast as a socket lets it, and the same bytes every time.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, sleep_until},
};

use tidegate_bench::exchange::{CHUNKS, framed_event, whole_answer};

const STREAM: &[u8] = br#""stream":true"#;

/// How the upstream behaves.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct MockArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9101")]
    pub listen: SocketAddr,
    /// Where to listen too, as a second instance.
    #[arg(long, default_value = "127.0.0.1:9102")]
    pub also_listen: SocketAddr,
    /// Milliseconds until a whole answer.
    #[arg(long, default_value_t = 0)]
    pub delay_ms: u64,
    /// Milliseconds between two pieces of a stream.
    #[arg(long, default_value_t = 10)]
    pub gap_ms: u64,
}

struct Script {
    whole: Vec<u8>,
    pieces: Vec<Vec<u8>>,
    delay: Duration,
    gap: Duration,
}

/// Serves until the process ends.
pub async fn serve(args: MockArgs) -> anyhow::Result<()> {
    let answer = whole_answer();
    let whole = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    );
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let script = Rc::new(Script {
        whole: whole.into_bytes(),
        pieces: (0..CHUNKS)
            .map(|at| if at == 0 { format!("{head}{}", framed_event(0)) } else { framed_event(at) }.into_bytes())
            .collect(),
        delay: Duration::from_millis(args.delay_ms),
        gap: Duration::from_millis(args.gap_ms),
    });
    let (first, second) = (TcpListener::bind(args.listen).await?, TcpListener::bind(args.also_listen).await?);
    loop {
        let (stream, _) =
            tokio::select! { accepted = first.accept() => accepted?, accepted = second.accept() => accepted? };
        let script = Rc::clone(&script);
        // A client that goes away ends its connection, and nothing else.
        tokio::task::spawn_local(async move { drop(converse(stream, &script).await) });
    }
}

async fn converse(mut stream: TcpStream, script: &Script) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(8192);
    loop {
        let (end, wants_stream) = loop {
            if let Some(found) = request_end(&buffer) {
                break found;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        buffer.drain(..end);
        if wants_stream {
            let began = Instant::now();
            for (at, piece) in (0_u32..).zip(&script.pieces) {
                sleep_until(began + script.gap * at).await;
                stream.write_all(piece).await?;
            }
        } else {
            if !script.delay.is_zero() {
                sleep(script.delay).await;
            }
            stream.write_all(&script.whole).await?;
        }
    }
}

/// Where the first request ends, and whether it asks for a stream.
fn request_end(buffer: &[u8]) -> Option<(usize, bool)> {
    let head_end = buffer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&buffer[..head_end]).ok()?;
    let stated = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    // Somebody who only looks whether this is alive sends no body.
    let length: usize = stated.unwrap_or(0);
    let body = buffer.get(head_end + 4..head_end + 4 + length)?;
    // Who translates a request may put it anywhere.
    let wants_stream = body.windows(STREAM.len()).any(|window| window == STREAM);
    Some((head_end + 4 + length, wants_stream))
}
