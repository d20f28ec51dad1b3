//! Putting the files in place: all of them, or none. They are written into a directory beside the target, which then takes
//! its name; what was there keeps existing under another one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::MigratedFile;

/// What becomes of a directory that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite<'a> {
    /// It stays, and nothing is written.
    Refuse,
    /// It is renamed, unless it holds the named source.
    KeepBackup {
        /// The directory that was migrated.
        source: &'a Path,
    },
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteMigrationError {
    /// There is something already.
    #[error("{0} exists; name another directory, or say --force to rename it and write a new one")]
    Exists(PathBuf),
    /// The directory to replace holds the source.
    #[error("{0} holds the directory that is migrated; name another one")]
    HoldsSource(PathBuf),
    /// The target is no directory, or has no name.
    #[error("{0} is no directory that could be replaced; name another one")]
    NoDirectory(PathBuf),
    /// The file system said no.
    #[error("{path} cannot be written; nothing has changed")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes `files` below `target`; returns where what was there is now.
pub(super) fn write(
    files: &[MigratedFile],
    target: &Path,
    overwrite: Overwrite<'_>,
) -> Result<Option<PathBuf>, WriteMigrationError> {
    let target = resolved(target)?;
    let occupied = occupied(&target, overwrite)?;
    let parent = target.parent().unwrap_or(Path::new("")).to_owned();
    fs::create_dir_all(&parent).map_err(|error| failed(&parent, error))?;
    let staging = Staging::new(&target)?;
    for file in files {
        let path = staging.0.join(&file.path);
        write_file(&path, &file.text).map_err(|error| failed(&path, error))?;
    }
    let backup = occupied.then(|| free_backup(&target));
    if let Some(backup) = &backup {
        fs::rename(&target, backup).map_err(|error| failed(backup, error))?;
    } else {
        // An empty directory may be there.
        let _ = fs::remove_dir(&target);
    }
    if let Err(error) = fs::rename(&staging.0, &target) {
        if let Some(backup) = &backup {
            fs::rename(backup, &target).map_err(|error| failed(backup, error))?;
        }
        return Err(failed(&target, error));
    }
    Ok(backup)
}

/// The target without links, so that a link is not replaced by a directory.
fn resolved(target: &Path) -> Result<PathBuf, WriteMigrationError> {
    let path = if target.exists() { fs::canonicalize(target) } else { std::path::absolute(target) };
    let path = path.map_err(|error| failed(target, error))?;
    if path.file_name().is_none() || (path.exists() && !path.is_dir()) || target.is_symlink() && !target.exists() {
        return Err(WriteMigrationError::NoDirectory(target.to_owned()));
    }
    Ok(path)
}

/// Whether there is something to keep.
fn occupied(target: &Path, overwrite: Overwrite<'_>) -> Result<bool, WriteMigrationError> {
    let Ok(mut listed) = fs::read_dir(target) else { return Ok(false) };
    if listed.next().is_none() {
        return Ok(false);
    }
    let Overwrite::KeepBackup { source } = overwrite else {
        return Err(WriteMigrationError::Exists(target.to_owned()));
    };
    let source = fs::canonicalize(source).map_err(|error| failed(source, error))?;
    if source.starts_with(target) {
        return Err(WriteMigrationError::HoldsSource(target.to_owned()));
    }
    Ok(true)
}

/// The first name that is free, so that no backup is ever replaced.
fn free_backup(target: &Path) -> PathBuf {
    let mut number = 1_u64;
    loop {
        let path = beside(target, &format!("backup-{number}"));
        if fs::symlink_metadata(&path).is_err() {
            return path;
        }
        number += 1;
    }
}

fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    target.with_file_name(name)
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    use io::Write;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = fs::File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(path: &Path, source: io::Error) -> WriteMigrationError {
    WriteMigrationError::Io { path: path.to_owned(), source }
}

/// A directory that is removed unless it has taken another name.
struct Staging(PathBuf);

impl Staging {
    fn new(target: &Path) -> Result<Self, WriteMigrationError> {
        let path = beside(target, &format!("migrating-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| failed(&path, error))?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // It is gone already if everything went well.
        let _ = fs::remove_dir_all(&self.0);
    }
}
