//! Aloe answers CLEVRER's questions: one Transformer reads the slots of a clip and the words of a
//! question (Ding et al., NeurIPS 2021, as SlotFormer varies it).
//! Reference: SlotFormer `clevrer_vqa/models/aloe.py`, `transformer.py`.

use burn::module::{Module, Param};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::ClassifierHead;
use crate::models::blocks::{Embedding, Linear, Transformer, TransformerConfig};
use crate::rng::Init;

/// Sizes of an [`Aloe`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AloeConfig {
    /// Width of a slot.
    pub dim: usize,
    /// Frames that are looked at.
    pub frames: usize,
    /// Slots of a frame.
    pub slots: usize,
    /// Words of a question with choices; a choice has the rest of `text`.
    pub question: usize,
    /// Words of a whole text, padding included.
    pub text: usize,
    /// Words in the vocabulary, padding included.
    pub vocabulary: usize,
    /// Answers to a descriptive question, padding included.
    pub answers: usize,
    /// Width of a word.
    pub word: usize,
    /// Width between the two layers of a head.
    pub head: usize,
    /// The Transformer inside.
    pub transformer: TransformerConfig,
}

impl Default for AloeConfig {
    fn default() -> Self {
        Self {
            dim: 128,
            frames: 25,
            slots: 7,
            question: 20,
            text: 32,
            vocabulary: 82,
            answers: 22,
            word: 14,
            head: 128,
            transformer: TransformerConfig {
                dim: 144,
                layers: 12,
                heads: 8,
                feed_forward: 512,
                dropout: 0.1,
            },
        }
    }
}

impl AloeConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> Aloe {
        let width = self.transformer.dim;
        let tokens = 1 + self.frames * self.slots + self.text;
        let device = init.device().clone();
        Aloe {
            text_code: code([1.0, 0.0], &device),
            vision_code: code([0.0, 1.0], &device),
            descriptive_code: code([0.0, 1.0], &device),
            question_code: code([1.0, 0.0], &device),
            choice_code: code([0.0, 1.0], &device),
            class_token: init.constant([1, 1, width], 0.0),
            position: init.constant([1, tokens, width], 0.0),
            transformer: self.transformer.init(init),
            words: Embedding::new(init, self.vocabulary, self.word),
            text_input: Linear::new(init, self.word + 4, width),
            vision_input: Linear::new(init, self.dim + 2, width),
            answer: ClassifierHead::new(init, width, self.head, self.answers),
            choice: ClassifierHead::new(init, width, self.head, 1),
            question: self.question,
        }
    }
}

/// Two numbers that say what kind of token it is; not trained.
fn code(values: [f32; 2], device: &Device) -> Param<Tensor<1>> {
    Param::from_data(TensorData::from(values), device).set_require_grad(false)
}

/// What kind of question a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// A question with a word for an answer.
    Descriptive,
    /// A question followed by one of its choices.
    Choice,
}

/// Answers questions about clips.
#[derive(Module, Debug)]
pub struct Aloe {
    /// Marks words.
    pub text_code: Param<Tensor<1>>,
    /// Marks slots.
    pub vision_code: Param<Tensor<1>>,
    /// Marks the words of a descriptive question.
    pub descriptive_code: Param<Tensor<1>>,
    /// Marks the words of a question with choices.
    pub question_code: Param<Tensor<1>>,
    /// Marks the words of a choice.
    pub choice_code: Param<Tensor<1>>,
    /// `[1, 1, width]`: the token that gathers the answer.
    pub class_token: Param<Tensor<3>>,
    /// `[1, tokens, width]`
    pub position: Param<Tensor<3>>,
    /// All tokens look at each other.
    pub transformer: Transformer,
    /// `[vocabulary, word]`
    pub words: Embedding,
    /// `[width, word + 4]`
    pub text_input: Linear,
    /// `[width, dim + 2]`
    pub vision_input: Linear,
    /// The class token to the answers of a descriptive question.
    pub answer: ClassifierHead,
    /// The class token to whether a choice is right.
    pub choice: ClassifierHead,
    #[module(skip)]
    question: usize,
}

impl Aloe {
    /// Logits of the answers to descriptive questions, `[batch, answers]`.
    ///
    /// # Shape
    /// - `slots`: `[batch, frames, slots, dim]`
    /// - `words`: `[batch, text]`
    /// - `padding`: `[batch, text]`, true where there is no word; or `[batch, frames * slots + text]`, which is also true where
    ///   a slot is empty
    pub fn answer(
        &self,
        slots: Tensor<4>,
        words: Tensor<2, Int>,
        padding: Tensor<2, Bool>,
    ) -> Tensor<2> {
        self.answer
            .forward(self.gather(slots, words, padding, TextKind::Descriptive))
    }

    /// Logits of whether choices are right, `[batch]`; a text is a question and one of its choices.
    ///
    /// # Shape
    /// As [`Aloe::answer`].
    pub fn score_choices(
        &self,
        slots: Tensor<4>,
        words: Tensor<2, Int>,
        padding: Tensor<2, Bool>,
    ) -> Tensor<1> {
        let [batch, ..] = slots.dims();
        self.choice
            .forward(self.gather(slots, words, padding, TextKind::Choice))
            .reshape([batch])
    }

    /// The class token after the Transformer, `[batch, width]`.
    ///
    /// # Shape
    /// As [`Aloe::answer`].
    ///
    /// # Panics
    /// When padding speaks neither of every word nor of every slot and word.
    pub fn gather(
        &self,
        slots: Tensor<4>,
        words: Tensor<2, Int>,
        padding: Tensor<2, Bool>,
        kind: TextKind,
    ) -> Tensor<2> {
        let [batch, frames, count, dim] = slots.dims();
        let text = words.dims()[1];
        let (width, seen) = (self.class_token.dims()[2], frames * count);
        let (empty, padding) = empty_slots(padding, [batch, seen, text]);
        // Where no text of the batch has a word there is nothing to look at.
        let TextTokens {
            places,
            key_padding_mask,
        } = text_tokens(&padding, seen);
        let vision = marked(slots.reshape([batch, seen, dim]), &self.vision_code.val());
        let place = self.position.val();
        let text = self.text(words, kind).select(1, places.clone());
        let text = self.text_input.forward(text)
            + place
                .clone()
                .narrow(1, 1 + seen, place.dims()[1] - 1 - seen)
                .select(1, places.clone());
        let vision = self.vision_input.forward(vision) + place.clone().narrow(1, 1, seen);
        let class = (self.class_token.val() + place.narrow(1, 0, 1)).expand([batch, 1, width]);
        // The class token stands last, so that the last layer need not compute the others; places say who is who.
        self.transformer
            .forward_last(
                Tensor::cat(vec![vision, text, class], 1),
                1,
                Some(with_empty(key_padding_mask, empty)),
            )
            .reshape([batch, width])
    }

    /// Words with their marks, `[batch, text, word + 4]`.
    fn text(&self, words: Tensor<2, Int>, kind: TextKind) -> Tensor<3> {
        let words = self.words.forward(words);
        let [_, text, _] = words.dims();
        let words = match kind {
            TextKind::Descriptive => marked(words, &self.descriptive_code.val()),
            TextKind::Choice => {
                let question = marked(
                    words.clone().narrow(1, 0, self.question),
                    &self.question_code.val(),
                );
                let choice = words.narrow(1, self.question, text - self.question);
                Tensor::cat(vec![question, marked(choice, &self.choice_code.val())], 1)
            }
        };
        marked(words, &self.text_code.val())
    }
}

/// What padding says of slots, `[batch, seen]`, where it does, and of words, `[batch, text]`.
fn empty_slots(
    padding: Tensor<2, Bool>,
    [batch, seen, text]: [usize; 3],
) -> (Option<Tensor<2, Bool>>, Tensor<2, Bool>) {
    if padding.dims() == [batch, text] {
        return (None, padding);
    }
    assert_eq!(
        padding.dims(),
        [batch, seen + text],
        "padding is about every word, or about every slot and every word"
    );
    let empty = padding.clone().narrow(1, 0, seen);
    (Some(empty), padding.narrow(1, seen, text))
}

/// The mask of all tokens, with the empty ones among the slots, which stand first.
fn with_empty(mask: Tensor<2, Bool>, empty: Option<Tensor<2, Bool>>) -> Tensor<2, Bool> {
    let Some(empty) = empty else {
        return mask;
    };
    let (seen, tokens) = (empty.dims()[1], mask.dims()[1]);
    Tensor::cat(vec![empty, mask.narrow(1, seen, tokens - seen)], 1)
}

/// Positions of the words of a batch of texts, and which of them are padding.
struct TextTokens {
    /// The places at which some text has a word; the first place if none has any.
    places: Tensor<1, Int>,
    /// `[batch, seen + places + 1]`: true at places where a text has no word.
    key_padding_mask: Tensor<2, Bool>,
}

/// Where words are, behind `seen` tokens that none is hidden from and before one such token.
fn text_tokens(padding: &Tensor<2, Bool>, seen: usize) -> TextTokens {
    let ([batch, text], device) = (padding.dims(), padding.device());
    let padded: Vec<bool> = padding.clone().into_data().iter::<bool>().collect();
    let is_word = |place: &usize| {
        padded
            .iter()
            .skip(*place)
            .step_by(text)
            .any(|padded| !padded)
    };
    let mut places: Vec<usize> = (0..text).filter(is_word).collect();
    if places.is_empty() {
        places.push(0);
    }
    let tokens = seen + places.len() + 1;
    let mut mask = vec![false; batch * tokens];
    for (row, of) in mask.chunks_mut(tokens).enumerate() {
        for (to, place) in of.iter_mut().skip(seen).zip(&places) {
            *to = padded[row * text + place];
        }
    }
    let places: Vec<i64> = places.into_iter().map(|place| place as i64).collect();
    TextTokens {
        places: Tensor::from_data(TensorData::from(&places[..]), &device),
        key_padding_mask: Tensor::from_data(TensorData::new(mask, [batch, tokens]), &device),
    }
}

/// Every token with a code behind its numbers.
fn marked(tokens: Tensor<3>, code: &Tensor<1>) -> Tensor<3> {
    let [batch, count, _] = tokens.dims();
    let [length] = code.dims();
    let code = code
        .clone()
        .reshape([1, 1, length])
        .expand([batch, count, length]);
    Tensor::cat(vec![tokens, code], 2)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;

    use super::*;
    use crate::rng::SeededRng;

    fn small(device: &Device) -> Aloe {
        let transformer = TransformerConfig {
            dim: 8,
            layers: 1,
            heads: 2,
            feed_forward: 8,
            dropout: 0.0,
        };
        let sizes = AloeConfig {
            dim: 6,
            frames: 2,
            slots: 3,
            question: 2,
            text: 4,
            vocabulary: 9,
            ..AloeConfig::default()
        };
        AloeConfig {
            transformer,
            ..sizes
        }
        .init(&mut Init::seeded(1, device))
    }

    #[test]
    fn words_that_are_padding_do_not_change_the_answer() {
        let device = Device::flex();
        let slots = SeededRng::new(1, &[]).normal([1, 2, 3, 6], &device);
        let padding = Tensor::<2, Bool>::from_data([[false, false, true, true]], &device);
        let ask = |words: [i64; 4]| {
            let words = Tensor::<2, Int>::from_data([words], &device);
            small(&device)
                .answer(slots.clone(), words, padding.clone())
                .into_data()
        };
        ask([3, 4, 0, 0]).assert_approx_eq::<f32>(&ask([3, 4, 7, 8]), Tolerance::default());
    }

    #[test]
    fn a_text_is_answered_alike_alone_and_beside_a_longer_one() {
        let device = Device::flex();
        let model = small(&device);
        let slots = SeededRng::new(1, &[]).normal([2, 2, 3, 6], &device);
        let words = Tensor::<2, Int>::from_data([[3, 0, 5, 0], [1, 2, 3, 4]], &device);
        let padding = words.clone().equal_elem(0);
        let both = model.score_choices(slots.clone(), words.clone(), padding.clone());
        let alone = model.score_choices(
            slots.narrow(0, 0, 1),
            words.narrow(0, 0, 1),
            padding.narrow(0, 0, 1),
        );
        both.narrow(0, 0, 1)
            .into_data()
            .assert_approx_eq::<f32>(&alone.into_data(), Tolerance::default());
    }

    #[test]
    fn the_numbers_of_an_empty_slot_do_not_change_the_answer() {
        let device = Device::flex();
        let model = small(&device);
        let words = Tensor::<2, Int>::from_data([[3, 4, 0, 0]], &device);
        let mut empty = [false; 10];
        for place in [1, 4, 8, 9] {
            empty[place] = true; // slot 1 of both frames, and the last two words
        }
        let padding = Tensor::<2, Bool>::from_data([empty], &device);
        let ask = |value: f32| {
            let slots: Tensor<4> = SeededRng::new(1, &[]).normal([1, 2, 3, 6], &device);
            let emptied = Tensor::full([1, 2, 1, 6], value, &device);
            let slots = slots.slice_assign([0..1, 0..2, 1..2, 0..6], emptied);
            model
                .answer(slots, words.clone(), padding.clone())
                .into_data()
        };
        ask(0.0).assert_approx_eq::<f32>(&ask(9.0), Tolerance::default());
    }

    #[test]
    fn a_choice_is_not_read_as_its_question() {
        let device = Device::flex();
        let model = small(&device);
        let words = Tensor::<2, Int>::from_data([[3, 4, 5, 6]], &device);
        let question = model
            .text(words.clone(), TextKind::Choice)
            .narrow(2, 14, 4)
            .into_data();
        let expected = [
            [1.0, 0.0, 1.0, 0.0],
            [1.0, 0.0, 1.0, 0.0],
            [0.0, 1.0, 1.0, 0.0],
            [0.0, 1.0, 1.0, 0.0],
        ];
        assert_eq!(question.try_to_vec::<f32>().unwrap(), expected.concat());
    }

    #[test]
    #[ignore = "measures: questions a second at the paper's size"]
    fn fifty_questions_a_second_are_read_at_the_papers_size() {
        let device = Device::flex();
        let model = AloeConfig::default().init(&mut Init::seeded(1, &device));
        let batch = 16;
        let slots = SeededRng::new(1, &[]).normal([batch, 25, 7, 128], &device);
        // Fourteen words a question, as CLEVRER's have on average.
        let words: Vec<i64> = (0..batch * 32)
            .map(|place| i64::from(place % 32 < 14))
            .collect();
        let words = Tensor::<2, Int>::from_data(TensorData::new(words, [batch, 32]), &device);
        let padding = words.clone().equal_elem(0);
        let ask = || {
            model
                .answer(slots.clone(), words.clone(), padding.clone())
                .into_data()
        };
        ask();
        let best = (0..6)
            .map(|_| {
                let start = std::time::Instant::now();
                ask();
                batch as f64 / start.elapsed().as_secs_f64()
            })
            .fold(0.0, f64::max);
        assert!(best >= 50.0, "{best:.1} questions a second");
        eprintln!("{best:.1} questions a second");
    }
}
