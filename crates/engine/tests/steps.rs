//! What an engine tells of a packet beside its verdict: the steps of its path and the counters.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up fails")]

use std::sync::Arc;

use vpcreplay_engine::{Content, Engine, EniId, Packet, Settings, State, Step, Timeline, Verdict};
use vpcreplay_flow::{
    Checkpoint, Decoded, Direction, PacketFacts, Protocol, Reason, TcpFlags, Timestamp, Transport,
};
use vpcreplay_policy::{Document, Options, Policy, Registry, Selection, load};

/// The ACL lets nothing out but to 198.51.100.0/24; flows to port 81 are untracked.
const MODEL: &str = r#"
    [[subnet]]
    id = "subnet-web"
    nacl = "acl-web"
    [[eni]]
    id = "eni-web"
    subnet = "subnet-web"
    addresses = ["10.0.1.10"]
    security_groups = ["sg-web"]
    [[security_group]]
    id = "sg-web"
    ingress = [{ protocol = "tcp", peer = "0.0.0.0/0" }]
    egress = [
        { protocol = "tcp", ports = "80", peer = "0.0.0.0/1" },
        { protocol = "tcp", ports = "80", peer = "128.0.0.0/1" },
        { protocol = "tcp", ports = "81", peer = "0.0.0.0/0" },
    ]
    [[nacl]]
    id = "acl-web"
    ingress = [{ rule = 100, action = "allow", peer = "0.0.0.0/0" }]
    egress = [{ rule = 100, action = "allow", peer = "198.51.100.0/24" }]
"#;

const WEB: &str = "10.0.1.10";
const SYN: u8 = 2;
const SYN_ACK: u8 = 18;

struct Replay {
    engine: Engine,
    packets: u64,
}

impl Replay {
    fn new() -> Self {
        let document = Document { name: "model.toml".to_owned(), bytes: MODEL.as_bytes().to_vec() };
        let network = load(&[document], &Selection::default()).expect("loads").network;
        let mut registry = Registry::new();
        let (policy, _) =
            Policy::compile(&network, &Options::default(), None, &mut registry).expect("compiles");
        let timeline = Timeline { first: Arc::new(policy), later: Vec::new(), registry: Arc::new(registry) };
        Self { engine: Engine::new(timeline, Settings::default()), packets: 0 }
    }

    /// A TCP packet, one second after the one before.
    fn tcp(
        &mut self,
        (src, src_port): (&str, u16),
        (dst, dst_port): (&str, u16),
        flags: u8,
    ) -> (Verdict, Vec<Step>) {
        self.packets += 1;
        let decoded = Decoded::Packet(PacketFacts {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            protocol: Protocol::TCP,
            transport: Transport::Tcp { src_port, dst_port, flags: TcpFlags(flags) },
            length: 60,
        });
        let now = Timestamp::from_nanos(self.packets.cast_signed() * 1_000_000_000);
        let mut steps = Vec::new();
        let verdict = self.engine.judge_traced(
            Packet { number: self.packets, now, content: Content::Decoded(&decoded) },
            &mut steps,
        );
        (verdict, steps)
    }
}

/// What a security group found before it judged, at each of its steps.
fn before(steps: &[Step]) -> Vec<Option<(u64, State)>> {
    let groups = steps.iter().filter_map(|step| match step {
        Step::SecurityGroup { before, .. } => Some(before.map(|(number, state)| (number.get(), state))),
        _ => None,
    });
    groups.collect()
}

// S4.3: what the security group let out and tracked, and the ACL behind it denied, is counted packet by packet;
// denials without an entry are not.
#[test]
fn an_entry_behind_which_the_acl_denies_is_counted() {
    let mut replay = Replay::new();
    let (denied, _) = replay.tcp((WEB, 5000), ("203.0.113.9", 80), SYN);
    assert_eq!(
        (denied.reason, denied.checkpoint, denied.connection.map(u64::from), denied.state),
        (Reason::NaclDefault, Some(Checkpoint::NaclEgress), Some(1), Some(State::SynSent))
    );
    assert_eq!(replay.engine.counters().sg_egress_then_nacl, 1);
    let (again, _) = replay.tcp((WEB, 5000), ("203.0.113.9", 80), SYN);
    assert_eq!(again.connection.map(u64::from), Some(1), "refreshed, not made anew");
    assert_eq!(replay.engine.counters().sg_egress_then_nacl, 2);
    let (untracked, _) = replay.tcp((WEB, 5001), ("203.0.113.9", 81), SYN);
    assert_eq!((untracked.reason, untracked.connection), (Reason::NaclDefault, None));
    let (no_rule, _) = replay.tcp((WEB, 5002), ("203.0.113.9", 82), SYN);
    assert_eq!(no_rule.reason, Reason::SgNoRule);
    let (passed, _) = replay.tcp((WEB, 5003), ("198.51.100.1", 80), SYN);
    assert_eq!(passed.reason, Reason::New);
    assert_eq!(replay.engine.counters().sg_egress_then_nacl, 2);
}

// S9.2: the path tells the live connection that a packet found, as it was before the packet.
#[test]
fn a_step_tells_the_connection_that_the_packet_found() {
    let mut replay = Replay::new();
    let (_, opening) = replay.tcp((WEB, 5000), ("198.51.100.1", 80), SYN);
    let eni = EniId(0);
    let steps: Vec<Option<(Checkpoint, EniId)>> = opening
        .iter()
        .map(|step| match step {
            Step::SecurityGroup { eni, direction: Direction::Egress, .. } => {
                Some((Checkpoint::SgEgress, *eni))
            }
            Step::NetworkAcl { checkpoint, eni, .. } => Some((*checkpoint, *eni)),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [Some((Checkpoint::SgEgress, eni)), Some((Checkpoint::NaclEgress, eni))], "S4.1");
    assert_eq!(before(&opening), [None]);
    let (_, answer) = replay.tcp(("198.51.100.1", 80), (WEB, 5000), SYN_ACK);
    assert_eq!(before(&answer), [Some((1, State::SynSent))]);
    let (_, other) = replay.tcp((WEB, 5001), ("198.51.100.1", 80), SYN);
    assert_eq!(before(&other), [None], "another flow");
    let (_, again) = replay.tcp((WEB, 5000), ("198.51.100.1", 80), SYN);
    assert_eq!(before(&again), [Some((1, State::SynReceived))]);
}
