//! What an operator can do about the configuration of a running gateway, whatever its source.

use async_trait::async_trait;
use tidegate_domain::config::{ConfigFiles, Reason, ReloadOutcome, ReloadSource, Report};

use super::{ConfigHistory, ReloadService, RollbackError};

/// Looks at, reloads and rolls back the configuration.
#[async_trait]
pub trait ConfigControl: Send + Sync + 'static {
    /// As [`ReloadService::reload_because`].
    async fn reload(&self, reason: Reason) -> ReloadOutcome;

    /// As [`ReloadService::check`].
    async fn check(&self) -> Report;

    /// As [`ReloadService::roll_back`].
    ///
    /// # Errors
    /// [`RollbackError`] says what kept the files from being put in place.
    async fn roll_back(&self, number: u64, reason: Reason) -> Result<ReloadOutcome, RollbackError>;

    /// What came into force so far, if it is kept.
    fn history(&self) -> Option<&ConfigHistory>;
}

#[async_trait]
impl<S: ReloadSource + ConfigFiles> ConfigControl for ReloadService<S> {
    async fn reload(&self, reason: Reason) -> ReloadOutcome {
        self.reload_because(reason).await
    }

    async fn check(&self) -> Report {
        Self::check(self).await
    }

    async fn roll_back(&self, number: u64, reason: Reason) -> Result<ReloadOutcome, RollbackError> {
        Self::roll_back(self, number, reason).await
    }

    fn history(&self) -> Option<&ConfigHistory> {
        Self::history(self)
    }
}
