//! The profiles that come with the program.

use super::Profile;
use crate::SynthError;

/// A profile that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: &'static str,
    /// Its text: TOML, as users write their own.
    pub toml: &'static str,
}

/// The profiles that have names.
pub const NAMED: [Named; 6] = [
    Named { name: "short-lived-http", toml: include_str!("../../profiles/short-lived-http.toml") },
    Named { name: "long-lived-websocket", toml: include_str!("../../profiles/long-lived-websocket.toml") },
    Named { name: "dns-resolver", toml: include_str!("../../profiles/dns-resolver.toml") },
    Named { name: "syn-flood", toml: include_str!("../../profiles/syn-flood.toml") },
    Named { name: "nat-gateway", toml: include_str!("../../profiles/nat-gateway.toml") },
    Named { name: "mixed", toml: include_str!("../../profiles/mixed.toml") },
];

impl Named {
    /// The profile of a name.
    pub fn find(name: &str) -> Option<Self> {
        NAMED.into_iter().find(|named| named.name == name)
    }

    /// Reads it.
    ///
    /// # Errors
    /// None: these are right, as a test checks.
    pub fn profile(self) -> Result<Profile, SynthError> {
        Profile::parse(self.name, self.toml)
    }
}
