//! The door from burn's tensors to the CPU's kernels, with gradients.
//!
//! One [`Operation`] says what is to be done; burn routes it by the number of its inputs. On flex
//! it runs our kernels; on autodiff over flex it also notes its own backward step. Burn panics for
//! every back end that is not listed here, so [`super::takes`] is asked before any call.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::flex;
use super::operation::{BackwardArgs, Operation};

/// Our operations, by their number of inputs.
#[backend_extension(Flex, Autodiff)]
pub trait Fused: Backend {
    /// Of one input.
    fn fused_one(a: FloatTensor<Self>, operation: Operation) -> FloatTensor<Self>;
    /// Of two inputs.
    fn fused_two(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        operation: Operation,
    ) -> FloatTensor<Self>;
    /// Of three inputs.
    fn fused_three(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        operation: Operation,
    ) -> FloatTensor<Self>;
    /// Of four inputs.
    fn fused_four(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        operation: Operation,
    ) -> FloatTensor<Self>;
}

/// The backward step, on the back end under autodiff.
pub trait FusedBackward: Fused {
    /// The gradient of each wanted input.
    fn fused_backward(
        operation: Operation,
        step: BackwardArgs<'_, FloatTensor<Self>>,
    ) -> Vec<Option<FloatTensor<Self>>>;
}

impl Fused for Flex {
    fn fused_one(a: FlexTensor, operation: Operation) -> FlexTensor {
        flex::forward(operation, &[a])
    }
    fn fused_two(a: FlexTensor, b: FlexTensor, operation: Operation) -> FlexTensor {
        flex::forward(operation, &[a, b])
    }
    fn fused_three(
        a: FlexTensor,
        b: FlexTensor,
        c: FlexTensor,
        operation: Operation,
    ) -> FlexTensor {
        flex::forward(operation, &[a, b, c])
    }
    fn fused_four(
        a: FlexTensor,
        b: FlexTensor,
        c: FlexTensor,
        d: FlexTensor,
        operation: Operation,
    ) -> FlexTensor {
        flex::forward(operation, &[a, b, c, d])
    }
}

impl FusedBackward for Flex {
    fn fused_backward(
        operation: Operation,
        step: BackwardArgs<'_, FlexTensor>,
    ) -> Vec<Option<FlexTensor>> {
        flex::backward(operation, &step)
    }
}

impl<B: FusedBackward, S: CheckpointStrategy> Fused for Autodiff<B, S> {
    fn fused_one(a: FloatTensor<Self>, operation: Operation) -> FloatTensor<Self> {
        track::<B, S, 1>([a], operation, |[a]| B::fused_one(a, operation))
    }
    fn fused_two(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        operation: Operation,
    ) -> FloatTensor<Self> {
        track::<B, S, 2>([a, b], operation, |[a, b]| B::fused_two(a, b, operation))
    }
    fn fused_three(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        operation: Operation,
    ) -> FloatTensor<Self> {
        track::<B, S, 3>([a, b, c], operation, |[a, b, c]| {
            B::fused_three(a, b, c, operation)
        })
    }
    fn fused_four(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        operation: Operation,
    ) -> FloatTensor<Self> {
        track::<B, S, 4>([a, b, c, d], operation, |[a, b, c, d]| {
            B::fused_four(a, b, c, d, operation)
        })
    }
}

/// Runs `forward` on the inputs under autodiff and notes the backward step if one is wanted.
fn track<B: FusedBackward, S: CheckpointStrategy, const N: usize>(
    inputs: [FloatTensor<Autodiff<B, S>>; N],
    operation: Operation,
    forward: impl FnOnce([FloatTensor<B>; N]) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, S>> {
    let nodes = inputs.each_ref().map(FloatTensor::<Autodiff<B, S>>::node);
    let prepared = Backward::<B, N>::prepare::<S>(operation, nodes);
    match prepared.compute_bound().stateful() {
        OpsKind::Tracked(mut prepared) => {
            let keeps = operation.keeps_output();
            let saved = inputs
                .iter()
                .filter(|_| !keeps)
                .map(|input| prepared.checkpoint(input))
                .collect();
            let output = forward(inputs.map(FloatTensor::<Autodiff<B, S>>::into_primitive));
            let kept = keeps.then(|| output.clone());
            prepared.finish((saved, kept), output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(forward(
            inputs.map(FloatTensor::<Autodiff<B, S>>::into_primitive),
        )),
    }
}

impl<B: FusedBackward, const N: usize> Backward<B, N> for Operation {
    type State = (Vec<NodeId>, Option<FloatTensor<B>>);

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = grads.consume::<B>(&ops.node);
        let (inputs, output) = ops.state;
        let inputs = inputs
            .into_iter()
            .map(|id| checkpointer.retrieve_node_output(id));
        let inputs: Vec<_> = inputs.collect();
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let step = BackwardArgs {
            inputs: &inputs,
            output,
            gradient,
            wanted: &wanted,
        };
        let found = B::fused_backward(self, step);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

/// `operation` of one tensor.
pub fn one<const A: usize, const R: usize>(a: Tensor<A>, operation: Operation) -> Tensor<R> {
    Tensor::from_dispatch(<Dispatch as Fused>::fused_one(a.into_dispatch(), operation))
}

/// `operation` of two tensors.
pub fn two<const A: usize, const B: usize, const R: usize>(
    a: Tensor<A>,
    b: Tensor<B>,
    operation: Operation,
) -> Tensor<R> {
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(<Dispatch as Fused>::fused_two(a, b, operation))
}

/// `operation` of three tensors.
pub fn three<const A: usize, const B: usize, const C: usize, const R: usize>(
    a: Tensor<A>,
    b: Tensor<B>,
    c: Tensor<C>,
    operation: Operation,
) -> Tensor<R> {
    let (a, b, c) = (a.into_dispatch(), b.into_dispatch(), c.into_dispatch());
    Tensor::from_dispatch(<Dispatch as Fused>::fused_three(a, b, c, operation))
}

/// `operation` of four tensors of four dimensions.
pub fn four([a, b, c, d]: [Tensor<4>; 4], operation: Operation) -> Tensor<4> {
    let [a, b, c, d] = [a, b, c, d].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as Fused>::fused_four(a, b, c, d, operation))
}
