//! How far an edit is.

/// A step of an edit, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditStep {
    /// Slots are changed.
    Edit,
    /// They are rolled out.
    RollOut,
    /// Frames are rendered.
    Render,
    /// The run's questions are asked again.
    Answer,
    /// The folder is written.
    Write,
}

impl EditStep {
    /// All steps, in order.
    pub const ALL: [Self; 5] = [
        Self::Edit,
        Self::RollOut,
        Self::Render,
        Self::Answer,
        Self::Write,
    ];

    /// What is being done, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Edit => "changing slots",
            Self::RollOut => "rolling out",
            Self::Render => "rendering frames",
            Self::Answer => "answering questions",
            Self::Write => "writing the folder",
        }
    }
}
