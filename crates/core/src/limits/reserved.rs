//! How much is reserved for one request, by what counts it: nothing is, of what no limit counts.

use super::reservation::Reservation;
use super::rule::{Amounts, Measure};
use crate::money::Usd;

/// Of each measure the most that one account holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// In the order of [`Measure::ALL`], in the measure's unit.
    amounts: [Option<u128>; Measure::ALL.len()],
}

impl Reserved {
    pub(crate) fn of(reservations: &[Reservation]) -> Self {
        let mut reserved = Self::default();
        for (measure, amount) in reservations.iter().flat_map(Reservation::held) {
            let amounts = reserved.amounts.iter_mut().zip(Measure::ALL);
            for (most, _) in amounts.filter(|(_, of)| *of == measure) {
                *most = (*most).max(Some(amount));
            }
        }
        reserved
    }

    /// Money, where a budget counts it.
    pub fn money(&self) -> Option<Usd> {
        self.amount(Measure::Money).map(Usd::from_pico)
    }

    /// Tokens, and how many were used of those that are counted: all of them, or only those of the
    /// prompt or of the answer.
    pub fn tokens(&self, used: &Amounts) -> Option<(u128, u128)> {
        let counted = |measure| Some((self.amount(measure)?, Measure::of(measure, used)));
        counted(Measure::TotalTokens).or_else(|| {
            let (prompt, completion) = (
                counted(Measure::PromptTokens),
                counted(Measure::CompletionTokens),
            );
            let sum = |(a, b): (u128, u128), (c, d)| (a.saturating_add(c), b.saturating_add(d));
            match (prompt, completion) {
                (Some(prompt), Some(completion)) => Some(sum(prompt, completion)),
                (one, other) => one.or(other),
            }
        })
    }

    fn amount(&self, measure: Measure) -> Option<u128> {
        let mut amounts = self.amounts.iter().zip(Measure::ALL);
        let (amount, _) = amounts.find(|(_, of)| *of == measure)?;
        *amount
    }
}
