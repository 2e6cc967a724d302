//! Virtual keys alone.

tollgate_adapter::module!(tollgate_adapter::Concerns::KEY_AUTH);
