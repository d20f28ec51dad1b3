//! The port to a fallback policy of the embedding program.

use super::Exclusion;
use crate::{
    fault::FaultKind,
    name::{InstanceId, ModelRef, TierName},
};

/// One whom a request could be sent to next.
#[derive(Debug, Clone, Copy)]
pub struct FallbackCandidate<'a> {
    /// The instance, by its id within the whole gateway.
    pub instance: &'a InstanceId,
    /// Its model.
    pub model: &'a ModelRef,
    /// The tier that it serves; `None` in a pool that the group names besides.
    pub tier: Option<&'a TierName>,
    /// Why it cannot be asked now; `None` if it can.
    pub exclusion: Option<Exclusion>,
}

/// Decides for a task group whom a request is sent to after a fault, in place of a strategy.
///
/// It is asked on the path of a request, so it neither blocks nor fails. Which faults permit a fallback at all, how many attempts a
/// request has and what the retry budget pays for is not its to decide.
pub trait CustomFallback: Send + Sync + 'static {
    /// Which of `candidates` is asked next, by its place among them; `None` gives up.
    ///
    /// They are those in the group's reach that have not been asked this round, in the order in which `tier_down` would come to them.
    /// `failed` names the instances that were asked, in order, and what failed each.
    fn next(&self, failed: &[(&InstanceId, FaultKind)], candidates: &[FallbackCandidate<'_>]) -> Option<usize>;
}
