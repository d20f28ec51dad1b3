//! Wrappers: public names for a pool, a task group or one model.

use crate::name::{Target, WrapperName};

/// A public name for a target, so that callers need not know what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapper {
    name: WrapperName,
    target: Target,
}

/// Why a wrapper cannot be defined so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWrapper {
    /// Its target is another wrapper, so that it would have to be followed further.
    #[error("wrapper '{0}' names another wrapper; name a pool, a task group or a model")]
    Nested(WrapperName),
}

impl Wrapper {
    /// Names a target.
    ///
    /// # Errors
    /// [`InvalidWrapper::Nested`] if the target is a wrapper itself.
    pub fn new(name: WrapperName, target: Target) -> Result<Self, InvalidWrapper> {
        if matches!(target, Target::Wrapper(_)) {
            return Err(InvalidWrapper::Nested(name));
        }
        Ok(Self { name, target })
    }

    /// The name.
    pub fn name(&self) -> &WrapperName {
        &self.name
    }

    /// What it stands for.
    pub fn target(&self) -> &Target {
        &self.target
    }
}
