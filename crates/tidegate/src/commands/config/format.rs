//! `tidegate config fmt`: the files as they would be written today.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use tidegate_infrastructure::config::{format, replace_file};
use tidegate_interface::cli::{FormatArgs, render_formatted};

use super::super::{config_source, print};

pub(super) fn run(arguments: &FormatArgs) -> anyhow::Result<ExitCode> {
    let files = if arguments.files.is_empty() { read_files(arguments) } else { arguments.files.clone() };
    let mut changed = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let formatted = format(&text).with_context(|| format!("{} cannot be formatted", file.display()))?;
        if formatted == text {
            continue;
        }
        if !arguments.check {
            replace_file(&file, &formatted).with_context(|| format!("{} cannot be written", file.display()))?;
        }
        changed.push(file);
    }
    print(&render_formatted(&changed, arguments))?;
    Ok(if arguments.check && !changed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Every file of the configuration, even if something in it is wrong.
fn read_files(arguments: &FormatArgs) -> Vec<PathBuf> {
    config_source(&arguments.config).attempt().footprint.toml_files().map(PathBuf::from).collect()
}
