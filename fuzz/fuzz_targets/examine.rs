//! What must hold of any text as a configuration. The fuzz target calls it with texts of its own, and a test with the corpus.

use tidegate_infrastructure::config::{ConfigLocation, Environment, TomlConfigSource, format};

/// What no message may repeat: the value of every variable, and the text of every key.
pub const CANARY: &str = "canary";

/// What stands alone on the line behind which a text is the overlay of an environment.
const OVERLAY: &str = "\n# overlay\n";

/// Loads `text`, the root file and, behind a line that says so, an overlay, and looks at what comes of it.
///
/// # Panics
/// If the loader panics, refuses without a reason, or repeats a secret, or if formatting is not idempotent.
pub fn examine(text: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("tidegate.toml");
    let (root, overlay) = text.split_once(OVERLAY).map_or((text, None), |(root, overlay)| (root, Some(overlay)));
    std::fs::write(&path, root).expect("a temporary file");
    if let Some(overlay) = overlay {
        std::fs::create_dir(directory.path().join("environments")).expect("a temporary directory");
        std::fs::write(directory.path().join("environments/other.toml"), overlay).expect("a temporary file");
    }
    let environment: Environment = [("OPENAI_API_KEY", CANARY), ("SET", CANARY)].into_iter().collect();
    let source =
        TomlConfigSource::new(ConfigLocation { path, environment: overlay.map(|_| "other".to_owned()) }, environment);
    match source.load_all() {
        Ok(loaded) => {
            // What is kept of an accepted file holds no secret; to see that, it must be loaded again.
            assert!(!format!("{loaded:?}").contains(CANARY) || text.contains(CANARY), "a variable's value is shown");
            assert_eq!(loaded.documents.redacted().len(), loaded.files.len());
            let values = source.load_values().expect("it has just been loaded").1;
            assert!(values.is_sorted_by(|a, b| a.key < b.key), "{values:?}");
        }
        Err(report) => {
            assert!(report.errors() > 0, "refused without an error");
            let shown = report.to_string();
            assert!(!shown.is_empty());
            assert!(text.contains(CANARY) || !shown.contains(CANARY), "a variable's value is shown: {shown}");
        }
    }
    if let Ok(formatted) = format(text) {
        let again = format(&formatted).expect("what was formatted parses");
        assert_eq!(formatted, again, "formatting is not idempotent");
    }
}
