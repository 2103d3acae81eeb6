//! How far a replay is, and Ctrl-C.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use vpcreplay_replay::{Progress, Signal, end_streams};

/// The bar is not drawn more often than this.
const REDRAW: Duration = Duration::from_millis(100);

/// How often Ctrl-C was pressed.
static INTERRUPTS: AtomicU32 = AtomicU32::new(0);

/// Whether there is a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bar {
    /// On standard error, if that is a terminal.
    Shown,
    /// None.
    Hidden,
}

/// Watches a replay: draws how far it is and stops it on Ctrl-C.
pub(crate) struct Watch {
    bar: ProgressBar,
    started: Instant,
    packets: u64,
    drawn: Option<Duration>,
}

impl Watch {
    /// Starts watching.
    pub(crate) fn start(bar: Bar) -> Self {
        catch_interrupts();
        let is_drawn = bar == Bar::Shown && io::stderr().is_terminal();
        let bar = if is_drawn { ProgressBar::no_length() } else { ProgressBar::hidden() };
        Self { bar, started: now(), packets: 0, drawn: None }
    }

    /// Takes the bar off the screen; what it took so far.
    pub(crate) fn finish(&self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }

    /// Packets so far.
    pub(crate) const fn packets(&self) -> u64 {
        self.packets
    }

    fn draw(&self, bytes: u64, total: Option<u64>, packets: u64) {
        if self.bar.length() != total {
            self.bar.set_style(style(total));
            total.inspect(|total| self.bar.set_length(*total));
        }
        self.bar.set_position(bytes);
        let seconds = self.bar.elapsed().as_secs_f64();
        self.bar.set_message(format!("{} packets, {}", HumanCount(packets), rate(packets, seconds)));
    }
}

impl Progress for Watch {
    fn update(&mut self, bytes: u64, total: Option<u64>, packets: u64) -> Signal {
        self.packets = packets;
        let is_due = |elapsed: Duration| self.drawn.is_none_or(|drawn| elapsed >= drawn + REDRAW);
        if !self.bar.is_hidden() && is_due(self.started.elapsed()) {
            self.drawn = Some(self.started.elapsed());
            self.draw(bytes, total, packets);
        }
        if is_interrupted() { Signal::Stop } else { Signal::Continue }
    }
}

/// Whether Ctrl-C was pressed.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTS.load(Ordering::Relaxed) > 0
}

/// Packets a second, for people.
pub(crate) fn rate(packets: u64, seconds: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rate with three digits")]
    let rate = if seconds > 0.0 { packets as f64 / seconds } else { 0.0 };
    if rate >= 1e6 {
        format!("{:.1} M packets/s", rate / 1e6)
    } else if rate >= 1e3 {
        format!("{:.1} k packets/s", rate / 1e3)
    } else {
        format!("{rate:.0} packets/s")
    }
}

fn style(total: Option<u64>) -> ProgressStyle {
    let template = match total {
        Some(_) => "{bar:30} {percent:>3} %  {decimal_bytes} of {decimal_total_bytes}  {wide_msg}",
        None => "{spinner} {decimal_bytes}  {wide_msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The first Ctrl-C ends the replay cleanly, also while it waits for standard input, the second one at once.
fn catch_interrupts() {
    // A second registration, or none at all, leaves the system's habit: Ctrl-C ends the program.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTS.fetch_add(1, Ordering::Relaxed) > 0 {
            std::process::exit(130);
        }
        end_streams();
    });
}

#[expect(clippy::disallowed_methods, reason = "elapsed time is shown on the screen and enters no output")]
fn now() -> Instant {
    Instant::now()
}
