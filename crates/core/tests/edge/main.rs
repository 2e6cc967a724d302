//! Whole exchanges with limits, over a store in memory.

mod bills;
mod gateway;
mod leaving;
mod media;
mod overruns;
mod refusal_cache;
mod refusals;
mod reports;
mod sizes;
mod store;
mod waking;
mod worst;
