//! The macro behind every list of definitions: an enum whose variants have a name on paper.
//!
//! One metric means different numbers in different papers, so each number carries the name of the definition it was
//! made with, and the first of a list is this project's default.

/// An enum whose variants have a name on paper; the first is the default.
macro_rules! profiles {
    ($(#[$meta:meta])* $vis:vis enum $name:ident as $what:literal {
        $(#[$first_meta:meta])* $first:ident = $first_text:literal,
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
        $vis enum $name {
            $(#[$first_meta])* #[default] #[serde(rename = $first_text)] $first,
            $($(#[$variant_meta])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// All of them, the default first.
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$variant,)*];

            /// The name that stands in tables and plans.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::$first => $first_text,
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::error::EvalError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|one| one.name() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|one| one.name()).collect();
                    crate::error::EvalError::Unknown { what: $what, found: text.to_owned(), known: known.join(", ") }
                })
            }
        }
    };
}
pub(crate) use profiles;
