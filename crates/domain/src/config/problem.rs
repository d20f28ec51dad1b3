//! What is wrong with a configuration, and what to do about it.

use std::{fmt, path::PathBuf};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably does not say what was meant.
    Warning,
}

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file; absent if the problem belongs to none.
    pub file: Option<PathBuf>,
    /// Line and column in the file, from 1.
    pub position: Option<(usize, usize)>,
    /// The line itself, unless it holds a secret.
    pub line: Option<String>,
    /// The key, as a dotted path; empty for the file as a whole.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// An error that is tied to no place.
    pub fn error(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: None,
            position: None,
            line: None,
            key: key.into(),
            message: message.into(),
            help: None,
        }
    }

    /// The same problem with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Place, key and message, in one line.
    pub fn headline(&self) -> String {
        let file = self.file.as_ref().map(|file| match self.position {
            Some((line, column)) => format!("{}:{line}:{column}", file.display()),
            None => file.display().to_string(),
        });
        let key = Some(self.key.clone()).filter(|key| !key.is_empty());
        let parts: Vec<_> = file.into_iter().chain(key).chain([self.message.replace('\n', " ")]).collect();
        parts.join(": ")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.headline())?;
        if let (Some(line), Some((number, column))) = (&self.line, self.position) {
            let gutter = number.to_string().len();
            write!(formatter, "\n {number} | {line}\n {:gutter$} | {:>column$}", "", "^")?;
        }
        if let Some(help) = &self.help {
            write!(formatter, "\n help: {help}")?;
        }
        Ok(())
    }
}

/// Every problem of a configuration, errors first.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Report {
    problems: Vec<Problem>,
}

impl Report {
    /// Collects problems: errors first, then by file and position.
    pub fn new(mut problems: Vec<Problem>) -> Self {
        problems
            .sort_by(|a, b| (a.severity, &a.file, a.position, &a.key).cmp(&(b.severity, &b.file, b.position, &b.key)));
        Self { problems }
    }

    /// The problems, errors first.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many of them are errors.
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// The worst problem and how many more errors there are, in one line.
    pub fn headline(&self) -> String {
        let first = self.problems.first().map(Problem::headline).unwrap_or_default();
        match self.errors() {
            0 | 1 => first,
            errors => format!("{first} (and {} more)", errors - 1),
        }
    }
}

impl From<Problem> for Report {
    fn from(problem: Problem) -> Self {
        Self::new(vec![problem])
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let word = match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let separator = if at == 0 { "" } else { "\n\n" };
            write!(formatter, "{separator}{word}: {problem}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(key: &str, message: &str) -> Problem {
        Problem { file: Some("gate.toml".into()), position: Some((12, 5)), ..Problem::error(key, message) }
    }

    #[test]
    fn a_headline_is_place_key_and_message_in_one_line() {
        assert_eq!(problem("pools.p", "is no\npool").headline(), "gate.toml:12:5: pools.p: is no pool");
        assert_eq!(Problem { position: None, ..problem("", "is empty") }.headline(), "gate.toml: is empty");
        assert_eq!(Problem::error("pools.p", "is no pool").headline(), "pools.p: is no pool");
    }

    #[test]
    fn the_line_is_shown_with_a_mark_below_its_column() {
        let shown = Problem { line: Some("    colour = 1".to_owned()), ..problem("pools.p", "unknown key") };
        assert_eq!(
            shown.help("remove it").to_string(),
            "gate.toml:12:5: pools.p: unknown key\n 12 |     colour = 1\n    |     ^\n help: remove it"
        );
    }

    #[test]
    fn a_report_has_errors_first_and_then_goes_by_place() {
        let warning = Problem { severity: Severity::Warning, ..Problem::error("a", "is odd") };
        let early = Problem { position: Some((2, 1)), ..problem("z", "first") };
        let report = Report::new(vec![warning, problem("b", "second"), early]);
        assert_eq!(report.errors(), 2);
        assert_eq!(report.headline(), "gate.toml:2:1: z: first (and 1 more)");
        assert_eq!(
            report.to_string(),
            "error: gate.toml:2:1: z: first\n\nerror: gate.toml:12:5: b: second\n\nwarning: a: is odd"
        );
        assert_eq!(Report::from(Problem::error("", "is empty")).headline(), "is empty");
        assert_eq!(Report::default().headline(), "");
    }
}
