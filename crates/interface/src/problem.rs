//! Problems of a configuration as JSON, for editors, CI and whoever asks a running gateway.

use serde::Serialize;
use tidegate_application::domain::config::{Problem, Report, Severity};

#[derive(Serialize)]
pub(crate) struct ProblemWire {
    severity: &'static str,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    key: String,
    message: String,
    help: Option<String>,
}

/// Every problem of a report.
pub(crate) fn problems(report: &Report) -> Vec<ProblemWire> {
    report.problems().iter().map(ProblemWire::from).collect()
}

impl From<&Problem> for ProblemWire {
    fn from(problem: &Problem) -> Self {
        let Problem { severity, file, position, line: _, key, message, help } = problem;
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self {
            severity,
            file: file.as_ref().map(|file| file.display().to_string()),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            key: key.clone(),
            message: message.clone(),
            help: help.clone(),
        }
    }
}
