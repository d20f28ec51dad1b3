//! One change to the store: who may make it, what it makes of the definitions, and how it is written.

use tidegate_domain::{
    config::{Configuration, Declared},
    name::{GroupName, PoolName},
    pool::Pool,
    repository::{RepositoryError, Version, Versioned},
    task_group::TaskGroup,
};

use super::{CatalogParts, ChangeError, Definitions};

/// One change to the store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    InsertPool(&'a Pool),
    ReplacePool(&'a Pool, Version),
    RemovePool(&'a PoolName, Version),
    InsertGroup(&'a TaskGroup),
    ReplaceGroup(&'a TaskGroup, Version),
    RemoveGroup(&'a GroupName, Version),
}

impl Change<'_> {
    /// Refuses a change to what a file owns.
    pub(super) fn check_owner(&self, configuration: &Configuration) -> Result<(), ChangeError> {
        let (kind, name) = self.subject();
        let file = match self {
            Self::InsertPool(_) | Self::ReplacePool(..) | Self::RemovePool(..) => {
                file_of(&configuration.pools, |pool| pool.name().as_str() == name)
            }
            Self::InsertGroup(_) | Self::ReplaceGroup(..) | Self::RemoveGroup(..) => {
                file_of(&configuration.task_groups, |group| group.name().as_str() == name)
            }
        };
        match file {
            Some(file) => Err(ChangeError::OwnedByFile { kind, name: name.to_owned(), file }),
            None => Ok(()),
        }
    }

    /// Makes the change to `definitions`, which are compiled before anything is written.
    ///
    /// # Errors
    /// What the store would say: taken, gone, or changed since it was read.
    pub(super) fn apply(&self, definitions: &mut Definitions) -> Result<(), RepositoryError> {
        let (kind, name) = self.subject();
        match *self {
            Self::InsertPool(pool) => insert(&mut definitions.pools, pool, (kind, name), |pool| pool.name().as_str()),
            Self::ReplacePool(pool, version) => {
                *find(&mut definitions.pools, (kind, name, version), |pool| pool.name().as_str())? = pool.clone();
                Ok(())
            }
            Self::RemovePool(_, version) => {
                find(&mut definitions.pools, (kind, name, version), |pool| pool.name().as_str())?;
                definitions.pools.retain(|stored| stored.value.name().as_str() != name);
                Ok(())
            }
            Self::InsertGroup(group) => {
                insert(&mut definitions.task_groups, group, (kind, name), |group| group.name().as_str())
            }
            Self::ReplaceGroup(group, version) => {
                *find(&mut definitions.task_groups, (kind, name, version), |group| group.name().as_str())? =
                    group.clone();
                Ok(())
            }
            Self::RemoveGroup(_, version) => {
                find(&mut definitions.task_groups, (kind, name, version), |group| group.name().as_str())?;
                definitions.task_groups.retain(|stored| stored.value.name().as_str() != name);
                Ok(())
            }
        }
    }

    /// Writes the change.
    pub(super) async fn store<C>(&self, parts: &CatalogParts<C>) -> Result<Option<Version>, RepositoryError> {
        match *self {
            Self::InsertPool(pool) => parts.pools.insert(pool).await.map(Some),
            Self::ReplacePool(pool, expected) => parts.pools.replace(pool, expected).await.map(Some),
            Self::RemovePool(name, expected) => parts.pools.remove(name, expected).await.map(|()| None),
            Self::InsertGroup(group) => parts.task_groups.insert(group).await.map(Some),
            Self::ReplaceGroup(group, expected) => parts.task_groups.replace(group, expected).await.map(Some),
            Self::RemoveGroup(name, expected) => parts.task_groups.remove(name, expected).await.map(|()| None),
        }
    }

    fn subject(&self) -> (&'static str, &str) {
        match self {
            Self::InsertPool(pool) | Self::ReplacePool(pool, _) => ("pool", pool.name().as_str()),
            Self::RemovePool(name, _) => ("pool", name.as_str()),
            Self::InsertGroup(group) | Self::ReplaceGroup(group, _) => ("task group", group.name().as_str()),
            Self::RemoveGroup(name, _) => ("task group", name.as_str()),
        }
    }
}

fn file_of<T>(declared: &[Declared<T>], is_it: impl Fn(&T) -> bool) -> Option<std::path::PathBuf> {
    declared.iter().find(|declared| is_it(&declared.value)).map(|declared| declared.file.clone())
}

fn insert<T: Clone>(
    stored: &mut Vec<Versioned<T>>,
    value: &T,
    (kind, name): (&'static str, &str),
    name_of: fn(&T) -> &str,
) -> Result<(), RepositoryError> {
    if stored.iter().any(|known| name_of(&known.value) == name) {
        return Err(RepositoryError::AlreadyExists { kind, name: name.to_owned() });
    }
    stored.push(Versioned { value: value.clone(), version: Version::FIRST });
    Ok(())
}

fn find<'a, T>(
    stored: &'a mut [Versioned<T>],
    (kind, name, expected): (&'static str, &str, Version),
    name_of: fn(&T) -> &str,
) -> Result<&'a mut T, RepositoryError> {
    let Some(known) = stored.iter_mut().find(|known| name_of(&known.value) == name) else {
        return Err(RepositoryError::NotFound { kind, name: name.to_owned() });
    };
    if known.version != expected {
        return Err(RepositoryError::Conflict { kind, name: name.to_owned(), expected, actual: known.version });
    }
    Ok(&mut known.value)
}
