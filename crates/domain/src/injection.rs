//! Lets a shaku module bind the ports: only the crate that owns a trait may write these lines.

impl shaku::Interface for dyn crate::pool::PoolRepository {}
impl shaku::Interface for dyn crate::task_group::TaskGroupRepository {}
impl<C: crate::inference::LlmClient> shaku::Interface for dyn crate::inference::ClientFactory<Client = C> {}
impl shaku::Interface for dyn crate::time::Clock {}
impl shaku::Interface for dyn crate::observe::Observer {}
impl shaku::Interface for dyn crate::config::ConfigSource {}
