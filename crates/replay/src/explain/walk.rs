//! Replaying up to a packet.

use std::ops::ControlFlow;

use vpcreplay_engine::Engine;

use super::{Found, Subject};
use crate::run::{Kept, settings};
use crate::{Batch, Feed, Item, Plan, Progress, ReplayError, Signal, load_models};

/// Packets between two looks at the progress.
const BATCH: usize = 512;
/// Names of files in a message.
const FILES_NAMED: usize = 8;

/// Replays packet after packet until `visit`, which judges it, breaks off.
pub(super) fn walk(
    plan: &Plan,
    progress: &mut dyn Progress,
    mut visit: impl FnMut(&Item, &str, &mut Engine) -> ControlFlow<()>,
) -> Result<(Feed, Engine), ReplayError> {
    let (mut feed, mut engine) = open(plan)?;
    let mut batch = Batch::default();
    loop {
        feed.fill(&mut batch, BATCH)?;
        if batch.is_empty() {
            return Ok((feed, engine));
        }
        let (bytes, total) = feed.captures().progress();
        if progress.update(bytes, total, batch.last_number()) == Signal::Stop {
            return Ok((feed, engine));
        }
        for item in batch.items() {
            let file = feed.captures().names().get(item.file).map_or("", String::as_str);
            if visit(&item, file, &mut engine).is_break() {
                return Ok((feed, engine));
            }
        }
    }
}

/// The engine and the packets of a plan, before the first packet.
fn open(plan: &Plan) -> Result<(Feed, Engine), ReplayError> {
    let timeline = load_models(&plan.models, &plan.options)?.timeline;
    let decap = timeline.first.options().decap.unwrap_or_default();
    let feed = Feed::open(&plan.captures, (decap, plan.selection), &plan.growth)?;
    let settings = settings(plan, &timeline, Kept::default())?;
    Ok((feed, Engine::new(timeline, settings)))
}

/// Finds and judges the packet that is asked for.
pub(super) fn find(
    plan: &Plan,
    subject: &Subject,
    progress: &mut dyn Progress,
) -> Result<Found, ReplayError> {
    let mut hit = None;
    let (feed, engine) = walk(plan, progress, |item, file, engine| {
        let is_named = match subject {
            Subject::Packet(number) => item.number == *number,
            Subject::Frame { file: name, number } => item.frame == *number && file == name,
            Subject::Connection(_) => false,
        };
        let created = engine.connections();
        if !is_named && !matches!(subject, Subject::Connection(_)) {
            engine.judge(item.into());
            return ControlFlow::Continue(());
        }
        let mut steps = Vec::new();
        let verdict = engine.judge_traced(item.into(), &mut steps);
        let is_creator = matches!(subject, Subject::Connection(number) if created < *number && *number <= engine.connections());
        if !is_named && !is_creator {
            return ControlFlow::Continue(());
        }
        hit = Some((*item, file.to_owned(), verdict, steps));
        ControlFlow::Break(())
    })?;
    let Some((item, file, verdict, steps)) = hit else { return Err(missing(subject, &feed, &engine)) };
    let connection = match subject {
        Subject::Connection(number) => Some(*number),
        _ => None,
    };
    Ok(Found { item, file, verdict, steps, engine, connection })
}

/// The error for a packet that is not in the replay.
fn missing(subject: &Subject, feed: &Feed, engine: &Engine) -> ReplayError {
    let packets = feed.stats().packets;
    let (what, found) = match subject {
        Subject::Packet(number) => {
            let found = if packets == 0 {
                "it has none".to_owned()
            } else {
                format!("its packets are 1 to {packets}")
            };
            (format!("packet {number}"), found)
        }
        Subject::Connection(number) => {
            let connections = engine.connections();
            (format!("connection {number}"), format!("it creates {connections} connections, numbered from 1"))
        }
        Subject::Frame { file, number } => {
            let files = feed.captures().formats();
            let found = if let Some(info) = files.iter().find(|info| info.name == *file) {
                format!("{file} has {} frames", info.frames)
            } else {
                let names: Vec<&str> =
                    files.iter().take(FILES_NAMED).map(|info| info.name.as_str()).collect();
                format!("its files are {}; name the file as on the command line", names.join(", "))
            };
            (format!("frame {number} of {file}"), found)
        }
    };
    let chosen = if feed.stats().passed_over > 0 { "; --since and --until pass over the others" } else { "" };
    ReplayError::NotFound { what, found: format!("{found}{chosen}") }
}
