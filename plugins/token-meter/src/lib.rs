//! Token metering alone.

tollgate_adapter::module!(tollgate_adapter::Concerns::TOKEN_METER);
