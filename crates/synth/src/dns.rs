//! DNS messages: a question and its answer.

/// The longest message made here.
pub(crate) const LONGEST: usize = 65;

/// Header, name, type and class.
const QUESTION: usize = 37;

/// A message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    bytes: [u8; LONGEST],
    length: usize,
}

/// Whether a message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Question,
    Answer,
}

impl Message {
    /// A message about the name `hNNNNNN.example.com`; odd names are asked for their IPv6 address.
    pub(crate) fn new(turn: Turn, id: u16, name: u32) -> Self {
        let number = name / 2 % 1_000_000;
        let is_wide = name % 2 == 1;
        let mut message = Self { bytes: [0; LONGEST], length: 0 };
        let kind = if is_wide { 28 } else { 1 };
        // Recursion is wanted and, in answers, to be had.
        let (flags, answers) = if turn == Turn::Question { (0x0100, 0) } else { (0x8180, 1) };
        for word in [id, flags, 1, answers, 0, 0] {
            message.push(&word.to_be_bytes());
        }
        message.push(&[7, b'h']);
        let mut unit = 100_000;
        while unit > 0 {
            let digit = u8::try_from(number / unit % 10).unwrap_or(0);
            message.push(&[b'0' + digit]);
            unit /= 10;
        }
        message.push(b"\x07example\x03com\0");
        message.push(&[0, kind, 0, 1]);
        if turn == Turn::Answer {
            // The name is that at byte 12; the answer is good for a minute.
            message.push(&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0]);
            let [_, high, middle, low] = number.to_be_bytes();
            if is_wide {
                message.push(&[16, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, high, middle, low]);
            } else {
                message.push(&[4, 198, 18 + (high & 1), middle, low]);
            }
        }
        message
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
            self.length = end;
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

const _: () = assert!(QUESTION + 28 == LONGEST);
