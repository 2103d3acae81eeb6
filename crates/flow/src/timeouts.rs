//! Idle timeouts of connection entries and the profiles that name sets of them (S7.3).

use crate::Span;

macro_rules! timeouts {
    ($($name:ident $code:literal $doc:literal,)*) => {
        /// The name of an idle timeout, as options and models write it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum TimeoutName {
            $(#[doc = $doc] $name,)*
        }

        impl TimeoutName {
            /// All names.
            pub const ALL: [Self; 12] = [$(Self::$name),*];

            /// The name in options and models.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The timeout with this name.
            pub fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

timeouts! {
    TcpEstablished "tcp-established" "TCP, established.",
    Udp "udp" "UDP, unreplied or one exchange.",
    UdpStream "udp-stream" "UDP, more than one exchange.",
    Icmp "icmp" "ICMP and ICMPv6.",
    Other "other" "Any other protocol; UDP-Lite, SCTP and DCCP too.",
    TcpSynSent "tcp-syn-sent" "TCP, SYN seen.",
    TcpSynReceived "tcp-syn-received" "TCP, SYN+ACK seen.",
    TcpFinWait "tcp-fin-wait" "TCP, first FIN seen.",
    TcpCloseWait "tcp-close-wait" "TCP, first FIN acknowledged.",
    TcpLastAck "tcp-last-ack" "TCP, second FIN seen.",
    TcpTimeWait "tcp-time-wait" "TCP, second FIN acknowledged.",
    TcpClose "tcp-close" "TCP, RST seen.",
}

/// A named set of timeouts (S7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The published rule-of-thumb figures: TCP established 5 days, UDP 180 s, ICMP 30 s.
    #[default]
    Classic,
    /// Instances of the Nitro generations: UDP 30 s, UDP stream 180 s.
    Nitro,
    /// Nitro version 6: as `nitro` with TCP established 350 s.
    NitroV6,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 3] = [Self::Classic, Self::Nitro, Self::NitroV6];

    /// The name in options and models.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Nitro => "nitro",
            Self::NitroV6 => "nitro-v6",
        }
    }

    /// The profile with this name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.code() == code)
    }
}

/// The twelve timeouts in force at an ENI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts([Span; 12]);

impl Timeouts {
    /// The timeouts of a profile (S7.3).
    pub fn of(profile: Profile) -> Self {
        let (established, udp) = match profile {
            Profile::Classic => (432_000, 180),
            Profile::Nitro => (432_000, 30),
            Profile::NitroV6 => (350, 30),
        };
        let seconds = [established, udp, 180, 30, 600, 120, 60, 120, 60, 30, 120, 10];
        Self(seconds.map(Span::from_secs))
    }

    /// One timeout.
    #[expect(clippy::indexing_slicing, reason = "the enum has exactly as many values as the array")]
    pub const fn get(&self, name: TimeoutName) -> Span {
        self.0[name as usize]
    }

    /// Replaces one timeout.
    #[expect(clippy::indexing_slicing, reason = "the enum has exactly as many values as the array")]
    pub const fn set(&mut self, name: TimeoutName, span: Span) {
        self.0[name as usize] = span;
    }
}
