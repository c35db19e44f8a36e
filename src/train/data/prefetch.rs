//! Batches made ahead on threads of their own, handed out in the order of their numbers.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

/// Batches that each thread may be ahead.
const AHEAD: usize = 2;
/// Threads at most: more would only take memory.
const THREADS: usize = 4;

/// Batches in order. Dropping it ends its threads.
pub struct Prefetcher<B> {
    /// Threads take the numbers in turn, so the order does not depend on which thread is faster.
    threads: Vec<Receiver<B>>,
    next: usize,
}

impl<B: Send> Prefetcher<B> {
    /// Starts to make the batches of these numbers.
    pub fn start<'scope, 'env, F>(
        scope: &'scope Scope<'scope, 'env>,
        numbers: impl Iterator<Item = u64> + Clone + Send + 'env,
        make: &'env F,
    ) -> Self
    where
        F: Fn(u64) -> B + Sync,
        B: 'env,
    {
        let count =
            std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS));
        let thread = |first: usize| {
            let (send, receive) = sync_channel(AHEAD);
            let mut own = numbers.clone().skip(first).step_by(count);
            scope.spawn(move || while own.next().is_some_and(|n| send.send(make(n)).is_ok()) {});
            receive
        };
        Self {
            threads: (0..count).map(thread).collect(),
            next: 0,
        }
    }
}

impl<B> Iterator for Prefetcher<B> {
    type Item = B;

    fn next(&mut self) -> Option<B> {
        let batch = self.threads[self.next].recv().ok();
        self.next = (self.next + 1) % self.threads.len();
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn batches_come_in_order_whichever_thread_is_faster() {
        // Even numbers take long.
        let make = |number: u64| {
            std::thread::sleep(Duration::from_millis(2 * ((number + 1) % 2)));
            number
        };
        let seen = std::thread::scope(|scope| {
            Prefetcher::start(scope, 3..40, &make).collect::<Vec<u64>>()
        });
        assert_eq!(seen, (3..40).collect::<Vec<u64>>());
    }

    #[test]
    fn a_dropped_prefetcher_ends_its_threads() {
        let make = |number: u64| number;
        let first = std::thread::scope(|scope| Prefetcher::start(scope, 0..u64::MAX, &make).next());
        assert_eq!(first, Some(0));
    }
}
