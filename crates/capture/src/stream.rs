//! Standard input and pipes, which may stay silent for ever: whoever reads them can be told to wait no longer.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether streams have been told to end: of the whole process, as standard input and Ctrl-C are.
static ENDED: AtomicBool = AtomicBool::new(false);

/// Ends standard input and every pipe, each with what was read of it so far, also where a read waits for more. Files go on.
///
/// For Ctrl-C, whose replay would otherwise end with the next bytes only. [`crate::CaptureSet::is_cut_short`] says of
/// which captures something is missing for it. Without effect where the system has no `poll()`.
pub fn end_streams() {
    ENDED.store(true, Ordering::Relaxed);
}

/// A stream that ends when it is told to.
pub(crate) struct Stream {
    file: File,
    ended: &'static AtomicBool,
    /// Whether it was told to before it came to its own end.
    cut_short: Arc<AtomicBool>,
}

impl Stream {
    pub(crate) fn new(file: File, cut_short: Arc<AtomicBool>) -> Self {
        Self { file, ended: &ENDED, cut_short }
    }

    /// Standard input, without the buffer that the standard library puts before it: reads are large here.
    pub(crate) fn standard_input(cut_short: Arc<AtomicBool>) -> io::Result<Self> {
        #[cfg(unix)]
        let handle = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?;
        #[cfg(windows)]
        let handle = std::os::windows::io::AsHandle::as_handle(&io::stdin()).try_clone_to_owned()?;
        Ok(Self::new(File::from(handle), cut_short))
    }

    /// Waits until there is something to read, or the end; `false` where the stream was told to end meanwhile.
    #[cfg(unix)]
    fn wait(&self) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        /// How long it takes at most until a word is heard.
        const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        while !self.ended.load(Ordering::Relaxed) {
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&AT_ONCE)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                // Closed by its writer, or broken: the read tells.
                Ok(_) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    #[cfg(not(unix))]
    fn wait(&self) -> io::Result<bool> {
        Ok(!self.ended.load(Ordering::Relaxed))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.wait()? {
            match self.file.read(buffer) {
                // Of a stream that whoever handed it over has made non-blocking, somebody else may have read.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
        self.cut_short.store(true, Ordering::Relaxed);
        Ok(0)
    }
}

#[cfg(all(test, unix))]
#[path = "stream_tests.rs"]
mod tests;
