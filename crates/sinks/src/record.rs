//! Records to bytes: one place that knows JSON Lines and CSV.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::Format;

/// Bytes gathered before they are handed on.
const BUFFER_BYTES: usize = 1 << 16;

/// Whether records tell which copy of the captures they belong to, in a last field `copy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Copies {
    /// They do not: the captures are replayed once.
    #[default]
    Untold,
    /// They do, from 1, the original.
    Told,
}

impl Copies {
    /// The fields of a record, of which the last is `copy`.
    pub(crate) fn columns(self, all: &'static [&'static str]) -> &'static [&'static str] {
        match self {
            Self::Told => all,
            Self::Untold => all.split_last().map_or(all, |(_, others)| others),
        }
    }
}

/// Writes records of one kind, each a flat structure whose fields are `columns`.
#[derive(Debug)]
pub(crate) struct RecordWriter<W: Write> {
    columns: &'static [&'static str],
    encoder: Encoder<W>,
}

#[derive(Debug)]
enum Encoder<W: Write> {
    Json { buffer: Vec<u8>, out: W },
    Csv { writer: Box<csv::Writer<W>>, header: Header },
}

#[derive(Debug, PartialEq, Eq)]
enum Header {
    Due,
    Written,
}

impl<W: Write> RecordWriter<W> {
    pub(crate) fn new(format: Format, columns: &'static [&'static str], out: W) -> Self {
        let encoder = match format {
            // A little more than the threshold, so that the record that crosses it seldom makes the buffer grow.
            Format::JsonLines => Encoder::Json { buffer: Vec::with_capacity(BUFFER_BYTES + 4096), out },
            Format::Csv => {
                // The header has to be there even if no record comes, so it is not left to the serializer.
                let writer = csv::WriterBuilder::new()
                    .has_headers(false)
                    .buffer_capacity(BUFFER_BYTES)
                    .from_writer(out);
                Encoder::Csv { writer: Box::new(writer), header: Header::Due }
            }
        };
        Self { columns, encoder }
    }

    /// The same with other fields; before the first record.
    pub(crate) fn with_columns(self, columns: &'static [&'static str]) -> Self {
        Self { columns, ..self }
    }

    /// Writes a record.
    pub(crate) fn write(&mut self, record: &impl Serialize) -> io::Result<()> {
        self.begin()?;
        match &mut self.encoder {
            Encoder::Json { buffer, out } => {
                serde_json::to_writer(&mut *buffer, record)?;
                buffer.push(b'\n');
                if buffer.len() >= BUFFER_BYTES {
                    out.write_all(buffer)?;
                    buffer.clear();
                }
                Ok(())
            }
            Encoder::Csv { writer, .. } => writer.serialize(record).map_err(io_error),
        }
    }

    /// Hands on what is buffered, the header too where no record came.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.begin()?;
        match &mut self.encoder {
            Encoder::Json { buffer, out } => {
                out.write_all(buffer)?;
                out.flush()
            }
            Encoder::Csv { writer, .. } => writer.flush(),
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if let Encoder::Csv { writer, header: header @ Header::Due } = &mut self.encoder {
            writer.write_record(self.columns).map_err(io_error)?;
            *header = Header::Written;
        }
        Ok(())
    }
}

/// The I/O error within, so that a broken pipe stays one.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("a record does not fit CSV: {other:?}")),
    }
}

/// A number as 16 lower-case hexadecimal digits (S12.13).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hex16(pub(crate) u64);

impl Serialize for Hex16 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = [0_u8; 16];
        for (place, digit) in digits.iter_mut().rev().enumerate() {
            let nibble = (self.0 >> (4 * place)).to_le_bytes()[0] & 0xf;
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        }
        serializer.serialize_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
