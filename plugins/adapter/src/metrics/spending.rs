//! What was reserved and what it came to, for one tenant's use of one model.

use tollgate_core::settlement::Settlement;

use super::stat::Stat;

/// Reserved, settled, refunded, overrun.
const PARTS: [&str; 4] = ["reserved", "settled", "refunded", "overrun"];

#[derive(Default)]
pub(super) struct Spending {
    money: [Money; 4],
    tokens: [Stat; 4],
    estimate: Stat,
    unpriced: Stat,
}

/// Counted in whole nano-dollars; what is less waits for the next time.
#[derive(Default)]
struct Money {
    stat: Stat,
    rest: u128,
}

impl Spending {
    pub(super) fn count(
        &mut self,
        settlement: &Settlement<'_>,
        defined: &mut usize,
        labels: impl Fn() -> String,
    ) {
        let Some(bill) = &settlement.bill else {
            return;
        };
        let used = &bill.used;
        let reserved = settlement.reserved.unwrap_or_default();
        let money = parts(reserved.cost.pico(), used.cost.pico());
        for ((money, part), pico) in self.money.iter_mut().zip(PARTS).zip(money) {
            money.add(pico, defined, || {
                format!("tollgate_cost_nanodollars_total;{};part={part}", labels())
            });
        }
        let all = |prompt: u64, completion: u64| prompt.saturating_add(completion);
        let reserved = all(reserved.prompt, reserved.completion);
        let used = all(used.prompt, used.completion);
        let tokens = parts(reserved.into(), used.into());
        for ((stat, part), tokens) in self.tokens.iter_mut().zip(PARTS).zip(tokens) {
            let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
            stat.add(tokens, defined, || {
                format!("tollgate_reservation_tokens_total;{};part={part}", labels())
            });
        }
        if let Some(percent) = reserved.saturating_mul(100).checked_div(used) {
            let name = || format!("tollgate_reserved_percent_of_used;{}", labels());
            self.estimate.record(percent, defined, name);
        }
        if let Some(kind) = bill.cost.unpriced {
            let kind = kind.name();
            self.unpriced.add(1, defined, || {
                format!("tollgate_unpriced_total;{};kind={kind}", labels())
            });
        }
    }
}

/// Reserved, settled, refunded, overrun.
fn parts(reserved: u128, used: u128) -> [u128; 4] {
    [
        reserved,
        used,
        reserved.saturating_sub(used),
        used.saturating_sub(reserved),
    ]
}

impl Money {
    fn add(&mut self, pico: u128, defined: &mut usize, name: impl FnOnce() -> String) {
        const NANO: u128 = 1_000;
        let sum = self.rest.saturating_add(pico);
        self.rest = sum % NANO;
        let nano = u64::try_from(sum / NANO).unwrap_or(u64::MAX);
        self.stat.add(nano, defined, name);
    }
}
