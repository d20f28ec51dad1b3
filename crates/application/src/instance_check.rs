//! A question to providers that costs nothing: do you answer?

use std::{sync::Arc, time::Duration};

use tidegate_domain::{
    fault::{Fault, Phase},
    inference::LlmClient,
    name::InstanceId,
};
use tokio::{task::JoinSet, time::timeout};

use crate::live::LiveInstance;

/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an instance said when it was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceCheck {
    /// The instance.
    pub id: InstanceId,
    /// Whether its provider answers.
    pub result: Result<(), Fault>,
}

/// Asks the provider of each instance, all at once, whether it answers; the answers are in the order of the instances.
pub(crate) async fn check_all<C: LlmClient>(instances: Vec<Arc<LiveInstance<C>>>) -> Vec<InstanceCheck> {
    let mut checks = JoinSet::new();
    for (at, instance) in instances.into_iter().enumerate() {
        checks.spawn(async move {
            let silent = Err(Fault::timed_out(Phase::Headers));
            let result = timeout(PATIENCE, instance.client.check()).await.unwrap_or(silent);
            (at, InstanceCheck { id: instance.spec.id.clone(), result })
        });
    }
    let mut checked = checks.join_all().await;
    checked.sort_by_key(|(at, _)| *at);
    checked.into_iter().map(|(_, check)| check).collect()
}
