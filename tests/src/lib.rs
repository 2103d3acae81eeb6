//! End-to-end tests of vpcreplay: see the `tests` folder beside this one.
