//! What may be made of a file: in a pickle, a few bytes can name the same value again and again.

/// Bytes that may still be made of a file.
#[derive(Debug, Clone)]
pub struct Budget {
    left: u64,
}

/// The budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent;

impl Budget {
    /// Four times the bytes of a file, and 64 MiB: numbers of half precision double, and views may share a storage.
    pub fn of(length: usize) -> Self {
        let left = (length as u64).saturating_mul(4).saturating_add(64 << 20);
        Self { left }
    }

    /// Takes bytes off before they are allocated or read.
    ///
    /// # Errors
    /// When there are not as many left.
    pub fn spend(&mut self, bytes: usize) -> Result<(), Spent> {
        self.left = self.left.checked_sub(bytes as u64).ok_or(Spent)?;
        Ok(())
    }
}

impl From<Spent> for String {
    fn from(_: Spent) -> Self {
        "the file names more bytes than it could hold".to_owned()
    }
}
