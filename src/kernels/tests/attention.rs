use burn::tensor::{Device, Tensor};

use super::{assert_close, numbers, tensor, with_threads};
use crate::kernels::cpu::attention::{self, Inputs, Rows, Shape};
use crate::kernels::cpu::simd::Isa;
use crate::kernels::{self, fallback};

/// batch, heads, tokens, sources, dim, width of a value
const SIZES: [[usize; 6]; 6] = [
    [1, 1, 1, 1, 1, 1],
    [2, 3, 7, 5, 4, 6],
    [1, 2, 100, 70, 16, 20],
    [2, 2, 48, 64, 32, 32],
    [1, 1, 130, 7, 50, 60],
    [3, 4, 42, 42, 16, 16],
];

/// Result, and gradients of queries, keys, values and bias.
fn all(
    ours: bool,
    [batch, heads, tokens, sources, dim, wide]: [usize; 6],
    bias: Option<[usize; 4]>,
) -> (Tensor<4>, Vec<Tensor<4>>) {
    let device = Device::flex().autodiff();
    let q = (tensor([batch, heads, tokens, dim], 1, &device) * 2.0).require_grad();
    let k = tensor([batch, heads, sources, dim], 2, &device).require_grad();
    let v = tensor([batch, heads, sources, wide], 3, &device).require_grad();
    let bias = bias.map(|dims| tensor(dims, 4, &device).require_grad());
    let f = if ours {
        kernels::attention
    } else {
        fallback::attention
    };
    let y = f(q.clone(), k.clone(), v.clone(), bias.clone(), 0.4);
    let grads = (y.clone() * tensor(y.dims(), 5, &device)).sum().backward();
    let inputs = [q, k, v].into_iter().chain(bias);
    (y, inputs.map(|input| input.grad(&grads).unwrap()).collect())
}

#[test]
fn attention_and_its_gradients_are_burns() {
    for size in SIZES {
        let [batch, heads, tokens, sources, ..] = size;
        for bias in [
            None,
            Some([batch, heads, tokens, sources]),
            Some([1, 1, tokens, sources]),
            Some([batch, 1, 1, sources]),
        ] {
            let (ours, plain) = (all(true, size, bias), all(false, size, bias));
            assert_close(ours.0, plain.0, 1e-5, "y");
            for (index, (ours, plain)) in ours.1.into_iter().zip(plain.1).enumerate() {
                assert_close(
                    ours,
                    plain,
                    2e-5,
                    &format!("{size:?} {bias:?} gradient {index}"),
                );
            }
        }
    }
}

#[test]
fn every_instruction_set_attends_as_f64_does() {
    let (tokens, sources, dim) = (53, 29, 12);
    let shape = Shape {
        batch: 1,
        heads: 1,
        tokens,
        sources,
        dim,
        value_dim: dim,
        scale: 0.5,
    };
    let [q, k, v] = [1, 2, 3].map(|seed| numbers(60 * dim, seed));
    let rows = |numbers| Rows {
        numbers,
        strides: [0, 0, dim],
    };
    let inputs = Inputs {
        queries: rows(&q),
        keys: rows(&k),
        values: rows(&v),
        bias: None,
    };
    for isa in Isa::available() {
        let y = attention::forward(isa, inputs, shape);
        for (index, y) in y.iter().enumerate() {
            let (token, column) = (index / dim, index % dim);
            let number = |x: &[f32], row: usize, at: usize| f64::from(x[row * dim + at]);
            let weights: Vec<f64> = (0..sources)
                .map(|s| {
                    (0..dim)
                        .map(|at| number(&q, token, at) * number(&k, s, at))
                        .sum::<f64>()
                })
                .map(|score| (score * 0.5).exp())
                .collect();
            let sum = (0..sources)
                .map(|s| weights[s] * number(&v, s, column))
                .sum::<f64>();
            let exact = sum / weights.iter().sum::<f64>();
            assert!(
                (f64::from(*y) - exact).abs() < 1e-6,
                "{isa:?}: {y}, not {exact}"
            );
        }
    }
}

#[test]
fn heads_may_be_views_of_joined_rows() {
    let device = Device::flex();
    let heads = |seed| {
        tensor([2, 9, 4 * 8], seed, &device)
            .reshape([2, 9, 4, 8])
            .swap_dims(1, 2)
    };
    let [q, k, v]: [Tensor<4>; 3] = [heads(1), heads(2), heads(3)];
    let ours = kernels::attention(q.clone(), k.clone(), v.clone(), None, 0.3);
    let plain = fallback::attention(q, k, v, None, 0.3);
    let join = |y: Tensor<4>| y.swap_dims(1, 2).reshape([2, 9, 32]);
    assert_close::<3>(join(ours), join(plain), 1e-5, "y");
}

#[test]
fn a_hidden_source_is_not_seen() {
    let device = Device::flex();
    let [q, k, v]: [Tensor<4>; 3] = [1, 2, 3].map(|seed| tensor([1, 2, 6, 8], seed, &device));
    let mask = [0.0, 0.0, 0.0, 0.0, f32::NEG_INFINITY, f32::NEG_INFINITY];
    let mask: Tensor<4> = Tensor::<1>::from_floats(mask, &device).reshape([1, 1, 1, 6]);
    let masked = kernels::attention(q.clone(), k.clone(), v.clone(), Some(mask), 0.3);
    let seen = kernels::attention(q, k.narrow(2, 0, 4), v.narrow(2, 0, 4), None, 0.3);
    assert_close(masked, seen, 1e-6, "y");
}

#[test]
fn attention_has_the_same_bytes_for_any_threads_and_batch() {
    let (isa, dim, tokens, heads) = (Isa::best(), 24, 70, 3);
    let head = tokens * dim;
    let [q, k, v, g] = [1, 2, 3, 4].map(|seed| numbers(5 * heads * head, seed));
    let run = |first: usize, batch: usize| {
        let shape = Shape {
            batch,
            heads,
            tokens,
            sources: tokens,
            dim,
            value_dim: dim,
            scale: 0.2,
        };
        let rows = |numbers: &'static [f32]| Rows {
            numbers: &numbers[first * heads * head..],
            strides: [heads * head, head, dim],
        };
        let [q, k, v, g] = [&q, &k, &v, &g].map(|numbers| rows(numbers.clone().leak()));
        let inputs = Inputs {
            queries: q,
            keys: k,
            values: v,
            bias: None,
        };
        let back = attention::backward(isa, inputs, g, shape, false);
        [
            attention::forward(isa, inputs, shape),
            back.queries,
            back.keys,
            back.values,
        ]
    };
    let one = with_threads(1, || run(0, 5));
    assert!(one == with_threads(2, || run(0, 5)));
    assert!(one == with_threads(7, || run(0, 5)));
    for (all, alone) in one.iter().zip(run(1, 1)) {
        assert!(all[heads * head..2 * heads * head] == alone[..]);
    }
}

#[test]
fn nothing_attends_to_nothing() {
    let device = Device::flex();
    let [q, k, v]: [Tensor<4>; 3] = [1, 2, 3].map(|seed| tensor([0, 2, 6, 8], seed, &device));
    assert_eq!(kernels::attention(q, k, v, None, 0.3).dims(), [0, 2, 6, 8]);
}
