//! Configuration files, as an operator writes them.

mod broken;
mod directory;
mod documentation;
mod effective;
mod format;
mod fuzz;
mod lenient;
mod routing;
mod secrets;
mod shipped;
mod values;
mod watch;

use std::{fs, path::Path};

use tempfile::TempDir;
use tidegate_domain::config::Report;
use tidegate_infrastructure::config::{ConfigLocation, Environment, Loaded, TomlConfigSource};

/// A provider, a group and a pool, to add to.
const BASE: &str = r#"
[providers.sim]
protocol = "simulated"
[task_groups.chat.tiers.a]
models = ["sim:large"]
[pools.fast]
task_groups = ["chat"]
"#;

fn load_with(path: &Path, overlay: Option<&str>, variables: &[(&str, &str)]) -> Result<Loaded, Report> {
    let location = ConfigLocation { path: path.to_owned(), environment: overlay.map(ToOwned::to_owned) };
    TomlConfigSource::new(location, variables.iter().copied().collect::<Environment>()).load_all()
}

/// Loads one file of this text.
fn load_text(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Report> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("tidegate.toml");
    fs::write(&path, text).unwrap();
    load_with(&path, None, variables)
}

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

/// The problems of a report that must not be empty of errors.
#[track_caller]
fn messages(loaded: Result<Loaded, Report>) -> String {
    let report = loaded.map(|_| ()).expect_err("the configuration is broken");
    assert!(report.errors() > 0);
    report.to_string()
}
