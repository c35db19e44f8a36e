//! Runs side by side on one page.

use slotflow_eval::metric::registry::find;
use slotflow_eval::report::{ClipView, Comparison, RunView, VideoView, compare, differences};
use slotflow_eval::stats::bootstrap::Resampling;
use slotflow_eval::{ItemTable, ItemValue, MetricId, Score, ScoreTable};

use crate::report::{PAYLOADS, parsed};

/// A run whose clips have these PSNRs and, the other way round, these errors.
fn tables(values: &[f64], text: &str) -> (ScoreTable, ItemTable) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let profile = format!("profile{text}");
    let id = |metric: &str| -> MetricId { find(metric).unwrap().default_id() };
    let score = |metric: &str, value: f64| Score {
        profile: profile.clone(),
        ..Score::new(id(metric), "imagined").with_value(value, values.len())
    };
    let scores = [
        score("psnr", mean),
        score("mse", -mean),
        // A distance between sets has no value of a clip.
        score("fvd", mean),
    ];
    let item = |metric: &str, index: usize, value: f64| ItemValue {
        metric: id(metric).into(),
        profile: profile.clone(),
        subset: "imagined".to_owned(),
        item: format!("clip{index}"),
        frame: None,
        value: Some(value),
    };
    let items = values.iter().enumerate();
    let items =
        items.flat_map(|(index, &value)| [item("psnr", index, value), item("mse", index, -value)]);
    (scores.into_iter().collect(), items.collect())
}

fn page(runs: &[(ScoreTable, ItemTable)], text: &str) -> String {
    let own = |name: &str| format!("{name}{text}");
    let view = |(index, (scores, items)): (usize, &'_ (ScoreTable, ItemTable))| {
        (index, scores.clone(), items.clone())
    };
    let owned: Vec<_> = runs.iter().enumerate().map(view).collect();
    let runs = owned.iter().map(|(index, scores, items)| RunView {
        name: own(&format!("run{index}")),
        scores,
        items,
        plan: own("plan"),
    });
    let clip = ClipView {
        name: own("clip"),
        videos: vec![VideoView {
            label: own("label"),
            mime: own("video/mp4"),
            bytes: vec![1, 2],
        }],
        observed_share: 0.25,
        scores: vec![(own("run0"), 20.0)],
        ..ClipView::default()
    };
    let runs: Vec<RunView<'_>> = runs.collect();
    let resampling = Resampling {
        count: 500,
        seed: 0,
    };
    compare(&Comparison {
        differences: differences(&runs, resampling),
        runs,
        settings: vec![(own("render.weights"), vec![Some(own("a")), None])],
        clips: vec![clip],
        notes: vec![own("note")],
        burn_in: 6,
        figures: Vec::new(),
    })
}

#[test]
fn a_run_that_is_better_on_every_clip_is_green_and_one_that_is_not_is_plain() {
    let first: Vec<f64> = (0..12).map(|index| 20.0 + f64::from(index)).collect();
    let better: Vec<f64> = first
        .iter()
        .map(|value| value + 1.0 + 0.01 * value)
        .collect();
    let mixed: Vec<f64> = (0..12)
        .map(|index| 20.0 + f64::from((index + 6) % 12))
        .collect();
    let page = page(
        &[&first, &better, &mixed].map(|values| tables(values, "")),
        "",
    );
    assert_eq!(
        page.matches("<small class=\"good\">").count(),
        2,
        "psnr and mse of one run"
    );
    assert_eq!(page.matches("<small class=\"bad\">").count(), 0);
    assert!(
        page.contains("<small class=\"good\">+1.2"),
        "how much better"
    );
    assert!(
        page.contains("<small class=\"good\">−1.2"),
        "an error is less"
    );
    let fvd = page
        .split("FVD")
        .nth(1)
        .unwrap()
        .split("</tr>")
        .next()
        .unwrap();
    assert!(
        !fvd.contains("<small"),
        "a distance of sets has no clips: {fvd}"
    );
}

#[test]
fn the_best_of_a_row_is_bold_whichever_way_is_better() {
    let page = page(&[tables(&[20.0, 21.0], ""), tables(&[30.0, 31.0], "")], "");
    let row = |name: &str| {
        let (_, after) = page.split_once(&format!(">{name}<")).unwrap();
        after.split("</tr>").next().unwrap().to_owned()
    };
    assert!(row("PSNR").contains("<b>30.50</b>") && !row("PSNR").contains("<b>20.50</b>"));
    assert!(row("FVD").contains("<b>20.50</b>") && !row("FVD").contains("<b>30.50</b>"));
}

#[test]
fn no_text_changes_the_shape_of_a_comparison() {
    let made = |text: &str| {
        let runs = [tables(&[20.0, 21.0], text), tables(&[20.5, 21.5], text)];
        parsed(&page(&runs, text))
    };
    let plain = made("plain");
    for payload in PAYLOADS {
        assert_eq!(made(payload), plain, "{payload}");
    }
}
