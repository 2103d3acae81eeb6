//! Prints how many frames and captured bytes the given captures hold: what merely reading them costs.

use std::error::Error;
use std::hint::black_box;

use vpcreplay_capture::{CaptureSet, Input};

fn main() -> Result<(), Box<dyn Error>> {
    let inputs: Vec<Input> = std::env::args_os().skip(1).map(Input::from_argument).collect();
    let mut set = CaptureSet::open(&inputs)?;
    let (mut frames, mut bytes, mut checksum) = (0_u64, 0_u64, 0_u64);
    while let Some(frame) = set.next_frame()? {
        frames += 1;
        bytes += frame.captured.len() as u64;
        black_box(frame.time);
        checksum += u64::from(frame.captured.get(12).copied().unwrap_or_default());
    }
    println!("{frames} frames, {bytes} bytes, checksum {checksum}");
    for skipped in set.skipped() {
        eprintln!("skipped {}: {}", skipped.name, skipped.found);
    }
    for damage in set.damages() {
        eprintln!("{damage}");
    }
    Ok(())
}
