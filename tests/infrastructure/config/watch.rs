//! Files that change under a watcher, in all the ways that files are changed.
//!
//! Nothing here waits for a time to pass: a test waits for the watcher, as long as it takes.

#[cfg(unix)]
mod links;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tempfile::TempDir;
use tidegate_domain::config::{ReloadSource, Report, Successor};
use tidegate_infrastructure::{
    config::{Attempt, ConfigLocation, ConfigWatcher, Environment, TomlConfigSource, TomlReloadSource, WatchOptions},
    provider::Providers,
};

use super::{BASE, directory};

/// So long that a test which needs it has hung.
const NEVER: Duration = Duration::from_mins(1);

/// A configuration under a watcher, as a gateway keeps it.
struct Watched {
    source: TomlReloadSource,
    watcher: ConfigWatcher,
    loads: AtomicUsize,
}

impl Watched {
    /// Loads `path` and watches what that looked at.
    fn new(path: &Path) -> Self {
        let location = ConfigLocation { path: path.to_owned(), environment: None };
        let source = TomlConfigSource::new(location, Environment::default());
        let Attempt { footprint, outcome } = source.attempt();
        let source = TomlReloadSource::new(source, &outcome.unwrap(), footprint);
        // Nothing is found by looking: the events must do.
        let options = WatchOptions { interval: NEVER * 2, ..WatchOptions::default() };
        let watcher = ConfigWatcher::new(source.footprint(), options);
        Self { source, watcher, loads: AtomicUsize::new(0) }
    }

    /// Waits for a change and loads it.
    async fn load(&mut self) -> Result<Successor<Providers>, Report> {
        tokio::time::timeout(NEVER, self.watcher.changed()).await.expect("the change is noticed");
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.source.load(&Providers::default()).await
    }

    /// The pools of the next configuration that is usable.
    async fn pools(&mut self) -> Vec<String> {
        loop {
            if let Ok(successor) = self.load().await {
                return pools(&successor);
            }
        }
    }

    /// Whether the watcher has anything to say about what is there now: it looks before it waits.
    async fn is_settled(&mut self) -> bool {
        // The look is one blocking read; the wait behind it would last for as long as the interval.
        tokio::time::timeout(Duration::from_secs(1), self.watcher.changed()).await.is_err()
    }
}

fn pools(successor: &Successor<Providers>) -> Vec<String> {
    successor.configuration.pools.iter().map(|pool| pool.value.name().to_string()).collect()
}

/// A configuration with one more pool.
fn with_pool(name: &str) -> String {
    format!("{BASE}[pools.{name}]\ntask_groups = [\"chat\"]\n")
}

/// A directory with a configuration, and its file.
fn one_file() -> (TempDir, PathBuf) {
    let directory = directory(&[("tidegate.toml", BASE)]);
    let path = directory.path().join("tidegate.toml");
    (directory, path)
}

/// A watched file that is changed so, and then holds the pool `new`.
async fn check(change: impl FnOnce(&Path, &str)) {
    let (_directory, path) = one_file();
    let mut watched = Watched::new(&path);
    change(&path, &with_pool("new"));
    assert_eq!(watched.pools().await, ["fast", "new"]);
    assert!(watched.is_settled().await);
}

#[tokio::test]
async fn a_file_that_is_written_over_is_noticed() {
    check(|path, text| fs::write(path, text).unwrap()).await;
}

#[tokio::test]
async fn an_editor_that_swaps_the_file_is_noticed() {
    check(|path, text| {
        let draft = path.with_extension("toml.swp");
        fs::write(&draft, text).unwrap();
        fs::rename(path, path.with_extension("toml~")).unwrap();
        fs::rename(draft, path).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_deleted_and_made_again_is_noticed() {
    check(|path, text| {
        fs::remove_file(path).unwrap();
        fs::write(path, text).unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_same_change_is_noticed_time_after_time() {
    let (_directory, path) = one_file();
    let mut watched = Watched::new(&path);
    for round in 0..10 {
        let name = format!("round{round}");
        let draft = path.with_extension("new");
        fs::write(&draft, with_pool(&name)).unwrap();
        fs::rename(draft, &path).unwrap();
        assert_eq!(watched.pools().await, ["fast", &name]);
    }
    assert_eq!(watched.loads.load(Ordering::Relaxed), 10);
}

#[tokio::test]
async fn a_change_while_nobody_watched_is_noticed() {
    let (_directory, path) = one_file();
    let mut watched = Watched::new(&path);
    fs::write(&path, with_pool("early")).unwrap();
    assert_eq!(watched.pools().await, ["fast", "early"]);
    // Between a load and the next wait.
    fs::write(&path, with_pool("between")).unwrap();
    assert_eq!(watched.pools().await, ["fast", "between"]);
}

#[tokio::test]
async fn a_half_written_file_is_refused_and_the_whole_one_is_taken_once() {
    let (_directory, path) = one_file();
    let mut watched = Watched::new(&path);
    let whole = with_pool("new");
    let half = format!("{BASE}[pools.ne");
    fs::write(&path, half).unwrap();
    assert!(watched.load().await.unwrap_err().to_string().contains("is not valid TOML"));
    assert!(watched.is_settled().await, "what is known to be broken is not read again and again");
    fs::write(&path, whole).unwrap();
    assert_eq!(watched.pools().await, ["fast", "new"]);
    assert!(watched.is_settled().await);
    assert_eq!(watched.loads.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_file_that_is_cut_to_nothing_is_no_wish_to_serve_nothing() {
    let (_directory, path) = one_file();
    let mut watched = Watched::new(&path);
    fs::write(&path, "").unwrap();
    assert!(watched.load().await.unwrap_err().to_string().contains("is empty"));
    fs::write(&path, with_pool("new")).unwrap();
    assert_eq!(watched.pools().await, ["fast", "new"]);
}

#[tokio::test]
async fn a_file_that_is_written_piece_by_piece_ends_up_whole() {
    use std::io::Write as _;
    let (_directory, path) = one_file();
    let mut watched = Watched::new(&path);
    let text = with_pool("new");
    let writing = path.clone();
    let writer = tokio::task::spawn_blocking(move || {
        let mut file = fs::File::create(writing).unwrap();
        for piece in text.as_bytes().chunks(text.len() / 10) {
            file.write_all(piece).unwrap();
            file.sync_all().unwrap();
        }
    });
    while watched.pools().await != ["fast", "new"] {}
    writer.await.unwrap();
    assert!(watched.is_settled().await);
}

#[tokio::test]
async fn a_file_that_is_gone_is_a_problem_until_it_is_back() {
    let (_directory, path) = one_file();
    let mut watched = Watched::new(&path);
    fs::remove_file(&path).unwrap();
    assert!(watched.load().await.unwrap_err().to_string().contains("cannot be read"));
    fs::write(&path, with_pool("back")).unwrap();
    assert_eq!(watched.pools().await, ["fast", "back"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_a_problem_until_it_can() {
    let (_directory, path) = one_file();
    let mut watched = Watched::new(&path);
    // A directory in its place: permissions would not keep a privileged user from reading.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    watched.load().await.unwrap_err();
    fs::remove_dir(&path).unwrap();
    fs::write(&path, with_pool("back")).unwrap();
    assert_eq!(watched.pools().await, ["fast", "back"]);
}

#[tokio::test]
async fn what_lies_beside_the_files_does_not_matter() {
    let (directory, path) = one_file();
    let mut watched = Watched::new(&path);
    fs::write(directory.path().join("tidegate.log"), "a line").unwrap();
    fs::write(&path, BASE).unwrap();
    assert!(watched.is_settled().await);
    assert_eq!(watched.loads.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn files_and_directories_that_appear_are_noticed_and_so_are_those_that_go() {
    let directory = directory(&[("tidegate.toml", BASE)]);
    let mut watched = Watched::new(directory.path());
    let deep = directory.path().join("pools/team");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("a.toml"), "task_groups = [\"chat\"]").unwrap();
    assert_eq!(watched.pools().await, ["fast", "a"]);
    fs::write(deep.join("b.toml"), "task_groups = [\"chat\"]").unwrap();
    assert_eq!(watched.pools().await, ["fast", "a", "b"]);
    fs::remove_dir_all(directory.path().join("pools")).unwrap();
    assert_eq!(watched.pools().await, ["fast"]);
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("c.toml"), "task_groups = [\"chat\"]").unwrap();
    assert_eq!(watched.pools().await, ["fast", "c"]);
    // Another directory under the old name: the watch on the first one went with it.
    fs::write(deep.join("d.toml"), "task_groups = [\"chat\"]").unwrap();
    assert_eq!(watched.pools().await, ["fast", "c", "d"]);
}

#[tokio::test]
async fn a_file_that_is_renamed_names_another_entry() {
    let directory = directory(&[("tidegate.toml", BASE), ("pools/a.toml", "task_groups = [\"chat\"]")]);
    let mut watched = Watched::new(directory.path());
    let hash = |successor: &Successor<Providers>| successor.configuration.content_hash.clone();
    let before = watched.source.load(&Providers::default()).await.unwrap();
    let pool = |name: &str| directory.path().join(format!("pools/{name}.toml"));
    fs::rename(pool("a"), pool("b")).unwrap();
    let after = watched.load().await.unwrap();
    assert_eq!(pools(&after), ["fast", "b"]);
    assert_ne!(hash(&before), hash(&after));
}

#[tokio::test]
async fn what_files_inherit_and_the_secrets_that_they_name_are_watched_too() {
    let root = "inherits_from = \"../common/base\"\n[defaults]\ntarget = \"pool:${file:../secret/name}\"";
    let directory = directory(&[("etc/tidegate.toml", root), ("common/base.toml", BASE), ("secret/name", "fast")]);
    let place = |path: &str| directory.path().join(path);
    let mut watched = Watched::new(&place("etc/tidegate.toml"));
    fs::write(place("common/base.toml"), with_pool("new")).unwrap();
    assert_eq!(watched.pools().await, ["fast", "new"]);
    fs::write(place("secret/name"), "new").unwrap();
    let target = watched.load().await.unwrap().configuration.default_target.unwrap();
    assert_eq!(target.to_string(), "pool:new");
    fs::remove_file(place("secret/name")).unwrap();
    assert!(watched.load().await.unwrap_err().to_string().contains("cannot read the file"));
    fs::write(place("secret/name"), "fast").unwrap();
    watched.load().await.unwrap();
}

#[tokio::test]
async fn without_any_event_the_interval_finds_it() {
    let (_directory, path) = one_file();
    let mut watched = Watched::new(&path);
    let options = WatchOptions { interval: Duration::from_millis(10), ..WatchOptions::default() };
    watched.watcher = ConfigWatcher::polling(watched.source.footprint(), options);
    fs::write(&path, with_pool("new")).unwrap();
    assert_eq!(watched.pools().await, ["fast", "new"]);
}
