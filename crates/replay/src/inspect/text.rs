//! The inspection as a page for people.

use std::fmt::Write as _;

use anstyle::Style as Ansi;
use vpcreplay_flow::{Cause, Decap, LinkType, Timestamp};
use vpcreplay_sinks::{Color, Style};

use super::{Family, Inspection, LocalAddress, Service};
use crate::FileInfo;
use crate::explain::describe::{protocol, rfc3339};

const TITLE: Ansi = Ansi::new().bold();
/// Files told one by one.
const FILES: usize = 20;
/// Local addresses.
const LOCALS: usize = 20;
/// Pairs of talkers.
const TALKERS: usize = 10;

impl Inspection {
    /// The inspection as a page for people, with a line feed at the end of every line.
    pub fn render(&self, style: Style) -> String {
        let mut page = Page { text: String::new(), color: style.color };
        self.head(&mut page);
        self.file_lines(&mut page);
        self.protocol_lines(&mut page);
        self.talker_lines(&mut page);
        self.local_lines(&mut page);
        page.list("Tunnels", &self.tunnels());
        page.list("Blind spots", &self.blind_spots());
        page.text
    }

    fn head(&self, page: &mut Page) {
        let files = self.captures.names().len();
        let frames = self.frames;
        let text = [
            counted(frames.packets, "frame"),
            counted(frames.bytes, "byte"),
            format!("in {}", counted(files as u64, "file")),
        ];
        page.title(&text.join(", "));
        if let Some((first, last)) = self.span {
            page.line(&format!("  {} to {} ({})", rfc3339(first), rfc3339(last), length(first, last)));
        }
    }

    fn file_lines(&self, page: &mut Page) {
        let files = self.files();
        page.section("Files");
        for file in files.iter().take(FILES) {
            page.line(&format!("  {}  {}", file.name, file_text(file)));
        }
        if files.len() > FILES {
            page.line(&format!("  … and {} more", files.len() - FILES));
        }
    }

    fn protocol_lines(&self, page: &mut Page) {
        if self.frames.packets == 0 {
            return;
        }
        page.section("Packets");
        let total = self.frames.packets;
        for ((family, number), tally) in &self.protocols {
            let family = match family {
                Family::V4 => "IPv4",
                Family::V6 => "IPv6",
            };
            let name = format!("{family} {}", protocol(*number));
            let share = percent(tally.packets, total);
            page.line(&format!(
                "  {name:18} {:>13}  {share:>7}  {:>17} bytes",
                grouped(tally.packets),
                grouped(tally.bytes)
            ));
        }
        for (cause, count) in &self.causes {
            let name = match cause {
                Cause::NotIp => "not IP",
                Cause::Truncated => "truncated",
                Cause::Malformed => "malformed",
                Cause::UnsupportedLinkType => "link type unknown",
            };
            page.line(&format!("  {name:18} {:>13}  {:>7}", grouped(*count), percent(*count, total)));
        }
    }

    fn talker_lines(&self, page: &mut Page) {
        if self.talkers.is_empty() {
            return;
        }
        page.section(&format!("Top talkers, of {}", counted(self.pairs, "pair")));
        let shown = &self.talkers.get(..TALKERS.min(self.talkers.len())).unwrap_or_default();
        let names: Vec<String> = shown.iter().map(|((a, b), _)| format!("{a} - {b}")).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0);
        for (name, (_, tally)) in names.iter().zip(shown.iter()) {
            page.line(&format!(
                "  {name:width$} {:>13} packets {:>17} bytes",
                grouped(tally.packets),
                grouped(tally.bytes)
            ));
        }
        if self.other_talkers.packets > 0 {
            page.line(&format!("  beyond these pairs: {}", counted(self.other_talkers.packets, "packet")));
        }
    }

    fn local_lines(&self, page: &mut Page) {
        if self.local.is_empty() {
            return;
        }
        page.section("Local addresses, guessed");
        let width = self.local.iter().map(|local| local.address.to_string().len()).max().unwrap_or(0);
        for local in self.local.iter().take(LOCALS) {
            page.line(&format!(
                "  {:width$}  in {:>6} of the packets{}",
                local.address.to_string(),
                percent(local.packets, local.of),
                offers(local)
            ));
        }
        if self.local.len() > LOCALS {
            page.line(&format!("  … and {} more", self.local.len() - LOCALS));
        }
        page.line("  --model-out FILE writes a model with these as ENIs, to edit and replay with");
    }

    fn tunnels(&self) -> Vec<String> {
        let line = |count: u64, name: &str, what: &str, option: &str| {
            (count > 0 && self.decap == Decap::None).then(|| {
                format!(
                    "{} ({}) to the port of {name}, as {what} delivers: --decap {option} looks inside",
                    counted(count, "packet"),
                    percent(count, self.frames.packets)
                )
            })
        };
        let vxlan = line(self.vxlan, "VXLAN", "VPC Traffic Mirroring", "vxlan");
        let geneve = line(self.geneve, "GENEVE", "a Gateway Load Balancer", "geneve");
        vxlan.into_iter().chain(geneve).collect()
    }

    fn blind_spots(&self) -> Vec<String> {
        let flows = self.flows;
        let (fragments, unknown) = self.fragments;
        let damage = self.captures.damage_count();
        let spots = [
            (damage, format!("{}: what was there is missing", counted(damage, "damaged place"))),
            (
                self.cut,
                format!(
                    "{} cut by the snapshot length: enough for verdicts as long as headers are whole",
                    counted(self.cut, "frame")
                ),
            ),
            (
                flows.tcp_midstream,
                format!(
                    "{} of {} TCP flows do not begin with a SYN here: --tcp-midstream says what becomes of them",
                    flows.tcp_midstream, flows.tcp
                ),
            ),
            (
                flows.tcp_one_way,
                format!(
                    "{} of {} TCP flows go one way only: the capture point sees one direction, or answers take another path",
                    flows.tcp_one_way, flows.tcp
                ),
            ),
            (
                flows.udp_one_way,
                format!("{} of {} UDP flows have no answer here", flows.udp_one_way, flows.udp),
            ),
            (
                fragments,
                format!(
                    "{}, {unknown} without the first fragment of the packet: there the ports are unknown",
                    counted(fragments, "IP fragment")
                ),
            ),
            (
                self.clock_regressions,
                format!("{} stamped earlier than one before", counted(self.clock_regressions, "frame")),
            ),
            (
                self.clock_jumps,
                format!("{} of more than a day between frames", counted(self.clock_jumps, "step")),
            ),
            (
                flows.beyond,
                format!("{} of flows beyond the {} looked at", counted(flows.beyond, "packet"), flows.flows),
            ),
        ];
        spots.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect()
    }
}

/// What an address seems to offer.
fn offers(local: &LocalAddress) -> String {
    const SHOWN: usize = 6;
    if local.services.is_empty() {
        return String::new();
    }
    let names: Vec<String> = local.services.iter().take(SHOWN).copied().map(service_name).collect();
    let more = local.services.len().saturating_sub(SHOWN) as u64 + local.more_services;
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(", asked for {}{more}", names.join(", "))
}

/// A service in words.
fn service_name(service: Service) -> String {
    match service.port {
        Some(port) => format!("{} {port}", protocol(service.protocol)),
        None => "echo".to_owned(),
    }
}

fn file_text(file: &FileInfo) -> String {
    let mut text = file.format.to_string();
    if let Some(compression) = file.compression {
        let _ = write!(text, " in {compression}");
    }
    for order in &file.endianness {
        let _ = write!(text, ", {order}");
    }
    let _ = write!(text, ", {}", counted(file.frames, "frame"));
    for interface in &file.interfaces {
        let _ = write!(text, "; {}, times in {}", link_name(interface.link_type), interface.resolution);
        if interface.snaplen > 0 {
            let _ = write!(text, ", snapshot length {}", interface.snaplen);
        }
    }
    text
}

fn link_name(link_type: LinkType) -> String {
    let name = match link_type {
        LinkType::NULL | LinkType::LOOP => "BSD loopback",
        LinkType::ETHERNET => "Ethernet",
        LinkType::PPP => "PPP",
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => "raw IP",
        LinkType::IPV4 => "raw IPv4",
        LinkType::IPV6 => "raw IPv6",
        LinkType::LINUX_SLL => "Linux cooked",
        LinkType::LINUX_SLL2 => "Linux cooked v2",
        LinkType(number) => return format!("link type {number} (not supported)"),
    };
    name.to_owned()
}

fn length(first: Timestamp, last: Timestamp) -> String {
    let nanos = last.since(first).nanos();
    let (seconds, millis) = (nanos / 1_000_000_000, nanos / 1_000_000 % 1000);
    match seconds {
        0..60 => format!("{seconds}.{millis:03} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share with one decimal.
fn percent(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A number of things.
fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number), if number == 1 { "" } else { "s" })
}

struct Page {
    text: String,
    color: Color,
}

impl Page {
    /// What comes from files must not steer the terminal.
    fn line(&mut self, text: &str) {
        self.text.extend(text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }));
        self.text.push('\n');
    }

    /// Writes to a String, which does not fail.
    fn title(&mut self, text: &str) {
        let _ = match self.color {
            Color::On => writeln!(self.text, "{TITLE}{text}{TITLE:#}"),
            Color::Off => writeln!(self.text, "{text}"),
        };
    }

    fn section(&mut self, text: &str) {
        self.text.push('\n');
        self.title(text);
    }

    fn list(&mut self, title: &str, texts: &[String]) {
        if texts.is_empty() {
            return;
        }
        self.section(title);
        for text in texts {
            self.line(&format!("  - {text}"));
        }
    }
}
