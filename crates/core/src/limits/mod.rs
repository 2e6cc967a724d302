//! Limits and money: what an account may take, what is reserved for a request, and how it is
//! settled.

pub mod calendar;
mod cas_loop;
pub mod counter;
pub mod estimate;
pub mod extending;
pub mod judge;
pub mod learning;
pub mod lease;
pub mod rate;
pub mod record;
pub mod reservation;
pub mod reserved;
pub mod rule;
pub mod settling;
pub mod shared;
pub mod shortfall;
mod spending;
pub mod standing;
pub mod taken;
pub mod taking;
pub mod terms;
pub mod time;
mod view;
pub mod vms;
pub mod window;
