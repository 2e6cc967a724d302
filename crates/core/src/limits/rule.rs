//! A limit as requests meet it: what it measures, over what time, and how it is meant.

use std::time::Duration;

use super::counter::CounterId;
use super::rate::Rate;
use super::window::Period;
use crate::document::Per;
use crate::money::Usd;
use crate::policy::ModelId;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Measure {
    Requests,
    PromptTokens,
    CompletionTokens,
    TotalTokens,
    /// In pico-dollars.
    Money,
}

/// What a request takes, or has used, of everything that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Of this request: 1, or 0 where it is taken back.
    pub requests: u64,
    /// Tokens.
    pub prompt: u64,
    /// Tokens.
    pub completion: u64,
    /// What they cost.
    pub cost: Usd,
}

/// What a request may come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// It can't come to more.
    pub worst: Amounts,
    /// With the output that it names as its maximum, else with what is usual.
    pub named: Amounts,
    /// With what is usual, or what it names if that is less.
    pub expected: Amounts,
    /// With next to no output where it names no maximum; else what is expected.
    pub least: Amounts,
}

/// What has to fit for a request to be admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admit {
    /// What it names as its maximum; where that does not fit, what is usual.
    #[default]
    Expected,
    /// The most that it can come to.
    WorstCase,
}

/// What a limit does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Refuses.
    #[default]
    Enforce,
    /// Lets pass, and says that it would have refused.
    Shadow,
    /// Lets pass, and warns.
    Soft,
}

/// One limit of one account.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The rule's name in logs, metrics and refusals.
    pub rule: Box<str>,
    /// Where it is written: `file:line`.
    pub source: Option<Box<str>>,
    /// What it does.
    pub mode: Mode,
    /// Where it draws the line.
    pub bound: Bound,
    /// What has to fit.
    pub admit: Admit,
    /// What happens to a stream that passes what is reserved for it.
    pub on_overrun: Overrun,
    /// Where to go instead of being refused.
    pub fallback: Option<ModelId>,
    /// What the rule's author tells those who are refused.
    pub message: Option<Box<str>>,
    /// Whether amounts stay out of what clients are told.
    pub hides_amounts: bool,
}

/// Where a limit draws the line.
#[derive(Clone, Debug)]
pub enum Bound {
    /// So much per time, with a burst.
    Rate {
        /// What is counted; never money.
        measure: Measure,
        /// How much.
        rate: Rate,
        /// What it is given for.
        period: RatePeriod,
        /// Where it is counted.
        counter: CounterId,
    },
    /// So much in a calendar window.
    Window {
        /// What is counted.
        measure: Measure,
        /// How long it counts.
        period: Period,
        /// Index of the zone in the policy.
        zone: u16,
        /// How much.
        amount: u128,
        /// What may be spent beyond it for a time. Sorted by end.
        raises: Box<[Raise]>,
        /// Where it is counted.
        counter: CounterId,
    },
    /// So many requests at a time.
    Concurrency(u32),
    /// So many output tokens of one request.
    Output(u32),
}

/// What happens to a stream that passes what is reserved for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overrun {
    /// It goes on to its end.
    #[default]
    Finish,
    /// It ends there.
    Cut,
}

/// A purse that is spent after the window's amount and before anything is refused. Its end puts
/// nobody in debt: what was spent from it never counts against the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raise {
    /// Where it is counted; by the raise's name, so that an edit keeps what was used.
    pub counter: CounterId,
    /// How much it holds, over all windows.
    pub amount: u128,
    /// Unix seconds from which it holds nothing.
    pub until: u64,
}

/// The period of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum RatePeriod {
    Second,
    Minute,
    Hour,
}

/// The time that a limit's amount is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// None: it is for what is there at once.
    AtOnce,
    /// A rate's.
    Rate(RatePeriod),
    /// A calendar window's.
    Window(Period),
}

impl Bound {
    /// The time that it is given for.
    pub fn span(&self) -> Span {
        match self {
            Self::Rate { period, .. } => Span::Rate(*period),
            Self::Window { period, .. } => Span::Window(*period),
            Self::Concurrency(_) | Self::Output(_) => Span::AtOnce,
        }
    }

    /// What it draws, in its own unit; of a window without raises.
    pub fn amount(&self) -> u128 {
        match self {
            Self::Rate { rate, .. } => rate.amount().into(),
            Self::Window { amount, .. } => *amount,
            Self::Concurrency(most) | Self::Output(most) => (*most).into(),
        }
    }

    /// The counter that it looks at.
    pub fn counter(&self) -> Option<CounterId> {
        match self {
            Self::Rate { counter, .. } | Self::Window { counter, .. } => Some(*counter),
            Self::Concurrency(_) | Self::Output(_) => None,
        }
    }

    /// What may be spent beyond it for a time.
    pub fn raises(&self) -> &[Raise] {
        match self {
            Self::Window { raises, .. } => raises,
            _ => &[],
        }
    }

    /// Whether it has raises.
    pub fn is_raised(&self) -> bool {
        !self.raises().is_empty()
    }
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Requests,
        Self::PromptTokens,
        Self::CompletionTokens,
        Self::TotalTokens,
        Self::Money,
    ];

    /// Its part of these amounts.
    pub fn of(self, amounts: &Amounts) -> u128 {
        match self {
            Self::Requests => amounts.requests.into(),
            Self::PromptTokens => amounts.prompt.into(),
            Self::CompletionTokens => amounts.completion.into(),
            Self::TotalTokens => amounts.prompt.saturating_add(amounts.completion).into(),
            Self::Money => amounts.cost.pico(),
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Requests => 1,
            Self::PromptTokens => 2,
            Self::CompletionTokens => 3,
            Self::TotalTokens => 4,
            Self::Money => 5,
        }
    }
}

impl RatePeriod {
    /// That of a rule, if it is one of a rate.
    pub fn of(per: Per) -> Option<Self> {
        match per {
            Per::Second => Some(Self::Second),
            Per::Minute => Some(Self::Minute),
            Per::Hour => Some(Self::Hour),
            Per::Day | Per::Week | Per::Month | Per::Ever => None,
        }
    }

    /// How long it is.
    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
        })
    }
}

impl Span {
    /// The name in rules, answers and logs.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::AtOnce => None,
            Self::Rate(RatePeriod::Second) => Some("second"),
            Self::Rate(RatePeriod::Minute) => Some("minute"),
            Self::Rate(RatePeriod::Hour) | Self::Window(Period::Hour) => Some("hour"),
            Self::Window(Period::Day) => Some("day"),
            Self::Window(Period::Week) => Some("week"),
            Self::Window(Period::Month) => Some("month"),
            Self::Window(Period::Ever) => Some("ever"),
        }
    }
}
