//! One connection of an upstream: reads requests, performs steps, notices a client who leaves.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Shared, Step, Transcript};

pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    // A connection that dies while it is served is what the tests are about.
    let _ = serve_requests(&mut stream, &shared).await;
}

async fn serve_requests(stream: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = read_request(stream, &mut buffer).await? {
        for step in shared.admit(&request) {
            if step == Step::Close {
                return Ok(());
            }
            if step == Step::Reset {
                return stream.set_zero_linger();
            }
            if let Err(gone) = perform(stream, step).await {
                shared.left(&request);
                return Err(gone);
            }
        }
    }
    Ok(())
}

/// Performs a step, unless the client goes away first.
async fn perform(stream: &mut TcpStream, step: Step) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let action = async {
        match step {
            Step::Write(bytes) => writer.write_all(&bytes).await,
            Step::Pause(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Step::Hang | Step::Reset | Step::Close => std::future::pending().await,
        }
    };
    let mut unexpected = [0];
    tokio::select! {
        biased;
        done = action => done,
        read = reader.read(&mut unexpected) => match read {
            Ok(0) => Err(io::ErrorKind::ConnectionAborted.into()),
            Ok(_) => Err(io::Error::other("a request came before the answer was complete")),
            Err(error) => Err(error),
        },
    }
}

/// The next request; `None` if the client is through.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Transcript>> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let end = head_end + 4 + length.unwrap_or(0);
    while buffer.len() < end {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let body = buffer[head_end + 4..end].to_vec();
    buffer.drain(..end);
    let mut word = || first.next().unwrap_or_default().to_owned();
    Ok(Some(Transcript { method: word(), path: word(), headers, body }))
}
