//! The options of a replay: `[options]` of a model and the command line are the same set.

use std::collections::BTreeMap;

use vpcreplay_flow::{Decap, Profile, Span, TimeoutName};

macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$value_meta:meta])* $value:ident $code:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$value_meta])* $value,)*
        }

        impl $name {
            /// All values, the default first.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            /// The value's name in options and models.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$value => $code),* }
            }

            /// The value with this name.
            pub fn parse(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.code() == code)
            }
        }
    };
}

choice! {
    /// What shares one connection-tracking allowance (S7.8).
    Scope {
        /// Each ENI has its own.
        #[default]
        Eni "eni",
        /// All ENIs of one instance share one; an ENI without an instance has its own.
        Instance "instance",
    }
}

choice! {
    /// Whether packets that would never have been sent are judged (S8).
    Mode {
        /// They are marked `unsent`.
        #[default]
        Causal "causal",
        /// Every packet is judged as if it arrived (S8.5).
        Literal "literal",
    }
}

choice! {
    /// What becomes of a TCP packet that is no bare SYN and finds no live entry (S7.5).
    TcpMidstream {
        /// The rules judge it as a new connection.
        #[default]
        Allow "allow",
        /// It is denied `tcp-not-syn`.
        Deny "deny",
        /// As `allow`, and a rule of the opposite direction that admits the reversed flow admits it too.
        EitherEnd "either-end",
    }
}

choice! {
    /// How ICMP errors about a tracked connection are judged (S6.3.1).
    IcmpErrors {
        /// As packets of their own.
        #[default]
        ByRule "by-rule",
        /// Allowed when the quoted flow has a live connection.
        Related "related",
    }
}

/// The options that `[options]` and the command line share. What is `None` or empty was not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The set of timeouts to start from (S7.3).
    pub profile: Option<Profile>,
    /// Tracked connections allowed in each allowance scope (S7.8, S12.17).
    pub limit: Option<u64>,
    /// What shares one allowance (S7.8).
    pub scope: Option<Scope>,
    /// Causal or literal (S8).
    pub mode: Option<Mode>,
    /// TCP that begins in the middle (S7.5).
    pub tcp_midstream: Option<TcpMidstream>,
    /// ICMP errors (S6.3.1).
    pub icmp_errors: Option<IcmpErrors>,
    /// The tunnel to take off (S2.6).
    pub decap: Option<Decap>,
    /// The period of the series (S7.9).
    pub period: Option<Span>,
    /// Timeouts that replace the profile's (S7.3, S12.10).
    pub timeouts: BTreeMap<TimeoutName, Span>,
    /// Peers whose flows are always tracked: CIDRs, addresses or ENI ids (S6.4, S12.15).
    pub always_tracked: Vec<String>,
}

impl Options {
    /// These options over those of `base`; the `always_tracked` lists add up (S12.15).
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let mut timeouts = base.timeouts.clone();
        timeouts.extend(&self.timeouts);
        Self {
            profile: self.profile.or(base.profile),
            limit: self.limit.or(base.limit),
            scope: self.scope.or(base.scope),
            mode: self.mode.or(base.mode),
            tcp_midstream: self.tcp_midstream.or(base.tcp_midstream),
            icmp_errors: self.icmp_errors.or(base.icmp_errors),
            decap: self.decap.or(base.decap),
            period: self.period.or(base.period),
            timeouts,
            always_tracked: base.always_tracked.iter().chain(&self.always_tracked).cloned().collect(),
        }
    }
}
