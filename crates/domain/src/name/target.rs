//! Where a request can be sent, in the explicit form that leaves nothing to look up.

use std::{fmt, str::FromStr};

use super::{GroupName, InvalidModelRef, InvalidName, ModelRef, PoolName, TierName, WrapperName};

/// Where a request can be sent.
///
/// Written `wrapper:x`, `pool:x`, `group:x`, `group:x.tier` or `direct:provider:model`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A wrapper: a public name for one of the others.
    Wrapper(WrapperName),
    /// A pool.
    Pool(PoolName),
    /// A task group, from its first tier or from a named one downwards.
    Group {
        /// The task group.
        group: GroupName,
        /// The tier to start at; the first one if absent.
        tier: Option<TierName>,
    },
    /// One model at one provider.
    Direct(ModelRef),
}

/// A text that is no explicit target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// It starts with none of the four prefixes.
    #[error("'{0}' is no target; write wrapper:x, pool:x, group:x, group:x.tier or direct:provider:model")]
    UnknownForm(String),
    /// A name in it is invalid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// What follows `direct:` is no `provider:model`.
    #[error(transparent)]
    Model(#[from] InvalidModelRef),
}

impl Target {
    /// Parses `group` or `group.tier`, split at the first dot.
    ///
    /// # Errors
    /// [`InvalidName`] if either part cannot be a name.
    pub fn group(raw: &str) -> Result<Self, InvalidName> {
        let (group, tier) = match raw.split_once('.') {
            Some((group, tier)) => (group, Some(TierName::new(tier)?)),
            None => (raw, None),
        };
        Ok(Self::Group { group: GroupName::new(group)?, tier })
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        match raw.split_once(':') {
            Some(("wrapper", name)) => Ok(Self::Wrapper(WrapperName::new(name)?)),
            Some(("pool", name)) => Ok(Self::Pool(PoolName::new(name)?)),
            Some(("group", reference)) => Ok(Self::group(reference)?),
            Some(("direct", model)) => Ok(Self::Direct(model.parse()?)),
            _ => Err(InvalidTarget::UnknownForm(raw.chars().take(super::MAX_NAME_BYTES).collect())),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrapper(name) => write!(formatter, "wrapper:{name}"),
            Self::Pool(name) => write!(formatter, "pool:{name}"),
            Self::Group { group, tier: None } => write!(formatter, "group:{group}"),
            Self::Group { group, tier: Some(tier) } => write!(formatter, "group:{group}.{tier}"),
            Self::Direct(model) => write!(formatter, "direct:{model}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_parsed_and_printed_alike() {
        for form in ["wrapper:w", "pool:fast", "group:chat", "group:chat.tier1", "group:chat.v1.5", "direct:a:m:1"] {
            assert_eq!(form.parse::<Target>().unwrap().to_string(), form);
        }
    }

    #[test]
    fn a_bare_name_is_no_explicit_target() {
        assert!(matches!("fast".parse::<Target>(), Err(InvalidTarget::UnknownForm(_))));
        assert!(matches!("openai:gpt-4o".parse::<Target>(), Err(InvalidTarget::UnknownForm(_))));
    }
}
