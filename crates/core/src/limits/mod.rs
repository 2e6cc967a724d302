//! Limits and money: what an account may take, what is reserved for a request, and how it is
//! settled.

pub mod rate;
pub mod window;
