//! The right file's records in chunks, over several threads; what comes out is in the file's order.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Records of a chunk.
const CHUNK: usize = 2048;

/// Works on every chunk of `0..rows`; each thread has a state of its own, which must not change results.
pub(crate) fn chunks<S, T: Send>(
    rows: usize,
    threads: NonZeroUsize,
    progress: &(dyn Fn(usize) + Sync),
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, Range<usize>) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.get() {
            scope.spawn(|| {
                let mut state = state();
                loop {
                    let begin = next.fetch_add(CHUNK, Ordering::Relaxed);
                    if begin >= rows {
                        return;
                    }
                    let end = rows.min(begin + CHUNK);
                    let result = work(&mut state, begin..end);
                    progress(end - begin);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((begin, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(begin, _)| *begin);
    done.into_iter().map(|(_, result)| result).collect()
}
