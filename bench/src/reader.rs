//! Reads answers off a connection: just enough HTTP/1.1 to check every byte.

use anyhow::{Context, bail, ensure};

/// Reads one answer after another.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    at: usize,
    framing: Option<Framing>,
}

#[derive(Debug, Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked { left: usize, in_chunk: bool },
}

/// How far an answer is.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// More is to come.
    Partial,
    /// It is over.
    Complete,
    /// Somebody on the way refused the request, with this status.
    Refused(u16),
}

impl Reader {
    /// Takes what came and appends the body's share of it to `body`.
    pub fn push(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> anyhow::Result<Progress> {
        self.buffer.extend_from_slice(bytes);
        if self.framing.is_none() {
            let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
                return Ok(Progress::Partial);
            };
            let head = std::str::from_utf8(&self.buffer[..end]).context("a head that is no text")?;
            let (status, framing) = read_head(head)?;
            if status != 200 {
                return Ok(Progress::Refused(status));
            }
            self.framing = Some(framing);
            self.at = end + 4;
        }
        let is_complete = self.take_body(body)?;
        if !is_complete {
            return Ok(Progress::Partial);
        }
        ensure!(self.at == self.buffer.len(), "{} bytes follow an answer", self.buffer.len() - self.at);
        self.buffer.clear();
        (self.at, self.framing) = (0, None);
        Ok(Progress::Complete)
    }

    fn take_body(&mut self, body: &mut Vec<u8>) -> anyhow::Result<bool> {
        loop {
            match &mut self.framing {
                None => return Ok(false),
                Some(Framing::Length(left)) => {
                    let taken = (self.buffer.len() - self.at).min(*left);
                    body.extend_from_slice(&self.buffer[self.at..self.at + taken]);
                    self.at += taken;
                    *left -= taken;
                    return Ok(*left == 0);
                }
                Some(Framing::Chunked { left, in_chunk: true }) => {
                    let taken = (self.buffer.len() - self.at).min(*left);
                    body.extend_from_slice(&self.buffer[self.at..self.at + taken]);
                    self.at += taken;
                    *left -= taken;
                    if *left > 0 || self.buffer.len() - self.at < 2 {
                        return Ok(false);
                    }
                    ensure!(&self.buffer[self.at..self.at + 2] == b"\r\n", "a chunk without its end");
                    self.at += 2;
                    self.framing = Some(Framing::Chunked { left: 0, in_chunk: false });
                }
                Some(Framing::Chunked { in_chunk: false, .. }) => {
                    let rest = &self.buffer[self.at..];
                    let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else { return Ok(false) };
                    let size = std::str::from_utf8(&rest[..line]).context("a chunk size that is no text")?;
                    let size = usize::from_str_radix(size.trim(), 16).context("a chunk size that is no number")?;
                    if size > 0 {
                        self.at += line + 2;
                        self.framing = Some(Framing::Chunked { left: size, in_chunk: true });
                    } else if rest.len() >= line + 4 {
                        self.at += line + 4;
                        return Ok(true);
                    } else {
                        return Ok(false);
                    }
                }
            }
        }
    }
}

fn read_head(head: &str) -> anyhow::Result<(u16, Framing)> {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("an answer without a status")?.parse()?;
    for line in lines {
        let (name, value) = line.split_once(':').with_context(|| format!("'{line}' is no header"))?;
        if name.eq_ignore_ascii_case("content-length") {
            return Ok((status, Framing::Length(value.trim().parse()?)));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok((status, Framing::Chunked { left: 0, in_chunk: false }));
        }
    }
    bail!("an answer without a length: {head}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_however_it_is_cut() {
        let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n02\r\nde\r\n0\r\n\r\n";
        for cut in 0..answer.len() {
            let (mut reader, mut body) = (Reader::default(), Vec::new());
            assert_eq!(reader.push(&answer[..cut], &mut body).unwrap(), Progress::Partial, "{cut}");
            assert_eq!(reader.push(&answer[cut..], &mut body).unwrap(), Progress::Complete, "{cut}");
            assert_eq!(body, b"abcde");
        }
    }

    #[test]
    fn a_refusal_is_told_by_its_status() {
        let mut reader = Reader::default();
        let refused = reader.push(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", &mut Vec::new()).unwrap();
        assert_eq!(refused, Progress::Refused(503));
    }

    #[test]
    fn what_follows_an_answer_is_an_error() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab";
        assert!(Reader::default().push(answer, &mut Vec::new()).is_err());
    }
}
