//! Rules that rewrite dotted names.
//!
//! A rule pairs two patterns. `{}` stands for one component of a dotted name, `{..}` at the end for all
//! that are left; both sides hold the same wildcards in the same order. The first rule that matches
//! wins, in either direction.

use crate::models::WeightsKind;

/// Official pattern, our pattern.
pub type Rule = (&'static str, &'static str);

/// Rules for names that begin alike.
#[derive(Debug)]
pub struct Section {
    /// What official names begin with.
    pub official: &'static str,
    /// What our paths begin with.
    pub ours: &'static str,
    /// How the rest is translated.
    pub rules: &'static [Rule],
    /// Towards official names it holds only for models that have this path.
    pub when: Option<&'static str>,
}

impl Section {
    /// Rules for names that begin so.
    pub const fn new(official: &'static str, ours: &'static str, rules: &'static [Rule]) -> Self {
        Self {
            official,
            ours,
            rules,
            when: None,
        }
    }

    /// The same, towards official names only for models that have this path.
    #[must_use]
    pub const fn when(self, path: &'static str) -> Self {
        Self {
            when: Some(path),
            ..self
        }
    }

    /// Our path of an official name, if a rule knows it.
    pub fn to_ours(&self, name: &str) -> Option<String> {
        let rest = name.strip_prefix(self.official)?;
        let found = self
            .rules
            .iter()
            .find_map(|(official, ours)| rewrite(rest, official, ours))?;
        Some(format!("{}{found}", self.ours))
    }

    /// The official name of a path of ours, if a rule knows it.
    pub fn to_official(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.ours)?;
        let found = self
            .rules
            .iter()
            .find_map(|(official, ours)| rewrite(rest, ours, official))?;
        Some(format!("{}{found}", self.official))
    }
}

/// What becomes one model of ours, and one file.
#[derive(Debug)]
pub struct Part {
    /// `encoder`, `decoder`, `dynamics`, `reasoner`.
    pub name: &'static str,
    /// What the header of its weights file calls it.
    pub model: WeightsKind,
    /// Its rules.
    pub sections: &'static [&'static Section],
}

/// `name` as `to` says, if it is as `from` says.
pub fn rewrite(name: &str, from: &str, to: &str) -> Option<String> {
    let (from, open) = match from.strip_suffix("{..}") {
        Some(start) => (start.trim_end_matches('.'), true),
        None => (from, false),
    };
    let mut caught = Vec::new();
    let mut rest = Some(name);
    for pattern in from.split('.').filter(|pattern| !pattern.is_empty()) {
        let text = rest?;
        let (component, left) = text
            .split_once('.')
            .map_or((text, None), |(first, left)| (first, Some(left)));
        if pattern == "{}" {
            caught.push(component);
        } else if pattern != component {
            return None;
        }
        rest = left;
    }
    if open {
        caught.push(rest.take()?);
    }
    if rest.is_some() {
        return None;
    }
    let mut caught = caught.into_iter();
    let mut pieces = to.split("{..}").flat_map(|piece| piece.split("{}"));
    let mut written = pieces.next()?.to_owned();
    for piece in pieces {
        written.push_str(caught.next()?);
        written.push_str(piece);
    }
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_carry_over_in_order() {
        assert_eq!(
            rewrite("a.3.b.w", "a.{}.b.{}", "x.{}.y.{}"),
            Some("x.3.y.w".into())
        );
        assert_eq!(
            rewrite("a.3.b.w", "a.{..}", "z.{..}"),
            Some("z.3.b.w".into())
        );
        assert_eq!(rewrite("a.3", "a.{}.b", "x.{}"), None);
        assert_eq!(rewrite("a.3.b", "a.{}", "x.{}"), None);
        assert_eq!(rewrite("a", "a", "b"), Some("b".into()));
    }
}
