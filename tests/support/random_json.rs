//! Random JSON objects: valid, and as odd as JSON may be.
//!
//! Unknown fields in any order and nested, numbers beyond any type, every way to escape, any script, white space wherever it is
//! allowed. The same seed gives the same objects.

/// A source of odd JSON.
pub struct OddJson(u64);

impl OddJson {
    /// A source that gives the same for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        // SplitMix64, by Steele, Lea and Flood.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("it is below a usize")
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// An object with these fields, as `(key, value)` in JSON, among others that nobody knows; each key stands once.
    pub fn object_with(&mut self, fields: &[(&str, &str)]) -> String {
        let mut all: Vec<String> = Vec::new();
        for at in 0..self.below(5) {
            let key = format!("x{at}_{}", self.one_of(&["", "é", "\\u00e9", "\\/", "model", "日本", "\\t", "stream"]));
            all.push(self.field(&format!("\"{key}\""), 0));
        }
        for (key, value) in fields {
            let place = self.below(all.len() + 1);
            let spelt = self.spelt(key);
            let (before, behind) = (self.space(), self.space());
            all.insert(place, format!("{spelt}{before}:{behind}{value}"));
        }
        let (start, end) = (self.space(), self.space());
        format!("{start}{{{}}}{end}", all.join(&format!("{},", self.space())))
    }

    /// Any value, nested at most `5 - depth` levels deep.
    fn value(&mut self, depth: usize) -> String {
        match self.below(if depth < 5 { 8 } else { 5 }) {
            0 => self.one_of(&["true", "false", "null"]).to_owned(),
            1 => self.number(),
            2..=4 => self.string(),
            5 => format!("{{{}}}", self.fields(depth)),
            _ => {
                let elements: Vec<String> = (0..self.below(4)).map(|_| self.value(depth + 1)).collect();
                format!("[{}{}]", self.space(), elements.join(" ,"))
            }
        }
    }

    /// Text within a string, without its quotes.
    pub fn text(&mut self) -> String {
        const PIECES: [&str; 16] = [
            "a",
            "word ",
            "\\n",
            "\\\"",
            "\\\\",
            "\\/",
            "\\u0041",
            "\\uD83D\\uDE00",
            "😀",
            "ü",
            "日本語",
            "\u{2028}",
            "\u{7f}",
            "\\u0000",
            "data: ",
            "[DONE]",
        ];
        (0..self.below(6)).map(|_| self.one_of(&PIECES)).collect()
    }

    fn string(&mut self) -> String {
        format!("\"{}\"", self.text())
    }

    fn number(&mut self) -> String {
        let numbers =
            ["0", "-0", "1.10", "1e400", "-1E-400", "1E+2", "123456789012345678901234567890", "0.1000000000000000055"];
        self.one_of(&numbers).to_owned()
    }

    fn fields(&mut self, depth: usize) -> String {
        let fields: Vec<String> = (0..self.below(4))
            .map(|_| {
                let key = self.string();
                self.field(&key, depth + 1)
            })
            .collect();
        fields.join(",")
    }

    fn field(&mut self, key: &str, depth: usize) -> String {
        let (before, behind) = (self.space(), self.space());
        format!("{key}{before}:{behind}{}", self.value(depth))
    }

    /// A key as it may be spelt: plain, or with an escape in it.
    fn spelt(&mut self, key: &str) -> String {
        let at = self.below(key.len() * 4);
        match key.char_indices().nth(at) {
            Some((at, letter)) => format!("\"{}\\u{:04x}{}\"", &key[..at], u32::from(letter), &key[at + 1..]),
            None => format!("\"{key}\""),
        }
    }

    fn space(&mut self) -> &'static str {
        self.one_of(&["", "", "", " ", "\n", "\t ", "\r\n"])
    }
}
