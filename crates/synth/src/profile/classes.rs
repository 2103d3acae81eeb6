//! Reads `[[class]]`.

use toml::Spanned;

use super::amounts::{self, Unit};
use super::dto::{self, Word};
use super::words::{self, Reader};
use super::{
    Class, ClientPorts, ClosedBy, Fates, Fleet, Kind, MOST_CLASSES, MOST_PAYLOAD, MOST_PEERS, Order, Party,
};
use crate::SynthError;
use crate::distribution::Distribution;
use crate::shape::Rhythm;

/// What lies outside the VPC, as an end of a class.
pub(super) const INTERNET: &str = "internet";
/// Connections a second that a class may open.
const MOST_RATE: f64 = 1e8;
/// Packets of data that a connection may have.
const MOST_PACKETS: u64 = 1_000_000_000;
/// Packets of data that a request may be answered with, so that no window is overrun.
const MOST_RESPONSES: u64 = 32;

pub(super) fn read(
    reader: &Reader<'_>,
    given: &[Spanned<dto::Class>],
    fleets: &[Fleet],
) -> Result<Vec<Class>, SynthError> {
    if given.is_empty() {
        return Err(SynthError::new("the profile has no classes").expected(
            "at least one `[[class]]` with `name`, `protocol`, `from`, `to` and `rate`, and a `[[fleet]]` that it names",
        ));
    }
    if let Some(class) = given.get(MOST_CLASSES) {
        let error = SynthError::new("the profile has too many classes");
        let error = error.expected(format!("{MOST_CLASSES} at most")).found(given.len().to_string());
        return Err(reader.blame(class.span(), error));
    }
    let mut classes: Vec<Class> = Vec::new();
    let mut peers = 0;
    for class in given {
        let read = ClassReader { reader, class: class.get_ref(), fleets }.read()?;
        let name = &class.get_ref().name;
        if classes.iter().any(|other| other.name == read.name) {
            let error = SynthError::new(format!("two classes are called `{}`", read.name));
            return Err(reader.blame(name.span(), error.remedy("Give each class a name of its own.")));
        }
        peers += u64::from(read.peers);
        if peers > MOST_PEERS {
            let error = SynthError::new("the classes up to here have too many `peers`")
                .expected(format!("{MOST_PEERS} in all, the addresses of 100.64.0.0/10"))
                .found(peers.to_string());
            return Err(reader.blame(class.get_ref().peers.as_ref().unwrap_or(name).span(), error));
        }
        classes.push(read);
    }
    Ok(classes)
}

/// One class being read.
struct ClassReader<'a> {
    reader: &'a Reader<'a>,
    class: &'a dto::Class,
    fleets: &'a [Fleet],
}

impl ClassReader<'_> {
    fn read(&self) -> Result<Class, SynthError> {
        let Self { reader, class, .. } = self;
        let kinds = [("tcp", Kind::Tcp), ("udp", Kind::Udp), ("dns", Kind::Dns), ("icmp", Kind::Icmp)];
        let kind = reader.read(&class.protocol, |text| words::one_of(&kinds, text))?;
        self.refuse_foreign(kind)?;
        let (from, to) = self.parties()?;
        let (lifetime, packets) = self.length(kind)?;
        let size =
            |given| amounts::distribution(reader, given, Unit::Count { min: 1, max: MOST_PAYLOAD }, 200);
        Ok(Class {
            name: reader.read(&class.name, words::name)?,
            kind,
            from,
            to,
            port: self.port(kind)?,
            rate: reader.read(&class.rate, rate)?,
            rhythm: reader.read_or(class.arrivals.as_ref(), Rhythm::Poisson, |text| {
                words::one_of(&[("poisson", Rhythm::Poisson), ("regular", Rhythm::Regular)], text)
            })?,
            shape: amounts::shape(reader, class.shape.as_ref())?,
            peers: self.peers((from, to))?,
            ports: reader.read_or(
                class.client_ports.as_ref(),
                ClientPorts { first: 32_768, last: 60_999 },
                words::ports,
            )?,
            order: reader.read_or(class.client_order.as_ref(), Order::Random, |text| {
                words::one_of(&[("random", Order::Random), ("round-robin", Order::RoundRobin)], text)
            })?,
            port_reuse: self.share(class.port_reuse.as_ref())?,
            ipv6: self.share(class.ipv6.as_ref())?,
            lifetime,
            packets,
            responses: self.small(class.responses.as_ref(), 1, MOST_RESPONSES)?,
            request_bytes: size(class.request_bytes.as_ref())?,
            response_bytes: size(class.response_bytes.as_ref())?,
            half_trip: self.half_trip((from, to))?,
            keep_alive: class
                .keep_alive
                .as_ref()
                .map(|word| reader.read(word, words::positive_span).map(vpcreplay_flow::Span::nanos))
                .transpose()?,
            fates: self.fates()?,
            closed_by: reader.read_or(class.closed_by.as_ref(), ClosedBy::Either, |text| {
                let ends = [
                    ("client", ClosedBy::Client),
                    ("server", ClosedBy::Server),
                    ("either", ClosedBy::Either),
                ];
                words::one_of(&ends, text)
            })?,
            retries: self.small(class.retries.as_ref(), 0, 6)?,
        })
    }

    /// Keys that would say nothing for the protocol.
    fn refuse_foreign(&self, kind: Kind) -> Result<(), SynthError> {
        let class = self.class;
        let place = |amount: &Option<Spanned<dto::Amount>>| amount.as_ref().map(Spanned::span);
        let word = |word: &Option<Word>| word.as_ref().map(Spanned::span);
        let tcp: &[Kind] = &[Kind::Tcp];
        let long: &[Kind] = &[Kind::Tcp, Kind::Udp, Kind::Icmp];
        let keys = [
            ("port", word(&class.port), &[Kind::Tcp, Kind::Udp, Kind::Dns][..]),
            ("keep_alive", word(&class.keep_alive), tcp),
            ("unacknowledged", word(&class.unacknowledged), tcp),
            ("refused", word(&class.refused), tcp),
            ("reset", word(&class.reset), tcp),
            ("never_closed", word(&class.never_closed), tcp),
            ("closed_by", word(&class.closed_by), tcp),
            ("retries", word(&class.retries), &[Kind::Tcp, Kind::Dns]),
            ("lifetime", place(&class.lifetime), long),
            ("packets", place(&class.packets), long),
            ("request_bytes", place(&class.request_bytes), long),
            ("response_bytes", place(&class.response_bytes), &[Kind::Tcp, Kind::Udp]),
            ("responses", word(&class.responses), &[Kind::Tcp, Kind::Udp]),
        ];
        for (key, place, kinds) in keys {
            if let Some(place) = place.filter(|_| !kinds.contains(&kind)) {
                let protocol = &class.protocol.get_ref().0;
                let error = SynthError::new(format!("`{key}` says nothing for protocol `{protocol}`"));
                return Err(self.reader.blame(place, error.remedy("Leave it out.")));
            }
        }
        Ok(())
    }

    fn parties(&self) -> Result<(Party, Party), SynthError> {
        let party = |word: &Word| self.reader.read(word, |text| self.party(text));
        let (from, to) = (party(&self.class.from)?, party(&self.class.to)?);
        let error = match (from, to) {
            (Party::Internet, Party::Internet) => {
                SynthError::new("both ends are the internet, where no interface is")
                    .remedy("Name a fleet as `from` or `to`.")
            }
            (Party::Fleet(one), Party::Fleet(other))
                if one == other && self.fleets.get(one).is_some_and(|fleet| fleet.enis < 2) =>
            {
                SynthError::new("the fleet has one interface, which cannot talk with itself")
                    .remedy("Give the fleet two `enis`, or name another fleet.")
            }
            _ => return Ok((from, to)),
        };
        Err(self.reader.blame(self.class.to.span(), error))
    }

    fn party(&self, text: &str) -> Result<Party, SynthError> {
        if text == INTERNET {
            return Ok(Party::Internet);
        }
        let found = self.fleets.iter().position(|fleet| fleet.name == text);
        found.map(Party::Fleet).ok_or_else(|| {
            let names = self.fleets.iter().map(|fleet| format!("\"{}\"", fleet.name));
            let known: Vec<String> = std::iter::once(format!("\"{INTERNET}\"")).chain(names).collect();
            SynthError::new(format!("there is no fleet `{text}`"))
                .expected(known.join(" or "))
                .remedy("Add a `[[fleet]]` of that name, or name one that there is.")
        })
    }

    fn port(&self, kind: Kind) -> Result<u16, SynthError> {
        match (kind, &self.class.port) {
            (Kind::Icmp, _) => Ok(0),
            (Kind::Dns, None) => Ok(53),
            (_, Some(word)) => self.reader.read(word, |text| {
                words::integer(text, 1, 65_535).map(|port| u16::try_from(port).unwrap_or(u16::MAX))
            }),
            (Kind::Tcp | Kind::Udp, None) => {
                let error = SynthError::new("the class has no `port`").expected("such as port = 443");
                Err(self.reader.blame(self.class.protocol.span(), error))
            }
        }
    }

    /// Addresses at the internet's end.
    fn peers(&self, parties: (Party, Party)) -> Result<u32, SynthError> {
        let is_inside = parties.0 != Party::Internet && parties.1 != Party::Internet;
        match &self.class.peers {
            Some(word) if is_inside => {
                let error = SynthError::new("`peers` are addresses of the internet, and this class has none");
                Err(self.reader.blame(word.span(), error.remedy("Leave it out; `enis` of the fleets count.")))
            }
            None if is_inside => Ok(0),
            None => Ok(1_000),
            Some(word) => self.reader.read(word, |text| {
                words::integer(text, 1, MOST_PEERS).map(|peers| u32::try_from(peers).unwrap_or(u32::MAX))
            }),
        }
    }

    /// Lifetime and packets of data.
    fn length(&self, kind: Kind) -> Result<(Distribution, Distribution), SynthError> {
        let packets = match kind {
            Kind::Tcp => 4,
            Kind::Udp | Kind::Dns | Kind::Icmp => 2,
        };
        let least = u64::from(kind != Kind::Tcp);
        let unit = Unit::Count { min: least, max: MOST_PACKETS };
        Ok((
            amounts::distribution(self.reader, self.class.lifetime.as_ref(), Unit::Time, 1_000_000_000)?,
            amounts::distribution(self.reader, self.class.packets.as_ref(), unit, packets)?,
        ))
    }

    /// Half a round trip: of 20 ms over the internet, of 500 µs within the VPC.
    fn half_trip(&self, parties: (Party, Party)) -> Result<u64, SynthError> {
        let is_inside = parties.0 != Party::Internet && parties.1 != Party::Internet;
        let usual = if is_inside { 500_000 } else { 20_000_000 };
        let trip =
            self.reader.read_or(self.class.rtt.as_ref(), usual, |text| match words::span(text)?.nanos() {
                nanos @ 1_000..=10_000_000_000 => Ok(nanos),
                _ => {
                    Err(SynthError::new(format!("`{text}` is no round trip"))
                        .expected("from \"1us\" to \"10s\""))
                }
            })?;
        Ok(trip / 2)
    }

    fn share(&self, word: Option<&Word>) -> Result<f64, SynthError> {
        self.reader.read_or(word, 0.0, words::share)
    }

    fn small(&self, word: Option<&Word>, default: u8, max: u64) -> Result<u8, SynthError> {
        let min = u64::from(default.min(1));
        self.reader.read_or(word, default, |text| {
            words::integer(text, min, max).map(|number| u8::try_from(number).unwrap_or(u8::MAX))
        })
    }

    fn fates(&self) -> Result<Fates, SynthError> {
        let class = self.class;
        let fates = Fates {
            half_open: self.share(class.half_open.as_ref())?,
            unacknowledged: self.share(class.unacknowledged.as_ref())?,
            refused: self.share(class.refused.as_ref())?,
            reset: self.share(class.reset.as_ref())?,
            never_closed: self.share(class.never_closed.as_ref())?,
        };
        // Shares such as 0.1 + 0.2 + 0.7 miss the whole by a last digit.
        if fates.sum() <= 1.0 + 1e-9 {
            return Ok(fates);
        }
        let error = SynthError::new("the shares of this class are more than the whole")
            .expected("half_open + unacknowledged + refused + reset + never_closed of 1 at most")
            .found(fates.sum().to_string());
        Err(self.reader.blame(class.name.span(), error))
    }
}

/// Connections a second.
fn rate(text: &str) -> Result<f64, SynthError> {
    match words::number(text, 0.0, MOST_RATE)? {
        rate if rate >= 1e-6 => Ok(rate),
        _ => Err(SynthError::new(format!("`{text}` connections a second are none"))
            .expected("more than 0, 0.000001 at least")),
    }
}
