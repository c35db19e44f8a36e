//! Pickles read as data. The machine knows the instructions that describe values and no others, and it
//! calls nothing: a class or function from the allow-list becomes a node that remembers its arguments.
//!
//! Source: the comments of `CPython/Lib/pickletools.py`, protocols 2 to 5.

mod machine;
mod node;

pub use node::{Id, Node, Object, PickleError};

use machine::Machine;

/// Python's kinds of dict.
const DICTS: [&str; 5] = [
    "collections OrderedDict",
    "collections defaultdict",
    "collections Counter",
    "builtins dict",
    "__builtin__ dict",
];

/// The most axes of an array.
const MOST_AXES: usize = 8;

/// All values of a pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// The values of `bytes`, in which only the names that `allowed` accepts may occur.
    ///
    /// # Errors
    /// Names the instruction or the global that was refused.
    pub fn parse(bytes: &'a [u8], allowed: &dyn Fn(&str) -> bool) -> Result<Self, PickleError> {
        let (nodes, root) = Machine::new(bytes, allowed).run()?;
        Ok(Self { nodes, root })
    }

    /// The values of the pickle at the beginning of `bytes`, and what lies behind it.
    ///
    /// # Errors
    /// As [`Pickle::parse`].
    pub fn parse_first(
        bytes: &'a [u8],
        allowed: &dyn Fn(&str) -> bool,
    ) -> Result<(Self, &'a [u8]), PickleError> {
        let (nodes, root, rest) = Machine::new(bytes, allowed).run_first()?;
        Ok((Self { nodes, root }, rest))
    }

    /// The outermost value.
    pub fn root(&self) -> Id {
        self.root
    }

    /// A value.
    pub fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id]
    }

    /// The entries of a dict or of an object that was filled like one.
    pub fn entries(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.node(id) {
            Node::Dict(items) => Some(items),
            Node::Object(object) => Some(&object.items),
            _ => None,
        }
    }

    /// Whether a value is a dict, or an object of one of Python's kinds of dict.
    pub fn is_dict(&self, id: Id) -> bool {
        match self.node(id) {
            Node::Dict(_) => true,
            Node::Object(object) => matches!(
                self.node(object.global),
                Node::Global(name) if DICTS.contains(&name.as_str())
            ),
            _ => false,
        }
    }

    /// The fields of an object of a compiled class.
    pub fn fields(&self, id: Id) -> Option<&[(Id, Id)]> {
        let object = self.object(id)?;
        match self.node(object.global) {
            Node::Global(name) if name.starts_with("__torch__") => {}
            _ => return None,
        }
        match self.node(object.state?) {
            Node::Dict(items) => Some(items),
            _ => None,
        }
    }

    /// The entry of that name in a dict.
    pub fn entry(&self, id: Id, name: &str) -> Option<Id> {
        let items = self.entries(id)?;
        items
            .iter()
            .find(|(key, _)| self.node(*key) == &Node::Text(name))
            .map(|(_, value)| *value)
    }

    /// The members of a tuple or list.
    pub fn members(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::Tuple(members) | Node::List(members) => Some(members),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub fn count(&self, id: Id) -> Option<usize> {
        match self.node(id) {
            Node::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// What the pickle says of things outside it.
    pub fn references(&self) -> impl Iterator<Item = Id> + '_ {
        self.nodes.iter().filter_map(|node| match node {
            Node::Persistent(id) => Some(*id),
            _ => None,
        })
    }

    /// What was called to make an object, and with what.
    pub fn call(&self, id: Id) -> Option<(&str, &[Id])> {
        let object = self.object(id)?;
        let Node::Global(name) = self.node(object.global) else {
            return None;
        };
        Some((name, self.members(object.arguments)?))
    }

    /// An object of a class.
    pub fn object(&self, id: Id) -> Option<&Object> {
        match self.node(id) {
            Node::Object(object) => Some(object),
            _ => None,
        }
    }

    /// A few whole numbers that are not negative, such as a shape. More than [`MOST_AXES`] are none: a long tuple that
    /// many arrays share would be walked once for each.
    pub fn counts(&self, id: Id) -> Option<Vec<usize>> {
        let members = self.members(id)?;
        if members.len() > MOST_AXES {
            return None;
        }
        members.iter().map(|id| self.count(*id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing_allowed(_: &str) -> bool {
        false
    }

    #[test]
    fn a_call_of_anything_else_is_refused_by_name() {
        let hostile = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.";
        let refused = Pickle::parse(hostile, &nothing_allowed).unwrap_err();
        assert_eq!(refused, PickleError::Refused("`posix.system`".into()));
    }

    #[test]
    fn an_unknown_instruction_is_refused_with_its_place() {
        let refused = Pickle::parse(b"\x80\x02i.", &nothing_allowed).unwrap_err();
        assert_eq!(
            refused,
            PickleError::Refused("instruction 0x69 (`i`) at 2".into())
        );
    }

    #[test]
    fn plain_data_come_back_as_they_were() {
        // {'a': [1, -2, 0.5], 'b': (None, True)}
        let bytes = b"\x80\x02}(X\x01\x00\x00\x00a](K\x01J\xfe\xff\xff\xffG\x3f\xe0\x00\x00\x00\x00\x00\x00eX\x01\x00\x00\x00bN\x88\x86u.";
        let pickle = Pickle::parse(bytes, &nothing_allowed).unwrap();
        let list = pickle
            .members(pickle.entry(pickle.root(), "a").unwrap())
            .unwrap();
        let values: Vec<_> = list.iter().map(|id| pickle.node(*id).clone()).collect();
        assert_eq!(values, [Node::Int(1), Node::Int(-2), Node::Float(0.5)]);
        let pair = pickle
            .members(pickle.entry(pickle.root(), "b").unwrap())
            .unwrap();
        assert_eq!(pickle.node(pair[1]), &Node::Bool(true));
    }

    #[test]
    fn every_cut_is_an_error_and_none_a_panic() {
        let bytes = b"\x80\x02}q\x00(X\x01\x00\x00\x00a](K\x01K\x02eu.";
        for end in 0..bytes.len() {
            assert!(
                Pickle::parse(&bytes[..end], &nothing_allowed).is_err(),
                "cut at {end}"
            );
        }
    }
}
