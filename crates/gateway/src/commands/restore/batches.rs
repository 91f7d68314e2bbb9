//! The steps of a restore, in batches that a store takes at once.

use std::io::Read;

use engine::store::{ArchivedRow, HistorySize, RestoreStep, StoredScope};
use timers::Timestamp;

use crate::commands::backup_file::{BackupReader, ReadError, Record};
use crate::commands::restore::connections;

/// Steps after which a batch ends: a batch is one transaction of an embedded store, and costs one write to the disk.
const STEPS_MAX: usize = 512;

/// Bytes after which a batch ends, so that it takes little memory.
const BYTES_MAX: usize = 4 << 20;

/// Steps that are carried out together.
pub(super) struct Batch {
    pub(super) steps: Vec<RestoreStep>,
    /// The scopes that are begun so far, with those of this batch.
    pub(super) scopes: u64,
}

/// What was restored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) scopes: u64,
    pub(super) rows: u64,
    /// Scopes that have ended since the backup.
    pub(super) ended: u64,
}

/// Makes the batches of a backup.
pub(super) struct Batches<R> {
    reader: BackupReader<R>,
    now: Timestamp,
    /// The scope whose rows are being read; `None` for one that has ended.
    current: Option<(StoredScope, HistorySize)>,
    steps: Vec<RestoreStep>,
    bytes: usize,
    is_over: bool,
    pub(super) counts: Counts,
}

impl<R: Read> Batches<R> {
    pub(super) fn new(reader: BackupReader<R>, now: Timestamp) -> Self {
        let (steps, counts) = (Vec::new(), Counts::default());
        Self { reader, now, current: None, steps, bytes: 0, is_over: false, counts }
    }

    /// Returns the next batch; `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, ReadError> {
        while !self.is_over && self.steps.len() < STEPS_MAX && self.bytes < BYTES_MAX {
            match self.reader.next()? {
                Some(Record::Scope(stored)) => {
                    self.finish();
                    self.begin(stored);
                }
                Some(Record::Rows(rows)) => self.add(rows),
                None => {
                    self.finish();
                    self.is_over = true;
                }
            }
        }
        let steps = std::mem::take(&mut self.steps);
        self.bytes = 0;
        let scopes = self.counts.scopes + self.counts.ended;
        Ok(if steps.is_empty() { None } else { Some(Batch { steps, scopes }) })
    }

    fn begin(&mut self, stored: StoredScope) {
        if stored.has_ended(self.now) {
            self.counts.ended += 1;
            return;
        }
        self.steps.push(RestoreStep::Clear(stored.scope.clone()));
        self.counts.scopes += 1;
        let stored = connections::disconnected(stored, self.now);
        self.bytes += stored.items.iter().map(|(key, bytes)| key.as_str().len() + bytes.len()).sum::<usize>();
        self.current = Some((stored, HistorySize::default()));
    }

    fn add(&mut self, rows: Vec<ArchivedRow>) {
        let Some((stored, size)) = &mut self.current else { return };
        for row in &rows {
            size.put(row.id.as_str(), row.value_len(), None);
            self.bytes += row.id.as_str().len() + row.value_len();
        }
        self.counts.rows += rows.len() as u64;
        self.steps.push(RestoreStep::Rows(stored.scope.clone(), rows));
    }

    fn finish(&mut self) {
        if let Some((stored, size)) = self.current.take() {
            self.steps.push(RestoreStep::Finish(stored, size));
        }
    }
}
