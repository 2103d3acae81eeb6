//! The files a replay writes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use vpcreplay_engine::{Engine, FlowRecords};
use vpcreplay_policy::Registry;
use vpcreplay_sinks::{Copies, FlowWriter, Format, SeriesWriter, VerdictRow, VerdictWriter};

use crate::run::{Kept, SeriesRows};
use crate::{Batch, Growth, Item, ReplayError};

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// The outputs that were asked for; each with its format.
#[derive(Clone, Debug, Default)]
pub struct OutputFiles {
    /// A record for each packet.
    pub verdicts: Option<(Target, Format)>,
    /// A record for each flow.
    pub connections: Option<(Target, Format)>,
    /// A row for each scope and period.
    pub series: Option<(Target, Format)>,
}

type Out = Box<dyn Write + Send>;

/// The open outputs of a running replay.
#[derive(Default)]
pub(crate) struct Outputs {
    verdicts: Option<(String, VerdictWriter<Out>)>,
    connections: Option<(String, FlowWriter<Out>)>,
    series: Option<(String, SeriesWriter<Out>)>,
    /// Whether verdict records tell the copy.
    copies: Copies,
}

impl Target {
    /// The name for messages.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdout => "standard output".to_owned(),
        }
    }

    fn open(&self) -> Result<Out, ReplayError> {
        match self {
            Self::File(path) => match File::create(path) {
                Ok(file) => Ok(Box::new(BufWriter::with_capacity(1 << 18, file))),
                Err(source) => Err(ReplayError::Output { name: self.name(), source }),
            },
            Self::Stdout => Ok(Box::new(BufWriter::with_capacity(1 << 16, io::stdout()))),
        }
    }
}

impl Outputs {
    pub(crate) fn open(files: &OutputFiles, growth: &Growth) -> Result<Self, ReplayError> {
        let copies = if growth.copies.is_some() { Copies::Told } else { Copies::Untold };
        let named = |file: &Option<(Target, Format)>| -> Result<Option<(String, Out, Format)>, ReplayError> {
            let Some((target, format)) = file else { return Ok(None) };
            Ok(Some((target.name(), target.open()?, *format)))
        };
        Ok(Self {
            verdicts: named(&files.verdicts)?
                .map(|(name, out, format)| (name, VerdictWriter::new(format, out).with_copies(copies))),
            connections: named(&files.connections)?
                .map(|(name, out, format)| (name, FlowWriter::new(format, out).with_copies(copies))),
            series: named(&files.series)?.map(|(name, out, format)| (name, SeriesWriter::new(format, out))),
            copies,
        })
    }

    /// Writes the verdict of a packet.
    pub(crate) fn verdict(
        &mut self,
        item: &Item,
        file: &str,
        verdict: &vpcreplay_engine::Verdict,
        registry: &Registry,
    ) -> Result<(), ReplayError> {
        let Some((name, writer)) = &mut self.verdicts else { return Ok(()) };
        let row = VerdictRow {
            packet: item.number,
            file,
            frame: item.frame,
            time: item.time,
            tunnel: item.tunnel,
            decoded: &item.decoded,
            verdict,
            copy: (self.copies == Copies::Told).then(|| u32::from(item.copy) + 1),
        };
        writer.write(&row, registry).map_err(failed(name))
    }

    /// Has a batch judged on this thread, and writes what comes of it. `files` are the names behind the numbers of files.
    pub(crate) fn judge(
        &mut self,
        engine: &mut Engine,
        batch: &Batch,
        files: &[String],
    ) -> Result<(), ReplayError> {
        if self.wants_verdicts() {
            let registry = Arc::clone(engine.registry());
            let mut written = Ok(());
            engine.judge_batch(&batch.all(), |at, verdict| {
                if written.is_ok()
                    && let Some(item) = batch.item(at)
                {
                    let file = files.get(item.file).map_or("", String::as_str);
                    written = self.verdict(&item, file, &verdict, &registry);
                }
            });
            written?;
        } else {
            engine.judge_batch(&batch.all(), |_, _| {});
        }
        self.drain(engine)
    }

    /// Writes what a batch has finished: flows that are over and rows of the series.
    pub(crate) fn drain(&mut self, engine: &mut Engine) -> Result<(), ReplayError> {
        let flows = engine.take_flows();
        if let Some((name, writer)) = &mut self.connections {
            for record in &flows {
                writer.write(record, engine.registry()).map_err(failed(name))?;
            }
        }
        if let Some((name, writer)) = &mut self.series {
            for row in engine.take_series() {
                writer.write(&row, engine.registry()).map_err(failed(name))?;
            }
        }
        Ok(())
    }

    /// Writes what is left at the end of the captures and closes the outputs.
    pub(crate) fn finish(mut self, engine: &mut Engine) -> Result<(), ReplayError> {
        engine.finish();
        self.drain(engine)?;
        if let Some((name, writer)) = self.verdicts {
            writer.finish().map_err(failed(&name))?;
        }
        if let Some((name, writer)) = self.connections {
            writer.finish().map_err(failed(&name))?;
        }
        if let Some((name, writer)) = self.series {
            writer.finish().map_err(failed(&name))?;
        }
        Ok(())
    }

    /// What the engine has to keep for these outputs.
    pub(crate) const fn kept(&self) -> Kept {
        Kept {
            flows: if self.connections.is_some() { FlowRecords::Kept } else { FlowRecords::Off },
            series: if self.series.is_some() { SeriesRows::Kept } else { SeriesRows::Off },
        }
    }

    pub(crate) const fn wants_verdicts(&self) -> bool {
        self.verdicts.is_some()
    }
}

fn failed(name: &str) -> impl FnOnce(io::Error) -> ReplayError + '_ {
    move |source| ReplayError::Output { name: name.to_owned(), source }
}
