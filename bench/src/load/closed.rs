//! A closed loop: each connection asks again as soon as it is answered.

use std::{net::SocketAddr, rc::Rc, sync::Arc, time::Instant};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use super::{Task, Times};
use tidegate_bench::exchange::{Exchange, Protocol, Shape};

use crate::reader::{Progress, Reader};

/// Runs `task` to its end; every answer is compared byte by byte.
pub async fn closed(task: &Task) -> anyhow::Result<Times> {
    let left = Rc::new(std::cell::Cell::new(task.requests));
    let mut connections = JoinSet::new();
    for _ in 0..task.connections {
        let (address, exchange, left) = (task.address, Arc::clone(&task.exchange), Rc::clone(&left));
        connections.spawn_local(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut times = Vec::new();
            let (mut reader, mut body) = (Reader::default(), Vec::new());
            while left.get() > 0 {
                left.set(left.get() - 1);
                let began = Instant::now();
                ask(&mut stream, &exchange, (&mut reader, &mut body)).await?;
                times.push(began.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(connection) = connections.join_next().await {
        times.extend(connection??);
    }
    Ok(Times::new(times))
}

/// The exchange of `shape` with the gateway at `address`. What it answers in another protocol than the upstream's is learnt from a first
/// answer.
pub async fn learnt(address: SocketAddr, shape: Shape, protocol: Protocol, model: &str) -> anyhow::Result<Exchange> {
    let asked = Exchange::new(shape, protocol, model);
    match protocol {
        Protocol::Chat => Ok(asked),
        Protocol::Messages => {
            let answer = fetch(address, &asked).await?;
            asked.answered_by(answer).context("a translated answer lacks words of the upstream's")
        }
    }
}

/// What comes back for `exchange`, whatever it is.
async fn fetch(address: SocketAddr, exchange: &Exchange) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let mut body = Vec::new();
    receive(&mut stream, &exchange.request, (&mut Reader::default(), &mut body)).await?;
    Ok(body)
}

async fn ask(
    stream: &mut TcpStream,
    exchange: &Exchange,
    (reader, body): (&mut Reader, &mut Vec<u8>),
) -> anyhow::Result<()> {
    body.clear();
    receive(stream, &exchange.request, (reader, body)).await?;
    ensure!(*body == exchange.answer, "an answer differs: {}", String::from_utf8_lossy(body));
    Ok(())
}

async fn receive(
    stream: &mut TcpStream,
    request: &[u8],
    (reader, body): (&mut Reader, &mut Vec<u8>),
) -> anyhow::Result<()> {
    let mut scratch = [0; 8192];
    stream.write_all(request).await?;
    loop {
        let read = stream.read(&mut scratch).await?;
        ensure!(read > 0, "the connection was closed amid an answer");
        match reader.push(&scratch[..read], body)? {
            Progress::Partial => {}
            Progress::Complete => return Ok(()),
            Progress::Refused(status) => bail!("refused with {status}"),
        }
    }
}
