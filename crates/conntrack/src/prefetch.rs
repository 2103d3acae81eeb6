//! Asks for memory before it is needed. The one place of this crate with `unsafe`.

/// Asks for the cache line where a value begins; changes nothing and waits for nothing.
///
/// Measured on ten million packets of 465,000 flows: loads instead of prefetches cost a quarter more, because a load
/// that misses holds up everything behind it.
#[inline]
pub(crate) fn prefetch<T>(value: Option<&T>) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if let Some(value) = value {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the instruction reads nothing that the program can see and cannot fault; the address is that of a
        // live reference all the same. SSE is part of every x86-64 processor.
        #[expect(unsafe_code, reason = "there is no safe name for this instruction")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = value;
}
