//! CSV: records of fields, of which some stood in quotes. Nothing is guessed from the content: the delimiter and the
//! quote are given, and a line that begins with `#` is a line like any other.

use std::io::BufRead;

use super::Column;
use crate::{Error, Result};

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// Stands between two fields.
    pub delimiter: u8,
    /// Stands around a field, and twice for itself inside; `None` if no character does.
    pub quote: Option<u8>,
    /// A field with this text, without quotes, is NULL; `None` if no field is.
    pub null: Option<String>,
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect {
            delimiter: b',',
            quote: Some(b'"'),
            null: Some(String::new()),
        }
    }
}

/// The most bytes of a record: the longest text that SQLite takes.
const MOST_BYTES: usize = 1_000_000_000;

/// One record.
#[derive(Debug, Default)]
pub struct Record {
    bytes: Vec<u8>,
    /// Where each field ends, and whether it stood in quotes.
    ends: Vec<(usize, bool)>,
}

impl Record {
    /// The number of fields; an empty line has one.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True before a record was read.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// True for a line without a character.
    pub fn is_blank(&self) -> bool {
        self.ends == [(0, false)]
    }

    /// The fields, each with whether it stood in quotes. Errors if one is not UTF-8.
    pub fn fields(&self) -> impl Iterator<Item = Result<(&str, bool)>> {
        let mut start = 0;
        self.ends.iter().map(move |(end, quoted)| {
            let bytes = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            let text = std::str::from_utf8(bytes)
                .map_err(|_| Error::new("is not UTF-8 text; convert the file to UTF-8 first"))?;
            Ok((text, *quoted))
        })
    }

    fn end_field(&mut self, quoted: bool) {
        self.ends.push((self.bytes.len(), quoted));
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a quote inside quotes: the end of the field, or the first of two quotes.
    Closing,
}

/// Reads records.
pub struct Reader<R> {
    input: R,
    dialect: Dialect,
    /// The last byte was CR, and LF after it belongs to the same end of line.
    after_cr: bool,
    /// Lines that have ended.
    lines: u64,
    /// The line on which the last record began, from 1.
    pub line: u64,
    /// Bytes read so far.
    pub bytes: u64,
}

impl<R: BufRead> Reader<R> {
    /// A reader at the beginning of a file.
    pub fn new(input: R, dialect: Dialect) -> Reader<R> {
        Reader {
            input,
            dialect,
            after_cr: false,
            lines: 0,
            line: 0,
            bytes: 0,
        }
    }

    /// Reads the next record; false at the end. Lines end with LF, CR LF or CR. Errors if the file cannot be read, a
    /// quote is not closed, or text follows a closed one.
    pub fn read(&mut self, record: &mut Record) -> Result<bool> {
        record.bytes.clear();
        record.ends.clear();
        self.line = self.lines + 1;
        let mut state = State::Start;
        loop {
            let block = self.input.fill_buf();
            let block = block.map_err(|e| Error::new(format!("cannot be read: {e}")))?;
            if block.is_empty() {
                return self.end(state, record);
            }
            // A mark of UTF-8 at the start of the file is no text.
            let block = match self.bytes {
                0 => block
                    .strip_prefix(b"\xEF\xBB\xBF")
                    .map_or((block, 0), |b| (b, 3)),
                _ => (block, 0),
            };
            let (block, mut used) = block;
            let mut done = false;
            for &byte in block {
                used += 1;
                if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                    continue;
                }
                if matches!(byte, b'\n' | b'\r') {
                    self.lines += 1;
                    self.after_cr = byte == b'\r';
                }
                state = match (state, byte) {
                    (State::Start, b) if Some(b) == self.dialect.quote => State::Quoted,
                    (State::Quoted, b) if Some(b) == self.dialect.quote => State::Closing,
                    (State::Closing, b) if Some(b) == self.dialect.quote => {
                        record.bytes.push(b);
                        State::Quoted
                    }
                    (State::Quoted, b) => {
                        record.bytes.push(b);
                        // LF after CR inside quotes is text.
                        self.after_cr = false;
                        self.lines -= u64::from(b == b'\n' && record.bytes.ends_with(b"\r\n"));
                        State::Quoted
                    }
                    (state, b) if b == self.dialect.delimiter => {
                        record.end_field(state == State::Closing);
                        State::Start
                    }
                    (state, b'\n' | b'\r') => {
                        record.end_field(state == State::Closing);
                        done = true;
                        break;
                    }
                    (State::Closing, _) => {
                        return Err(self.at(
                            "has text after a closed quote; double the quotes inside a field, or give the option quote",
                        ));
                    }
                    (_, b) => {
                        record.bytes.push(b);
                        State::Plain
                    }
                };
            }
            self.input.consume(used);
            self.bytes += used as u64;
            if done {
                return Ok(true);
            }
            if record.bytes.len() > MOST_BYTES {
                return Err(self.at("is longer than a text of SQLite may be; see to its quotes"));
            }
        }
    }

    fn end(&self, state: State, record: &mut Record) -> Result<bool> {
        match state {
            State::Start if record.is_empty() => Ok(false),
            State::Quoted => {
                Err(self.at("has a quote that is not closed; close it, or give the option quote"))
            }
            state => {
                record.end_field(state == State::Closing);
                Ok(true)
            }
        }
    }

    /// An error of the record that was read last.
    pub fn at(&self, what: &str) -> Error {
        Error::new(format!("line {} {what}", self.line))
    }
}

/// Appends a field. A text that [`Reader`] and [`Column`] would take for something else stands in quotes.
pub fn write_text(text: &str, out: &mut String) {
    let special = |b| matches!(b, b',' | b'"' | b'\n' | b'\r');
    if text.is_empty() || text.bytes().any(special) || Column::is_number(text) {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &[u8], dialect: &Dialect, block: usize) -> Result<Vec<Vec<(String, bool)>>> {
        let input = std::io::BufReader::with_capacity(block, text);
        let mut reader = Reader::new(input, dialect.clone());
        let (mut all, mut record) = (Vec::new(), Record::default());
        while reader.read(&mut record)? {
            let fields: Result<Vec<_>> = record
                .fields()
                .map(|f| f.map(|(t, q)| (t.to_owned(), q)))
                .collect();
            all.push(fields?);
        }
        Ok(all)
    }

    fn shown(text: &str) -> String {
        // The same whatever the size of the blocks, which may end inside a mark, CR LF or two quotes.
        let shown = |block| match records(text.as_bytes(), &Dialect::default(), block) {
            Ok(records) => records
                .iter()
                .map(|r| {
                    let fields = r
                        .iter()
                        .map(|(t, q)| if *q { format!("<{t}>") } else { t.clone() });
                    fields.collect::<Vec<_>>().join("|")
                })
                .collect::<Vec<_>>()
                .join("/"),
            Err(e) => e.to_string(),
        };
        let whole = shown(1 << 16);
        for block in 3..9 {
            assert_eq!(shown(block), whole, "{text:?} in blocks of {block}");
        }
        whole
    }

    #[test]
    fn records_are_read_as_they_are_written() {
        for (text, expected) in [
            ("", ""),
            ("a,b", "a|b"),
            ("a,b\n", "a|b"),
            ("a,b\r\nc,\r\n", "a|b/c|"),
            ("a\rb\r\rc", "a/b//c"),
            ("# a,#b\n,\n", "# a|#b/|"),
            ("\"\",\n", "<>|"),
            ("\"a,\"\"b\"\"\r\n\",c\n", "<a,\"b\"\r\n>|c"),
            (" \"a\" ,5\" pipe\n", " \"a\" |5\" pipe"),
            ("\u{feff}a\n\u{feff}b", "a/\u{feff}b"),
            ("a\n\nb", "a//b"),
            ("\"a\"", "<a>"),
            (
                "a,\"b\"x",
                "line 1 has text after a closed quote; double the quotes inside a field, or give the option quote",
            ),
            (
                "a\r\n\"\r\n\r\n\"\n\"",
                "line 5 has a quote that is not closed; close it, or give the option quote",
            ),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn dialects_are_given() {
        let dialect = Dialect {
            delimiter: b'\t',
            quote: None,
            null: None,
        };
        let found = records(b"\"a\tb,c", &dialect, 99).map(|r| format!("{r:?}"));
        assert_eq!(
            found.as_deref(),
            Ok("[[(\"\\\"a\", false), (\"b,c\", false)]]")
        );
        assert!(records(b"\xFF\xFEa", &Dialect::default(), 99).is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let texts = [
            "", "a", "1", "-1.50", "9e999", "a,b", "\"", "x\r\ny", " ", "#", "\r", "01",
        ];
        let mut line = String::new();
        for text in texts {
            write_text(text, &mut line);
            line.push(',');
        }
        line.push('\n');
        let found = records(line.as_bytes(), &Dialect::default(), 99);
        let found = found.map(|mut r| r.remove(0)).unwrap_or_default();
        for (text, (read, quoted)) in texts.iter().zip(&found) {
            assert_eq!(text, read);
            assert!(
                *quoted || !(text.is_empty() || Column::is_number(text)),
                "{text}"
            );
        }
    }
}
