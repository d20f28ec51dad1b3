//! From the configuration of other gateways to ours, as far as it has the same meaning.
//!
//! Each module reads one format into a [`Draft`], which writes one `tidegate.toml`. Whatever is guessed or does not come across is a
//! [`Note`](super::Note). A key that is written out in the source is not copied: the written file names a variable for it.

mod cloud;
mod draft;
mod known;
mod litellm;
mod onwards;
mod portkey;

use std::path::{Path, PathBuf};

use self::draft::Draft;
use super::{MigratedFile, Migration, yaml};

/// Whose configuration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// `LiteLLM`'s proxy: `config.yaml`.
    LiteLlm,
    /// A Portkey config: JSON with a strategy and targets.
    Portkey,
    /// Onwards: JSON with `targets` by model.
    Onwards,
}

/// Why a file cannot be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read or parsed.
    #[error("{path} {problem}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It says nothing that could be imported.
    #[error("{path} holds {wanted}; is it a configuration of that gateway?")]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        wanted: &'static str,
    },
}

/// Rewrites the configuration in `file`. It reads the file and writes none. The same input gives the same answer, byte by byte.
///
/// # Errors
/// [`ImportError`] if the file cannot be read, or is of something else.
pub fn import(format: ImportFormat, file: &Path) -> Result<Migration, ImportError> {
    let document = yaml::read(file).map_err(|error| {
        let line = error.line();
        let at = if line == 0 { String::new() } else { format!(" at line {line}") };
        ImportError::Unreadable { path: file.to_owned(), problem: format!("{error}{at}") }
    })?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut draft = Draft::new(name);
    let (has_any, wanted) = match format {
        ImportFormat::LiteLlm => (litellm::convert(document.map, &mut draft), "no model_list"),
        ImportFormat::Portkey => (portkey::convert(document.map, &mut draft), "no targets"),
        ImportFormat::Onwards => (onwards::convert(document.map, &mut draft), "no targets"),
    };
    if !has_any {
        return Err(ImportError::Nothing { path: file.to_owned(), wanted });
    }
    let (text, notes) = draft.finish();
    Ok(Migration { files: vec![MigratedFile { path: "tidegate.toml".to_owned(), text }], notes })
}
