//! The report page in a browser: videos that are scrubbed together, and numbers that fit a telephone.

use serde_json::json;

use crate::editor::chromium::Chromium;
use crate::support::Product;

/// The frame that each video of the first clip shows.
const SHOWN: &str = "[...document.querySelector('.clip').querySelectorAll('video')] \
    .map((video) => Math.floor(video.currentTime / video.duration * 24))";

#[test]
fn all_videos_of_a_clip_are_scrubbed_together_and_a_telephone_shows_interval_and_floor() {
    let product = Product::new();
    product.succeed(&[
        "run",
        "video-predict",
        "--clips",
        "1",
        "--quiet",
        "--device",
        "cpu",
        "--set",
        "render.sampler.steps=2",
        "--out",
        "out",
    ]);
    let path = product.path("out/report.html").canonicalize().unwrap();
    let mut page = Chromium::open(&format!("file://{}", path.display()), [1400, 1000]);
    page.wait("document.readyState === 'complete' && [...document.querySelectorAll('video')].every((video) => video.duration > 0)");
    page.value("document.querySelector('.scrubber input').focus()");
    let stands = |page: &mut Chromium, frame: usize, words: &str| {
        page.wait(&format!(
            "document.querySelector('.scrubber input').value === '{frame}' && {SHOWN}.every((one) => one === {frame})"
        ));
        let said =
            page.value("document.querySelector('.scrubber input').getAttribute('aria-valuetext')");
        assert_eq!(said, words);
    };
    for _ in 0..3 {
        page.press("ArrowRight", 39, 0);
    }
    stands(&mut page, 3, "frame 3 of 23, seen");
    page.press("End", 35, 0);
    stands(&mut page, 23, "frame 23 of 23, imagined");
    page.value("document.querySelector('.strip td[data-frame=\"6\"]').click()");
    stands(&mut page, 6, "frame 6 of 23, imagined");
    let unnamed = "[...document.images].filter((image) => !image.alt).length";
    assert_eq!(page.value(unnamed), 0);

    let telephone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false });
    page.ask("Emulation.setDeviceMetricsOverride", telephone)
        .unwrap();
    page.wait("window.innerWidth === 390");
    let beyond = "[...document.querySelectorAll('.scores [data-label]')] \
        .filter((cell) => cell.getBoundingClientRect().right > 390).map((cell) => cell.dataset.label)";
    assert_eq!(page.value(beyond), json!([]));
    // A bar to scroll with takes a part of the width in some browsers.
    let root = "document.documentElement";
    let fits = format!("{root}.scrollWidth === {root}.clientWidth");
    assert_eq!(page.value(&fits), true);
    assert!(page.faults.is_empty(), "{:?}", page.faults);
    let elsewhere = |address: &&String| address.starts_with("http");
    assert_eq!(page.requested.iter().find(elsewhere), None);
}
