//! Reading a table key by key: what has the wrong type is reported and left out, and what nobody asked for is reported as
//! unknown at the end. Reading goes on after a problem, so that all of them are found at once.

use secrecy::SecretString;
use validator::Validate;

use super::{
    findings::{Findings, Place, join},
    journal::Form,
    ranges,
    source::Origin,
    suggest::did_you_mean,
    tree::{Entry, Node, Table, Value, canonical, parse_inline},
    word::Word,
};

/// A type that a key takes, and how it is written.
struct Wanted {
    what: &'static str,
    how: &'static str,
}

const TEXT: Wanted = Wanted { what: "text", how: "write it in quotes" };
const INTEGER: Wanted = Wanted { what: "a whole number", how: "write digits only, without quotes or unit" };
const NUMBER: Wanted = Wanted { what: "a number", how: "write e.g. 2.5, without quotes or unit; times are in seconds" };
const FLAG: Wanted = Wanted { what: "true or false", how: "write it without quotes" };
const LIST: Wanted = Wanted { what: "a list", how: "write it in brackets: [...]" };
const TABLE: Wanted = Wanted { what: "a table", how: "write it as [heading] or as { key = value }" };

/// A table that is being read.
pub(super) struct Fields<'f> {
    pub(super) findings: &'f Findings,
    pub(super) path: String,
    origin: Origin,
    table: Table,
    asked: Vec<(&'static str, Option<Origin>)>,
    shown: bool,
}

impl<'f> Fields<'f> {
    pub(super) fn new(findings: &'f Findings, path: String, node: Node) -> Self {
        let origin = node.origin;
        let mut fields = Self { findings, path, origin, table: Table::default(), asked: Vec::new(), shown: true };
        let place = fields.here();
        if let Some(table) = fields.table_of(node, &place) {
            fields.table = table;
        }
        fields
    }

    /// Lets what concerns the whole table point at its name.
    pub(super) fn at(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// The place of the table itself.
    pub(super) fn here(&self) -> Place {
        Place { origin: self.origin, key: self.path.clone(), shown: self.shown }
    }

    /// The place of a key that was asked for; the table's if it is not there.
    pub(super) fn place(&self, key: &str) -> Place {
        let found = self.asked.iter().find(|(asked, _)| *asked == key).and_then(|(_, origin)| *origin);
        Place { origin: found.unwrap_or(self.origin), key: join(&self.path, key), shown: self.shown }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        if let Some(survey) = self.findings.journal.as_survey() {
            return survey.is_other(key);
        }
        self.table.entries.iter().any(|entry| canonical(&entry.key) == key)
    }

    pub(super) fn is_table(&self, key: &str) -> bool {
        if let Some(survey) = self.findings.journal.as_survey() {
            return survey.is_other(key);
        }
        let is_table = |entry: &Entry| canonical(&entry.key) == key && matches!(entry.node.value, Value::Table(_));
        self.table.entries.iter().any(is_table)
    }

    /// Passes over keys of which it cannot be told whether they make sense.
    pub(super) fn pass_over(&mut self, keys: &[&'static str]) {
        for key in keys {
            self.remove(key);
        }
    }

    /// Reports a key that makes no sense beside the others.
    pub(super) fn refuse(&mut self, key: &'static str, message: &str, help: &str) {
        if let Some((_, place)) = self.remove(key) {
            self.findings.error(&place, message, help);
        }
    }

    /// Reports that a key is missing, unless it was there and has been reported as something else.
    pub(super) fn require(&self, key: &'static str, help: &str) {
        if let Some(survey) = self.findings.journal.as_survey() {
            survey.required.borrow_mut().push(join(&self.path, key));
        }
        if !self.was_given(key) {
            self.findings.error(&self.here(), format!("'{key}' is missing"), help);
        }
    }

    /// Whether a key that was asked for is there.
    pub(super) fn was_given(&self, key: &str) -> bool {
        self.asked.iter().any(|(asked, origin)| *asked == key && origin.is_some())
    }

    pub(super) fn error(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.findings.error(&self.place(key), message, help);
    }

    /// A text that names something; blank is an error.
    pub(super) fn word(&mut self, key: &'static str) -> Option<Word> {
        let (node, place) = self.take(key, &Form::Text)?;
        self.word_of(node, place)
    }

    /// Any text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let (node, place) = self.take(key, &Form::Text)?;
        match node.value {
            Value::Text(text) => Some(text),
            other => self.mistyped(&other, &place, &TEXT),
        }
    }

    /// A text that is never shown.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<SecretString> {
        let (node, mut place) = self.take(key, &Form::Secret)?;
        place.shown = false;
        self.secret_of(node, &place)
    }

    /// A text of several lines that is never shown, and the file or the variable that it comes from, as the subject of a sentence.
    pub(super) fn secret_text(&mut self, key: &'static str) -> Option<(SecretString, String)> {
        let (node, mut place) = self.take(key, &Form::Secret)?;
        place.shown = false;
        let source = node.sources.as_ref().map(|sources| format!("{sources} ")).unwrap_or_default();
        let Value::Text(text) = &node.value else { return self.mistyped(&node.value, &place, &TEXT) };
        Some((SecretString::from(text.as_str()), source))
    }

    /// Named texts that are never shown.
    pub(super) fn secrets(&mut self, key: &'static str) -> Vec<(String, Place, SecretString)> {
        let Some((node, place)) = self.take(key, &Form::Secrets) else { return Vec::new() };
        let Some(table) = self.table_of(node, &place) else { return Vec::new() };
        let read = |entry: Entry| {
            let place = Place { origin: entry.origin, key: join(&place.key, &entry.key), shown: false };
            Some((entry.key, place.clone(), self.secret_of(entry.node, &place)?))
        };
        table.entries.into_iter().filter_map(read).collect()
    }

    pub(super) fn integer(&mut self, key: &'static str) -> Option<i64> {
        let (node, place) = self.take(key, &Form::Integer)?;
        match (node.value, &node.sources) {
            (Value::Integer(number), _) => Some(number),
            (Value::Text(text), Some(sources)) => {
                (text.trim().parse().ok()).or_else(|| self.unconverted(sources, &place, &INTEGER))
            }
            (other, _) => self.mistyped(&other, &place, &INTEGER),
        }
    }

    pub(super) fn number(&mut self, key: &'static str) -> Option<f64> {
        let (node, place) = self.take(key, &Form::Number)?;
        let number = match (node.value, &node.sources) {
            (Value::Float(number), _) => number,
            #[expect(clippy::cast_precision_loss, reason = "every number that a key takes is small")]
            (Value::Integer(number), _) => number as f64,
            (Value::Text(text), Some(sources)) => {
                (text.trim().parse().ok()).or_else(|| self.unconverted(sources, &place, &NUMBER))?
            }
            (other, _) => {
                return self.mistyped(&other, &place, &NUMBER);
            }
        };
        if number.is_finite() {
            return Some(number);
        }
        self.findings.error(&place, "is not a finite number", "write e.g. 2.5");
        None
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let (node, place) = self.take(key, &Form::Flag)?;
        match (node.value, &node.sources) {
            (Value::Boolean(flag), _) => Some(flag),
            (Value::Text(text), Some(sources)) => {
                (text.trim().parse().ok()).or_else(|| self.unconverted(sources, &place, &FLAG))
            }
            (other, _) => self.mistyped(&other, &place, &FLAG),
        }
    }

    /// One of a closed set of words.
    pub(super) fn choice<T>(
        &mut self,
        key: &'static str,
        names: &[&'static str],
        of_name: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let (node, place) = self.take(key, &Form::Choice(names.to_vec()))?;
        let word = self.word_of(node, place)?;
        let found = of_name(&word.text);
        if found.is_none() {
            let message = format!("{} is none of the values of '{key}'", word.quoted());
            let near = word.did_you_mean(names.iter().copied());
            let list = format!("use one of: {}", names.join(", "));
            let help = if near.starts_with("did") { format!("{near} {list}") } else { list };
            self.findings.error(&word.place, message, help);
        }
        found
    }

    /// A list of texts; `None` if the key is not there.
    pub(super) fn words(&mut self, key: &'static str) -> Option<Vec<Word>> {
        let items = self.items(key, &Form::Texts)?;
        Some(items.into_iter().filter_map(|(node, place)| self.word_of(node, place)).collect())
    }

    /// A list of tables.
    pub(super) fn tables(&mut self, key: &'static str) -> Option<Vec<Fields<'f>>> {
        let items = self.items(key, &Form::Tables)?;
        Some(items.into_iter().map(|(node, place)| self.child(node, place.key)).collect())
    }

    pub(super) fn table(&mut self, key: &'static str) -> Option<Fields<'f>> {
        let (node, place) = self.take(key, &Form::Table)?;
        Some(self.child(node, place.key))
    }

    /// A whole number or a text: the two forms in which some keys come.
    pub(super) fn integer_or_word(&mut self, key: &'static str) -> Option<Result<i64, Word>> {
        let (node, place) = self.take(key, &Form::IntegerOrText)?;
        match node.value {
            Value::Integer(number) => Some(Ok(number)),
            _ => self.word_of(node, place).map(Err),
        }
    }

    /// The tables below a key, by name.
    pub(super) fn named(&mut self, key: &'static str) -> Option<Vec<(Word, Fields<'f>)>> {
        let (node, place) = self.take(key, &Form::Entries)?;
        let table = self.table_of(node, &place)?;
        let read = |entry: Entry| {
            let key = join(&place.key, &entry.key);
            let name = Place { origin: entry.origin, key: key.clone(), shown: self.shown };
            let fields = self.child(entry.node, key).at(entry.origin);
            (Word::written(entry.key, name), fields)
        };
        Some(table.entries.into_iter().map(read).collect())
    }

    /// Checks the ranges of what was read.
    pub(super) fn check(&self, read: &impl Validate) {
        if let Some(survey) = self.findings.journal.as_survey() {
            ranges::exceeded(read, |key, bounds| {
                survey.bounds.borrow_mut().entry(join(&self.path, key)).or_default().widen(&bounds);
            });
        }
        ranges::check(read, |key, message| self.error(key, message, ""));
    }

    /// As [`Fields::finish`], without showing the lines: a misspelt key may hold a secret.
    pub(super) fn finish_guarded(mut self) {
        self.shown = false;
        self.finish();
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        self.finish_beside([]);
    }

    /// As [`Fields::finish`], where `others` are known too.
    pub(super) fn finish_beside<const N: usize>(self, others: [&'static str; N]) {
        for entry in &self.table.entries {
            let known = self.asked.iter().map(|(key, _)| *key).chain(others);
            let place = Place { origin: entry.origin, key: join(&self.path, &entry.key), shown: self.shown };
            self.findings.error(&place, "unknown key", did_you_mean(&entry.key, known));
        }
    }

    /// Takes out what is to have that form, and remembers that it was asked for.
    fn take(&mut self, key: &'static str, form: &Form) -> Option<(Node, Place)> {
        let is_new = self.asked.iter().all(|(asked, _)| *asked != key);
        if let Some(survey) = self.findings.journal.as_survey()
            && is_new
        {
            self.table.entries.extend(survey.ask(join(&self.path, key), key, form));
        }
        if let Some(entry) = self.table.entries.iter().find(|entry| canonical(&entry.key) == key) {
            self.findings.journal.keep(&join(&self.path, key), form, entry);
        }
        self.remove(key)
    }

    fn remove(&mut self, key: &'static str) -> Option<(Node, Place)> {
        let found = self.table.entries.iter().position(|entry| canonical(&entry.key) == key);
        let entry = found.map(|at| self.table.entries.remove(at));
        self.asked.push((key, entry.as_ref().map(|entry| entry.origin)));
        let entry = entry?;
        let place = Place { origin: entry.origin, key: join(&self.path, &entry.key), shown: self.shown };
        self.reject_other_spelling(key, &entry.key);
        Some((entry.node, place))
    }

    fn reject_other_spelling(&mut self, key: &str, spelled: &str) {
        let Some(at) = self.table.entries.iter().position(|entry| canonical(&entry.key) == key) else { return };
        let twin = self.table.entries.remove(at);
        let place = Place { origin: twin.origin, key: join(&self.path, &twin.key), shown: self.shown };
        let message = format!("'{}' and '{spelled}' are two spellings of one key", twin.key);
        self.findings.error(&place, message, format!("keep one of them, best '{key}'"));
    }

    fn items(&mut self, key: &'static str, form: &Form) -> Option<Vec<(Node, Place)>> {
        let (node, place) = self.take(key, form)?;
        let value = match (node.value, &node.sources) {
            (Value::Text(text), Some(sources)) => {
                let parsed = parse_inline(&text, node.origin, sources);
                (parsed).or_else(|| self.unconverted(sources, &place, &LIST))?
            }
            (value, _) => value,
        };
        let Value::Array(items) = value else {
            return self.mistyped(&value, &place, &LIST);
        };
        let located = |(at, item): (usize, Node)| {
            let place = Place { origin: item.origin, key: format!("{}[{at}]", place.key), shown: self.shown };
            (item, place)
        };
        Some(items.into_iter().enumerate().map(located).collect())
    }

    fn child(&self, node: Node, path: String) -> Fields<'f> {
        let mut child = Fields::new(self.findings, path, node);
        child.shown = self.shown;
        child
    }

    fn table_of(&self, node: Node, place: &Place) -> Option<Table> {
        let value = match (node.value, &node.sources) {
            (Value::Text(text), Some(sources)) => {
                let parsed = parse_inline(&text, node.origin, sources);
                (parsed).or_else(|| self.unconverted(sources, place, &TABLE))?
            }
            (value, _) => value,
        };
        match value {
            Value::Table(table) => Some(table),
            other => self.mistyped(&other, place, &TABLE),
        }
    }

    fn word_of(&self, node: Node, place: Place) -> Option<Word> {
        match node.value {
            Value::Text(text) if text.trim().is_empty() => {
                self.findings.error(&place, "is empty", "give it a value or remove the key");
                None
            }
            Value::Text(text) => Some(Word::new(text, place, node.sources)),
            other => self.mistyped(&other, &place, &TEXT),
        }
    }

    fn secret_of(&self, node: Node, place: &Place) -> Option<SecretString> {
        match node.value {
            Value::Text(text) if text.trim().is_empty() => {
                self.findings.error(place, "is empty", "give it a value or remove the key");
                None
            }
            Value::Text(text) if !text.chars().all(|character| matches!(character, ' '..='~')) => {
                let help = "look for a line break or a letter beyond ASCII at its start or end";
                self.findings.error(place, "holds a character that no header can carry", help);
                None
            }
            Value::Text(text) => Some(SecretString::from(text)),
            other => self.mistyped(&other, place, &TEXT),
        }
    }

    fn unconverted<T>(&self, sources: &str, place: &Place, wanted: &Wanted) -> Option<T> {
        let message = format!("the value of {sources} is not {}", wanted.what);
        self.findings.error(place, message, format!("set it to {}", wanted.what));
        None
    }

    fn mistyped<T>(&self, value: &Value, place: &Place, wanted: &Wanted) -> Option<T> {
        if !matches!(value, Value::Reported) {
            self.findings.error(place, format!("must be {}, but is {}", wanted.what, value.kind()), wanted.how);
        }
        None
    }
}
