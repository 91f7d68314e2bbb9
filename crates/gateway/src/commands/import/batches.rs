//! The parts of an import: each fits into one commit.

use timers::ITEMS_MAX;

use crate::ops::config::StoreUrl;

/// Most rows of a batch for a Redis, which serves nobody else meanwhile: on a busy machine, a thousand rows took it 95 ms,
/// by which ticks of all clients would be late.
const SHARED_ROWS_MAX: usize = 100;

/// Most rows of a batch for a store that serves only this process. Each commit waits for the disk.
const OWN_ROWS_MAX: usize = 1000;

/// Most rows of a batch that become items of the board. A system writes further ones, such as counters.
const BOARD_ROWS_MAX: usize = 500;

const _: () = assert!(BOARD_ROWS_MAX < ITEMS_MAX && OWN_ROWS_MAX <= timers::ROWS_MAX);

/// Most bytes of texts in a batch: what a store writes and replicates at once.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Returns the most rows of a batch for a store.
pub(super) fn rows_max(store: &StoreUrl) -> usize {
    match store {
        StoreUrl::Redis(_) => SHARED_ROWS_MAX,
        StoreUrl::Embedded(_) | StoreUrl::Memory => OWN_ROWS_MAX,
    }
}

/// Splits rows into batches, by their number, by what becomes of them, and by the bytes of their texts.
pub(super) fn split<R>(
    mut rows: &[R],
    rows_max: usize,
    is_of_board: impl Fn(&R) -> bool,
    text_bytes: impl Fn(&R) -> usize,
) -> impl Iterator<Item = &[R]> {
    std::iter::from_fn(move || {
        let (mut of_board, mut bytes) = (0, 0);
        let fits = |row: &&R| {
            of_board += usize::from(is_of_board(row));
            bytes += text_bytes(row);
            of_board <= BOARD_ROWS_MAX && bytes <= TEXT_BYTES_MAX
        };
        // A row whose texts alone are larger is a batch of its own.
        let count = rows.iter().take(rows_max).take_while(fits).count().max(1).min(rows.len());
        let (batch, rest) = rows.split_at(count);
        rows = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(rows: &[(bool, usize)]) -> Vec<usize> {
        split(rows, 1000, |row| row.0, |row| row.1).map(<[_]>::len).collect()
    }

    #[test]
    fn batches_are_bounded_by_rows_items_and_bytes() {
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[(false, 1); 2500]), [1000, 1000, 500]);
        assert_eq!(sizes(&[(true, 1); 1001]), [500, 500, 1]);
        assert_eq!(sizes(&[(false, TEXT_BYTES_MAX / 2); 5]), [2, 2, 1]);
        assert_eq!(sizes(&[(false, 1), (false, TEXT_BYTES_MAX + 1), (false, 1)]), [1, 1, 1]);
    }
}
