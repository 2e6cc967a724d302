//! What was reserved and what it came to, for one tenant's use of one model.

use tollgate_core::money::Usd;
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
        let reserved = settlement.reserved.money();
        let money = parts(reserved.map(Usd::pico), used.cost.pico());
        for ((money, part), pico) in self.money.iter_mut().zip(PARTS).zip(money) {
            money.add(pico, defined, || {
                format!("tollgate_cost_nanodollars_total;{};part={part}", labels())
            });
        }
        let tokens = settlement.reserved.tokens(used);
        if let Some((reserved, used)) = tokens {
            let tokens = parts(Some(reserved), used);
            for ((stat, part), tokens) in self.tokens.iter_mut().zip(PARTS).zip(tokens) {
                stat.add(saturated(tokens), defined, || {
                    format!("tollgate_reservation_tokens_total;{};part={part}", labels())
                });
            }
        }
        let money = reserved.map(|reserved| (reserved.pico(), used.cost.pico()));
        let percent =
            |(reserved, used): (u128, u128)| reserved.saturating_mul(100).checked_div(used);
        if let Some(percent) = tokens.or(money).and_then(percent) {
            let name = || format!("tollgate_reserved_percent_of_used;{}", labels());
            self.estimate.record(saturated(percent), defined, name);
        }
        if let Some(kind) = bill.cost.unpriced {
            let kind = kind.name();
            self.unpriced.add(1, defined, || {
                format!("tollgate_unpriced_total;{};kind={kind}", labels())
            });
        }
    }
}

/// Reserved, settled, refunded, overrun. Of what nothing has reserved, all is settled.
fn parts(reserved: Option<u128>, used: u128) -> [u128; 4] {
    let Some(reserved) = reserved else {
        return [0, used, 0, 0];
    };
    [
        reserved,
        used,
        reserved.saturating_sub(used),
        used.saturating_sub(reserved),
    ]
}

fn saturated(amount: u128) -> u64 {
    u64::try_from(amount).unwrap_or(u64::MAX)
}

impl Money {
    fn add(&mut self, pico: u128, defined: &mut usize, name: impl FnOnce() -> String) {
        const NANO: u128 = 1_000;
        let sum = self.rest.saturating_add(pico);
        self.rest = sum % NANO;
        self.stat.add(saturated(sum / NANO), defined, name);
    }
}
