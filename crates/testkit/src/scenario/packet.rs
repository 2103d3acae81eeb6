//! Packets as scenario pages write them, made into frames.

use std::net::IpAddr;

use vpcreplay_flow::LinkType;

use crate::build::{
    Fragment, Frame, GeneveOption, Ip, PortsHeader, TcpHeader, ethernet, geneve, icmp_query, vxlan,
};

/// Offset of later fragments, in units of 8 bytes.
const LATER: u16 = 185;
/// Bytes of a packet after its IP header that an ICMP error quotes.
const QUOTED: usize = 8;
/// `EtherType` of a bridged Ethernet frame, inside GENEVE.
const BRIDGED: u16 = 0x6558;

/// The frame of a packet.
///
/// # Errors
/// The text is not of the grammar.
pub fn parse(text: &str) -> Result<Frame, String> {
    let (options, words): (Vec<&str>, Vec<&str>) =
        text.split_whitespace().partition(|word| word.contains('='));
    let options = Options::parse(&options)?;
    let mut words = Words(words.into_iter());
    let mut frame = if words.take_if("raw") {
        let link = LinkType(u16::try_from(options.link.unwrap_or(1)).map_err(|error| error.to_string())?);
        Frame::whole(link, hex(words.next("the bytes in hexadecimal")?)?)
    } else {
        let mut packet = ip_packet(&mut words, &options)?;
        if let Some(length) = options.len {
            let at = if packet[0] >> 4 == 4 { 2 } else { 4 };
            let length = u16::try_from(length).map_err(|error| error.to_string())?;
            packet[at..at + 2].copy_from_slice(&length.to_be_bytes());
        }
        Frame::whole(LinkType::ETHERNET, ethernet(&packet))
    };
    if let Some(rest) = words.0.next() {
        return Err(format!("`{rest}` is one word too many"));
    }
    if let Some(wire) = options.wire {
        frame.original_length = u32::try_from(wire).map_err(|error| error.to_string())?;
    }
    if let Some(captured) = options.cap {
        frame.bytes.truncate(captured);
    }
    Ok(frame)
}

/// What follows a packet as `KEY=VALUE`; it is about the outer packet.
#[derive(Debug, Default)]
struct Options {
    data: usize,
    len: Option<usize>,
    cap: Option<usize>,
    wire: Option<usize>,
    link: Option<usize>,
    ext: Vec<u8>,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let count = || value.parse::<usize>().map_err(|error| format!("{word}: {error}"));
            match key {
                "data" => options.data = count()?,
                "len" => options.len = Some(count()?),
                "cap" => options.cap = Some(count()?),
                "wire" => options.wire = Some(count()?),
                "link" => options.link = Some(count()?),
                "ext" => {
                    let numbers = value.split(',').map(str::parse::<u8>).collect::<Result<_, _>>();
                    options.ext = numbers.map_err(|error| format!("{word}: {error}"))?;
                }
                _ => return Err(format!("`{key}` is no option")),
            }
        }
        Ok(options)
    }
}

/// The words of a packet that are still to be read.
struct Words<'a>(std::vec::IntoIter<&'a str>);

impl<'a> Words<'a> {
    fn next(&mut self, what: &str) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| format!("expected {what}, found the end"))
    }

    fn peek(&self) -> Option<&'a str> {
        self.0.as_slice().first().copied()
    }

    /// Takes the next word if it is this one.
    fn take_if(&mut self, word: &str) -> bool {
        let is_it = self.peek() == Some(word);
        if is_it {
            self.0.next();
        }
        is_it
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, String> {
        let word = self.next("a number")?;
        word.parse().map_err(|_| format!("`{word}` is not a number that fits"))
    }

    /// Source and destination, each an address and maybe a port.
    fn ends(&mut self) -> Result<[(IpAddr, Option<u16>); 2], String> {
        let src = end(self.next("a source")?)?;
        if !self.take_if(">") {
            return Err(format!("expected `>`, found {:?}", self.peek()));
        }
        Ok([src, end(self.next("a destination")?)?])
    }

    /// Source and destination without ports.
    fn addresses(&mut self) -> Result<[IpAddr; 2], String> {
        match self.ends()? {
            [(src, None), (dst, None)] => Ok([src, dst]),
            _ => Err("ports where none belong".to_owned()),
        }
    }
}

/// `ADDR` or `ADDR:PORT`; IPv6 in brackets.
fn end(word: &str) -> Result<(IpAddr, Option<u16>), String> {
    let wrong = || format!("`{word}` is not an address, or an address and a port");
    let (address, port) = match word.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
            (address, port.strip_prefix(':'))
        }
        None => word.split_once(':').map_or((word, None), |(address, port)| (address, Some(port))),
    };
    let port = port.map(str::parse).transpose().map_err(|_| wrong())?;
    Ok((address.parse().map_err(|_| wrong())?, port))
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let pair = |pair: &[u8]| {
        let digits = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
        if pair.len() != 2 {
            return Err("an odd number of hexadecimal digits".to_owned());
        }
        u8::from_str_radix(digits, 16).map_err(|error| format!("{digits}: {error}"))
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

/// A protocol that has a name of its own.
fn protocol(name: &str) -> Option<u8> {
    Some(match name {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "dccp" => 33,
        "icmpv6" => 58,
        "sctp" => 132,
        "udplite" => 136,
        _ => return None,
    })
}

/// The IP packet that the words describe.
fn ip_packet(words: &mut Words<'_>, options: &Options) -> Result<Vec<u8>, String> {
    let is_later = words.peek() == Some("frag-later");
    let mut fragment = None;
    if is_later || words.peek() == Some("frag-first") {
        words.next("a fragment")?;
        if !words.take_if("id") {
            return Err("expected `id N` after the kind of fragment".to_owned());
        }
        let identification = words.number()?;
        let offset = if is_later { LATER } else { 0 };
        fragment = Some(Fragment { identification, offset, more: !is_later });
    }
    let kind = words.next("a protocol")?;
    let number = match kind {
        "proto" => words.number()?,
        "vxlan" | "geneve" => 17,
        name => protocol(name).ok_or_else(|| format!("`{name}` is no kind of packet"))?,
    };
    let ([src, dst], payload) = if is_later {
        (words.addresses()?, vec![0; 8 + options.data])
    } else {
        body(kind, number, words, options)?
    };
    if src.is_ipv4() != dst.is_ipv4() {
        return Err("addresses of two families".to_owned());
    }
    let mut ip = Ip::between(src, dst);
    for extension in &options.ext {
        ip = ip.extension(*extension, &[]);
    }
    if let Some(fragment) = fragment {
        ip = ip.fragment(fragment);
    }
    Ok(ip.carry(number, &payload))
}

type Body = ([IpAddr; 2], Vec<u8>);

/// Addresses and payload of a packet whose kind has been read.
fn body(kind: &str, number: u8, words: &mut Words<'_>, options: &Options) -> Result<Body, String> {
    let data = vec![0; options.data];
    match kind {
        "tcp" | "udp" | "udplite" | "sctp" | "dccp" => {
            let [(src, Some(src_port)), (dst, Some(dst_port))] = words.ends()? else {
                return Err(format!("{kind} needs ports"));
            };
            let payload = if kind == "tcp" {
                TcpHeader { src_port, dst_port, flags: flags(words.next("TCP flags")?)? }.bytes(&data)
            } else {
                PortsHeader { src_port, dst_port }.bytes(number, &data)
            };
            Ok(([src, dst], payload))
        }
        "icmp" | "icmpv6" => {
            let addresses = words.addresses()?;
            Ok((addresses, [icmp(kind, words)?, data].concat()))
        }
        "proto" => Ok((words.addresses()?, [vec![0; 8], data].concat())),
        "vxlan" | "geneve" => tunnel(kind, words),
        _ => Err(format!("`{kind}` is no kind of packet")),
    }
}

fn flags(word: &str) -> Result<u8, String> {
    if word == "none" {
        return Ok(0);
    }
    let bit = |letter: char| "FSRPAUEC".find(letter).map(|at| 1_u8 << at);
    word.chars().try_fold(0, |flags, letter| {
        bit(letter).map(|bit| flags | bit).ok_or_else(|| format!("`{word}` is no list of TCP flags"))
    })
}

/// The type of a query or answer that has a name.
fn query_type(kind: &str, name: &str) -> Option<u8> {
    Some(match (kind, name) {
        ("icmp", "echo") => 8,
        ("icmp", "echo-reply") => 0,
        ("icmp", "timestamp") => 13,
        ("icmp", "timestamp-reply") => 14,
        ("icmp", "information") => 15,
        ("icmp", "information-reply") => 16,
        ("icmp", "mask") => 17,
        ("icmp", "mask-reply") => 18,
        ("icmpv6", "echo") => 128,
        ("icmpv6", "echo-reply") => 129,
        _ => return None,
    })
}

/// An ICMP message: 8 bytes, and what it quotes.
fn icmp(kind: &str, words: &mut Words<'_>) -> Result<Vec<u8>, String> {
    let word = words.next("an ICMP name or TYPE:CODE")?;
    let numbers = || {
        let (icmp_type, code) = word.split_once(':')?;
        Some((icmp_type.parse().ok()?, code.parse().ok()?))
    };
    let (icmp_type, code): (u8, u8) = query_type(kind, word)
        .map(|icmp_type| (icmp_type, 0))
        .or_else(numbers)
        .ok_or_else(|| format!("`{word}` is no ICMP message of {kind}"))?;
    let id = if words.take_if("id") { words.number()? } else { 0 };
    let mut message = icmp_query(icmp_type, code, id, &[]);
    message[7] = 0; // no sequence number
    if words.take_if("quoting") {
        let cut = if words.take_if("cut") { Some(words.number::<usize>()?) } else { None };
        let mut quoted = ip_packet(words, &Options::default())?;
        let header = if quoted[0] >> 4 == 4 { 20 } else { 40 };
        quoted.truncate(cut.unwrap_or(usize::MAX).min(header + QUOTED));
        message.extend(quoted);
    }
    Ok(message)
}

/// The datagram of a tunnel and its outer addresses.
fn tunnel(kind: &str, words: &mut Words<'_>) -> Result<Body, String> {
    let vni = words.number()?;
    let mut list = Vec::new();
    if words.take_if("endpoint") {
        let word = words.next("an endpoint")?;
        let endpoint = u64::from_str_radix(word, 16).map_err(|error| format!("{word}: {error}"))?;
        list.push(GeneveOption::gwlb_endpoint(endpoint));
    }
    let addresses = words.addresses()?;
    if !words.take_if("/") {
        return Err("expected `/` and the inner packet".to_owned());
    }
    let inner = ethernet(&ip_packet(words, &Options::default())?);
    let mut datagram = if kind == "vxlan" { vxlan(vni, &inner) } else { geneve(vni, &list, BRIDGED, &inner) };
    datagram[..2].copy_from_slice(&50_000_u16.to_be_bytes());
    Ok((addresses, datagram))
}
