//! What is to be said about captures that are not as they should be.

use vpcreplay_replay::CaptureSet;

use crate::screen;

/// Damaged places and left-out files that are named one by one.
const NAMED: usize = 10;

/// Warns of files that were left out and of damage.
pub(crate) fn warn(captures: &CaptureSet) {
    let skipped = captures.skipped();
    for skipped in skipped.iter().take(NAMED) {
        screen::warning(&format!("{}: left out, it is no capture: {}", skipped.name, skipped.found));
    }
    if skipped.len() > NAMED {
        screen::warning(&format!("{} more files are left out, they are no captures", skipped.len() - NAMED));
    }
    let damages = captures.damages();
    for damage in damages.iter().take(NAMED) {
        screen::warning(&damage.to_string());
    }
    let named = damages.len().min(NAMED) as u64;
    if captures.damage_count() > named {
        screen::warning(&format!("{} more damaged places", captures.damage_count() - named));
    }
}

/// Whether a capture is damaged, which `--strict` does not forgive.
pub(crate) fn is_damaged(captures: &CaptureSet) -> bool {
    captures.damage_count() > 0
}
