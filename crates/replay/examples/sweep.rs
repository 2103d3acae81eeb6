//! Sweeps a timeout over a capture: `sweep CAPTURE MODEL tcp-established VALUES LEAST GREATEST [SPEED [COUNT]]`, log-spaced seconds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an example to measure with"
)]

use std::time::Duration;

use vpcreplay_replay::flow::{Span, TimeoutName};
use vpcreplay_replay::policy::Options;
use vpcreplay_replay::{
    Growth, Input, Limits, ModelPaths, OutputFiles, Plan, Selection, Unobserved, run, sweep,
};

/// Time of the processor that this thread has had: other programs do not count.
fn spent() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count: u32 = arguments[3].parse().unwrap();
    let (least, greatest): (f64, f64) = (arguments[4].parse().unwrap(), arguments[5].parse().unwrap());
    let values: Vec<Span> = (0..count)
        .map(|step| {
            let share = f64::from(step) / f64::from((count - 1).max(1));
            Span::from_nanos((least * (greatest / least).powf(share) * 1e9) as u64)
        })
        .collect();
    let speed = arguments.get(6).map_or("1", String::as_str).parse().unwrap();
    let plan = Plan {
        captures: vec![Input::from_argument(&arguments[0])],
        models: ModelPaths { first: (&arguments[1]).into(), later: Vec::new(), vpc_id: None, region: None },
        options: Options { limit: Some(100_000_000), ..Options::default() },
        limits: Limits { max_flows: 20_000_000, ..Limits::default() },
        selection: Selection::default(),
        growth: Growth { speed, ..Growth::default() },
        enis: Vec::new(),
        outputs: OutputFiles::default(),
    };
    let begun = spent();
    let report = run(&plan, &mut Unobserved).unwrap();
    let once = spent().checked_sub(begun).unwrap();
    println!("run: {once:?}, {} connections", report.engine.connections());
    let begun = spent();
    let swept = sweep(&plan, (TimeoutName::parse(&arguments[2]).unwrap(), &values), &mut Unobserved);
    let swept_in = spent().checked_sub(begun).unwrap();
    let swept = swept.unwrap().unwrap();
    println!(
        "sweep: {swept_in:?}, {:.2} x; full {}, forgotten {}",
        swept_in.as_secs_f64() / once.as_secs_f64(),
        swept.is_full,
        swept.forgotten
    );
    for value in swept.values.iter().step_by(swept.values.len().div_ceil(6)) {
        println!("{} {:?}", value.value, value.scopes.first());
    }
}
