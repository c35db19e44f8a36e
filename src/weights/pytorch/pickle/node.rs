//! Values of a pickle, and why there are none.

/// A node of a [`Pickle`](super::Pickle), by number; nodes refer to earlier or later ones.
pub type Id = usize;

/// A value in a pickle. Text and bytes are borrowed from the file.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    /// `None`
    Nothing,
    /// `True`, `False`
    Bool(bool),
    /// A whole number of up to 64 bits.
    Int(i64),
    /// A number.
    Float(f64),
    /// A string.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dict, in the file's order.
    Dict(Vec<(Id, Id)>),
    /// A class or function from the allow-list, `module name`.
    Global(String),
    /// What a class or function would have made of its arguments.
    Object(Box<Object>),
    /// A reference to something outside the pickle.
    Persistent(Id),
}

/// An object of a class from the allow-list, which was not made.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The class or function.
    pub global: Id,
    /// A tuple.
    pub arguments: Id,
    /// What was put into it afterwards, as into a dict.
    pub items: Vec<(Id, Id)>,
    /// What was appended to it afterwards, as to a list.
    pub elements: Vec<Id>,
    /// What was set afterwards (`__setstate__`).
    pub state: Option<Id>,
}

/// Why a pickle was not read.
#[derive(Debug, PartialEq, Eq)]
pub enum PickleError {
    /// An instruction or a name that is not on the allow-list.
    Refused(String),
    /// Not a pickle, or not a whole one.
    Damaged(String),
}
