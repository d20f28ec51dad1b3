//! The threads that serve callers: one for each core, each with a runtime of its own.
//!
//! A connection stays where it was taken in, with its upstream connections: nothing on a request's way is handed from one thread to another. What is not
//! a request (accepting, operations, reloading, the store) runs on the main thread and keeps nobody waiting.

use std::{io, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The threads; they end when this is dropped, and with them whatever they were serving.
#[derive(Debug)]
pub(super) struct Workers {
    handles: Vec<Handle>,
    _alive: Vec<oneshot::Sender<()>>,
}

impl Workers {
    /// Starts one for each core that this process may use.
    ///
    /// # Errors
    /// The system's, if it has no room for a runtime or a thread.
    pub(super) fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let (mut handles, mut alive) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for number in 0..count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let (sender, ended) = oneshot::channel::<()>();
            alive.push(sender);
            thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                // An error is the end: nobody sends anything else.
                let _ended = runtime.block_on(ended);
                runtime.shutdown_background();
            })?;
        }
        Ok(Self { handles, _alive: alive })
    }

    /// Where to spawn.
    pub(super) fn handles(&self) -> Vec<Handle> {
        self.handles.clone()
    }
}
