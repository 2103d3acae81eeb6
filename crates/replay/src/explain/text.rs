//! The explanation as a page for people.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style as Ansi};
use vpcreplay_sinks::{Color, Style};

use super::{Explanation, FlowStory, PacketLine, Stage, Trial};

const TITLE: Ansi = Ansi::new().bold();
const GOOD: Ansi = AnsiColor::Green.on_default();
const BAD: Ansi = AnsiColor::Red.on_default();
const DOUBTFUL: Ansi = AnsiColor::Yellow.on_default();
const QUIET: Ansi = Ansi::new().dimmed();

impl Explanation {
    /// The explanation as a page for people, with a line feed at the end of every line.
    pub fn render(&self, style: Style) -> String {
        let mut page = Page { text: String::new(), color: style.color };
        page.packet(self);
        if let Some(flow) = &self.flow {
            page.flow(flow, self);
        }
        page.path(self);
        page.verdict(self);
        page.usage(self);
        page.text
    }
}

struct Page {
    text: String,
    color: Color,
}

impl Page {
    /// Writes to a String, which does not fail. What comes from files must not steer the terminal.
    fn line(&mut self, text: &str) {
        let printable = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
        self.text.extend(printable);
        self.text.push('\n');
    }

    /// A line whose beginning is coloured.
    fn painted(&mut self, indent: &str, ansi: Ansi, text: &str, rest: &str) {
        self.text.push_str(indent);
        if self.color == Color::On {
            let _ = write!(self.text, "{ansi}{text}{ansi:#}");
        } else {
            self.text.push_str(text);
        }
        self.line(rest);
    }

    fn packet(&mut self, explanation: &Explanation) {
        let packet = &explanation.packet;
        let copy = packet.copy.map_or_else(String::new, |copy| format!(", copy {copy}"));
        let place = format!("  frame {} of {}{copy}, {}", packet.frame, packet.file, packet.time);
        self.painted("", TITLE, &format!("Packet {}", packet.packet), &place);
        let length = packet.length.map_or_else(String::new, |length| format!(", {length} bytes"));
        self.line(&format!("  {}{length}", packet.what));
        if let Some(tunnel) = &packet.tunnel {
            self.line(&format!("  taken out of a tunnel: {tunnel}"));
        }
        if let Some(time) = &packet.engine_time {
            self.line(&format!("  stamped earlier than a packet before it: replayed at {time} (S1.2)"));
        }
        let width = explanation.ends.iter().map(|end| end.address.len()).max().unwrap_or(0);
        for end in &explanation.ends {
            let eni = end.eni.as_deref().map_or_else(String::new, |eni| format!("{eni}, "));
            self.line(&format!("  {:11}  {:width$}  {eni}{}", end.side, end.address, end.note));
        }
    }

    fn flow(&mut self, flow: &FlowStory, explanation: &Explanation) {
        self.text.push('\n');
        let Some(earlier) = flow.earlier else {
            self.painted(
                "",
                TITLE,
                "Flow",
                "  standard input and pipes are read once, so the packets before it are not told",
            );
            return;
        };
        if earlier == 0 {
            self.painted("", TITLE, "Flow", "  this is its first packet");
            return;
        }
        let packets = if earlier == 1 { "packet" } else { "packets" };
        self.painted("", TITLE, "Flow", &format!("  {earlier} {packets} before this one"));
        for line in &flow.first {
            self.flow_line(line, explanation);
        }
        let shown = flow.first.len() + flow.newest.len();
        let left_out = earlier.saturating_sub(shown as u64);
        if left_out > 0 {
            self.painted("  ", QUIET, &format!("… {left_out} more …"), "");
        }
        for line in &flow.newest {
            self.flow_line(line, explanation);
        }
        let is_shown = |packet: u64| flow.first.iter().chain(&flow.newest).any(|line| line.packet == packet);
        if let Some(cause) = flow.cause.as_ref().filter(|cause| !is_shown(cause.packet)) {
            self.line("  the cause:");
            self.flow_line(cause, explanation);
        }
        for creator in flow.creators.iter().filter(|creator| !is_shown(creator.packet.packet)) {
            self.line(&format!("  connection {} was created by", creator.connection));
            self.flow_line(&creator.packet, explanation);
        }
    }

    fn flow_line(&mut self, line: &PacketLine, explanation: &Explanation) {
        let clock = line.time.split('T').nth(1).unwrap_or(&line.time).trim_end_matches('Z');
        let by = line.rule.as_deref().map_or_else(String::new, |rule| format!(" by {rule}"));
        let at = line.checkpoint.map_or_else(String::new, |checkpoint| format!(" at {checkpoint}"));
        let is_cause = explanation.verdict.cause_packet == Some(line.packet);
        let creators = explanation.flow.iter().flat_map(|flow| &flow.creators);
        let created: Vec<String> = creators
            .filter(|creator| creator.packet.packet == line.packet)
            .map(|creator| format!("  creates connection {}", creator.connection))
            .collect();
        let mark = if is_cause { "  <- the cause" } else { "" };
        let head = format!("{:>7}  {clock}  {}  ", line.packet, line.what);
        self.text.push_str(&head.chars().filter(|c| !c.is_control()).collect::<String>());
        let rest = format!(" {}{at}{by}{}{mark}", line.reason, created.concat());
        self.painted("", colour(line.disposition), line.disposition, &rest);
    }

    fn path(&mut self, explanation: &Explanation) {
        if explanation.path.is_empty() {
            return;
        }
        self.text.push('\n');
        self.painted("", TITLE, "Path", "");
        for (number, stage) in explanation.path.iter().enumerate() {
            self.stage(number + 1, stage);
        }
        if !explanation.not_reached.is_empty() {
            self.painted("  ", QUIET, &format!("not reached: {}", explanation.not_reached.join(", ")), "");
        }
    }

    fn stage(&mut self, number: usize, stage: &Stage) {
        let head = format!("{number}. {} at {}: ", stage.checkpoint, stage.eni);
        let reason = stage.reason.map_or_else(String::new, |reason| format!(" {reason}"));
        let rule = stage.rule.as_deref().map_or_else(String::new, |rule| format!(" by {rule}"));
        self.text.push_str("  ");
        self.text.extend(head.chars().filter(|c| !c.is_control()));
        self.painted("", colour(stage.outcome), stage.outcome, &format!("{reason}{rule}"));
        let mut notes = stage.notes.iter();
        // The first note tells what was found, the others what came of it.
        let found =
            if stage.tried.is_empty() && stage.tried_reversed.is_empty() { None } else { notes.next() };
        if let Some(note) = found {
            self.line(&format!("       {note}"));
        }
        self.trials(&stage.tried);
        if !stage.tried_reversed.is_empty() {
            self.line("       none matches; the rules of the other direction for the reversed flow (S7.5):");
            self.trials(&stage.tried_reversed);
        }
        for note in notes {
            self.line(&format!("       {note}"));
        }
    }

    fn trials(&mut self, trials: &[Trial]) {
        let width = |part: fn(&Trial) -> &str| {
            trials.iter().map(|trial| part(trial).chars().count()).max().unwrap_or(0)
        };
        let (names, texts) = (width(|trial| &trial.rule), width(|trial| &trial.text));
        for trial in trials {
            let (mark, ansi) = if trial.matched { ("yes", GOOD) } else { ("no ", QUIET) };
            let rest = format!("  {:names$}  {:texts$}  {}", trial.rule, trial.text, trial.why);
            self.painted("       ", ansi, mark, &rest);
        }
    }

    fn verdict(&mut self, explanation: &Explanation) {
        let verdict = &explanation.verdict;
        self.text.push('\n');
        self.painted("", TITLE, "Verdict", "  ");
        self.text.truncate(self.text.trim_end().len());
        self.text.push_str("  ");
        self.painted("", colour(verdict.disposition), verdict.disposition, &format!(" {}", verdict.reason));
        self.line(&format!("  {}", verdict.summary));
        for note in &verdict.notes {
            self.line(&format!("  {note}"));
        }
        self.painted("  ", QUIET, &format!("`vpcreplay reason {}` tells more", verdict.reason), "");
    }

    fn usage(&mut self, explanation: &Explanation) {
        let Some(usage) = &explanation.usage else { return };
        self.text.push('\n');
        let Some(last) = &usage.last else { return };
        let state = usage.last_state.unwrap_or_default();
        self.painted("", TITLE, "Connection", &format!("  it let {} packets pass", usage.packets));
        self.line(&format!("  the last is packet {} at {}, which left it {state}", last.packet, last.time));
        self.line(&format!("  {}", last.what));
    }
}

fn colour(outcome: &str) -> Ansi {
    match outcome {
        "allow" => GOOD,
        "deny" => BAD,
        "unsent" => DOUBTFUL,
        _ => QUIET,
    }
}
