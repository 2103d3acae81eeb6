//! Benchmarks of vpcreplay: see the `benches` folder beside this one. The workloads are in `testkit`.
