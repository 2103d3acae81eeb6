//! The same packets as other tools hand them over.

use vpcreplay_flow::{LinkType, Timestamp};

use crate::build::{Frame, Ip, ethernet, sll2, vxlan};
use crate::write::{BlockKind, Endian, Interface, Magic, Pcapng, TimedFrame, pcap};

/// How packets are packaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packaging {
    /// In pcapng, as Wireshark and dumpcap write by default.
    PcapNg,
    /// Linux cooked frames, as tcpdump captures on any interface.
    Cooked,
    /// In VXLAN, as VPC Traffic Mirroring sends.
    Mirrored,
}

/// Bytes of the header of a capture.
const FILE_HEADER: usize = 24;
/// Bytes of an Ethernet header.
const ETHERNET_HEADER: usize = 14;

impl Packaging {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PcapNg, Self::Cooked, Self::Mirrored];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PcapNg => "pcapng",
            Self::Cooked => "cooked",
            Self::Mirrored => "mirrored",
        }
    }

    /// The packaging with a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|packaging| packaging.name() == name)
    }

    /// The packets of a workload's capture, packaged.
    pub fn of(self, capture: &[u8]) -> Vec<u8> {
        let frames = frames(capture);
        match self {
            Self::PcapNg => {
                let mut file = Pcapng::new(Endian::Little);
                let micros = Interface {
                    link_type: LinkType::ETHERNET,
                    snaplen: 262_144,
                    resolution: None,
                    offset: None,
                };
                file.interface(micros);
                for frame in &frames {
                    file.packet(BlockKind::Enhanced, 0, frame);
                }
                file.finish()
            }
            Self::Cooked => rebuilt(LinkType::LINUX_SLL2, frames, |frame| {
                sll2(frame.get(ETHERNET_HEADER..).expect("an Ethernet frame"))
            }),
            Self::Mirrored => rebuilt(LinkType::ETHERNET, frames, |frame| {
                ethernet(&Ip::new("10.0.9.1", "10.0.9.2").carry(17, &vxlan(5, frame)))
            }),
        }
    }
}

/// The frames of a capture that [`super::write`] wrote.
fn frames(capture: &[u8]) -> Vec<TimedFrame> {
    let mut left = capture.get(FILE_HEADER..).expect("a capture");
    let mut frames = Vec::new();
    while let Some((header, behind)) = left.split_first_chunk::<16>() {
        let [seconds, micros, captured, _] = *header.as_chunks::<4>().0 else { break };
        let [seconds, micros] = [seconds, micros].map(|word| i64::from(u32::from_le_bytes(word)));
        let (bytes, next) = behind.split_at(u32::from_le_bytes(captured) as usize);
        frames.push(TimedFrame {
            time: Timestamp::from_nanos(seconds * 1_000_000_000 + micros * 1_000),
            frame: Frame::whole(LinkType::ETHERNET, bytes.to_vec()),
        });
        left = next;
    }
    frames
}

/// A pcap file of frames in another form.
fn rebuilt(link_type: LinkType, frames: Vec<TimedFrame>, form: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let rebuilt = |TimedFrame { time, frame }: TimedFrame| TimedFrame {
        time,
        frame: Frame::whole(link_type, form(&frame.bytes)),
    };
    let frames: Vec<_> = frames.into_iter().map(rebuilt).collect();
    pcap(Magic::Micros, Endian::Little, link_type, &frames)
}
