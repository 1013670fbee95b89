//! Rows as a stream of Arrow's IPC format (version 5), which pyarrow, polars, apache-arrow for JavaScript and Arrow for
//! Go read in one call: a schema, batches of rows, an end. See <https://arrow.apache.org/docs/format/Columnar.html>.

use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

use crate::{Error, Result};

/// Rows of a batch: enough that what is said of each batch costs nothing, few enough that one is held twice.
const BATCH: usize = 131_072;

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Nothing but NULLs.
    Null,
    /// True or false.
    Boolean,
    /// An integer of 1, 2, 4 or 8 bytes.
    Integer {
        /// Its width.
        bytes: u8,
        /// False for whole numbers from 0 on.
        signed: bool,
    },
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
    /// An integer of 16 bytes and where its decimal point is.
    Decimal {
        /// The most digits, up to 38.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// Days since 1970 in 4 bytes.
    Date,
    /// Microseconds since midnight in 8 bytes.
    Time,
    /// Time since 1970 in 8 bytes.
    Timestamp {
        /// Units a second: 1, 1,000, 1,000,000 or 1,000,000,000.
        units: i64,
        /// It is a moment in UTC, not the face of a clock somewhere.
        utc: bool,
    },
    /// UTF-8.
    Text,
    /// Bytes.
    Blob,
    /// Lists of different lengths.
    List(Box<Kind>),
    /// Lists of this length.
    Array(Box<Kind>, usize),
    /// Named values.
    Struct(Vec<(String, Kind)>),
}

/// A column that values are appended to.
pub struct Column {
    kind: Kind,
    len: usize,
    nulls: usize,
    /// A bit for each value that is there.
    validity: Vec<u8>,
    /// The ends of texts, bytes and lists, after a 0, as the little-endian bytes of 32-bit integers.
    ends: Vec<u8>,
    values: Vec<u8>,
    /// Of a list its elements, of a struct its fields.
    children: Vec<Column>,
}

impl Column {
    fn new(kind: Kind) -> Column {
        let children = match &kind {
            Kind::List(element) | Kind::Array(element, _) => vec![Column::new((**element).clone())],
            Kind::Struct(fields) => fields.iter().map(|(_, k)| Column::new(k.clone())).collect(),
            _ => Vec::new(),
        };
        let mut column = Column {
            kind,
            len: 0,
            nulls: 0,
            validity: Vec::new(),
            ends: Vec::new(),
            values: Vec::new(),
            children,
        };
        column.clear();
        column
    }

    fn clear(&mut self) {
        (self.len, self.nulls) = (0, 0);
        self.validity.clear();
        self.values.clear();
        self.ends.clear();
        if matches!(self.kind, Kind::Text | Kind::Blob | Kind::List(_)) {
            self.ends.extend(0_i32.to_le_bytes());
        }
        self.children.iter_mut().for_each(Column::clear);
    }

    /// The type.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    fn count(&mut self, valid: bool) {
        set_bit(&mut self.validity, self.len, valid);
        self.nulls += usize::from(!valid);
        self.len += 1;
    }

    /// Appends NULL, with its place in what the type lays out for each value.
    pub fn null(&mut self) {
        match &self.kind {
            Kind::Boolean => set_bit(&mut self.values, self.len, false),
            Kind::Text | Kind::Blob | Kind::List(_) => {
                self.ends.extend_from_within(self.ends.len() - 4..);
            }
            Kind::Array(_, len) => (0..*len).for_each(|_| self.children[0].null()),
            Kind::Struct(_) => self.children.iter_mut().for_each(Column::null),
            kind => self.values.resize(self.values.len() + kind.width(), 0),
        }
        self.count(false);
    }

    /// Appends a boolean.
    pub fn boolean(&mut self, value: bool) {
        set_bit(&mut self.values, self.len, value);
        self.count(true);
    }

    /// Appends a value of a fixed width by its little-endian bytes.
    pub fn fixed(&mut self, bytes: &[u8]) {
        debug_assert_eq!(bytes.len(), self.kind.width());
        self.values.extend_from_slice(bytes);
        self.count(true);
    }

    /// Appends values of a fixed width, none of them NULL, by their little-endian bytes in one piece.
    pub fn all(&mut self, bytes: &[u8], len: usize) {
        debug_assert_eq!(bytes.len(), len * self.kind.width());
        self.values.extend_from_slice(bytes);
        let mut left = len;
        if self.len.is_multiple_of(8) {
            self.validity.resize(self.validity.len() + len / 8, 0xff);
            self.len += len / 8 * 8;
            left = len % 8;
        }
        (0..left).for_each(|_| self.count(true));
    }

    /// Appends a text or bytes. Errors if those of a batch take 2 GiB.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.values.extend_from_slice(bytes);
        self.end(self.values.len())
    }

    /// Appends a list whose elements were appended to [`Self::child`] 0. Errors if those of a batch are 2^31.
    pub fn list(&mut self) -> Result<()> {
        self.end(self.children[0].len)
    }

    fn end(&mut self, end: usize) -> Result<()> {
        let end = i32::try_from(end).map_err(|_| too_large(i32::MAX as usize))?;
        self.ends.extend(end.to_le_bytes());
        self.count(true);
        Ok(())
    }

    /// Appends an array or struct whose elements or fields were appended to its children.
    pub fn composed(&mut self) {
        self.count(true);
    }

    /// The elements of a list or array (0), or a field of a struct.
    pub fn child(&mut self, index: usize) -> &mut Column {
        &mut self.children[index]
    }

    /// The bytes held, about.
    fn size(&self) -> usize {
        let own = self.values.len() + self.ends.len() + self.validity.len();
        own + self.children.iter().map(Column::size).sum::<usize>()
    }

    /// Its nodes and buffers as the format orders them: each column before its children.
    fn lay_out<'a>(&'a self, batch: &mut Batch<'a>) {
        batch.nodes.push([self.len as i64, self.nulls as i64]);
        if self.kind != Kind::Null {
            batch.buffer(if self.nulls == 0 { &[] } else { &self.validity });
        }
        match &self.kind {
            Kind::Null | Kind::Array(..) | Kind::Struct(_) => {}
            Kind::Text | Kind::Blob | Kind::List(_) => {
                batch.buffer(&self.ends);
                if !matches!(self.kind, Kind::List(_)) {
                    batch.buffer(&self.values);
                }
            }
            _ => batch.buffer(&self.values),
        }
        self.children.iter().for_each(|child| child.lay_out(batch));
    }
}

fn set_bit(bits: &mut Vec<u8>, index: usize, value: bool) {
    if index.is_multiple_of(8) {
        bits.push(0);
    }
    if let Some(last) = bits.last_mut() {
        *last |= u8::from(value) << (index % 8);
    }
}

fn too_large(most: usize) -> Error {
    Error::new(format!(
        "the rows take more than {most} bytes as Arrow, which is the most for one value; select less, or write them to a file by lumos_export"
    ))
}

/// A stream that is being written.
pub struct Writer {
    out: Vec<u8>,
    columns: Vec<Column>,
    most_bytes: usize,
}

impl Writer {
    /// Begins a stream of these columns that takes at most so many bytes.
    pub fn new(fields: Vec<(String, Kind)>, most_bytes: usize) -> Writer {
        let mut writer = Writer {
            out: Vec::new(),
            columns: Vec::new(),
            most_bytes,
        };
        let mut b = FlatBufferBuilder::new();
        let fields_at: Vec<_> = fields
            .iter()
            .map(|(name, kind)| field(&mut b, name, kind))
            .collect();
        let fields_at = b.create_vector(&fields_at);
        let start = b.start_table();
        b.push_slot_always(slot(1), fields_at);
        let schema = b.end_table(start);
        writer.message(b, SCHEMA, schema.as_union_value(), &Batch::default());
        writer.columns = fields
            .into_iter()
            .map(|(_, kind)| Column::new(kind))
            .collect();
        writer
    }

    /// A column, to append to.
    pub fn column(&mut self, index: usize) -> &mut Column {
        &mut self.columns[index]
    }

    /// Ends some rows, which every column has now. Errors if the stream takes more bytes than it may.
    pub fn rows(&mut self) -> Result<()> {
        let held: usize = self.columns.iter().map(Column::size).sum();
        if self.out.len() + held > self.most_bytes {
            return Err(too_large(self.most_bytes));
        }
        if self.len() >= BATCH {
            self.flush();
        }
        Ok(())
    }

    /// The whole stream. Errors as [`Self::rows`] does.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        if self.len() > 0 {
            self.flush();
        }
        self.out.extend(CONTINUES);
        self.out.extend(0_u32.to_le_bytes());
        if self.out.len() > self.most_bytes {
            return Err(too_large(self.most_bytes));
        }
        Ok(self.out)
    }

    fn len(&self) -> usize {
        self.columns.first().map_or(0, |column| column.len)
    }

    fn flush(&mut self) {
        let mut columns = std::mem::take(&mut self.columns);
        let rows = columns.first().map_or(0, |column| column.len);
        let mut batch = Batch::default();
        columns.iter().for_each(|column| column.lay_out(&mut batch));
        let mut b = FlatBufferBuilder::new();
        let buffers = pairs(&mut b, &batch.places);
        let nodes = pairs(&mut b, &batch.nodes);
        let start = b.start_table();
        b.push_slot_always(slot(0), rows as i64);
        b.push_slot_always(slot(1), nodes);
        b.push_slot_always(slot(2), buffers);
        let header = b.end_table(start);
        self.message(b, RECORD_BATCH, header.as_union_value(), &batch);
        columns.iter_mut().for_each(Column::clear);
        self.columns = columns;
    }

    /// Appends a message: a mark, the length of what is said of it, that, and its body, all in multiples of 8 bytes.
    fn message(
        &mut self,
        mut b: FlatBufferBuilder,
        kind: u8,
        header: WIPOffset<UnionWIPOffset>,
        body: &Batch<'_>,
    ) {
        let start = b.start_table();
        b.push_slot_always(slot(3), body.len as i64);
        b.push_slot_always(slot(2), header);
        b.push_slot_always(slot(0), VERSION_5);
        b.push_slot_always(slot(1), kind);
        let message = b.end_table(start);
        b.finish_minimal(message);
        let said = b.finished_data();
        let padded = said.len().next_multiple_of(8);
        self.out.extend(CONTINUES);
        self.out.extend((padded as u32).to_le_bytes());
        self.out.extend_from_slice(said);
        self.out.resize(self.out.len() + padded - said.len(), 0);
        self.out.reserve(body.len);
        for buffer in &body.buffers {
            self.out.extend_from_slice(buffer);
            self.out.resize(self.out.len().next_multiple_of(8), 0);
        }
    }
}

/// What a message has of its columns: their buffers, one after the other, each filled up to a multiple of 8 bytes.
#[derive(Default)]
struct Batch<'a> {
    /// The values and the NULLs among them, of each column.
    nodes: Vec<[i64; 2]>,
    /// Where each buffer begins and how long it is.
    places: Vec<[i64; 2]>,
    buffers: Vec<&'a [u8]>,
    len: usize,
}

impl<'a> Batch<'a> {
    fn buffer(&mut self, bytes: &'a [u8]) {
        self.places.push([self.len as i64, bytes.len() as i64]);
        self.buffers.push(bytes);
        self.len += bytes.len().next_multiple_of(8);
    }
}

const CONTINUES: [u8; 4] = [0xff; 4];

// Numbers of the format's Message.fbs and Schema.fbs.
const VERSION_5: i16 = 4;
const SCHEMA: u8 = 1;
const RECORD_BATCH: u8 = 3;

/// Where a table's field number `index` stands in its list of fields.
fn slot(index: u16) -> u16 {
    4 + 2 * index
}

/// A vector of structs of two 64-bit integers.
fn pairs<'a>(
    b: &mut FlatBufferBuilder<'a>,
    pairs: &[[i64; 2]],
) -> WIPOffset<flatbuffers::Vector<'a, i64>> {
    b.start_vector::<i64>(2 * pairs.len());
    for pair in pairs.iter().rev() {
        b.push(pair[1]);
        b.push(pair[0]);
    }
    b.end_vector::<i64>(pairs.len())
}

type Table = WIPOffset<flatbuffers::TableFinishedWIPOffset>;

fn field(b: &mut FlatBufferBuilder, name: &str, kind: &Kind) -> Table {
    let children: Vec<Table> = match kind {
        Kind::List(element) | Kind::Array(element, _) => vec![field(b, "item", element)],
        Kind::Struct(fields) => fields
            .iter()
            .map(|(name, kind)| field(b, name, kind))
            .collect(),
        _ => Vec::new(),
    };
    let children = b.create_vector(&children);
    let (number, ty) = kind.write(b);
    let name = b.create_string(name);
    let start = b.start_table();
    b.push_slot_always(slot(0), name);
    b.push_slot_always(slot(3), ty);
    b.push_slot_always(slot(5), children);
    b.push_slot_always(slot(1), true);
    b.push_slot_always(slot(2), number);
    b.end_table(start)
}

impl Kind {
    /// The bytes of each value, 0 where they differ or are none.
    fn width(&self) -> usize {
        match self {
            Kind::Integer { bytes, .. } => usize::from(*bytes),
            Kind::Float | Kind::Date => 4,
            Kind::Double | Kind::Time | Kind::Timestamp { .. } => 8,
            Kind::Decimal { .. } => 16,
            _ => 0,
        }
    }

    /// The number of the type, and the table that says more of it.
    fn write(&self, b: &mut FlatBufferBuilder) -> (u8, Table) {
        let zone = match self {
            Kind::Timestamp { utc: true, .. } => Some(b.create_string("UTC")),
            _ => None,
        };
        let start = b.start_table();
        let number = match self {
            Kind::Null => 1,
            Kind::Integer { bytes, signed } => {
                b.push_slot_always(slot(0), i32::from(*bytes) * 8);
                b.push_slot_always(slot(1), *signed);
                2
            }
            Kind::Float | Kind::Double => {
                b.push_slot_always(slot(0), if *self == Kind::Float { 1_i16 } else { 2 });
                3
            }
            Kind::Blob => 4,
            Kind::Text => 5,
            Kind::Boolean => 6,
            Kind::Decimal { precision, scale } => {
                b.push_slot_always(slot(0), i32::from(*precision));
                b.push_slot_always(slot(1), i32::from(*scale));
                b.push_slot_always(slot(2), 128_i32);
                7
            }
            Kind::Date => {
                b.push_slot_always(slot(0), 0_i16);
                8
            }
            Kind::Time => {
                b.push_slot_always(slot(0), 2_i16);
                b.push_slot_always(slot(1), 64_i32);
                9
            }
            Kind::Timestamp { units, .. } => {
                let unit = match units {
                    1 => 0_i16,
                    1_000 => 1,
                    1_000_000 => 2,
                    _ => 3,
                };
                if let Some(zone) = zone {
                    b.push_slot_always(slot(1), zone);
                }
                b.push_slot_always(slot(0), unit);
                10
            }
            Kind::List(_) => 12,
            Kind::Struct(_) => 13,
            Kind::Array(_, len) => {
                b.push_slot_always(slot(0), i32::try_from(*len).unwrap_or(i32::MAX));
                16
            }
        };
        (number, b.end_table(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1_000_000;

    /// The bytes are those of the format: `test_arrow` of the Python package has pyarrow read streams of every type.
    #[test]
    fn a_stream_has_the_frames_of_the_format() {
        let kind = Kind::Integer {
            bytes: 8,
            signed: true,
        };
        let mut writer = Writer::new(vec![("a".into(), kind)], MOST);
        writer.column(0).fixed(&1_i64.to_le_bytes());
        writer.column(0).null();
        writer.rows().unwrap();
        let stream = writer.finish().unwrap();
        assert_eq!(stream[..4], CONTINUES);
        assert_eq!(
            stream[stream.len() - 8..],
            [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]
        );
        let body = [[1, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0], [0; 8]].concat();
        assert_eq!(
            stream[stream.len() - 8 - body.len()..stream.len() - 8],
            body
        );
        assert!(stream.len().is_multiple_of(8));
    }

    #[test]
    fn without_rows_there_is_a_schema_and_an_end() {
        let stream = Writer::new(vec![("a".into(), Kind::Text)], MOST)
            .finish()
            .unwrap();
        let said = u32::from_le_bytes(stream[4..8].try_into().unwrap()) as usize;
        assert_eq!(stream.len(), 8 + said + 8);
    }

    #[test]
    fn nulls_keep_their_place_in_every_type() {
        let element = || Box::new(Kind::Date);
        let kinds = [
            Kind::Boolean,
            Kind::Text,
            Kind::Decimal {
                precision: 38,
                scale: 2,
            },
            Kind::List(element()),
            Kind::Array(element(), 3),
            Kind::Struct(vec![("a".into(), Kind::Blob), ("b".into(), Kind::Double)]),
        ];
        for kind in kinds {
            let mut column = Column::new(kind.clone());
            (0..9).for_each(|_| column.null());
            assert_eq!(
                (column.len, column.nulls, column.validity.len()),
                (9, 9, 2),
                "{kind:?}"
            );
            let lens: Vec<usize> = column.children.iter().map(|child| child.len).collect();
            let expected: &[usize] = match kind {
                Kind::List(_) => &[0],
                Kind::Array(..) => &[27],
                Kind::Struct(_) => &[9, 9],
                _ => &[],
            };
            assert_eq!(lens, expected, "{kind:?}");
        }
    }

    #[test]
    fn values_in_one_piece_are_values_one_by_one() {
        for before in [0, 3, 8] {
            for len in [0, 1, 8, 21] {
                let [mut pieces, mut single] = [(); 2].map(|()| Column::new(Kind::Date));
                let bytes: Vec<u8> = (0..len * 4).collect();
                for column in [&mut pieces, &mut single] {
                    (0..before).for_each(|_| column.null());
                }
                pieces.all(&bytes, len.into());
                bytes.chunks(4).for_each(|value| single.fixed(value));
                for column in [&mut pieces, &mut single] {
                    column.null();
                }
                assert_eq!(
                    (&pieces.values, &pieces.validity, pieces.len, pieces.nulls),
                    (&single.values, &single.validity, single.len, single.nulls),
                    "{len} after {before}"
                );
            }
        }
    }

    #[test]
    fn more_than_it_may_take_is_an_error() {
        let mut writer = Writer::new(vec![("a".into(), Kind::Blob)], 10_000);
        let filled = (0..4).try_for_each(|_| {
            writer.column(0).bytes(&[0; 3000])?;
            writer.rows()
        });
        assert!(
            filled
                .unwrap_err()
                .to_string()
                .contains("more than 10000 bytes as Arrow")
        );
        assert!(
            Writer::new(vec![("a".into(), Kind::Blob)], 10)
                .finish()
                .is_err()
        );
    }
}
