//! `tollgate bundle` and `tollgate images`, as a shell sees them: files, a real registry, and servers that answer wrongly.

#[path = "../../../../host-tests/src/child.rs"]
mod child;
mod files;
mod hostile;
mod place;
mod pushed;
mod registry;
mod resolved;
#[path = "../common/server.rs"]
mod server;
