//! What the loader asks of the files, key by key, for whoever wants to know: where a value was written, and which keys there are.
//!
//! Reading a key says all there is to know about it but its meaning: its name, the type it must have, the values it may choose
//! from. So nothing lists the keys a second time. A load that *keeps* what it found gives the origin of every value. A load that
//! *surveys* reads no file at all: it is handed made-up values, in several passes so that every branch is taken, and what it asks
//! for are the keys there are. A number out of every range makes the ranges show themselves.

use std::{cell::RefCell, collections::BTreeMap};

use super::{
    ranges::Bounds,
    source::Origin,
    tree::{Entry, Node, Table, Value},
};

/// Beyond the range of every whole number that a key takes, and far from overflow.
const HUGE_INTEGER: i64 = 1 << 53;
/// Beyond the range of every number that a key takes.
const HUGE_NUMBER: f64 = 1e300;

/// What a key takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Any text.
    Text,
    /// A text that is never shown.
    Secret,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// One of these words.
    Choice(Vec<&'static str>),
    /// A whole number or a text.
    IntegerOrText,
    /// A list of texts.
    Texts,
    /// Texts by name that are never shown.
    Secrets,
    /// A table with keys of its own.
    Table,
    /// A list of tables.
    Tables,
    /// Tables by name.
    Entries,
}

/// A value that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// The key, as a dotted path.
    pub(super) key: String,
    pub(super) form: Form,
    pub(super) node: Node,
    /// Where the key was written.
    pub(super) origin: Origin,
}

/// One pass of a survey.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pass: usize,
    /// The keys that were asked for, with their forms.
    pub(super) asked: RefCell<Vec<(String, Form)>>,
    /// The words that were chosen.
    pub(super) chosen: RefCell<Vec<(String, &'static str)>>,
    /// The keys that were called missing.
    pub(super) required: RefCell<Vec<String>>,
    /// The bounds that a made-up number was beyond.
    pub(super) bounds: RefCell<BTreeMap<String, Bounds>>,
}

/// Whether, and what, a load remembers of the keys.
#[derive(Debug, Default)]
pub(super) enum Journal {
    /// Nothing: the usual load.
    #[default]
    Off,
    /// Every value that was found.
    Keep(RefCell<Vec<Found>>),
    /// Every key that was asked for.
    Survey(Box<Survey>),
}

impl Journal {
    /// One pass of a survey.
    pub(super) fn survey(pass: usize) -> Self {
        Self::Survey(Box::new(Survey { pass, ..Survey::default() }))
    }

    /// The survey that it is, if it is one.
    pub(super) fn as_survey(&self) -> Option<&Survey> {
        if let Self::Survey(survey) = self { Some(survey) } else { None }
    }

    /// Every value that was found.
    pub(super) fn into_found(self) -> Vec<Found> {
        if let Self::Keep(found) = self { found.into_inner() } else { Vec::new() }
    }

    /// Remembers a value.
    pub(super) fn keep(&self, key: &str, form: &Form, entry: &Entry) {
        if let Self::Keep(found) = self {
            let (key, form) = (key.to_owned(), form.clone());
            found.borrow_mut().push(Found { key, form, node: entry.node.clone(), origin: entry.origin });
        }
    }
}

impl Survey {
    /// Remembers a key, and makes up a value for it; none where the loader gets further without.
    pub(super) fn ask(&self, path: String, key: &str, form: &Form) -> Option<Entry> {
        self.asked.borrow_mut().push((path.clone(), form.clone()));
        let draw = self.draw(key);
        let value = match form {
            Form::Text | Form::Secret | Form::IntegerOrText | Form::Texts | Form::Secrets => return None,
            Form::Integer => Value::Integer(if draw.is_multiple_of(2) { HUGE_INTEGER } else { -HUGE_INTEGER }),
            Form::Number => Value::Float(if draw.is_multiple_of(2) { HUGE_NUMBER } else { -HUGE_NUMBER }),
            Form::Flag => Value::Boolean(draw.is_multiple_of(2)),
            Form::Choice(words) => {
                let word = *words.get(draw.checked_rem(words.len())?)?;
                self.chosen.borrow_mut().push((path, word));
                Value::Text(word.to_owned())
            }
            // Some keys may stand in a table or beside it.
            Form::Table if draw.is_multiple_of(4) => return None,
            Form::Table => Value::Table(Table::default()),
            Form::Tables => Value::Array(vec![node(Value::Table(Table::default()))]),
            Form::Entries => {
                let any = Entry { key: "*".to_owned(), origin: NOWHERE, node: node(Value::Table(Table::default())) };
                Value::Table(Table { entries: vec![any] })
            }
        };
        Some(Entry { key: key.to_owned(), origin: NOWHERE, node: node(value) })
    }

    /// Whether a key that comes in two forms or under two names comes in the other one.
    pub(super) fn is_other(&self, key: &str) -> bool {
        self.draw(key).is_multiple_of(2)
    }

    /// A number for this key in this pass, as good as independent of others: FNV-1a.
    fn draw(&self, key: &str) -> usize {
        let start = 0xcbf2_9ce4_8422_2325 ^ self.pass as u64;
        let hash =
            key.bytes().chain([0]).fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        usize::try_from(hash >> 33).unwrap_or_default()
    }
}

/// Where made-up values stand.
pub(super) const NOWHERE: Origin = Origin { file: 0, start: 0 };

fn node(value: Value) -> Node {
    Node::new(value, NOWHERE)
}
