//! What `tidegate config history` and `tidegate config rollback` print.

use clap::Args;
use comfy_table::{Table, presets};
use tidegate_application::domain::{config::ConfigRevision, time::Utc};

use super::super::ConfigArgs;
use crate::http::RevisionWire;

/// The arguments of `config history`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct HistoryArgs {
    /// Where the configuration is, whose `[storage]` keeps the history.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Show the files of this revision instead.
    #[arg(value_name = "REVISION")]
    pub revision: Option<u64>,
    /// Ask the running gateway with these operations endpoints: its `admin_listen`, as a URL.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// How many to show.
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `config rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RollbackArgs {
    /// Where the configuration is, whose `[storage]` keeps the history.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The revision whose files to put in place.
    #[arg(value_name = "REVISION")]
    pub revision: u64,
    /// Why, for the history.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub why: String,
    /// Have the running gateway with these operations endpoints do it: its `admin_listen`, as a URL.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Print JSON, as the administrative listener answers.
    #[arg(long)]
    pub json: bool,
}

/// Renders the answer of a gateway to a rollback: its own words for people, all of it for programs.
pub fn render_rollback(body: &[u8], arguments: &RollbackArgs) -> String {
    let whole = String::from_utf8_lossy(body);
    let read: Result<serde_json::Value, _> = serde_json::from_slice(body);
    let Some(read) = read.ok().filter(|_| !arguments.json) else { return format!("{}\n", whole.trim_end()) };
    let words = |place: &str| read.pointer(place).and_then(|message| message.as_str()).map(ToOwned::to_owned);
    let message = words("/message").or_else(|| words("/error/message")).unwrap_or_else(|| whole.into_owned());
    format!("{message}\n")
}

/// The answer of a gateway cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no history; does --server name the operations endpoints of a gateway?")]
pub struct ReadHistoryError(#[source] serde_json::Error);

/// A list of revisions, newest first.
#[derive(Debug)]
pub struct History(Vec<RevisionWire>);

#[derive(serde::Serialize, serde::Deserialize)]
struct HistoryWire {
    revisions: Vec<RevisionWire>,
}

impl History {
    /// The revisions of a store.
    pub fn of_store(revisions: Vec<ConfigRevision>) -> Self {
        Self(revisions.into_iter().map(RevisionWire::whole).collect())
    }

    /// The revisions, or the one, that a running gateway answered with.
    ///
    /// # Errors
    /// [`ReadHistoryError`] if the answer is of something else.
    pub fn of_answer(body: &[u8]) -> Result<Self, ReadHistoryError> {
        let one = |_| serde_json::from_slice::<RevisionWire>(body).map(|revision| Self(vec![revision]));
        let list = serde_json::from_slice::<HistoryWire>(body).map(|list| Self(list.revisions));
        list.or_else(one).map_err(ReadHistoryError)
    }

    /// One line for each revision; ends with a line break.
    pub fn render(&self) -> String {
        if self.0.is_empty() {
            return "no revision is kept\n".to_owned();
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["revision", "at (UTC)", "who", "why", "changes"]);
        for RevisionWire { number, at_ms, who, why, changes, .. } in &self.0 {
            table.add_row([&number.to_string(), &moment(*at_ms), who, why, changes]);
        }
        let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n") + "\n"
    }

    /// The files of every revision, each below its name.
    pub fn render_files(&self) -> String {
        let files = self.0.iter().flat_map(|revision| &revision.files);
        files.flat_map(|file| ["# --- ", &file.path, "\n", &file.text, "\n"]).collect()
    }

    /// All of it as JSON.
    pub fn render_json(&self) -> String {
        // Strings and numbers and nothing else: it cannot fail to serialise.
        serde_json::to_string_pretty(&self.0).unwrap_or_default() + "\n"
    }
}

/// Date and time of day in UTC.
fn moment(at_ms: u64) -> String {
    let Utc { year, month, day, hour, minute, second } = Utc::of_unix(at_ms / 1000);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_in_utc() {
        assert_eq!(moment(0), "1970-01-01 00:00:00");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00:00");
        assert_eq!(moment(1_767_225_599_999), "2025-12-31 23:59:59");
    }

    #[track_caller]
    fn check_rollback(body: &str, json: bool, expected: &str) {
        let config = ConfigArgs { config: "config".into(), env: None };
        let arguments = RollbackArgs { config, revision: 3, why: String::new(), server: None, json };
        assert_eq!(render_rollback(body.as_bytes(), &arguments), expected);
    }

    #[test]
    fn people_are_told_of_a_rollback_in_words() {
        let done = r#"{"result":"applied","message":"revision 7: pools ~fast"}"#;
        check_rollback(done, false, "revision 7: pools ~fast\n");
        check_rollback(done, true, &format!("{done}\n"));
        check_rollback(r#"{"error":{"message":"read-only"}}"#, false, "read-only\n");
        check_rollback("bad gateway", false, "bad gateway\n");
    }

    #[test]
    fn an_answer_is_a_list_or_one_revision() {
        let one = r#"{"number":3,"at_ms":0,"who":"me","why":"to try","content_hash":"h","changes":"pools +p",
            "files":[{"path":"a.toml","text":"x = 1"}]}"#;
        let list = format!("{{\"revisions\":[{one}]}}");
        for body in [one, &list] {
            let history = History::of_answer(body.as_bytes()).unwrap();
            assert!(history.render().contains("me   to try  pools +p"), "{}", history.render());
            assert_eq!(history.render_files(), "# --- a.toml\nx = 1\n");
        }
        assert!(History::of_answer(b"<html>").is_err());
    }
}
