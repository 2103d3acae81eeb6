//! `vpcreplay inspect`.

use crate::args::InspectArgs;
use crate::exit::Status;
use crate::failure::Failure;

/// Shows what is in captures.
pub(crate) fn inspect(_args: &InspectArgs) -> Result<Status, Failure> {
    Err(Failure::new("inspect is not built yet"))
}
