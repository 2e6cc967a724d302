//! Rates, concurrency and caps on output alone.

tollgate_adapter::module!(tollgate_adapter::Concerns::RATE_LIMIT);
