//! The files of one run of a writing statement, owned until the catalog has acknowledged them.
//!
//! The commit node starts an attempt and hands it down to the write nodes in the task context; each writer holds it for
//! as long as it can make files. Whoever lets go last deletes what was written, unless it was kept: so no writer can make
//! a file after the deletion, however the statement ended.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use datafusion::execution::TaskContext;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::store::{local_path, remove_empty_folders};

/// One run of a writing statement.
#[derive(Debug)]
pub(crate) struct Attempt {
    id: Uuid,
    files: Mutex<Vec<String>>,
    kept: AtomicBool,
    /// The table's folder, if the statement makes the table: nobody else writes there, so its empty folders go too.
    new_folder: Option<PathBuf>,
    /// Closes [`Ended`] when the attempt is dropped, that is after its files are deleted.
    _alive: mpsc::Sender<Infallible>,
}

/// Tells when the last holder of an attempt has let go.
#[derive(Debug)]
pub(crate) struct Ended(mpsc::Receiver<Infallible>);

impl Ended {
    /// Waits until the files of an attempt that was not kept are deleted.
    pub(crate) async fn wait(mut self) {
        let _ = self.0.recv().await;
    }
}

/// In the task context, so weak: a plan node may hold a context longer than the statement runs.
struct InContext(Weak<Attempt>);

impl Attempt {
    /// A new attempt; `new_location` is that of a table which the statement makes.
    pub(crate) fn start(new_location: Option<&str>) -> (Arc<Self>, Ended) {
        let (alive, ended) = mpsc::channel(1);
        let attempt = Self {
            id: Uuid::now_v7(),
            files: Mutex::default(),
            kept: AtomicBool::new(false),
            new_folder: new_location.map(local_path),
            _alive: alive,
        };
        (Arc::new(attempt), Ended(ended))
    }

    /// In the names of this attempt's files.
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// The context for the nodes below the commit.
    pub(crate) fn put_into(self: &Arc<Self>, context: &TaskContext) -> Arc<TaskContext> {
        let config = context.session_config().clone().with_extension(Arc::new(InContext(Arc::downgrade(self))));
        Arc::new(TaskContext::new(
            context.task_id(),
            context.session_id(),
            config,
            context.scalar_functions().clone(),
            context.aggregate_functions().clone(),
            context.window_functions().clone(),
            context.runtime_env(),
        ))
    }

    /// The attempt that the commit node has put into the context.
    pub(crate) fn of(context: &TaskContext) -> Option<Arc<Self>> {
        context.session_config().get_extension::<InContext>()?.0.upgrade()
    }

    /// Takes charge of a file that is about to be made.
    pub(crate) fn own(&self, location: String) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).push(location);
    }

    /// The files stay: the catalog refers to them, or may.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Ordering::Release);
    }
}

impl Attempt {
    /// Whether [`Self::keep`] was called.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if *self.kept.get_mut() {
            return;
        }
        for location in self.files.get_mut().unwrap_or_else(PoisonError::into_inner) {
            // Best effort: a file may never have been made, and there is nobody to tell.
            let _ = std::fs::remove_file(local_path(location));
        }
        if let Some(folder) = &self.new_folder {
            remove_empty_folders(folder);
        }
    }
}
