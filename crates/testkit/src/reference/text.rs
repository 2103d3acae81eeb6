//! A model as the project's hand-written TOML.
