//! The stack machine that a pickle is written for, without any instruction that runs code.

use super::node::{Id, Node, Object, PickleError};
use crate::weights::pytorch::budget::Budget;

pub struct Machine<'a, 'b> {
    bytes: &'a [u8],
    at: usize,
    allowed: &'b dyn Fn(&str) -> bool,
    nodes: Vec<Node<'a>>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
    budget: Budget,
}

/// What a growing vector takes beyond its content: twice as much is allocated while the old half is there.
const GROWTH: usize = 3;

/// Most values that are remembered by number; real checkpoints need some thousands.
const MEMO_LIMIT: usize = 1 << 24;

impl<'a, 'b> Machine<'a, 'b> {
    /// Nothing read yet.
    pub fn new(bytes: &'a [u8], allowed: &'b dyn Fn(&str) -> bool) -> Self {
        Self {
            bytes,
            at: 0,
            allowed,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            budget: Budget::of(bytes.len()),
        }
    }

    /// All values, and which is the outermost.
    pub fn run(mut self) -> Result<(Vec<Node<'a>>, Id), PickleError> {
        let root = self.read()?;
        Ok((self.nodes, root))
    }

    /// The same, and the bytes behind the pickle.
    pub fn run_first(mut self) -> Result<(Vec<Node<'a>>, Id, &'a [u8]), PickleError> {
        let root = self.read()?;
        Ok((self.nodes, root, &self.bytes[self.at..]))
    }

    fn read(&mut self) -> Result<Id, PickleError> {
        loop {
            let offset = self.at;
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            if !(self.scalar(opcode)? || self.container(opcode)? || self.reference(opcode)?) {
                let shown = opcode.escape_ascii();
                return Err(PickleError::Refused(format!(
                    "instruction 0x{opcode:02x} (`{shown}`) at {offset}"
                )));
            }
        }
    }

    /// Instructions that push a number, text or nothing.
    fn scalar(&mut self, opcode: u8) -> Result<bool, PickleError> {
        let node = match opcode {
            b'N' => Node::Nothing,
            0x88 => Node::Bool(true),
            0x89 => Node::Bool(false),
            b'K' => Node::Int(i64::from(self.byte()?)),
            b'M' => Node::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Node::Int(i64::from(i32::from_le_bytes(self.array()?))),
            0x8a => {
                let length = usize::from(self.byte()?);
                Node::Int(self.long(length)?)
            }
            b'G' => Node::Float(f64::from_be_bytes(self.array()?)),
            b'X' | 0x8c | 0x8d => Node::Text(self.text(opcode)?),
            b'B' | b'C' | 0x8e | 0x96 => {
                let length = self.length(opcode)?;
                Node::Bytes(self.take(length)?)
            }
            b'U' | b'T' => {
                let length = if opcode == b'U' {
                    usize::from(self.byte()?)
                } else {
                    self.length(b'B')?
                };
                Node::Bytes(self.take(length)?)
            }
            _ => return Ok(false),
        };
        self.push(node)?;
        Ok(true)
    }

    /// Instructions that build or fill a container.
    fn container(&mut self, opcode: u8) -> Result<bool, PickleError> {
        match opcode {
            b'(' => {
                self.spend_for::<usize>(1)?;
                self.marks.push(self.stack.len());
            }
            b')' => self.push(Node::Tuple(Vec::new()))?,
            b']' => self.push(Node::List(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b't' => {
                let members = self.pop_mark()?;
                self.push_members(members, Node::Tuple)?;
            }
            b'l' => {
                let members = self.pop_mark()?;
                self.push_members(members, Node::List)?;
            }
            0x85..=0x87 => {
                let members = self.pop_many(usize::from(opcode - 0x84))?;
                self.push_members(members, Node::Tuple)?;
            }
            b'a' => {
                let member = self.pop()?;
                self.extend(vec![member])?;
            }
            b'e' => {
                let members = self.pop_mark()?;
                self.extend(members)?;
            }
            b's' => {
                let pair = self.pop_many(2)?;
                self.set_items(&pair)?;
            }
            b'u' => {
                let pairs = self.pop_mark()?;
                self.set_items(&pairs)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Instructions that name, remember or call something, and those without a value.
    fn reference(&mut self, opcode: u8) -> Result<bool, PickleError> {
        match opcode {
            0x80 => {
                self.byte()?;
            }
            0x95 => {
                self.take(8)?;
            }
            b'0' => {
                self.pop()?;
            }
            b'1' => {
                self.pop_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.push_again(top)?;
            }
            b'q' => {
                let slot = usize::from(self.byte()?);
                self.remember(slot)?;
            }
            b'r' => {
                let slot = self.u32()?;
                self.remember(slot)?;
            }
            0x94 => self.remember(self.memo.len())?,
            b'h' => {
                let slot = usize::from(self.byte()?);
                self.recall(slot)?;
            }
            b'j' => {
                let slot = self.u32()?;
                self.recall(slot)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => self.stack_global()?,
            b'R' | 0x81 => self.call()?,
            b'b' => self.build()?,
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), PickleError> {
        let full = format!("{module} {name}");
        if !(self.allowed)(&full) {
            return Err(PickleError::Refused(format!("`{module}.{name}`")));
        }
        self.spend(full.len())?;
        self.push(Node::Global(full))
    }

    fn stack_global(&mut self) -> Result<(), PickleError> {
        let names = self.pop_many(2)?;
        match (&self.nodes[names[0]], &self.nodes[names[1]]) {
            (Node::Text(module), Node::Text(name)) => self.global(module, name),
            _ => Err(damaged("a name that is no text")),
        }
    }

    fn call(&mut self) -> Result<(), PickleError> {
        let pair = self.pop_many(2)?;
        let (global, arguments) = (pair[0], pair[1]);
        if !matches!(self.nodes[global], Node::Global(_))
            || !matches!(self.nodes[arguments], Node::Tuple(_))
        {
            return Err(PickleError::Refused(
                "a call of something that is no named class".into(),
            ));
        }
        self.spend(size_of::<Object>())?;
        self.push(Node::Object(Box::new(Object {
            global,
            arguments,
            items: Vec::new(),
            elements: Vec::new(),
            state: None,
        })))
    }

    fn build(&mut self) -> Result<(), PickleError> {
        let set = self.pop()?;
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::Object(object) => object.state = Some(set),
            // An attribute of a plain container (`OrderedDict._metadata`): nothing of ours reads it.
            Node::Dict(_) => {}
            _ => return Err(damaged("a state for something that has none")),
        }
        Ok(())
    }

    fn extend(&mut self, members: Vec<Id>) -> Result<(), PickleError> {
        let top = self.top()?;
        self.spend_for::<Id>(members.len())?;
        match &mut self.nodes[top] {
            Node::List(list) => list.extend(members),
            Node::Object(object) => object.elements.extend(members),
            _ => return Err(damaged("an append to something that is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, flat: &[Id]) -> Result<(), PickleError> {
        if !flat.len().is_multiple_of(2) {
            return Err(damaged("a key without a value"));
        }
        let top = self.top()?;
        self.spend_for::<Id>(flat.len())?;
        let pairs = flat.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        match &mut self.nodes[top] {
            Node::Dict(items) => items.extend(pairs),
            Node::Object(object) => object.items.extend(pairs),
            _ => return Err(damaged("an entry for something that is no dict")),
        }
        Ok(())
    }

    fn remember(&mut self, slot: usize) -> Result<(), PickleError> {
        let top = self.top()?;
        // Numbers are given in order; a large gap is no pickle that anyone wrote.
        if slot > MEMO_LIMIT || slot > self.memo.len() + self.bytes.len() {
            return Err(damaged("a memo number out of range"));
        }
        if slot >= self.memo.len() {
            self.spend_for::<Option<Id>>(slot + 1 - self.memo.len())?;
            self.memo.resize(slot + 1, None);
        }
        self.memo[slot] = Some(top);
        Ok(())
    }

    fn recall(&mut self, slot: usize) -> Result<(), PickleError> {
        let id = self.memo.get(slot).copied().flatten();
        self.push_again(id.ok_or_else(|| damaged("a memo number that was not given"))?)
    }

    fn push(&mut self, node: Node<'a>) -> Result<(), PickleError> {
        self.spend_for::<Node>(1)?;
        self.nodes.push(node);
        self.push_again(self.nodes.len() - 1)
    }

    /// Pushes a value that is there already.
    fn push_again(&mut self, id: Id) -> Result<(), PickleError> {
        self.spend_for::<Id>(1)?;
        self.stack.push(id);
        Ok(())
    }

    fn push_members(
        &mut self,
        members: Vec<Id>,
        node: impl Fn(Vec<Id>) -> Node<'a>,
    ) -> Result<(), PickleError> {
        self.spend_for::<Id>(members.len())?;
        self.push(node(members))
    }

    /// Takes a number of `T` in a growing vector off the budget.
    fn spend_for<T>(&mut self, count: usize) -> Result<(), PickleError> {
        self.spend(count.saturating_mul(GROWTH * size_of::<T>()))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), PickleError> {
        let spent = self.budget.spend(bytes);
        spent.map_err(|_| damaged("more values than a file of its size has"))
    }

    /// Where the values of the innermost open container begin.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, PickleError> {
        let above = self.stack.len() > self.floor();
        self.stack
            .last()
            .copied()
            .filter(|_| above)
            .ok_or_else(|| damaged("an empty stack"))
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, PickleError> {
        if self.stack.len() < self.floor() + count {
            return Err(damaged("an empty stack"));
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| damaged("no mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], PickleError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| damaged("the pickle ends too early"))?;
        self.at += count;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<usize, PickleError> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    /// The length that stands before text or bytes.
    fn length(&mut self, opcode: u8) -> Result<usize, PickleError> {
        match opcode {
            0x8c | b'C' => Ok(usize::from(self.byte()?)),
            b'X' | b'B' => self.u32(),
            _ => usize::try_from(u64::from_le_bytes(self.array()?))
                .map_err(|_| damaged("a length out of range")),
        }
    }

    fn text(&mut self, opcode: u8) -> Result<&'a str, PickleError> {
        let length = self.length(opcode)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| damaged("text that is no UTF-8"))
    }

    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = &self.bytes[self.at..];
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| damaged("a line without an end"))?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| damaged("a name that is no UTF-8"))
    }

    /// A little-endian whole number of `length` bytes.
    fn long(&mut self, length: usize) -> Result<i64, PickleError> {
        let bytes = self.take(length)?;
        if length > 8 {
            return Err(damaged("a whole number of more than 64 bits"));
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = if negative { [0xff; 8] } else { [0; 8] };
        wide[..length].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(wide))
    }
}

fn damaged(why: &str) -> PickleError {
    PickleError::Damaged(why.into())
}
