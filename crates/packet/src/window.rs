//! The bytes of a frame from one layer on, and what bounds them.

use vpcreplay_flow::Cause;

/// What is left of a frame at some layer.
///
/// Always `bytes.len() ≤ wire` and `bytes.len() ≤ limit`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    /// The captured bytes.
    pub(crate) bytes: &'a [u8],
    /// How many bytes there were on the wire, as far as known: the original frame length, or a length field.
    pub(crate) wire: usize,
    /// How many bytes the length fields read so far leave room for; huge when none of them bounds it.
    limit: usize,
}

impl<'a> Window<'a> {
    /// A whole frame. "Original frame length" is the larger of that field and the captured length (S12.3).
    pub(crate) fn of_frame(captured: &'a [u8], original_length: u32) -> Self {
        let field = usize::try_from(original_length).unwrap_or(usize::MAX);
        Self { bytes: captured, wire: captured.len().max(field), limit: usize::MAX }
    }

    /// Why `needed` bytes cannot be had: a field excludes them, or else they were not captured (S2.3, S12.3).
    pub(crate) const fn missing(&self, needed: usize) -> Cause {
        if needed > self.limit { Cause::Malformed } else { Cause::Truncated }
    }

    /// The first `N` bytes.
    #[inline]
    pub(crate) fn array<const N: usize>(&self) -> Result<&'a [u8; N], Cause> {
        match self.bytes.first_chunk() {
            Some(chunk) => Ok(chunk),
            None => Err(self.missing(N)),
        }
    }

    /// What follows the first `size` bytes.
    #[inline]
    pub(crate) fn behind(self, size: usize) -> Result<Self, Cause> {
        match self.bytes.get(size..) {
            // No underflow: `size ≤ bytes.len()`, which is at most `wire` and `limit`.
            Some(bytes) => Ok(Self { bytes, wire: self.wire - size, limit: self.limit - size }),
            None => Err(self.missing(size)),
        }
    }

    /// The window as a frame of its own, inside a tunnel: what is left of the outer datagram takes the part of the
    /// original frame length, and is no length field of the inner packet (S12.3).
    pub(crate) const fn as_inner_frame(self) -> Self {
        Self { limit: usize::MAX, ..self }
    }

    /// The window as a length field bounds it; what lies behind, such as Ethernet padding, is no part of it.
    #[inline]
    pub(crate) fn bounded(self, length: usize) -> Self {
        let bytes = self.bytes.get(..length).unwrap_or(self.bytes);
        Self { bytes, wire: self.wire.min(length), limit: self.limit.min(length) }
    }
}
