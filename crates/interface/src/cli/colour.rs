//! Colour for people at a terminal, and for nobody else.

use std::io::IsTerminal;

/// Whether what is printed may be coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI escapes.
    Always,
}

impl Colour {
    /// Colours if the standard output is a terminal and `NO_COLOR` is not set (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if !is_unwanted && std::io::stdout().is_terminal() { Self::Always } else { Self::Never }
    }

    pub(super) fn green(self, text: &str) -> String {
        self.paint(32, text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.paint(33, text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.paint(31, text)
    }

    /// For what is said in passing.
    pub(super) fn dim(self, text: &str) -> String {
        self.paint(2, text)
    }

    fn paint(self, code: u8, text: &str) -> String {
        match self {
            Self::Never => text.to_owned(),
            Self::Always => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
