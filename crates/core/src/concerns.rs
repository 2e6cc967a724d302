//! Which of the edge's concerns a module takes on. The gateway module takes all; the
//! single-concern modules one each, in the order key-auth → model-router → rate-limit → budget →
//! token-meter.

/// The concerns of one module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Concerns {
    /// Authenticate virtual keys and keep them from the upstream.
    pub authenticate: bool,
    /// Resolve the model, check the allow-list, choose the target, rewrite the body.
    pub route: bool,
    /// Hold accounts to their rates, their concurrency and their caps on output.
    pub limit: bool,
    /// Hold accounts to their budgets.
    pub spend: bool,
    /// Account for the exchange: in the log and in metrics.
    pub meter: bool,
}

impl Concerns {
    /// Every concern.
    pub const GATEWAY: Self = Self {
        authenticate: true,
        route: true,
        limit: true,
        spend: true,
        meter: true,
    };
    /// None of them.
    const NONE: Self = Self {
        authenticate: false,
        route: false,
        limit: false,
        spend: false,
        meter: false,
    };
    /// Virtual keys alone.
    pub const KEY_AUTH: Self = Self {
        authenticate: true,
        ..Self::NONE
    };
    /// Model routing alone.
    pub const MODEL_ROUTER: Self = Self {
        route: true,
        ..Self::NONE
    };
    /// Rates, concurrency and caps alone.
    pub const RATE_LIMIT: Self = Self {
        limit: true,
        ..Self::NONE
    };
    /// Budgets alone.
    pub const BUDGET: Self = Self {
        spend: true,
        ..Self::NONE
    };
    /// Token metering alone.
    pub const TOKEN_METER: Self = Self {
        meter: true,
        ..Self::NONE
    };

    /// Whether the decision needs the request's body.
    pub fn reads_bodies(self) -> bool {
        self.route || self.reads_answers()
    }

    /// Whether the server has to report what an answer used, and the answer has to be read.
    pub fn reads_answers(self) -> bool {
        self.meter || self.reserves()
    }

    /// Whether accounts have to have room for a request.
    pub fn reserves(self) -> bool {
        self.limit || self.spend
    }
}
