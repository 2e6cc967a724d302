//! The root context: holds the policy that new streams begin under.
//!
//! A changed configuration arrives in a new root context beside the old one, whose streams finish
//! under the policy they began with. A refused configuration leaves the running one in place.

use std::rc::Rc;
use std::time::Duration;

use log::{error, info};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use tollgate_core::concerns::Concerns;
use tollgate_core::limits::vms::TICK;
use tollgate_core::policy::Policy;

use crate::stream::Stream;
use crate::{accounts, host, vm};

pub(crate) struct Root {
    concerns: Concerns,
    policy: Option<Rc<Policy>>,
}

impl Root {
    pub(crate) fn new(concerns: Concerns) -> Self {
        accounts::keep_records_under(concerns.records());
        Self {
            concerns,
            policy: None,
        }
    }
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let document = self.get_plugin_configuration().unwrap_or_default();
        match Policy::load(&document) {
            Ok(mut policy) => {
                policy.keep_limits_of(self.concerns);
                info!("policy {} is in force", policy.version());
                let policy = Rc::new(policy);
                vm::follow(Rc::clone(&policy));
                self.policy = Some(policy);
                // A base VM gets here too, but it never ticks.
                self.set_tick_period(Duration::from_nanos(TICK));
                if self.concerns.reserves() {
                    vm::keep_alive(host::clocks());
                }
                true
            }
            Err(problem) => {
                error!("the policy is refused: {problem}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if self.concerns.reserves() {
            vm::tick(host::clocks());
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        let policy = self.policy.as_ref().map(Rc::clone);
        Some(Box::new(Stream::new(policy, self.concerns)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
