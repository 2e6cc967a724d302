//! Whole exchanges with limits, over a store in memory.

mod bills;
mod gateway;
mod leaving;
mod look;
mod media;
mod overruns;
mod refusals;
mod reports;
mod sizes;
mod store;
mod worst;
