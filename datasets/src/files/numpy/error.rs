//! Reasons that an array could not be read.

/// Reason that an array could not be read.
#[derive(Debug, thiserror::Error)]
pub enum NumpyError {
    /// The file system refused, or the file ends early.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Not an array that this program reads.
    #[error("{0}")]
    Format(String),
    /// More bytes than the machine has room for.
    #[error("{needed} bytes in one array; {budget} are the most")]
    TooLarge {
        /// What the header says.
        needed: u64,
        /// The most.
        budget: u64,
    },
    /// Elements of another kind than asked for.
    #[error("the elements are {found}, not {wanted}")]
    Kind {
        /// As `NumPy` spells it, such as `float32`.
        found: String,
        /// In words.
        wanted: &'static str,
    },
    /// An element that the wanted kind does not hold.
    #[error("the number {number} is out of range")]
    OutOfRange {
        /// The first such element.
        number: i128,
    },
}
