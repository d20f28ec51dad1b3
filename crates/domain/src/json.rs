//! JSON, read without being built: what a gateway needs to know of a text it passes on.
//!
//! As strict as `serde_json`, which its tests hold it against, and many times faster where nearly everything is skipped: a string is leapt over,
//! a value is a slice of the text, and nothing is allocated.

mod spelling;

use std::borrow::Cow;

use simdutf8::compat::from_utf8;
use spelling::{BLOCK, first_of, marks_at, plain_until};
pub use spelling::{quoted, spells_itself, text};

/// The deepest nesting that is read, the outermost braces included: as deep as `serde_json` reads.
pub const MAX_DEPTH: usize = 127;

/// A text that is no JSON, or not of the expected shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no JSON of the expected shape at byte {at}")]
pub struct InvalidJson {
    /// Where that became clear.
    pub at: usize,
}

/// Reads a text from its start to its end.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// How many blocks of a string are looked at before it is taken for a long one.
const SHORT: usize = 4;

type Read<T> = Result<T, InvalidJson>;

/// How a string is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// As it reads.
    Plain,
    /// With escapes in it.
    Escaped,
}

impl<'a> Scanner<'a> {
    /// Begins at the start of `text`.
    ///
    /// # Errors
    /// [`InvalidJson`] if `text` is not UTF-8.
    pub fn new(text: &'a [u8]) -> Read<Self> {
        let text = from_utf8(text).map_err(|error| InvalidJson { at: error.valid_up_to() })?;
        Ok(Self::of(text))
    }

    /// Begins at the start of `text`.
    pub fn of(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Reads an object: `field` is told each key and reads its value.
    ///
    /// # Errors
    /// [`InvalidJson`] if there is no object, or what `field` says.
    pub fn object(&mut self, mut field: impl FnMut(&mut Self, &str) -> Read<()>) -> Read<()> {
        self.fields(|scanner, key| field(scanner, &key))
    }

    /// Reads an object, as [`Scanner::object`] does; a key that holds no escape is a slice of the text.
    ///
    /// # Errors
    /// [`InvalidJson`] if there is no object, or what `field` says.
    pub fn fields(&mut self, mut field: impl FnMut(&mut Self, Cow<'a, str>) -> Read<()>) -> Read<()> {
        self.within(b'{', b'}', |scanner| {
            let key = scanner.key()?;
            scanner.expect(b':')?;
            field(scanner, key)
        })
    }

    /// Reads a list: `element` reads each of its values.
    ///
    /// # Errors
    /// [`InvalidJson`] if there is no list, or what `element` says.
    pub fn list(&mut self, element: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.within(b'[', b']', element)
    }

    /// Reads any value, as it is spelt.
    ///
    /// # Errors
    /// [`InvalidJson`] if there is none.
    pub fn value(&mut self) -> Read<&'a str> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    /// How many bytes were read.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Reads any value, and leaves it.
    ///
    /// # Errors
    /// [`InvalidJson`] if there is none.
    pub fn skip(&mut self) -> Read<()> {
        match self.peek() {
            Some(b'{') => self.within(b'{', b'}', Self::skip_field),
            Some(b'[') => self.list(Self::skip),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => self.invalid(),
        }
    }

    /// What `read` makes of the next value; `None` if that is no such thing, and is skipped.
    ///
    /// # Errors
    /// [`InvalidJson`] if there is no value at all.
    pub fn read_or_skip<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        let (at, depth) = (self.at, self.depth);
        if let Ok(value) = read(self) {
            return Ok(Some(value));
        }
        (self.at, self.depth) = (at, depth);
        self.skip().map(|()| None)
    }

    /// Reads any value, as it is spelt; `None` if it is `null`.
    ///
    /// # Errors
    /// [`InvalidJson`] if there is none.
    pub fn filled(&mut self) -> Read<Option<&'a str>> {
        self.value().map(|value| (value != "null").then_some(value))
    }

    /// Reads a whole number that is not negative, or `null`.
    ///
    /// # Errors
    /// [`InvalidJson`] if there is something else, or a number beyond 64 bits.
    pub fn count(&mut self) -> Read<Option<u64>> {
        self.filled()?.map(str::parse).transpose().or_else(|_| self.invalid())
    }

    /// Reads a text, or `null`; one that holds no escape is a slice of what is read.
    ///
    /// # Errors
    /// [`InvalidJson`] if there is something else.
    pub fn text(&mut self) -> Read<Option<Cow<'a, str>>> {
        self.some(Self::key)
    }

    /// What `read` makes of the next value; `None` if that is `null`.
    ///
    /// # Errors
    /// [`InvalidJson`] if it only begins like `null`, or what `read` says.
    pub fn some<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.null()? { Ok(None) } else { read(self).map(Some) }
    }

    /// Whether `null` comes next; it is read then.
    ///
    /// # Errors
    /// [`InvalidJson`] if it only begins like it.
    pub fn null(&mut self) -> Read<bool> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null").map(|()| true)
    }

    /// Whether `key` was not there before: `seen` holds a bit for each.
    ///
    /// # Errors
    /// [`InvalidJson`] if it was: two readers could see two values.
    pub fn once(&self, seen: &mut u32, bit: u32) -> Read<()> {
        if *seen & (1 << bit) != 0 {
            return self.invalid();
        }
        *seen |= 1 << bit;
        Ok(())
    }

    /// Nothing but space is left.
    ///
    /// # Errors
    /// [`InvalidJson`] if something is.
    pub fn end(&mut self) -> Read<()> {
        if self.peek().is_some() { self.invalid() } else { Ok(()) }
    }

    /// Says that what was read does not fit.
    ///
    /// # Errors
    /// Always.
    pub fn invalid<T>(&self) -> Read<T> {
        Err(InvalidJson { at: self.at })
    }

    fn within(&mut self, open: u8, close: u8, mut item: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.expect(open)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.invalid();
        }
        if self.peek() == Some(close) {
            self.at += 1;
        } else {
            loop {
                item(self)?;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(byte) if byte == close => break self.at += 1,
                    _ => return self.invalid(),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// A key, unescaped where it holds an escape.
    fn key(&mut self) -> Read<Cow<'a, str>> {
        let start = self.at_quote()?;
        match self.string()? {
            Spelling::Plain => Ok(Cow::Borrowed(&self.text[start + 1..self.at - 1])),
            Spelling::Escaped => self.unescaped(start).map(Cow::Owned),
        }
    }

    /// A key, which must be a text, and any value.
    fn skip_field(&mut self) -> Read<()> {
        let start = self.at_quote()?;
        if self.string()? == Spelling::Escaped {
            self.unescaped(start)?;
        }
        self.expect(b':')?;
        self.skip()
    }

    /// Where a string begins, which must come next.
    fn at_quote(&mut self) -> Read<usize> {
        if self.peek() == Some(b'"') { Ok(self.at) } else { self.invalid() }
    }

    /// What the string spells that was read from `start` on.
    fn unescaped(&self, start: usize) -> Read<String> {
        serde_json::from_str(&self.text[start..self.at]).or_else(|_| self.invalid())
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                next => return next.copied(),
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() != Some(byte) {
            return self.invalid();
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Read<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return self.invalid();
        }
        self.at += word.len();
        Ok(())
    }

    /// A string, its opening quote next.
    fn string(&mut self) -> Read<Spelling> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        // Most are so short that a block or two tell.
        for _ in 0..SHORT {
            let Some(marks) = marks_at(bytes, self.at) else { break };
            if marks == 0 {
                self.at = (self.at + BLOCK).min(bytes.len());
                continue;
            }
            let end = self.at + first_of(marks);
            if bytes[end] == b'"' {
                self.at = end + 1;
                return Ok(Spelling::Plain);
            }
            break;
        }
        self.rest_of_string(bytes)
    }

    /// Not inlined, so that what every string runs through needs few registers.
    #[inline(never)]
    fn rest_of_string(&mut self, bytes: &[u8]) -> Read<Spelling> {
        let mut spelling = Spelling::Plain;
        loop {
            self.at = plain_until(bytes, self.at).ok_or(InvalidJson { at: self.at })?;
            if bytes[self.at] == b'"' {
                self.at += 1;
                return Ok(spelling);
            }
            self.escape(bytes)?;
            spelling = Spelling::Escaped;
        }
    }

    fn escape(&mut self, bytes: &[u8]) -> Read<()> {
        let length = match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => 6,
            _ => return self.invalid(),
        };
        let digits = bytes.get(self.at + 2..self.at + length).ok_or(InvalidJson { at: self.at })?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return self.invalid();
        }
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Read<()> {
        let bytes = self.text.as_bytes();
        self.at += usize::from(bytes[self.at] == b'-');
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1 + usize::from(matches!(bytes.get(self.at + 1), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    /// One digit at least.
    fn digits(&mut self) -> Read<()> {
        let digits = self.text.as_bytes()[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 { self.invalid() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
