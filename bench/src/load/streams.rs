//! Streams: when the first piece comes, and how long the gaps between the pieces are.

use std::{
    cell::Cell,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};

use super::{Task, Times};
use tidegate_bench::exchange::Exchange;

use crate::reader::{Progress, Reader};

/// The times of many streams.
#[derive(Debug, Default)]
pub struct StreamTimes {
    /// From the request to the first piece.
    pub first: Times,
    /// From one piece to the next.
    pub gaps: Times,
}

/// Runs `task` to its end, the connections spread over the first `spread`; every stream is compared byte by byte.
pub async fn streams(task: &Task, spread: Duration) -> anyhow::Result<StreamTimes> {
    let left = Rc::new(Cell::new(task.requests));
    let mut connections = JoinSet::new();
    for at in 0..task.connections {
        let (address, exchange, left) = (task.address, Arc::clone(&task.exchange), Rc::clone(&left));
        let share = f64::from(u32::try_from(at)?) / task.connections as f64;
        connections.spawn_local(async move {
            sleep(spread.mul_f64(share)).await;
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (mut first, mut gaps) = (Vec::new(), Vec::new());
            while left.get() > 0 {
                left.set(left.get() - 1);
                first.push(follow(&mut stream, &exchange, &mut gaps).await?);
            }
            anyhow::Ok((first, gaps))
        });
    }
    let (mut first, mut gaps) = (Vec::new(), Vec::new());
    while let Some(connection) = connections.join_next().await {
        let (of_first, of_gaps) = connection??;
        first.extend(of_first);
        gaps.extend(of_gaps);
    }
    Ok(StreamTimes { first: Times::new(first), gaps: Times::new(gaps) })
}

async fn follow(stream: &mut TcpStream, exchange: &Exchange, gaps: &mut Vec<Duration>) -> anyhow::Result<Duration> {
    let (mut reader, mut body) = (Reader::default(), Vec::with_capacity(exchange.answer.len()));
    let (asked, mut last, mut first) = (Instant::now(), None::<Instant>, Duration::ZERO);
    stream.write_all(&exchange.request).await?;
    let mut scratch = [0; 2048];
    loop {
        let read = stream.read(&mut scratch).await?;
        ensure!(read > 0, "the connection was closed amid a stream");
        let had = body.len();
        let progress = reader.push(&scratch[..read], &mut body)?;
        if body.len() > had {
            let now = Instant::now();
            match last.replace(now) {
                None => first = now - asked,
                Some(before) => gaps.push(now - before),
            }
        }
        match progress {
            Progress::Partial => {}
            Progress::Complete => break,
            Progress::Refused(status) => bail!("refused with {status}"),
        }
    }
    ensure!(body == exchange.answer, "a stream differs: {}", String::from_utf8_lossy(&body));
    Ok(first)
}
