//! The vpcreplay command line.
fn main() {}
