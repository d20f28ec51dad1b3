//! `tidegate config`: what a configuration comes to, how two differ, and what can be written in one.

mod format;
mod history;

use std::{path::PathBuf, process::ExitCode};

use anyhow::bail;
use tidegate_infrastructure::config::{
    ConfigLocation, EffectiveValue, Environment, TomlConfigSource, ValueOrigin, did_you_mean, keys, schema,
};
use tidegate_interface::cli::{
    Colour, ConfigCommand, DiffArgs, ShowArgs, ShownOrigin, ShownValue, changes, is_at_or_below, render_changes,
    render_values,
};

use super::{config_source, print};
use crate::BuildGatewayError;

pub(super) fn run(command: ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Show(arguments) => show(&arguments),
        ConfigCommand::Diff(arguments) => diff(arguments),
        ConfigCommand::History(arguments) => history::show(&arguments),
        ConfigCommand::Rollback(arguments) => history::roll_back(&arguments),
        ConfigCommand::Fmt(arguments) => format::run(&arguments),
        ConfigCommand::Schema => {
            print(&schema(keys()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn show(arguments: &ShowArgs) -> anyhow::Result<ExitCode> {
    let values: Vec<_> = values(&config_source(&arguments.config))?.iter().map(shown).collect();
    for wanted in &arguments.keys {
        check_known(wanted, &values)?;
    }
    print(&render_values(&values, arguments, Colour::of_stdout()))?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses a key that is neither there nor above one that is.
fn check_known(wanted: &str, values: &[ShownValue]) -> anyhow::Result<()> {
    if values.iter().any(|value| is_at_or_below(&value.key, wanted)) {
        return Ok(());
    }
    let ends = |key: &str| key.match_indices('.').map(|(dot, _)| dot).chain([key.len()]).collect::<Vec<_>>();
    let known = values.iter().flat_map(|value| ends(&value.key).into_iter().map(|end| &value.key[..end]));
    bail!("there is no key '{wanted}'; {}", did_you_mean(wanted, known));
}

fn diff(arguments: DiffArgs) -> anyhow::Result<ExitCode> {
    let DiffArgs { before, after, env, json } = arguments;
    let load = |path: PathBuf| {
        let location = ConfigLocation { path, environment: env.clone() };
        values(&TomlConfigSource::new(location, Environment::of_process()))
    };
    let changes = changes(&load(before)?, &load(after)?, shown, EffectiveValue::is_same);
    if json {
        print(&serde_json::to_string_pretty(&changes)?)?;
    } else {
        print(&render_changes(&changes, Colour::of_stdout()))?;
    }
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn values(source: &TomlConfigSource) -> anyhow::Result<Vec<EffectiveValue>> {
    let (_, values) = source.load_values().map_err(BuildGatewayError::Configuration)?;
    Ok(values)
}

fn shown(value: &EffectiveValue) -> ShownValue {
    let origin = match &value.origin {
        ValueOrigin::Written { file, line, column, variables } => ShownOrigin::File {
            file: file.display().to_string(),
            line: *line,
            column: *column,
            variables: variables.clone(),
        },
        ValueOrigin::Default => ShownOrigin::Default,
        ValueOrigin::Key(key) => ShownOrigin::Key { key: key.clone() },
    };
    ShownValue { key: value.key.clone(), value: value.text.clone(), origin }
}
