//! Functional programs: lists of modules and values in postfix order (Yi et al. 2020, Table 4).

use super::error::QuestionError;
use super::events::{COLORS, MATERIALS, SHAPES};

/// One step of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    /// Every object.
    Objects,
    /// Events of the clip, in order of time.
    Events,
    /// Events after the clip's end.
    UnseenEvents,
    /// A collision of every pair of objects, without a time.
    AllEvents,
    /// The only member of a list.
    Unique,
    /// Number of members of a list.
    Count,
    /// Whether a list has any.
    Exist,
    /// Yes for no and no for yes.
    Negate,
    /// Whether an event, or an object in some event, is in a list of events.
    BelongTo,
    /// Objects of a colour.
    FilterColor,
    /// Objects of a material.
    FilterMaterial,
    /// Objects of a shape.
    FilterShape,
    /// Objects in view that move, at a frame or ever.
    FilterMoving,
    /// Objects in view that rest, at a frame or always.
    FilterStationary,
    /// The beginning of the clip.
    FilterStart,
    /// The end of the clip.
    FilterEnd,
    /// Entrances of an object or of any of several.
    FilterIn,
    /// Exits of an object or of any of several.
    FilterOut,
    /// Collisions of an object or of any of several.
    FilterCollision,
    /// The first, second or last of a list.
    FilterOrder,
    /// Events before an event.
    FilterBefore,
    /// Events after an event.
    FilterAfter,
    /// An object's colour.
    QueryColor,
    /// An object's material.
    QueryMaterial,
    /// An object's shape.
    QueryShape,
    /// Direction of an object at a frame.
    QueryDirection,
    /// An event's frame.
    QueryFrame,
    /// The object that enters or leaves.
    QueryObject,
    /// Whom an object collides with.
    QueryCollisionPartner,
    /// Events that led to an event.
    FilterAncestor,
    /// Events without an object.
    CounterfactEvents,
    /// Those events that would also happen without an object.
    FilterCounterfact,
}

use Module as M;

/// The module's names, aliases of the data set's files included, and what each stands for.
const NAMES: [(&str, &[Module]); 40] = [
    ("objects", &[M::Objects]),
    ("events", &[M::Events]),
    ("unseen_events", &[M::UnseenEvents]),
    ("all_events", &[M::AllEvents]),
    ("unique", &[M::Unique]),
    ("count", &[M::Count]),
    ("exist", &[M::Exist]),
    ("negate", &[M::Negate]),
    ("belong_to", &[M::BelongTo]),
    ("filter_color", &[M::FilterColor]),
    ("filter_material", &[M::FilterMaterial]),
    ("filter_shape", &[M::FilterShape]),
    ("filter_moving", &[M::FilterMoving]),
    ("filter_stationary", &[M::FilterStationary]),
    ("filter_resting", &[M::FilterStationary]),
    ("filter_start", &[M::FilterStart]),
    ("filter_end", &[M::FilterEnd]),
    ("filter_in", &[M::FilterIn]),
    ("filter_out", &[M::FilterOut]),
    ("filter_collision", &[M::FilterCollision]),
    ("filter_order", &[M::FilterOrder]),
    ("filter_before", &[M::FilterBefore]),
    ("filter_after", &[M::FilterAfter]),
    ("query_color", &[M::QueryColor]),
    ("query_material", &[M::QueryMaterial]),
    ("query_shape", &[M::QueryShape]),
    ("query_direction", &[M::QueryDirection]),
    ("query_frame", &[M::QueryFrame]),
    ("query_object", &[M::QueryObject]),
    ("query_collision_partner", &[M::QueryCollisionPartner]),
    ("filter_ancestor", &[M::FilterAncestor]),
    ("counterfact_events", &[M::CounterfactEvents]),
    ("filter_counterfact", &[M::FilterCounterfact]),
    ("get_frame", &[M::QueryFrame]),
    ("get_object", &[M::QueryObject]),
    ("get_col_partner", &[M::QueryCollisionPartner]),
    ("get_counterfact", &[M::FilterCounterfact]),
    ("start", &[M::Events, M::FilterStart]),
    ("end", &[M::Events, M::FilterEnd]),
    ("<START>", &[]),
];

impl Module {
    /// Values that the module takes from the stack.
    pub fn takes(self) -> usize {
        match self {
            M::Objects | M::Events | M::UnseenEvents | M::AllEvents => 0,
            M::Unique
            | M::Count
            | M::Exist
            | M::Negate
            | M::FilterStart
            | M::FilterEnd
            | M::CounterfactEvents
            | M::QueryColor
            | M::QueryMaterial
            | M::QueryShape
            | M::QueryFrame
            | M::QueryObject => 1,
            _ => 2,
        }
    }

    /// The module's own name.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, modules)| *modules == [self])
            .map_or("", |(name, _)| name)
    }
}

/// Meaning of a program's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// Modules, run in this order; none for `<START>`.
    Run(&'static [Module]),
    /// A word put on the stack.
    Word(&'a str),
    /// Nothing after this counts.
    Stop,
}

impl<'a> Token<'a> {
    /// The meaning of a token; whatever is no module is a word.
    pub fn read(token: &'a str) -> Self {
        if matches!(token, "<END>" | "<NULL>") {
            return Self::Stop;
        }
        let known = NAMES.iter().find(|(name, _)| *name == token);
        known.map_or(Self::Word(token), |(_, modules)| Self::Run(modules))
    }
}

/// Type of a value on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Objects,
    Events,
    Object,
    Event,
    Frame,
    Number,
    YesNo,
    Answer,
    Color,
    Material,
    Shape,
    Order,
    Null,
}

impl Kind {
    fn of_word(word: &str) -> Option<Self> {
        match word {
            "first" | "second" | "last" => Some(Self::Order),
            "null" => Some(Self::Null),
            color if COLORS.contains(&color) => Some(Self::Color),
            material if MATERIALS.contains(&material) => Some(Self::Material),
            shape if SHAPES.contains(&shape) => Some(Self::Shape),
            _ => None,
        }
    }
}

/// Type of a module's result for such inputs; `None` when it does not take them.
#[expect(
    clippy::match_same_arms,
    reason = "one arm a kind of module reads as a table of signatures"
)]
fn apply(module: Module, args: &[Kind]) -> Option<Kind> {
    use Kind as K;
    let kind = match (module, args) {
        (M::Objects, []) => K::Objects,
        (M::Events | M::UnseenEvents | M::AllEvents, []) => K::Events,
        (M::Unique, [K::Objects]) => K::Object,
        (M::Unique, [K::Events]) => K::Event,
        (M::Count, [K::Objects | K::Events]) => K::Number,
        (M::Exist, [K::Objects | K::Events]) | (M::Negate, [K::YesNo]) => K::YesNo,
        (M::BelongTo, [K::Object | K::Event, K::Events]) => K::YesNo,
        (M::FilterColor, [K::Objects, K::Color])
        | (M::FilterMaterial, [K::Objects, K::Material])
        | (M::FilterShape, [K::Objects, K::Shape])
        | (M::FilterMoving | M::FilterStationary, [K::Objects, K::Frame | K::Null]) => K::Objects,
        (M::FilterStart | M::FilterEnd, [K::Events]) | (M::FilterOrder, [K::Events, K::Order]) => {
            K::Event
        }
        (M::FilterIn | M::FilterOut | M::FilterCollision, [K::Events, K::Object | K::Objects])
        | (M::FilterBefore | M::FilterAfter | M::FilterAncestor, [K::Events, K::Event])
        | (M::CounterfactEvents, [K::Object])
        | (M::FilterCounterfact, [K::Events, K::Object]) => K::Events,
        (M::QueryColor | M::QueryMaterial | M::QueryShape, [K::Object])
        | (M::QueryDirection, [K::Object, K::Frame]) => K::Answer,
        (M::QueryFrame, [K::Event]) => K::Frame,
        (M::QueryObject, [K::Event]) | (M::QueryCollisionPartner, [K::Event, K::Object]) => {
            K::Object
        }
        _ => return None,
    };
    Some(kind)
}

/// Runs a program on types alone.
fn run(program: &[String], mut stack: Vec<Kind>) -> Result<Vec<Kind>, QuestionError> {
    for (place, token) in program.iter().enumerate() {
        match Token::read(token) {
            Token::Stop => break,
            Token::Word(word) => {
                let unknown = || QuestionError::UnknownToken {
                    token: word.to_owned(),
                    place,
                };
                stack.push(Kind::of_word(word).ok_or_else(unknown)?);
            }
            Token::Run(modules) => {
                for module in modules {
                    let rest = stack.len().saturating_sub(module.takes());
                    let args = stack.split_off(rest);
                    stack.push(
                        apply(*module, &args).ok_or_else(|| QuestionError::Arguments {
                            module: module.name().to_owned(),
                            place,
                            takes: takes_in_words(*module),
                            gets: in_words(&args),
                        })?,
                    );
                }
            }
        }
    }
    Ok(stack)
}

/// Whether a descriptive question's program can give an answer.
///
/// # Errors
/// When a token is unknown, a module lacks its inputs, or something else than one answer is left.
pub fn check_open(program: &[String]) -> Result<(), QuestionError> {
    let left = run(program, Vec::new())?;
    match left.as_slice() {
        [Kind::Number | Kind::YesNo | Kind::Answer] => Ok(()),
        _ => Err(QuestionError::Ends {
            found: in_words(&left),
            expected: "one answer",
        }),
    }
}

/// Whether a choice's program names an object or event, and its question's program then says yes or no.
///
/// # Errors
/// When a token is unknown, a module lacks its inputs, or something else than yes or no is left.
pub fn check_choice(choice: &[String], question: &[String]) -> Result<(), QuestionError> {
    let named = run(choice, Vec::new())?;
    if !matches!(named.as_slice(), [Kind::Object | Kind::Event]) {
        return Err(QuestionError::Ends {
            found: in_words(&named),
            expected: "one object or event",
        });
    }
    let left = run(question, named)?;
    match left.as_slice() {
        [Kind::YesNo] => Ok(()),
        _ => Err(QuestionError::Ends {
            found: in_words(&left),
            expected: "yes or no",
        }),
    }
}

fn takes_in_words(module: Module) -> String {
    const ALL: [Kind; 13] = [
        Kind::Objects,
        Kind::Events,
        Kind::Object,
        Kind::Event,
        Kind::Frame,
        Kind::Number,
        Kind::YesNo,
        Kind::Answer,
        Kind::Color,
        Kind::Material,
        Kind::Shape,
        Kind::Order,
        Kind::Null,
    ];
    let fits: Vec<String> = match module.takes() {
        0 => Vec::new(),
        1 => ALL
            .iter()
            .filter(|one| apply(module, &[**one]).is_some())
            .map(|one| in_words(&[*one]))
            .collect(),
        _ => {
            let pairs = ALL
                .iter()
                .flat_map(|first| ALL.iter().map(move |second| [*first, *second]));
            pairs
                .filter(|pair| apply(module, pair).is_some())
                .map(|pair| in_words(&pair))
                .collect()
        }
    };
    fits.join(" or ")
}

fn in_words(kinds: &[Kind]) -> String {
    if kinds.is_empty() {
        return "nothing".to_owned();
    }
    let words: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{kind:?}").to_lowercase())
        .collect();
    format!("({})", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn every_module_has_a_name_and_takes_something_possible() {
        for (name, modules) in NAMES {
            for module in modules {
                assert!(!module.name().is_empty(), "{name}");
                assert!(
                    module.takes() == 0 || !takes_in_words(*module).is_empty(),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_program_of_the_data_sets_own_tokens_is_sound() {
        let open = "events objects purple filter_color unique filter_collision unique objects purple filter_color unique \
                    get_col_partner query_shape";
        check_open(&words(open)).unwrap();
        check_open(&words("objects end get_frame filter_moving count")).unwrap();
        let choice = "all_events objects cube filter_shape unique filter_collision objects sphere filter_shape unique \
                      filter_collision unique";
        check_choice(&words(choice), &words("unseen_events belong_to")).unwrap();
    }

    #[test]
    fn a_malformed_program_is_refused_where_it_breaks() {
        let unknown = check_open(&words("objects paint")).unwrap_err();
        assert_eq!(
            unknown,
            QuestionError::UnknownToken {
                token: "paint".into(),
                place: 1
            }
        );
        let short = check_open(&words("count objects")).unwrap_err();
        assert!(
            matches!(short, QuestionError::Arguments { place: 0, .. }),
            "{short}"
        );
        let mixed = check_open(&words("objects red filter_shape count")).unwrap_err();
        assert_eq!(
            mixed.to_string(),
            "`filter_shape` (token 2) takes (objects, shape) but gets (objects, color)"
        );
        let left = check_open(&words("objects objects count")).unwrap_err();
        assert!(matches!(left, QuestionError::Ends { .. }), "{left}");
    }
}
