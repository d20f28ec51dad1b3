//! A store of requests in memory, that can be told to fail or never to answer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tidegate_domain::{
    inference::RequestId,
    repository::RepositoryError,
    routing::{RequestQuery, RequestRepository, RequestSummary, StoredRequest},
};

/// What a store does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    #[default]
    Works,
    Fails,
    Hangs,
}

/// A store of requests in memory. Its clones share the requests and the mood.
#[derive(Debug, Clone, Default)]
pub struct KeptRequests(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    mood: Mood,
    requests: Vec<StoredRequest>,
    batches: usize,
    pruned: Option<(u64, u64)>,
}

impl KeptRequests {
    /// Changes what it does from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    /// What it keeps, in order.
    pub fn all(&self) -> Vec<StoredRequest> {
        self.0.lock().unwrap().requests.clone()
    }

    /// How many batches it was given, whatever it did with them.
    pub fn batches(&self) -> usize {
        self.0.lock().unwrap().batches
    }

    /// What it was last told to remove.
    pub fn pruned(&self) -> Option<(u64, u64)> {
        self.0.lock().unwrap().pruned
    }

    async fn mood(&self) -> Result<(), RepositoryError> {
        let mood = self.0.lock().unwrap().mood;
        match mood {
            Mood::Works => Ok(()),
            Mood::Fails => Err(RepositoryError::Unavailable("the disk is full".into())),
            Mood::Hangs => std::future::pending().await,
        }
    }
}

#[async_trait]
impl RequestRepository for KeptRequests {
    async fn append(&self, requests: &[StoredRequest]) -> Result<(), RepositoryError> {
        self.0.lock().unwrap().batches += 1;
        self.mood().await?;
        let mut kept = self.0.lock().unwrap();
        for request in requests {
            if kept.requests.iter().all(|other| other.summary.id != request.summary.id) {
                kept.requests.push(request.clone());
            }
        }
        Ok(())
    }

    async fn find(&self, id: &RequestId) -> Result<Option<StoredRequest>, RepositoryError> {
        self.mood().await?;
        Ok(self.all().into_iter().find(|request| request.summary.id == *id))
    }

    async fn list(&self, query: &RequestQuery) -> Result<Vec<RequestSummary>, RepositoryError> {
        self.mood().await?;
        let mut found: Vec<_> = self.all().into_iter().rev().map(|request| request.summary).collect();
        found.retain(|summary| query.matches(summary));
        found.sort_by_key(|summary| std::cmp::Reverse(summary.received_ms));
        found.truncate(query.limit as usize);
        Ok(found)
    }

    async fn prune(&self, before_ms: u64, keep: u64) -> Result<u64, RepositoryError> {
        self.mood().await?;
        let mut kept = self.0.lock().unwrap();
        kept.pruned = Some((before_ms, keep));
        let before = kept.requests.len();
        kept.requests.retain(|request| request.summary.received_ms >= before_ms);
        kept.requests.sort_by_key(|request| request.summary.received_ms);
        let surplus = kept.requests.len().saturating_sub(usize::try_from(keep).unwrap());
        kept.requests.drain(..surplus);
        Ok((before - kept.requests.len()) as u64)
    }
}
