//! Distances between sets of features.

use ndarray::Array2;
use serde_json::Value;
use slotflow_eval::fid_infinity::frechet_infinity;
use slotflow_eval::frechet::frechet;
use slotflow_eval::mmd::{CUBIC, Subsets, jedi, kid, kvd, mmd2};
use slotflow_eval::moments::{Covariance, Moments};

use crate::support::{agree, features, golden, number, numbers};

/// The two sets of a case.
fn sets(case: &Value) -> [Array2<f64>; 2] {
    if case["gen"].is_string() {
        return [0.0, 255.0].map(|value| Array2::from_elem((16, 4), value));
    }
    [features(&case["gen"][0]), features(&case["gen"][1])]
}

#[test]
fn frechet_distances_agree_with_scipy() {
    let all = golden("frechet.json");
    for (name, case) in all["cases"].as_object().unwrap() {
        let [real, fake] = sets(case).map(|rows| Moments::of_rows(rows.view()).unwrap());
        for &estimator in Covariance::ALL {
            let expected = &case[estimator.name()];
            let found = frechet(&real, &fake, estimator).unwrap();
            let singular = name.contains("rank");
            let tolerance = if singular { 1e-6 } else { 1e-9 };
            agree(found.distance, number(&expected["sqrtm"]), tolerance, name);
            agree(found.means, number(&expected["mean_sq"]), 1e-10, name);
            agree(found.trace_real, number(&expected["trace1"]), 1e-10, name);
            agree(found.trace_fake, number(&expected["trace2"]), 1e-10, name);
        }
    }
}

#[test]
fn kernel_distances_agree_with_the_references() {
    let all = golden("frechet.json");
    let [real, fake] = sets(&all["cases"]["full_64x16"]);
    let (real, fake, expected) = (real.view(), fake.view(), &all["kid"]);
    agree(
        kvd(real, fake).unwrap(),
        number(&expected["mmd2_unbiased_deg3_gamma_1_over_d_coef1"]),
        1e-10,
        "kvd",
    );
    agree(
        mmd2(CUBIC, real, fake, true).unwrap(),
        number(&expected["mmd2_biased"]),
        1e-10,
        "biased",
    );
    agree(
        jedi(real, fake).unwrap(),
        number(&expected["jedi_times100"]),
        1e-10,
        "jedi",
    );
    let whole = kid(
        real,
        fake,
        Subsets {
            count: 3,
            ..Subsets::default()
        },
    )
    .unwrap();
    agree(
        whole.mean,
        number(&expected["kid_one_subset_all_samples"]),
        1e-10,
        "kid",
    );
    agree(whole.sd, 0.0, 1e-12, "spread of equal subsets");
}

#[test]
fn the_distance_at_infinity_agrees_with_the_reference() {
    let all = &golden("frechet.json")["fd_infinity"];
    let [real, fake] = sets(all);
    let sizes: Vec<usize> = numbers(&all["Ns"])
        .into_iter()
        .map(|size| size as usize)
        .collect();
    let found = frechet_infinity(real.view(), fake.view(), &sizes, None).unwrap();
    for ((size, distance), expected) in found.points.iter().zip(numbers(&all["fds"])) {
        agree(*distance, expected, 1e-9, &format!("{size} items"));
    }
    agree(found.value, number(&all["fd_inf"]), 1e-9, "intercept");
    agree(found.slope, number(&all["slope"]), 1e-8, "slope");
}
