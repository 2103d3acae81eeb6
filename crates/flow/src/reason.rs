//! Dispositions, reasons and checkpoints: the closed vocabulary of verdicts (S4.4, S9.1).

/// Which way a packet passes an ENI or a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Towards the ENI; rules look at the source address.
    Ingress,
    /// Away from the ENI; rules look at the destination address.
    Egress,
}

impl Direction {
    /// The opposite direction.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }

    /// `ingress` or `egress`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// Where on its path a packet is judged (S4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Checkpoint {
    /// Security groups of the source ENI.
    SgEgress,
    /// Network ACL of the source subnet.
    NaclEgress,
    /// Network ACL of the destination subnet.
    NaclIngress,
    /// Security groups of the destination ENI.
    SgIngress,
}

impl Checkpoint {
    /// The code used in records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SgEgress => "sg-egress",
            Self::NaclEgress => "nacl-egress",
            Self::NaclIngress => "nacl-ingress",
            Self::SgIngress => "sg-ingress",
        }
    }
}

/// What becomes of a packet (S4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// Every checkpoint let it pass, or it is exempt.
    Allow,
    /// A checkpoint denied it.
    Deny,
    /// It would never have been sent (S8).
    Unsent,
    /// It was not judged.
    Unjudged,
}

impl Disposition {
    /// All dispositions, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Deny, Self::Unsent, Self::Unjudged];

    /// The code used in records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Unsent => "unsent",
            Self::Unjudged => "unjudged",
        }
    }
}

macro_rules! reasons {
    ($($name:ident $code:literal $disposition:ident $summary:literal,)*) => {
        /// Why a packet has its disposition: a closed set, one counter and one page each (S9.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $(#[doc = $summary] $name,)*
        }

        impl Reason {
            /// All reasons, in the order of reports.
            pub const ALL: [Self; 20] = [$(Self::$name),*];

            /// The stable code used in records.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The disposition that this reason gives.
            pub const fn disposition(self) -> Disposition {
                match self { $(Self::$name => Disposition::$disposition),* }
            }

            /// One sentence on what the reason means.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary),* }
            }

            /// The page on this reason, Markdown: meaning, example, what to do.
            pub const fn page(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("reasons/", $code, ".md"))),* }
            }
        }
    };
}

reasons! {
    New "new" Allow "A rule admits the first packet of a connection, which is tracked from now on.",
    Established "established" Allow "The packet belongs to a tracked connection.",
    Midstream "midstream" Allow "A rule admits a TCP packet of a connection whose SYN was not seen or whose entry had ended.",
    Untracked "untracked" Allow "Rules open to all addresses both ways admit the packet without tracking it.",
    Related "related" Allow "The ICMP error quotes a packet of a tracked connection.",
    Exempt "exempt" Allow "Neither layer filters this traffic of the VPC's own services.",
    NaclRule "nacl-rule" Deny "A numbered entry of the network ACL denies the packet.",
    NaclDefault "nacl-default" Deny "No numbered entry of the network ACL matches, so its final * entry denies.",
    SgNoRule "sg-no-rule" Deny "No rule of the interface's security groups admits the packet.",
    ConntrackAllowanceExceeded "conntrack-allowance-exceeded" Deny "A rule admits the packet but the connection-tracking table is full.",
    TcpNotSyn "tcp-not-syn" Deny "A rule admits the packet but it opens no TCP connection and none is tracked.",
    OpenerDenied "opener-denied" Unsent "The packet answers one that the rules deny, so it would never have been sent.",
    HandshakeDenied "handshake-denied" Unsent "The SYN+ACK of the handshake is denied, so the packet would never have been sent.",
    NotIp "not-ip" Unjudged "The frame carries something else than IP.",
    Truncated "truncated" Unjudged "The capture cut off bytes that are needed to judge the packet.",
    Malformed "malformed" Unjudged "A field of the packet contradicts its size or kind.",
    UnsupportedLinkType "unsupported-link-type" Unjudged "The link type of the frame is not supported.",
    NoInterface "no-interface" Unjudged "Neither address belongs to an interface of the model.",
    SameInterface "same-interface" Unjudged "Source and destination belong to one interface, so no checkpoint lies between.",
    Multicast "multicast" Unjudged "The destination is multicast or broadcast, which a VPC does not carry this way.",
}
