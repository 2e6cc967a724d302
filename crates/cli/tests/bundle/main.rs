//! `tollgate bundle` and `tollgate images`, as a shell sees them: files, a real registry, and servers that answer wrongly.

mod files;
mod hostile;
mod place;
mod pushed;
mod registry;
mod resolved;
#[path = "../common/server.rs"]
mod server;
