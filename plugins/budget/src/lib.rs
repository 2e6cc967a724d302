//! Budgets alone.

tollgate_adapter::module!(tollgate_adapter::Concerns::BUDGET);
