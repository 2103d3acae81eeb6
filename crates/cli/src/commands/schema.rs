//! `vpcreplay schema`.

use crate::args::SchemaArgs;
use crate::exit::Status;
use crate::failure::Failure;

/// Prints the JSON Schemas.
pub(crate) fn schema(_args: &SchemaArgs) -> Result<Status, Failure> {
    Err(Failure::new("schema is not built yet"))
}
