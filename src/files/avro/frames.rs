//! The frame of a file: a header, then blocks that each say how many rows and bytes they have.
//!
//! The crate `arrow-avro` takes a file that ends within a block for one that ends before it, makes room for as many bytes as
//! a block claims to have, and does not look at the marks between blocks. So a file passes through here first, one block
//! at a time, and what is wrong with its frame is an error before the crate sees it.

use std::io::{BufRead, Error, ErrorKind, Read, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that every file begins with.
pub(super) const MAGIC: &[u8] = b"Obj\x01";

/// The mark after the header and after each block.
const MARK_BYTES: usize = 16;

/// Gives the bytes of a file as they are, after checking the frame around them.
pub(super) struct Frames<R> {
    input: R,
    /// Bytes of the file that have not been read.
    left: u64,
    /// The header or a block, as a whole.
    frame: Vec<u8>,
    /// How much of it has been given.
    given: usize,
    /// `None` before the header.
    mark: Option<Vec<u8>>,
    is_snappy: bool,
    rows: Rows,
}

/// How many rows the blocks say that they have, those that have been read.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows(Arc<AtomicU64>);

impl Rows {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<R: BufRead> Frames<R> {
    /// `size`: that of the file in bytes.
    pub(super) fn new(input: R, size: u64) -> Self {
        let (frame, rows) = (Vec::new(), Rows::default());
        Self { input, left: size, frame, given: 0, mark: None, is_snappy: false, rows }
    }

    pub(super) fn rows(&self) -> Rows {
        self.rows.clone()
    }

    fn read_header(&mut self) -> Result<()> {
        if self.read_bytes(MAGIC.len() as u64)? != MAGIC {
            return Err(damaged("it does not begin like an Avro file"));
        }
        loop {
            let entries = self.read_long()?;
            if entries == 0 {
                break;
            }
            if entries < 0 {
                // The number of bytes follows, for those who want to skip them.
                self.read_long()?;
            }
            for _ in 0..entries.unsigned_abs() {
                let is_codec = self.read_text()? == b"avro.codec";
                let value = self.read_text()?;
                if is_codec {
                    self.is_snappy = value == b"snappy";
                }
            }
        }
        self.mark = Some(self.read_bytes(MARK_BYTES as u64)?.to_vec());
        Ok(())
    }

    fn read_block(&mut self) -> Result<()> {
        let rows = self.read_long()?;
        let Ok(rows) = u64::try_from(rows) else { return Err(damaged("a block has a negative number of rows")) };
        let bytes = self.read_text()?.len();
        // Of snappy, the last four bytes are a checksum.
        if rows > 0 && bytes < if self.is_snappy { 4 } else { 1 } {
            return Err(damaged("a block has rows without bytes"));
        }
        let mark = self.mark.take();
        if mark.as_deref() != Some(self.read_bytes(MARK_BYTES as u64)?) {
            return Err(damaged("a block does not end where it should"));
        }
        self.mark = mark;
        self.rows.0.fetch_add(rows, Ordering::Relaxed);
        Ok(())
    }

    /// So many bytes.
    fn read_bytes(&mut self, count: u64) -> Result<&[u8]> {
        let start = self.frame.len();
        if count > self.left || self.input.by_ref().take(count).read_to_end(&mut self.frame)? as u64 != count {
            return Err(Error::new(ErrorKind::UnexpectedEof, "it is cut off: it ends within a header or block"));
        }
        self.left -= count;
        Ok(&self.frame[start..])
    }

    /// Bytes after their number.
    fn read_text(&mut self) -> Result<&[u8]> {
        match u64::try_from(self.read_long()?) {
            Ok(count) => self.read_bytes(count),
            Err(_) => Err(damaged("a length is negative")),
        }
    }

    /// Seven bits a byte, the lowest first, with the sign as the lowest of all.
    fn read_long(&mut self) -> Result<i64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.read_bytes(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(damaged("a number has too many bytes"))
    }
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

impl<R: BufRead> BufRead for Frames<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.given == self.frame.len() {
            self.frame.clear();
            self.given = 0;
            if self.mark.is_none() {
                self.read_header()?;
            } else if self.left > 0 {
                self.read_block()?;
            }
        }
        Ok(&self.frame[self.given..])
    }

    fn consume(&mut self, count: usize) {
        self.given += count;
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
