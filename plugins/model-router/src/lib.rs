//! Model routing alone.

tollgate_adapter::module!(tollgate_adapter::Concerns::MODEL_ROUTER);
