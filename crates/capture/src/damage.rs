//! What is wrong inside a capture, and what was done about it.

use std::fmt;

use crate::info::FileInfo;

/// A damaged place in a capture. Every frame before it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Index of the file in [`crate::CaptureSet::names`].
    pub file: usize,
    /// The file's name, as [`crate::CaptureSet::names`] has it.
    pub name: String,
    /// Where the damage is: bytes from the start of the file, of the *decompressed* stream when it is compressed.
    pub offset: u64,
    /// Whether the file is compressed, and `offset` therefore counts decompressed bytes.
    pub decompressed_offset: bool,
    /// The number of the last frame delivered before the damage; 0 when there was none.
    pub after_frame: u64,
    /// What a sound file has there.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// What was done.
    pub action: DamageAction,
}

/// How reading went on after damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageAction {
    /// The rest of the file was not read.
    Stopped,
    /// Reading resumed at this offset (counted as [`Damage::offset`]); the bytes between were skipped.
    ResumedAt(u64),
    /// The default was taken in its place; nothing was skipped.
    DefaultUsed,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, offset, after_frame, expected, found, .. } = self;
        let of = if self.decompressed_offset { " of the decompressed stream" } else { "" };
        write!(
            f,
            "{name}: damaged at byte {offset}{of}, after frame {after_frame}: {found}; expected {expected}; "
        )?;
        match self.action {
            DamageAction::Stopped => f.write_str("the rest of the file is not read"),
            DamageAction::ResumedAt(at) => write!(f, "reading resumed at byte {at}"),
            DamageAction::DefaultUsed => f.write_str("reading went on with the default in its place"),
        }
    }
}

/// Damage as the reader of one file notes it; the set adds which file it is.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) offset: u64,
    pub(crate) after_frame: u64,
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) action: DamageAction,
}

/// What a reader has delivered and noted so far.
#[derive(Debug)]
pub(crate) struct Log {
    /// Frames delivered.
    pub(crate) frames: u64,
    /// What is known of the file.
    pub(crate) info: FileInfo,
    /// Damage not yet handed on.
    pub(crate) notes: Vec<Note>,
}

impl Log {
    pub(crate) const fn new(info: FileInfo) -> Self {
        Self { frames: 0, info, notes: Vec::new() }
    }

    pub(crate) fn note(&mut self, offset: u64, expected: &str, found: String, action: DamageAction) {
        let expected = expected.to_owned();
        self.notes.push(Note { offset, after_frame: self.frames, expected, found, action });
    }
}
