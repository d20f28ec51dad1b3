//! An open loop: requests are due at fixed moments, whatever became of the ones before. A time counts from the moment at which its request
//! was due, so that a stall counts for every request that it delays.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{anyhow, ensure};

use super::{Task, Times};
use tidegate_bench::exchange::Exchange;

use crate::reader::{Progress, Reader};

/// What came of an open loop.
#[derive(Debug, Default)]
pub struct Opened {
    /// The times of what was answered.
    pub answered: Times,
    /// How many requests were refused.
    pub refused: usize,
}

/// Runs `task` at `rate` requests a second. The connections take turns, each in a thread of its own, since the timers of a runtime are too coarse.
pub fn open(task: &Task, rate: f64) -> anyhow::Result<Opened> {
    let began = Instant::now() + Duration::from_millis(50);
    let workers: Vec<_> = (0..task.connections)
        .map(|worker| {
            let (address, exchange) = (task.address, Arc::clone(&task.exchange));
            let due: Vec<_> = (worker..task.requests)
                .step_by(task.connections)
                .map(|at| began + Duration::from_secs_f64(at as f64 / rate))
                .collect();
            thread::Builder::new().stack_size(128 * 1024).spawn(move || {
                let mut stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                work(&mut stream, &exchange, &due)
            })
        })
        .collect();
    let (mut times, mut refused) = (Vec::new(), 0);
    for worker in workers {
        let (answered, sent_away) = worker?.join().map_err(|_| anyhow!("a worker panicked"))??;
        times.extend(answered);
        refused += sent_away;
    }
    Ok(Opened { answered: Times::new(times), refused })
}

fn work(stream: &mut TcpStream, exchange: &Exchange, due: &[Instant]) -> anyhow::Result<(Vec<Duration>, usize)> {
    let (mut reader, mut body, mut scratch) = (Reader::default(), Vec::new(), vec![0; 8192]);
    let (mut times, mut refused) = (Vec::with_capacity(due.len()), 0);
    for &due in due {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        body.clear();
        stream.write_all(&exchange.request)?;
        loop {
            let read = stream.read(&mut scratch)?;
            ensure!(read > 0, "the connection was closed amid an answer");
            match reader.push(&scratch[..read], &mut body)? {
                Progress::Partial => {}
                Progress::Complete => {
                    ensure!(body == exchange.answer, "an answer differs: {}", String::from_utf8_lossy(&body));
                    times.push(due.elapsed());
                    break;
                }
                Progress::Refused(_) => {
                    // Refusals are short and come in one piece.
                    reader = Reader::default();
                    refused += 1;
                    break;
                }
            }
        }
    }
    Ok((times, refused))
}
