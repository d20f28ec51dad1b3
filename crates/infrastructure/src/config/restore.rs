//! Putting the files of an earlier revision in place: all of them, or none.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use tidegate_domain::config::{Document, RestoreError};

use super::{
    Attempt, TomlConfigSource,
    documents::{fill_in, named_from},
    file::normalised,
};

/// Puts `documents` in the place of the files that `source` reads now, and takes those away that are none of them. Of each file that
/// is replaced or taken away a copy stays beside it, named `*.before-rollback`. It blocks on the file system.
///
/// # Errors
/// [`RestoreError`] if a file cannot be written, or a secret in it is not known any more; the files are as they were.
pub fn restore(source: &TomlConfigSource, documents: Vec<Document>) -> Result<Vec<Document>, RestoreError> {
    let Attempt { footprint, .. } = source.attempt();
    let full = |path: &Path| normalised(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    let home = full(&source.home());
    // Where the directory is today, wherever it was then.
    let located = |Document { path, text }: Document| Document { path: full(&home.join(path)), text };
    let documents: Vec<Document> = documents.into_iter().map(located).collect();
    let read = footprint.toml_files().map(full).chain(documents.iter().map(|document| document.path.clone()));
    let before: BTreeMap<PathBuf, String> =
        read.filter_map(|path| Some((path.clone(), fs::read_to_string(path).ok()?))).collect();
    let mut wanted: BTreeMap<PathBuf, Option<String>> = before.keys().map(|path| (path.clone(), None)).collect();
    let mut lacking = Vec::new();
    for Document { path, text } in documents {
        match fill_in(&text, before.get(&path).map(String::as_str)) {
            Ok(text) => drop(wanted.insert(path, Some(text))),
            Err(keys) => lacking.extend(keys),
        }
    }
    if !lacking.is_empty() {
        return Err(RestoreError::Secrets { keys: lacking });
    }
    wanted.retain(|path, text| before.get(path) != text.as_ref());
    let mut done = Vec::new();
    for (path, text) in &wanted {
        if let Err(source) = put(path, text.as_deref(), before.get(path).map(String::as_str)) {
            // What could be written a moment ago can be written back.
            for path in done {
                drop(put(path, before.get(path).map(String::as_str), None));
            }
            return Err(RestoreError::Io { path: path.clone(), source });
        }
        done.push(path);
    }
    Ok(before.into_iter().map(|(path, text)| Document { path: named_from(&home, &path), text }).collect())
}

/// Makes a file say `text`, or takes it away, and keeps a copy of what it said.
fn put(path: &Path, text: Option<&str>, before: Option<&str>) -> io::Result<()> {
    // A link stays a link.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if before.is_some() {
        fs::copy(&path, beside(&path, "before-rollback"))?;
    }
    let Some(text) = text else { return fs::remove_file(&path) };
    fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    replace_file(&path, text)
}

/// Makes a file say `text`, with the permissions that it has. Whoever reads meanwhile sees the one text or the other, and a link stays
/// a link. It blocks on the file system.
///
/// # Errors
/// The file system's.
pub fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let new = beside(&path, "new");
    fs::write(&new, "")?;
    if let Ok(known) = fs::metadata(&path) {
        fs::set_permissions(&new, known.permissions())?;
    }
    fs::write(&new, text)?;
    fs::rename(&new, &path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    path.with_file_name(name)
}
