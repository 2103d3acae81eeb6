//! The fields of the records, in their order.

use vpcreplay_replay::engine::{Ending, Outcome, State};
use vpcreplay_replay::flow::{Checkpoint, Disposition, Reason};

use super::{Field, I64, Kind, U8, U16, U32, U64, always, or_absent, or_null};

const COPY: Kind = Kind::Number(Some(1), Some(65_535));

/// The codes of dispositions.
pub(super) fn dispositions() -> Vec<&'static str> {
    Disposition::ALL.map(Disposition::code).to_vec()
}

/// The codes of reasons.
pub(super) fn reasons() -> Vec<&'static str> {
    Reason::ALL.map(Reason::code).to_vec()
}

/// The codes of checkpoints.
pub(super) fn checkpoints() -> Vec<&'static str> {
    let all = [Checkpoint::SgEgress, Checkpoint::NaclEgress, Checkpoint::NaclIngress, Checkpoint::SgIngress];
    all.map(Checkpoint::code).to_vec()
}

fn states() -> Vec<&'static str> {
    State::ALL.map(State::code).to_vec()
}

/// A verdict record.
pub(super) fn verdict() -> Vec<Field> {
    vec![
        always("packet", U64, "Global number in replay order, from 1."),
        always("file", Kind::Text, "The file, as given on the command line."),
        always("frame", U64, "Number of the frame in that file, from 1."),
        always("time_ns", I64, "The packet's own timestamp, ns since the epoch, UTC."),
        or_null("src", Kind::Text, "Source address; null when not IP."),
        or_null("dst", Kind::Text, "Destination address; null when not IP."),
        or_null("protocol", U8, "IANA protocol number, after IPv6 extension headers; null when not IP."),
        or_null("src_port", U16, "Source port; null without ports."),
        or_null("dst_port", U16, "Destination port; null without ports."),
        or_null("icmp_type", U8, "ICMP type; null unless ICMP or ICMPv6."),
        or_null("icmp_code", U8, "ICMP code; null unless ICMP or ICMPv6."),
        or_null("tcp_flags", U8, "TCP flag byte; null unless TCP."),
        or_null("length", U32, "IP total length in bytes."),
        or_null("vni", U32, "Network identifier of the tunnel taken off."),
        or_null("gwlb_endpoint", Kind::Text, "Gateway Load Balancer endpoint id, 16 hex digits."),
        always("disposition", Kind::Code(dispositions()), "What becomes of the packet."),
        always("reason", Kind::Code(reasons()), "Why; `vpcreplay reason CODE` explains it."),
        or_null("checkpoint", Kind::Code(checkpoints()), "Where it was decided; null when nowhere."),
        or_null("eni", Kind::Text, "The ENI of that checkpoint."),
        or_null("rule", Kind::Text, "The rule that decided."),
        or_null("connection", U64, "Number of the connection; null when untracked."),
        or_null("state", Kind::Code(states()), "State of the connection after the packet."),
        or_null("cause_packet", U64, "For unsent packets: the packet whose denial is the cause."),
        copy(),
    ]
}

/// A flow record. In CSV `connections` is the JSON text of the list.
pub(super) fn flow() -> Vec<Field> {
    vec![
        always("flow", U64, "Number of the flow, from 1, in the order of first packets."),
        always("protocol", U8, "IANA protocol number."),
        always("src", Kind::Text, "The opener's address, or that of the first packet's sender."),
        or_null("src_port", U16, "Its port; null without ports."),
        always("dst", Kind::Text, "The other end's address."),
        or_null("dst_port", U16, "Its port; null without ports."),
        or_null("icmp_id", U16, "Identifier; null unless an ICMP query."),
        always("first_ns", I64, "Engine time of the first packet, ns since the epoch."),
        always("last_ns", I64, "Engine time of the last packet, ns since the epoch."),
        always("packets_forward", U64, "Packets from src."),
        always("packets_reverse", U64, "Packets from dst."),
        always("bytes_forward", U64, "Bytes of IP from src."),
        always("bytes_reverse", U64, "Bytes of IP from dst."),
        always("allowed_forward", U64, "Packets from src that were allowed."),
        always("allowed_reverse", U64, "Packets from dst that were allowed."),
        always("denied_forward", U64, "Packets from src that were denied."),
        always("denied_reverse", U64, "Packets from dst that were denied."),
        always("unsent_forward", U64, "Packets from src that would never have been sent."),
        always("unsent_reverse", U64, "Packets from dst that would never have been sent."),
        always("connection_count", U64, "How many connections the flow had."),
        always(
            "connections",
            Kind::List(Box::new(Kind::Object(connection()))),
            "The newest 16 of them, ascending.",
        ),
        always("outcome", Kind::Code(outcomes()), "What became of the flow."),
        copy(),
    ]
}

/// The last field of the records of replayed copies.
const fn copy() -> Field {
    or_absent("copy", COPY, "Only with --multiply: the copy of the captures, from 1, the original.")
}

fn outcomes() -> Vec<&'static str> {
    let all = [Outcome::Blocked, Outcome::HalfOpenBlocked, Outcome::Refused, Outcome::Open, Outcome::OneWay];
    all.map(Outcome::code).to_vec()
}

fn connection() -> Vec<Field> {
    let endings =
        [Ending::Live, Ending::Expired, Ending::Reopened, Ending::Removed].map(Ending::code).to_vec();
    vec![
        always("connection", U64, "Number of the connection."),
        always("eni", Kind::Text, "The ENI that tracks it."),
        always("state", Kind::Code(states()), "Its last state."),
        always("end", Kind::Code(endings), "How it ended."),
    ]
}

/// A record of the series.
pub(super) fn series() -> Vec<Field> {
    vec![
        always("scope", Kind::Text, "The allowance scope: an ENI or instance id."),
        always("period_start_ns", I64, "Start of the first period, ns since the epoch."),
        always("periods", U64, "Periods that this row stands for."),
        always("occupancy_max", U64, "Most connections tracked at once."),
        always("occupancy_last", U64, "Connections tracked at the end."),
        always("created", U64, "Connections created."),
        always("expired", U64, "Connections whose timeout went by."),
        always("reopened", U64, "Connections that a SYN replaced."),
        always("removed", U64, "Connections whose ENI went away."),
        always("conntrack_allowance_exceeded", U64, "Packets that the allowance denied."),
    ]
}
