//! Clips read ahead by rayon, delivered in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::clip::Sample;
use crate::error::DataError;
use crate::source::Source;
use crate::window::Window;

/// The numbers below `len`, shuffled: another order for each epoch, the same for a seed.
pub fn shuffled(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(epoch);
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(&mut random);
    order
}

/// The clips of `order`, in that order, while rayon reads up to `depth` (at least one) of them ahead.
///
/// Memory holds `depth` clips beside the one that was handed out. Reading stops where the iterator is dropped, but for the
/// clips that are being read.
pub fn prefetch(
    source: Arc<dyn Source>,
    order: Vec<usize>,
    window: Window,
    depth: usize,
) -> Prefetch {
    Prefetch {
        source,
        order: order.into_iter(),
        window,
        depth: depth.max(1),
        ahead: VecDeque::new(),
    }
}

/// See [`prefetch`].
pub struct Prefetch {
    source: Arc<dyn Source>,
    order: std::vec::IntoIter<usize>,
    window: Window,
    depth: usize,
    /// Clips on their way, the next one in front.
    ahead: VecDeque<(usize, Receiver<Result<Sample, DataError>>)>,
}

impl Prefetch {
    /// Sends rayon after one more clip.
    fn send_for(&mut self, index: usize) {
        let (sender, receiver) = channel();
        let (source, window) = (Arc::clone(&self.source), self.window);
        rayon::spawn(move || {
            // Nobody listens any more when the iterator was dropped, and then the clip is not needed.
            sender
                .send(source.sample(index, &window))
                .unwrap_or_default();
        });
        self.ahead.push_back((index, receiver));
    }
}

impl Iterator for Prefetch {
    type Item = (usize, Result<Sample, DataError>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.ahead.len() < self.depth
            && let Some(index) = self.order.next()
        {
            self.send_for(index);
        }
        let (index, receiver) = self.ahead.pop_front()?;
        let sample = wait(&receiver).unwrap_or_else(|| self.source.sample(index, &self.window));
        Some((index, sample))
    }
}

/// What a rayon task sends; a rayon thread works on meanwhile, or a pool of one would wait for itself.
fn wait<T>(receiver: &Receiver<T>) -> Option<T> {
    if rayon::current_thread_index().is_none() {
        return receiver.recv().ok();
    }
    loop {
        match receiver.try_recv() {
            Ok(value) => return Some(value),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            match receiver.recv_timeout(Duration::from_millis(1)) {
                Ok(value) => return Some(value),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ndarray::Array4;

    use super::*;
    use crate::clip::{Clip, ClipId};
    use crate::window::{Fit, FrameSampling};

    /// A hundred clips; number 3 is broken. Counts what was read.
    struct Numbers(AtomicUsize);

    impl Source for Numbers {
        fn len(&self) -> usize {
            100
        }

        fn id(&self, index: usize) -> ClipId {
            ClipId::new(&index.to_string())
        }

        fn identity(&self, index: usize) -> Result<String, DataError> {
            Ok(index.to_string())
        }

        fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            if index == 3 {
                return Err(DataError::Window {
                    reason: "number 3".to_owned(),
                });
            }
            let frames = Array4::zeros((1, window.size[0], window.size[1], 3));
            Ok(Clip {
                id: self.id(index),
                frames,
                fps: 1.0,
            }
            .into())
        }
    }

    const WINDOW: Window = Window {
        start: 0,
        count: None,
        pace: FrameSampling::Stride(1),
        size: [2, 2],
        fit: Fit::Crop,
    };

    #[test]
    fn clips_come_in_the_order_that_was_asked_for_and_a_broken_one_stops_nothing() {
        let order = shuffled(100, 7, 0);
        let source: Arc<dyn Source> = Arc::new(Numbers(AtomicUsize::new(0)));
        let came: Vec<_> = prefetch(source, order.clone(), WINDOW, 8).collect();
        assert_eq!(
            came.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
            order
        );
        assert!(
            came.iter()
                .all(|(index, sample)| sample.is_err() == (*index == 3))
        );
        assert!(
            came.iter()
                .filter_map(|(index, sample)| Some((index, sample.as_ref().ok()?)))
                .all(|(index, sample)| sample.clip.id.as_str() == index.to_string())
        );
    }

    #[test]
    fn no_more_is_read_ahead_than_was_allowed() {
        let source = Arc::new(Numbers(AtomicUsize::new(0)));
        let mut clips = prefetch(source.clone(), (0..100).collect(), WINDOW, 4);
        assert!(clips.next().is_some() && clips.next().is_some());
        std::thread::sleep(Duration::from_millis(50));
        assert!(source.0.load(Ordering::SeqCst) <= 5);
    }

    #[test]
    fn a_pool_of_one_thread_does_not_wait_for_itself() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let source: Arc<dyn Source> = Arc::new(Numbers(AtomicUsize::new(0)));
        let came = pool.install(|| prefetch(source, (0..20).collect(), WINDOW, 4).count());
        assert_eq!(came, 20);
    }

    #[test]
    fn an_order_is_a_shuffle_that_only_seed_and_epoch_change() {
        let order = shuffled(50, 1, 2);
        assert_eq!(order, shuffled(50, 1, 2));
        assert_ne!(order, shuffled(50, 1, 3));
        assert_ne!(order, shuffled(50, 2, 2));
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
