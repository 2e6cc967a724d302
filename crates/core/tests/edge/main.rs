//! Whole exchanges with limits, over a store in memory.

mod bills;
mod evasions;
mod gateway;
mod look;
mod media;
mod overruns;
mod refusals;
mod sizes;
mod store;
mod worst;
