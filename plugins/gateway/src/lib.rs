//! The module operators load: every concern of the tenant edge.

tollgate_adapter::module!(tollgate_adapter::Concerns::GATEWAY);
