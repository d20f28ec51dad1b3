//! The request log as it is configured: in memory, and in the store if there is one, written by a task of its own.

use std::sync::Arc;

use tidegate_application::{RequestLog, RequestLogPolicy, RequestStore, RequestWriter};
use tidegate_infrastructure::{
    clock::TokioClock,
    config::RequestLogSettings,
    persistence::{Database, SqliteRequestRepository},
    telemetry::Observers,
};
use tokio::{sync::oneshot, task::JoinHandle};

/// A request log, and the task that writes it, if there is one.
pub(crate) fn build(
    settings: RequestLogSettings,
    database: Option<&Database>,
    observers: &Observers,
) -> (RequestLog, Option<Writing>) {
    let RequestLogSettings { memory, store, sample, retention, max_stored } = settings;
    let policy = RequestLogPolicy { memory, sample, retention, max_stored };
    let Some(database) = database.filter(|_| store) else { return (RequestLog::in_memory(policy), None) };
    let store = RequestStore {
        repository: Arc::new(SqliteRequestRepository::new(database.clone())),
        observer: Arc::new(observers.clone()),
        clock: Arc::new(TokioClock),
    };
    let (log, writer) = RequestLog::stored(policy, store);
    (log, Some(Writing::spawn(writer)))
}

/// The task that writes requests to the store. It ends, after it has written what waits, when this is dropped.
#[derive(Debug)]
pub(crate) struct Writing {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Writing {
    fn spawn(writer: RequestWriter) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(writer.run(async {
            // That the sender is gone is what it says.
            let _ = stopped.await;
        }));
        Self { stop, task }
    }

    /// Has what waits written, and waits for that.
    pub(crate) async fn end(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the task that stores requests broke off");
        }
    }
}
