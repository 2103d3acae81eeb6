//! The judging side of a replay: on one thread, or on several that read, judge and write beside each other.

use std::ops::Range;
use std::sync::Arc;

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};
use vpcreplay_engine::{Engine, Packets, Part, Verdict};
use vpcreplay_flow::Timestamp;
use vpcreplay_policy::Registry;

use crate::batch::Layout;
use crate::outputs::Outputs;
use crate::{Batch, Feed, Limits, Progress, ReplayError, Signal};

/// An engine, where its verdicts go, and who watches.
pub(crate) struct Judge<'a> {
    pub(crate) engine: Engine,
    pub(crate) outputs: Outputs,
    pub(crate) progress: &'a mut dyn Progress,
    pub(crate) end: Signal,
}

/// Threads, and what they need to know.
struct Crew {
    pool: ThreadPool,
    names: Vec<String>,
    registry: Arc<Registry>,
    parts: usize,
    /// Packets in a batch.
    size: usize,
}

/// The batches of a replay on several threads.
struct Desk {
    /// The batch being judged, and its verdicts by row if they are wanted.
    current: Batch,
    verdicts: Vec<Verdict>,
    /// The batch that is read meanwhile.
    next: Batch,
    /// The batch judged before, whose verdicts are written meanwhile.
    previous: Batch,
    unwritten: Vec<Verdict>,
    /// Verdicts of each part.
    by_part: Vec<Vec<Verdict>>,
}

/// What is done once beside the judging of a batch: the next one is read, the verdicts of the one before are written.
struct Beside<'b> {
    feed: &'b mut Feed,
    next: &'b mut Batch,
    read: &'b mut Result<(), ReplayError>,
    outputs: &'b mut Outputs,
    previous: (&'b Batch, &'b [Verdict]),
    wrote: &'b mut Result<(), ReplayError>,
}

impl Judge<'_> {
    /// Reads and judges by turns on this thread.
    pub(crate) fn alone(&mut self, mut feed: Feed, size: usize) -> Result<Feed, ReplayError> {
        let mut batch = Batch::default();
        loop {
            // What was read before a failure is judged.
            let read = feed.fill(&mut batch, size);
            if batch.is_empty() {
                return read.map(|()| feed);
            }
            self.outputs.judge(&mut self.engine, &batch, feed.captures().names())?;
            let (bytes, total) = feed.captures().progress();
            self.end = self.progress.update(bytes, total, batch.last_number());
            if self.end == Signal::Stop || read.is_err() {
                return read.map(|()| feed);
            }
        }
    }

    /// While a batch is judged, in parts side by side where that is exact, the next one is read and the verdicts of the
    /// one before are written.
    pub(crate) fn together(&mut self, feed: Feed, limits: &Limits) -> Result<Feed, ReplayError> {
        let crew = Crew::new(limits, &feed, &self.engine)?;
        // By one of the crew, which goes on at once when a batch is judged: a thread that waits outside had to be woken.
        crew.pool.install(|| self.lead(&crew, feed))
    }

    /// The same, on the thread that leads.
    fn lead(&mut self, crew: &Crew, mut feed: Feed) -> Result<Feed, ReplayError> {
        let mut desk = Desk::new(crew.parts);
        let mut read = crew.read(&mut feed, &mut desk.current);
        while !desk.current.is_empty() && self.end == Signal::Continue {
            let (bytes, total) = feed.captures().progress();
            let packets = desk.current.last_number();
            let mut wrote = Ok(());
            let Desk { current, verdicts, next, previous, unwritten, by_part } = &mut desk;
            let outputs = &mut self.outputs;
            let verdicts = outputs.wants_verdicts().then_some(verdicts);
            let previous = (&*previous, unwritten.as_slice());
            let beside =
                Beside { feed: &mut feed, next, read: &mut read, outputs, previous, wrote: &mut wrote };
            crew.judge(&mut self.engine, (current, by_part, verdicts), beside);
            wrote?;
            self.outputs.drain(&mut self.engine)?;
            self.end = self.progress.update(bytes, total, packets);
            desk.turn();
        }
        crew.write(&mut self.outputs, (&desk.previous, &desk.unwritten))?;
        read.map(|()| feed)
    }
}

impl Desk {
    fn new(parts: usize) -> Self {
        Self {
            current: Batch::of_parts(parts),
            verdicts: Vec::new(),
            next: Batch::of_parts(parts),
            previous: Batch::of_parts(parts),
            unwritten: Vec::new(),
            by_part: vec![Vec::new(); parts],
        }
    }

    /// The current batch is judged, the next one is read.
    fn turn(&mut self) {
        std::mem::swap(&mut self.previous, &mut self.current);
        std::mem::swap(&mut self.current, &mut self.next);
        std::mem::swap(&mut self.unwritten, &mut self.verdicts);
        self.verdicts.clear();
    }
}

impl Crew {
    fn new(limits: &Limits, feed: &Feed, engine: &Engine) -> Result<Self, ReplayError> {
        let threads = limits.threads;
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let parts = limits.division().parts;
        Ok(Self {
            pool: pool.map_err(|error| ReplayError::Threads { threads, reason: error.to_string() })?,
            names: feed.captures().names().to_vec(),
            registry: Arc::clone(engine.registry()),
            parts,
            size: limits.shared_batch(),
        })
    }

    fn read(&self, feed: &mut Feed, batch: &mut Batch) -> Result<(), ReplayError> {
        feed.fill(batch, self.size)
    }

    /// Writes verdicts of a batch; none where none are wanted.
    fn write(
        &self,
        outputs: &mut Outputs,
        (batch, verdicts): (&Batch, &[Verdict]),
    ) -> Result<(), ReplayError> {
        for (item, verdict) in batch.items().zip(verdicts) {
            let file = self.names.get(item.file).map_or("", String::as_str);
            outputs.verdict(&item, file, verdict, &self.registry)?;
        }
        Ok(())
    }

    /// Judges a batch, as many packets at a time in parts as may be, else in replay order.
    fn judge(
        &self,
        engine: &mut Engine,
        (batch, by_part, mut verdicts): (&mut Batch, &mut [Vec<Verdict>], Option<&mut Vec<Verdict>>),
        beside: Beside<'_>,
    ) {
        // As this batch could be judged from its start on, so can the next one most likely.
        let could = batch.ahead(0).map_or(0, |ahead| engine.lendable(ahead));
        beside.next.lay_out(if could > 0 { Layout::ByPart } else { Layout::InOrder });
        let (mut beside, mut at) = (Some(beside), 0);
        if verdicts.is_some() {
            batch.put_in_order();
        }
        while let Some(ahead) = batch.ahead(at) {
            let packets = if batch.layout() == Layout::ByPart { engine.lend(ahead) } else { 0 };
            if packets == 0 {
                batch.put_in_order();
                self.pool.in_place_scope(|scope| {
                    self.start(scope, beside.take());
                    judge_in_order(engine, &batch.run(at..batch.len()), verdicts.as_deref_mut());
                });
                return;
            }
            let range = at..at + packets;
            at += packets;
            let Some(last) = batch.time(range.end - 1) else { return };
            self.pool.in_place_scope(|scope| {
                self.start(scope, beside.take());
                for ((number, part), own) in engine.parts().iter_mut().enumerate().zip(by_part.iter_mut()) {
                    let hand = batch.hand(number, &range);
                    let own = verdicts.is_some().then_some(own);
                    scope.spawn(move |_| judge_part(part, &hand, last, own));
                }
            });
            engine.take_back(last);
            if let Some(verdicts) = &mut verdicts {
                gather(engine, (batch, &range), by_part, verdicts);
            }
        }
    }

    fn start<'s>(&'s self, scope: &Scope<'s>, beside: Option<Beside<'s>>) {
        let Some(Beside { feed, next, read, outputs, previous, wrote }) = beside else { return };
        // After a failure there is nothing more to read: what came before it is judged.
        if read.is_ok() {
            scope.spawn(move |_| *read = self.read(feed, next));
        }
        if !previous.1.is_empty() {
            scope.spawn(move |_| *wrote = self.write(outputs, previous));
        }
    }
}

/// Judges packets in replay order.
fn judge_in_order(engine: &mut Engine, packets: &impl Packets, verdicts: Option<&mut Vec<Verdict>>) {
    match verdicts {
        Some(verdicts) => engine.judge_batch(packets, |_, verdict| verdicts.push(verdict)),
        None => engine.judge_batch(packets, |_, _| {}),
    }
}

/// Judges the packets of one part.
fn judge_part(part: &mut Part, packets: &impl Packets, last: Timestamp, verdicts: Option<&mut Vec<Verdict>>) {
    match verdicts {
        Some(verdicts) => part.judge(packets, last, |_, verdict| verdicts.push(verdict)),
        None => part.judge(packets, last, |_, _| {}),
    }
}

/// Puts the verdicts of the parts, for a range of a batch, in replay order.
fn gather(
    engine: &Engine,
    (batch, range): (&Batch, &Range<usize>),
    by_part: &mut [Vec<Verdict>],
    verdicts: &mut Vec<Verdict>,
) {
    let start = verdicts.len();
    let Some(any) = by_part.iter().flatten().next().copied() else { return };
    // Each place is written to: a packet belongs to one part.
    verdicts.resize(start + range.len(), any);
    for (part, own) in by_part.iter_mut().enumerate() {
        for (at, verdict) in batch.hand(part, range).places().iter().zip(own.drain(..)) {
            if let Some(place) = verdicts.get_mut(start + (*at as usize).saturating_sub(range.start)) {
                *place = engine.settled(verdict);
            }
        }
    }
}
