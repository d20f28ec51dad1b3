//! Configurations that were in force, and the way back to them, over real files.

use std::{fs, path::Path};

use tempfile::TempDir;
use tidegate::Gateway;
use tidegate_application::{ConfigControl, RollbackError};
use tidegate_domain::config::{Reason, ReloadOutcome, RestoreError};
use tidegate_infrastructure::config::{ConfigLocation, Environment, TomlConfigSource, TomlReloadSource};

const ROOT: &str = r#"
[providers.real]
protocol = "openai"
api_key = "canary"
[pools.one]
instances = [{ model = "real:m" }]
"#;
const MORE: &str = "instances = [{ model = \"real:n\" }]\n";

struct Site {
    directory: TempDir,
    /// As an operator has it.
    reloads: Box<dyn ConfigControl>,
}

impl Site {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("pools")).unwrap();
        fs::write(directory.path().join("tidegate.toml"), ROOT).unwrap();
        let location = ConfigLocation { path: directory.path().to_owned(), environment: None };
        let source = TomlConfigSource::new(location, Environment::default());
        let attempt = source.attempt();
        let loaded = attempt.outcome.unwrap();
        let gateway = Gateway::builder().config(directory.path()).unwrap().build().await.unwrap();
        let source = TomlReloadSource::new(source, &loaded, attempt.footprint);
        let reloads: Box<dyn ConfigControl> = Box::new(gateway.reload_service(source));
        let documents = loaded.documents.redacted();
        let (hash, reason) = (loaded.configuration.content_hash, Reason::new("gateway", "start"));
        reloads.history().unwrap().record(hash, "started".to_owned(), (documents, reason)).await;
        Self { directory, reloads }
    }

    async fn write(&self, file: &str, text: &str, why: &str) -> ReloadOutcome {
        fs::write(self.path(file), text).unwrap();
        self.reloads.reload(Reason::new("me", why)).await
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.directory.path().join(file)
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.path(file)).ok()
    }

    async fn roll_back(&self, number: u64) -> Result<ReloadOutcome, RollbackError> {
        self.reloads.roll_back(number, Reason::new("me", "it was better")).await
    }

    async fn history(&self) -> Vec<String> {
        let latest = self.reloads.history().unwrap().latest(9).await.unwrap();
        let line = |revision: &tidegate_domain::config::ConfigRevision| {
            format!("{} {} ({})", revision.number, revision.accepted.reason, revision.accepted.changes)
        };
        latest.iter().map(line).collect()
    }
}

#[tokio::test]
async fn what_comes_into_force_is_kept_without_its_secrets() {
    let site = Site::new().await;
    site.write("pools/two.toml", MORE, "more").await;
    site.write("pools/two.toml", "nonsense", "a mistake").await;
    assert_eq!(site.history().await, ["2 me: more (pools +two)", "1 gateway: start (started)"]);
    let kept = site.reloads.history().unwrap().find(2).await.unwrap().unwrap();
    assert!(!format!("{kept:?}").contains("canary"), "{kept:?}");
    // Wherever the directory is the next time.
    let named: Vec<_> = kept.accepted.documents.iter().map(|document| document.path.to_str().unwrap()).collect();
    assert_eq!(named, ["tidegate.toml", "pools/two.toml"]);
}

#[tokio::test]
async fn a_rollback_puts_the_files_back_secrets_included_and_is_a_revision_itself() {
    let site = Site::new().await;
    site.write("pools/two.toml", MORE, "more").await;
    site.write("tidegate.toml", &ROOT.replace("pools.one", "pools.first"), "a new name").await;
    let outcome = site.roll_back(1).await.unwrap();
    assert_eq!(outcome.to_string(), "revision 4: pools +one -first -two");
    assert_eq!(site.read("tidegate.toml").unwrap(), ROOT);
    assert_eq!(site.read("pools/two.toml"), None);
    assert_eq!(site.read("pools/two.toml.before-rollback").unwrap(), MORE);
    assert_eq!(site.history().await[0], "4 me: rollback to revision 1: it was better (pools +one -first -two)");
    // And there again.
    site.roll_back(2).await.unwrap();
    assert_eq!(site.read("pools/two.toml").unwrap(), MORE);
}

#[tokio::test]
async fn a_rollback_to_what_is_in_force_changes_nothing() {
    let site = Site::new().await;
    assert_eq!(site.roll_back(1).await.unwrap(), ReloadOutcome::Unchanged);
    assert!(matches!(site.roll_back(7).await, Err(RollbackError::NoSuchRevision { number: 7 })));
}

#[tokio::test]
async fn files_of_a_revision_that_cannot_be_used_any_more_are_put_back() {
    let site = Site::new().await;
    let (root, key) = (ROOT.replace("canary", "${file:key}"), site.path("key"));
    fs::write(&key, "secret").unwrap();
    site.write("tidegate.toml", &root, "a file for the key").await;
    site.write("tidegate.toml", &root.replace("pools.one", "pools.new"), "a new name").await;
    site.write("tidegate.toml", ROOT, "no file for the key").await;
    fs::remove_file(key).unwrap();
    let outcome = site.roll_back(2).await.unwrap();
    assert!(
        matches!(&outcome, ReloadOutcome::Rejected(report) if report.to_string().contains("the file 'key'")),
        "{outcome}"
    );
    assert_eq!(site.read("tidegate.toml").unwrap(), ROOT);
    assert_eq!(site.history().await.len(), 4);
}

#[tokio::test]
async fn a_secret_that_no_file_says_any_more_keeps_the_files_as_they_are() {
    let site = Site::new().await;
    let other =
        ROOT.replace("api_key = \"canary\"\n", "").replace("real", "sim").replace("\"openai\"", "\"simulated\"");
    site.write("tidegate.toml", &other, "no key").await;
    let refused = site.roll_back(1).await.unwrap_err();
    assert!(
        matches!(&refused, RollbackError::Restore(RestoreError::Secrets { keys }) if keys == &["providers.real.api_key"]),
        "{refused}"
    );
    assert_eq!(site.read("tidegate.toml").unwrap(), other);
}

#[tokio::test]
async fn what_cannot_be_written_leaves_every_file_as_it_was() {
    let site = Site::new().await;
    site.write("pools/two.toml", MORE, "more").await;
    site.write("tidegate.toml", &ROOT.replace("pools.one", "pools.first"), "a new name").await;
    // A directory stands where the new file would be written.
    fs::create_dir(site.path("tidegate.toml.new")).unwrap();
    assert!(matches!(site.roll_back(1).await, Err(RollbackError::Restore(RestoreError::Io { .. }))));
    assert_eq!(site.read("pools/two.toml").unwrap(), MORE);
    assert!(Path::new(&site.path("tidegate.toml")).is_file());
    assert!(site.read("tidegate.toml").unwrap().contains("pools.first"));
}
