//! Samplers against data whose denoiser is known in closed form: every pixel normal with mean m and deviation s.
//!
//! The exact prediction of the noise is σ(x − αm)/(α²s² + σ²), of the image m + αs²(x − αm)/(α²s² + σ²), and the probability flow takes x̂ = x/α from deviation σ̂ to
//! σ̂′ as x̂′ = m + (x̂ − m)·√((s² + σ̂′²)/(s² + σ̂²)).

use burn::tensor::{Device, Tensor};

use super::timesteps::{ContinuousSchedule, ContinuousSpacing, Timesteps};
use super::{Denoiser, Method, SamplerConfig, TimestepSpacing};
use crate::models::decoder::diffusion::{
    DiffusionConfig, NoiseLevel, NoiseSchedule, PredictionType,
};
use crate::rng::SeededRng;
use crate::tensor_conversion::floats;

const MEAN: f64 = 0.3;
const DEVIATION: f64 = 0.5;

fn schedule() -> NoiseSchedule {
    DiffusionConfig::default().schedule()
}

/// The schedule of rectified flow.
fn flow() -> NoiseSchedule {
    let prediction_type = PredictionType::Flow;
    let config = DiffusionConfig {
        prediction_type,
        ..DiffusionConfig::default()
    };
    config.schedule()
}

/// The result of a sampler on that data.
fn sample(schedule: &NoiseSchedule, config: &SamplerConfig, start: Tensor<4>) -> Tensor<4> {
    let continuous = ContinuousSchedule::new(schedule);
    let network = |x: Tensor<4>, time: f64| {
        let NoiseLevel { signal, noise } = continuous.level((time + 1.0) / 1000.0);
        let variance = (signal * DEVIATION).powi(2) + noise.powi(2);
        let apart = (x - signal * MEAN) / variance;
        let epsilon = apart.clone() * noise;
        match schedule.config.prediction_type {
            PredictionType::Flow => epsilon - apart * (signal * DEVIATION.powi(2)) - MEAN,
            _ => epsilon,
        }
    };
    let denoiser = Denoiser {
        schedule,
        network: &network,
        project: None,
    };
    denoiser.sample(start, config, &mut SeededRng::new(7, &["steps"]))
}

/// Where the probability flow takes `x` between two levels.
fn exact(x: f64, from: NoiseLevel, to: NoiseLevel) -> f64 {
    let spread =
        |level: NoiseLevel| (DEVIATION.powi(2) + (level.noise / level.signal).powi(2)).sqrt();
    to.signal * (MEAN + (x / from.signal - MEAN) * spread(to) / spread(from))
}

/// Largest error of a sampler after so many evaluations.
fn error(method: Method, grid: ContinuousSpacing, steps: usize, from: f64) -> f64 {
    error_on(&schedule(), (method, grid), steps, from)
}

fn error_on(
    schedule: &NoiseSchedule,
    (method, grid): (Method, ContinuousSpacing),
    steps: usize,
    from: f64,
) -> f64 {
    let config = SamplerConfig {
        method,
        steps,
        grid,
        from,
        ..SamplerConfig::default()
    };
    let starts = [-1.5, -0.4, 0.1, 0.9, 1.8];
    let start = Tensor::<1>::from_floats(starts.map(|x| x as f32), &Device::flex());
    let drawn = floats(sample(schedule, &config, start.reshape([5, 1, 1, 1])));
    let (first, last) = (config.start(schedule), schedule.level(0));
    let apart = |(&x, drawn): (&f64, f32)| (exact(x, first, last) - f64::from(drawn)).abs();
    starts.iter().zip(drawn).map(apart).fold(0.0, f64::max)
}

/// How fast errors fall as evaluations double: the slope of their logarithms.
fn order(method: Method, few: usize) -> f64 {
    let error = |steps| error(method, ContinuousSpacing::HalfLogSnr, steps, 1.0);
    (error(few) / error(2 * few)).log2()
}

#[test]
fn errors_fall_as_fast_as_the_order_of_each_sampler_says() {
    let measured = [
        (Method::Euler, 40, 1.0),
        (Method::Heun, 40, 2.0),
        (Method::Multistep, 20, 2.0),
        (Method::Singlestep, 24, 3.0),
    ];
    for (method, few, expected) in measured {
        let found = order(method, few);
        // This flow is simple: some samplers are faster on it than their order says.
        assert!(
            found > expected - 0.3 && found < expected + 1.0,
            "{method:?} has order {found:.2}, not {expected}; errors {:.1e} and {:.1e}",
            error(method, ContinuousSpacing::HalfLogSnr, few, 1.0),
            error(method, ContinuousSpacing::HalfLogSnr, 2 * few, 1.0)
        );
    }
}

#[test]
fn rectified_flow_is_solved_by_every_sampler_and_by_heun_s_rule_with_second_order() {
    let schedule = flow();
    let error = |method, steps| {
        // Even in time, where the path is straight; DPM-Solver's own steps are even in λ.
        let grid = match method {
            Method::Euler | Method::Heun => ContinuousSpacing::Time,
            _ => ContinuousSpacing::HalfLogSnr,
        };
        error_on(&schedule, (method, grid), steps, 1.0)
    };
    for (method, expected) in [(Method::Euler, 1.0), (Method::Heun, 2.0)] {
        let order = (error(method, 20) / error(method, 40)).log2();
        assert!((order - expected).abs() < 0.4, "{method:?}: {order:.2}");
    }
    for (method, limit) in [
        (Method::Euler, 0.04),
        (Method::Heun, 2e-3),
        (Method::Multistep, 2e-2),
        (Method::Singlestep, 2e-3),
    ] {
        let found = error(method, 60);
        assert!(found < limit, "{method:?}: {found:.1e}");
    }
    // Euler's rule is DDIM on the schedule's own steps.
    let ddim = SamplerConfig {
        method: Method::Ddim,
        steps: 50,
        spacing: TimestepSpacing::Trailing,
        ..SamplerConfig::default()
    };
    let start = Tensor::ones([1, 1, 1, 1], &Device::flex());
    let ddim = floats(sample(&schedule, &ddim, start))[0];
    let truth = exact(1.0, schedule.level(999), schedule.level(0));
    assert!((f64::from(ddim) - truth).abs() < 0.03, "{ddim} {truth}");
}

#[test]
fn ddim_falls_with_first_order_on_the_steps_of_the_schedule() {
    let errors = [50, 100, 200].map(|steps| {
        let config = SamplerConfig {
            method: Method::Ddim,
            steps,
            spacing: TimestepSpacing::Trailing,
            ..SamplerConfig::default()
        };
        let start = Tensor::ones([1, 1, 1, 1], &Device::flex());
        let schedule = schedule();
        let drawn = floats(sample(&schedule, &config, start))[0];
        (f64::from(drawn) - exact(1.0, schedule.level(999), schedule.level(0))).abs()
    });
    for pair in errors.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!((order - 1.0).abs() < 0.35, "{order:.2} from {errors:?}");
    }
}

#[test]
fn more_order_is_less_error_for_the_same_evaluations() {
    let error = |method| error(method, ContinuousSpacing::HalfLogSnr, 20, 1.0);
    let [first, second, third] = [Method::Euler, Method::Multistep, Method::Singlestep].map(error);
    assert!(second < first / 4.0, "{second:.1e} against {first:.1e}");
    assert!(third < first / 4.0, "{third:.1e} against {first:.1e}");
}

#[test]
fn a_start_between_image_and_noise_leads_where_the_flow_does() {
    for method in [
        Method::Euler,
        Method::Heun,
        Method::Multistep,
        Method::Singlestep,
    ] {
        for from in [0.3, 0.7] {
            let found = error(method, ContinuousSpacing::HalfLogSnr, 60, from);
            let limit = if method == Method::Euler { 0.05 } else { 5e-3 };
            assert!(found < limit, "{method:?} from {from}: {found:.1e}");
        }
    }
    let config = SamplerConfig {
        method: Method::Ddim,
        from: 0.5,
        spacing: TimestepSpacing::Trailing,
        ..SamplerConfig::default()
    };
    assert_eq!(config.start(&schedule()), schedule().level(499));
}

#[test]
fn what_ancestral_sampling_draws_has_the_data_s_mean_and_deviation() {
    let config = SamplerConfig {
        method: Method::Ancestral,
        steps: 250,
        spacing: TimestepSpacing::Trailing,
        ..SamplerConfig::default()
    };
    for schedule in [schedule(), flow()] {
        let start = SeededRng::new(3, &["start"]).normal([1, 1, 64, 64], &Device::flex());
        moments_are_those_of_the_data(&floats(sample(&schedule, &config, start)));
    }
}

fn moments_are_those_of_the_data(drawn: &[f32]) {
    let count = drawn.len() as f64;
    let mean = drawn.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let variance = drawn
        .iter()
        .map(|x| (f64::from(*x) - mean).powi(2))
        .sum::<f64>()
        / count;
    assert!(
        (mean - MEAN).abs() < 4.0 * DEVIATION / count.sqrt(),
        "{mean}"
    );
    assert!(
        (variance.sqrt() - DEVIATION).abs() < 0.03,
        "{}",
        variance.sqrt()
    );
}

#[test]
fn steps_evenly_in_time_are_the_released_ones() {
    let continuous = ContinuousSchedule::new(&schedule());
    let times = Timesteps::default().times(&continuous, 20);
    assert!((times[3] - 0.850_15).abs() < 1e-9 && (times[20] - 0.001).abs() < 1e-12);
}
