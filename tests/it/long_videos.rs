//! Videos longer than a window: predicted in windows, scored as videos.

use std::collections::BTreeMap;

use slotflow_eval::{ItemTable, ScoreTable};

use crate::support::Product;

/// Two videos of 26 sampled frames, read from the third on in windows of ten: the last one begins seven frames before the
/// end of the one before.
const RUN: &str = "run video-predict --videos generated --frames all --quiet --device cpu --out out \
                   --set decode.frames=10 --set decode.stride=5 --set decode.start=3 --set render.sampler.steps=1 \
                   --set evaluate.resamples=100";

#[test]
fn a_frame_of_two_windows_is_scored_once_and_intervals_draw_videos() {
    let product = Product::new();
    let generate = "generate --layout clevrer --out generated --clips 2 --size 64 64 --quiet";
    product.succeed(&generate.split_whitespace().collect::<Vec<_>>());
    product.succeed(&RUN.split_whitespace().collect::<Vec<_>>());
    let items = ItemTable::load(&product.path("out/items.csv")).unwrap();
    let scores = ScoreTable::load(&product.path("out/scores.csv")).unwrap();
    let frames = |subset: &str| {
        let mut of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for row in items
            .rows
            .iter()
            .filter(|row| row.metric == *"psnr" && row.subset == subset)
        {
            of.entry(&row.item).or_default().extend(row.frame);
        }
        of
    };
    let imagined: Vec<usize> = (6..10).chain(16..23).collect();
    let all: Vec<usize> = (0..23).collect();
    for (subset, expected) in [("imagined", imagined), ("reconstruction", all)] {
        let found = frames(subset);
        assert_eq!(found.len(), 2, "{subset}: {found:?}");
        for (video, frames) in found {
            assert_eq!(frames, expected, "{subset} of {video}");
        }
        let score = scores.find("psnr", subset).unwrap();
        assert_eq!(score.n_items, 2, "{subset}");
        assert!(
            score.ci_low.is_some() && score.ci_method.contains("bootstrap"),
            "{score:?}"
        );
    }
    // Every window still has its videos and its own figures on the page.
    let videos = std::fs::read_dir(product.path("out/videos/prediction")).unwrap();
    assert_eq!(videos.count(), 6);
}
