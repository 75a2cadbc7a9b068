//! The rows that one load could not write: how many there are, and the files that keep them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use datafusion::arrow::array::RecordBatch;

use super::WriteRecipe;
use super::rejected_file::{Rejected, RejectedFile, make_folder};
use crate::error::{Error, Result};
use crate::options::{CassandraOptions, MAX_REJECTED};

#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// Made when there is the first of them.
    folder: Option<PathBuf>,
    /// Those of the streams that have not ended.
    files: BTreeMap<usize, RejectedFile>,
    rows: u64,
    /// Why the last of them could not be written.
    last: String,
    /// Why the load has failed, when there were too many of them.
    too_many: Option<String>,
}

impl Unwritten {
    pub(super) fn folder(&self) -> Option<&PathBuf> {
        self.folder.as_ref()
    }

    /// Keeps rows of a batch of this stream; `last` is why the last of them could not be written.
    ///
    /// # Errors
    /// They cannot be kept, or another stream has found too many of them: then none of these is kept.
    pub(super) fn keep(
        &mut self,
        recipe: &WriteRecipe,
        stream: usize,
        batch: &RecordBatch,
        rejected: &[Rejected],
        last: &Error,
    ) -> Result<()> {
        if let Some(failure) = &self.too_many {
            return Err(Error::data(failure.clone()));
        }
        self.file(recipe, stream, batch)?.add(batch, rejected)?;
        self.rows += rejected.len() as u64;
        self.last = last.to_string();
        Ok(())
    }

    fn file(&mut self, recipe: &WriteRecipe, stream: usize, batch: &RecordBatch) -> Result<&mut RejectedFile> {
        if !self.files.contains_key(&stream) {
            let folder = match &self.folder {
                Some(folder) => folder,
                None => self.folder.insert(make_folder(&recipe.options, &recipe.table.name)?),
            };
            let format = recipe.options.rejected_format;
            let file = RejectedFile::create(folder, stream, format, &batch.schema(), &recipe.table.columns)?;
            self.files.insert(stream, file);
        }
        self.files.get_mut(&stream).ok_or_else(|| Error::internal("a file of rejected rows is not there"))
    }

    /// Whether there are too many of them among all that the load has `read`, at the `end` or before.
    ///
    /// # Errors
    /// There are: those that the error counts can be found in files that are closed, though other streams have not heard of it
    /// yet. Those get the same error.
    pub(super) fn check(&mut self, options: &CassandraOptions, read: u64, end: bool) -> Result<()> {
        if !options.max_rejected.is_exceeded(self.rows, read, end) {
            return Ok(());
        }
        let kept = self.folder.as_ref().map(|folder| format!("; they are kept in {}", folder.display()));
        let failure = format!(
            "{} of {read} rows could not be written, which is more than {MAX_REJECTED} = {} allows{}; the last one: {}",
            self.rows,
            options.max_rejected,
            kept.unwrap_or_default(),
            self.last
        );
        self.too_many = Some(failure.clone());
        std::mem::take(&mut self.files).into_values().try_for_each(|mut file| file.close())?;
        Err(Error::data(failure))
    }

    /// Closes the file of a stream, if it has one.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn close(&mut self, stream: usize) -> Result<()> {
        self.files.remove(&stream).map_or(Ok(()), |mut file| file.close())
    }
}
