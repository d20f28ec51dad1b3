//! What `tidegate status` prints.

use comfy_table::{Table, presets};

use super::Colour;
use crate::http::{EntryWire, HealthWire, Status};

/// As much of a hash as tells one configuration from another.
const SHOWN_HASH: usize = 12;

/// The answer of a gateway cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no health report; does --url name the operations endpoints of a gateway?")]
pub struct ReadStatusError(#[source] serde_json::Error);

/// Renders the answer of `/healthz`; ends with a line break.
///
/// # Errors
/// [`ReadStatusError`] if `body` is no health report.
pub fn render_status(body: &[u8], colour: Colour) -> Result<String, ReadStatusError> {
    let report: HealthWire = serde_json::from_slice(body).map_err(ReadStatusError)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["kind", "name", "usable", "in flight", "status"]);
    let kinds = [("pool", &report.pools), ("task group", &report.task_groups), ("wrapper", &report.wrappers)];
    for (kind, entries) in kinds {
        table.add_rows(entries.iter().map(|entry| row(kind, entry, colour)));
    }
    table.add_row(row("", &report.store, colour));
    table.add_row(row("", &report.configuration.entry, colour));
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let summary = painted(report.status, colour);
    let hash: String = report.configuration.content_hash.chars().take(SHOWN_HASH).collect();
    Ok(format!("{summary}, revision {}, configuration {hash}\n\n{}\n", report.revision, lines.join("\n")))
}

/// The status comes last: the table counts the escapes of a colour as text, and would misplace what follows them.
fn row(kind: &str, entry: &EntryWire, colour: Colour) -> [String; 5] {
    let usable = match (entry.usable, entry.of) {
        (Some(usable), Some(of)) => format!("{usable}/{of}"),
        _ => String::new(),
    };
    let in_flight = match (entry.in_flight, entry.concurrency_limit) {
        (Some(in_flight), Some(limit)) => format!("{in_flight}/{limit}"),
        (Some(in_flight), None) => in_flight.to_string(),
        (None, _) => String::new(),
    };
    let status = match &entry.reason {
        Some(reason) => format!("{}: {reason}", painted(entry.status, colour)),
        None => painted(entry.status, colour),
    };
    [kind.to_owned(), entry.name.clone(), usable, in_flight, status]
}

fn painted(status: Status, colour: Colour) -> String {
    match status {
        Status::Active => colour.green(status.as_str()),
        Status::Degraded => colour.yellow(status.as_str()),
        Status::Panic => colour.red(status.as_str()),
        Status::Inactive => colour.red(status.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{
        "status": "inactive", "revision": 4,
        "configuration": {"name": "configuration", "status": "degraded", "reason": "the last reload was rejected, errors: 2",
            "content_hash": "0123456789abcdef", "rejected_problems": 2},
        "store": {"name": "store", "status": "active"},
        "pools": [{"name": "fast", "status": "degraded", "usable": 1, "of": 2, "in_flight": 3, "concurrency_limit": 8,
            "reason": "1 of 2 cannot be used"}],
        "task_groups": [{"name": "chat", "status": "active", "usable": 3, "of": 3}],
        "wrappers": [{"name": "gpt", "status": "inactive", "reason": "pool:slow cannot be used"}]
    }"#;

    #[test]
    fn everything_has_a_line_and_a_reason_if_it_is_not_well() {
        insta::assert_snapshot!(render_status(BODY.as_bytes(), Colour::Never).unwrap(), @r#"
        inactive, revision 4, configuration 0123456789ab

         kind        name           usable  in flight  status
         pool        fast           1/2     3/8        degraded: 1 of 2 cannot be used
         task group  chat           3/3                active
         wrapper     gpt                               inactive: pool:slow cannot be used
                     store                             active
                     configuration                     degraded: the last reload was rejected, errors: 2
        "#);
    }

    #[test]
    fn colour_adds_nothing_but_escapes() {
        let coloured = render_status(BODY.as_bytes(), Colour::Always).unwrap();
        let plain = ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[0m"]
            .iter()
            .fold(coloured.clone(), |text, escape| text.replace(escape, ""));
        assert_eq!(plain, render_status(BODY.as_bytes(), Colour::Never).unwrap());
        assert!(coloured.starts_with("\u{1b}[31minactive"));
    }

    #[test]
    fn an_answer_that_is_no_report_is_an_error() {
        assert!(render_status(b"<html>", Colour::Never).is_err());
    }
}
